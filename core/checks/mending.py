"""What people decide about a set before it is kept, instead of mending its files: cases that stay out, what labels are
called, which of two copies is right. `mend` applies it all, wherever a set is checked or added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from unicodedata import normalize

from pydantic import Field

from core.case import Box, Case, Finding, ImageSet, Task
from core.checks.check import class_counts, labels_alike, of_pictures
from core.checks.leakage import divided_anew, leakage_of_looks
from core.checks.looked import LookedAt, LookedSet, exact_groups, near_copies
from core.checks.unusable import unusable
from core.errors import DataError
from core.settings import Settings

MENDING = "mending"
"""Where these choices stand among the options of an upload."""
EMPTY_CLASS = "empty_class"
NEVER_CASES = frozenset(
    "missing_image unreadable_label unknown_label several_labels unlabelled unreadable_annotation unreadable_number "
    "number_out_of_range several_files".split()
)
"""Errors of rows and files that did not become cases: there is nothing of them in the set."""
SPLIT_FINDINGS = ("patient_across_splits", "duplicate_across_splits", "near_duplicate")
MOST_PAIRS = 60
LONGEST_LIST = 5


class Mending(Settings):
    """What is decided about a set that is not kept just as it came."""

    leaves_out_unusable: bool = Field(
        False, title="Leave out what can't be used", description="Keeps the rest without the cases that are errors."
    )
    leaves_out: tuple[str, ...] = Field(
        (),
        title="Left out",
        description="Names of cases that somebody wants left out, like the wrong one of two copies.",
    )
    keeps: tuple[str, ...] = Field(
        (), title="Kept", description="Names of cases that stay although others show the same: nobody asks again."
    )
    keeps_one_copy: bool = Field(
        False, title="Keep one of each copy", description="Of exact copies with the same labels only the first is kept."
    )
    leaves_out_kinds: tuple[str, ...] = Field(
        (),
        title="Left out by what is wrong",
        description="Kinds of findings about single pictures, like blank, of which every case is left out.",
    )
    divides_anew: bool = Field(
        False,
        title="Draw the split anew",
        description="Deals the cases to the splits that the set has in the shares of before, patients, copies and near "
        "copies together.",
    )
    labels: dict[str, str] = Field(
        {},
        title="Names of labels",
        description="What labels are called from now on. Two with the same name become one; an empty name drops it.",
    )
    drops_columns: tuple[str, ...] = Field(
        (), title="Dropped columns", description="Columns of the table that are not kept, like one with names."
    )
    names_patients: bool = Field(
        False,
        title="Patients by names of files",
        description="What the names of files begin with is the patient, where nothing else names one.",
    )
    pseudonymizes: bool = Field(
        False,
        title="Patients by pseudonyms",
        description="The same patient always by the same one, made with the key of the studio.",
    )
    numbers_cases: bool = Field(
        False, title="Cases by numbers", description="In the place of names of files, which may be somebody's."
    )


@dataclass(frozen=True)
class LeftOut:
    """A case, or what should have been one, and why it is not kept."""

    case: str
    reason: str


@dataclass(frozen=True)
class CopyPair:
    """Two pictures that show the same, or almost."""

    first: LookedAt
    second: LookedAt
    is_exact: bool
    alteration: str = ""
    """How one was made of the other, where they are not exact copies."""


@dataclass(frozen=True)
class Fix:
    """What one click does about a finding, and how the button is called."""

    text: str
    kinds: tuple[str, ...]
    """The findings that it settles."""
    leaves_out_kind: str = ""
    divides_anew: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    drops_column: str = ""
    names_patients: bool = False
    pseudonymizes: bool = False
    numbers_cases: bool = False


@dataclass(frozen=True)
class Mended:
    """What is left of a set, and what was left out. `unusable` could be left out as well, and is not yet."""

    looked: LookedSet
    left_out: tuple[LeftOut, ...]
    unusable: tuple[LeftOut, ...]
    renamed: Mapping[str, str]
    keeps: tuple[str, ...] = ()
    """Cases that stay although others show the same."""
    is_divided_anew: bool = False

    def words(self) -> str:
        """What was done, in a line for the version's note; empty where nothing was."""
        parts = []
        if self.left_out:
            parts.append(f"{len(self.left_out):,} left out")
        changes = [f"“{old}” is “{new}”" if new else f"“{old}” dropped" for old, new in self.renamed.items()]
        more = f" and {len(changes) - LONGEST_LIST} more" if len(changes) > LONGEST_LIST else ""
        if changes:
            parts.append(f"labels: {', '.join(changes[:LONGEST_LIST])}{more}")
        if self.is_divided_anew:
            parts.append("split drawn anew, patients and copies together")
        return "; ".join(parts)


def taken_apart(options: Mapping[str, Any]) -> tuple[dict[str, Any], Mending]:
    """An upload's options: those of its format, and what is decided about the set."""
    rest = dict(options)
    return rest, Mending.parse(rest.pop(MENDING, None) or {}, MENDING)


def mend(looked: LookedSet, mending: Mending) -> Mended:
    """Applies what was decided. What was left out is not in the set, nor among its findings, any more."""
    image_set = looked.image_set
    problems = [finding for finding in (*image_set.findings, *unusable(looked)) if finding.severity == "error"]
    ids = {case.id for case in image_set.cases}
    bad = [LeftOut(*trouble) for finding in problems for trouble in _settled_by_leaving_out(finding, ids)]
    wanted = bad if mending.leaves_out_unusable else []
    by_hand = [LeftOut(name, "It was chosen to be left out.") for name in mending.leaves_out if name in ids]
    by_kind = [
        LeftOut(case, f"It is among what was left out as “{finding.kind.replace('_', ' ')}”.")
        for finding in of_pictures(looked.opened)
        if finding.kind in mending.leaves_out_kinds
        for case, _ in finding.troubles
    ]
    gone = {left.case for left in (*wanted, *by_hand, *by_kind)}
    rest = looked.of(image_set, (each for each in looked.seen if each.case.id not in gone))
    renames = _renames(problems, mending)
    rest, bare = _relabelled(rest, renames)
    copies = _plain_copies(rest, mending.keeps) if mending.keeps_one_copy else []
    rest = rest.of(rest.image_set, (each for each in rest.seen if each.case.id not in {left.case for left in copies}))
    used = {label for each in rest.seen for label in each.case.labels}
    filled = {old for old, new in renames.items() if not new or new in used}
    findings = tuple(_remaining(image_set.findings, gone, filled))
    if mending.divides_anew:
        divided = divided_anew(rest.image_set, [each.look for each in rest.seen])
        pairs = zip(rest.seen, divided.cases, strict=True)
        rest = rest.of(divided, [replace(each, case=case) for each, case in pairs])
    return Mended(
        LookedSet(replace(rest.image_set, findings=findings), rest.seen, rest.traces),
        _each_once((*wanted, *by_hand, *by_kind, *bare, *copies)),
        _each_once(left for left in bad if left.case not in gone and left.case not in filled),
        {old: renames[old] for old in image_set.task.answers if old in renames},
        mending.keeps,
        mending.divides_anew,
    )


def with_answers(image_set: ImageSet, task: Mapping[str, Any]) -> ImageSet:
    """The set under a task whose fields were typed; its answers have to hold every label that a case has."""
    whole = Task.parse({**image_set.task.model_dump(mode="json"), **task}, "task")
    used = Counter(label for case in image_set.cases for label in case.labels)
    missing = [label for label in used if label not in whole.answers]
    if missing:
        raise DataError(
            f'{used[missing[0]]:,} cases have the label "{missing[0]}", which the task does not list '
            f"({', '.join(whole.answers)}). List it, or merge or drop it."
        )
    cases = [replace(case, labels=whole.in_order(case.labels)) for case in image_set.cases]
    return replace(image_set, task=whole, cases=tuple(cases))


def copy_pairs(looked: LookedSet, keeps: Sequence[str] = ()) -> list[CopyPair]:
    """What somebody has to decide: exact copies with different labels, then pictures that are almost the same. Of two
    that both stay there is nothing to decide."""
    pairs = []
    for group in exact_groups(looked.opened):
        first_of = {frozenset(each.case.labels): each for each in reversed(group)}
        differing = sorted(first_of.values(), key=group.index)
        pairs += [CopyPair(differing[0], other, True) for other in differing[1:]]
    near = [CopyPair(copy.first, copy.second, False, copy.alteration) for copy in near_copies(looked.opened)]
    pairs += sorted(near, key=lambda pair: set(pair.first.case.labels) == set(pair.second.case.labels))
    staying = set(keeps)
    return [pair for pair in pairs if not {pair.first.case.id, pair.second.case.id} <= staying]


def mending_facts(as_it_came: LookedSet, mended: Mended) -> dict[str, Any]:
    """What a page needs to offer all this, as plain values."""
    pairs = copy_pairs(mended.looked, mended.keeps)
    return {
        "labels": class_counts(as_it_came.image_set),
        "kind": as_it_came.image_set.task.kind,
        "unusable": len(mended.unusable),
        "left_out": len(mended.left_out),
        "copies": len(_plain_copies(mended.looked, mended.keeps)),
        "pairs": [pair_facts(pair) for pair in pairs[:MOST_PAIRS]],
        "fixes": [asdict(fix) for fix in fixes(as_it_came, mended)],
    }


def fixes(as_it_came: LookedSet, mended: Mended) -> list[Fix]:
    """What one click does about findings: leave pictures out, draw the split anew, give labels one name."""
    looked = mended.looked
    offered = [
        Fix(_leaving_out(finding), (finding.kind,), leaves_out_kind=finding.kind)
        for finding in of_pictures(looked.opened)
        if finding.troubles
    ]
    cases = [each.case for each in looked.seen]
    if leakage_of_looks(cases, [each.look for each in looked.seen]).is_any:
        offered.append(Fix("Draw the split anew, patients and copies together", SPLIT_FINDINGS, divides_anew=True))
    counts = class_counts(looked.image_set)
    for alike in labels_alike(counts):
        most, *others = sorted(alike, key=lambda label: -counts[label])
        named = ", ".join(f"“{label}”" for label in others)
        came = [old for old in as_it_came.image_set.task.answers if mended.renamed.get(old, old) in others]
        offered.append(Fix(f"Call {named} “{most}” too", ("labels_alike",), labels=dict.fromkeys(came, most)))
    return offered


def _leaving_out(finding: Finding) -> str:
    pictures = "this picture" if finding.count == 1 else f"these {finding.count:,} pictures"
    return f"Leave out {pictures} ({finding.kind.replace('_', ' ')})"


def pair_facts(pair: CopyPair) -> dict[str, Any]:
    sides = [
        {
            "case": each.case.id,
            "labels": list(each.case.labels),
            "split": each.case.split,
            "size": list(each.look.size),
            "shown": each.look.shown,
        }
        for each in (pair.first, pair.second)
    ]
    return {"is_exact": pair.is_exact, "alteration": pair.alteration, "cases": sides}


def _settled_by_leaving_out(finding: Finding, ids: Collection[str]) -> Iterator[tuple[str, str]]:
    never = finding.kind in NEVER_CASES or finding.kind == EMPTY_CLASS
    yield from (trouble for trouble in finding.troubles if never or trouble[0] in ids)


def _renames(problems: Iterable[Finding], mending: Mending) -> dict[str, str]:
    """Every label that gets another name; classes without a picture are dropped with what can't be used."""
    empty = {label for finding in problems if finding.kind == EMPTY_CLASS for label, _ in finding.troubles}
    dropped = dict.fromkeys(empty if mending.leaves_out_unusable else (), "")
    named = {old: normalize("NFC", " ".join(new.split())) for old, new in mending.labels.items()}
    return dropped | {old: new for old, new in named.items() if old != new}


def _relabelled(looked: LookedSet, renames: Mapping[str, str]) -> tuple[LookedSet, list[LeftOut]]:
    """The set with its labels' new names, and the cases that have none any more where each needs one."""
    image_set = looked.image_set
    if not renames:
        return looked, []
    task = Task.parse(
        {**image_set.task.model_dump(mode="json"), "answers": _renamed(image_set.task.answers, renames)}, "task"
    )
    kept, bare = [], []
    for each in looked.seen:
        case = _renamed_case(each.case, task, renames)
        if each.case.labels and not case.labels and task.kind != "multi":
            bare.append(LeftOut(case.id, f"Its label “{each.case.labels[0]}” was dropped."))
        else:
            kept.append(replace(each, case=case))
    return looked.of(replace(image_set, task=task), kept), bare


def _renamed_case(case: Case, task: Task, renames: Mapping[str, str]) -> Case:
    boxes = case.boxes and tuple(_renamed_boxes(case.boxes, renames))
    return replace(case, labels=task.in_order(_renamed(case.labels, renames)), boxes=boxes)


def _renamed_boxes(boxes: Iterable[Box], renames: Mapping[str, str]) -> Iterator[Box]:
    for box in boxes:
        if name := renames.get(box.label, box.label):
            yield replace(box, label=name)


def _renamed(labels: Iterable[str], renames: Mapping[str, str]) -> tuple[str, ...]:
    """Each name once, where its first label stood."""
    return tuple(dict.fromkeys(name for label in labels if (name := renames.get(label, label))))


def _plain_copies(looked: LookedSet, keeps: Collection[str]) -> list[LeftOut]:
    """Of exact copies with the same labels all but the first."""
    copies = []
    for group in exact_groups(looked.opened):
        first_of: dict[frozenset[str], str] = {}
        for each in group:
            first = first_of.setdefault(frozenset(each.case.labels), each.case.id)
            if first != each.case.id and each.case.id not in keeps:
                copies.append(LeftOut(each.case.id, f"It is an exact copy of “{first}”, which is kept."))
    return copies


def _remaining(findings: Sequence[Finding], gone: Collection[str], filled: Collection[str]) -> Iterator[Finding]:
    """What reading brought to light and is not settled; of an error, the cases that are still there."""
    for finding in findings:
        settled = filled if finding.kind == EMPTY_CLASS else gone
        left = tuple(trouble for trouble in finding.troubles if trouble[0] not in settled)
        if not finding.troubles or len(left) == len(finding.troubles):
            yield finding
        elif left:
            more = f" ({len(left) - 1:,} more like this.)" if len(left) > 1 else ""
            cases = tuple(case for case, _ in left)[: len(finding.cases)]
            yield replace(finding, count=len(left), message=left[0][1] + more, cases=cases, troubles=left)


def _each_once(listed: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """The first reason of each case."""
    first_of: dict[str, LeftOut] = {}
    for left in listed:
        first_of.setdefault(left.case, left)
    return tuple(first_of.values())
