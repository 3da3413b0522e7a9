"""Looks at every picture of a set and says, kindly, what is wrong with it and what to do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.case import SPLITS, Case, Finding, ImageSet, Task
from core.checks.blur import blur
from core.checks.light import light
from core.checks.looked import LookedAt, LookedSet, OnCase, exact_groups, look_over, near_copies
from core.checks.shortcuts import Audit, audit, findings_of, likely_drawn
from core.checks.unusable import unusable
from core.layouts.findings import ORDER, about, pictures_are
from core.letters import as_seen
from core.sets.responses import shared_words

TINY_PIXELS = 16
FEW_CASES = 10
IMBALANCE = 10
PATIENTS_IN_NAMES = "patients_in_names"
"""The kind of what core/checks/file_names.py tells."""

Seen = Sequence[LookedAt]


@dataclass(frozen=True)
class Report:
    """What a set holds and what is wrong with it."""

    cases: int
    classes: Mapping[str, int]
    splits: Mapping[str, int]
    findings: tuple[Finding, ...]
    audit: Audit | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        findings = [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "count": finding.count,
                "message": finding.message,
                "cases": list(finding.cases),
            }
            for finding in self.findings
        ]
        facts = {"cases": self.cases, "classes": dict(self.classes), "splits": dict(self.splits), "findings": findings}
        return facts | ({"shortcuts": self.audit.as_json()} if self.audit else {})


def check(image_set: ImageSet, on_case: OnCase | None = None) -> Report:
    """The report of a set. Every picture is opened; `on_case` is told how many are done, and of how many."""
    looked = look_over(image_set, on_case, traced=likely_drawn(image_set))
    return report_of(looked, audit(looked))


def report_of(looked: LookedSet, audited: Audit | None = None) -> Report:
    """The report of a set that was looked at, and audited for shortcuts; nothing is opened."""
    image_set, opened = looked.image_set, looked.opened
    findings = [
        *image_set.findings,
        *unusable(looked),
        *of_pictures(opened),
        *_copies(opened),
        *_near_copies(opened),
        *_patients(image_set.cases),
        *_unnamed_patients(image_set),
        *(_one_class(image_set) if image_set.task.kind != "multi" else ()),
        *_classes(image_set),
        *_class_splits(image_set),
        *(findings_of(audited) if audited else ()),
    ]
    splits = Counter(case.split for case in image_set.cases)
    return Report(
        cases=len(image_set.cases),
        classes=class_counts(image_set),
        splits={split: splits[split] for split in SPLITS if splits[split]},
        findings=tuple(sorted(findings, key=lambda finding: ORDER.index(finding.severity))),
        audit=audited,
    )


def of_pictures(opened: Seen) -> Iterator[Finding]:
    """What is wrong with pictures by themselves; those that are named can be left out."""
    tiny = [each.case.id for each in opened if min(each.look.size) < TINY_PIXELS]
    if tiny:
        message = f"{pictures_are(tiny)} less than {TINY_PIXELS} pixels wide or high. Look whether they are thumbnails."
        yield about("tiny", "warning", tiny, message)
    blank = [each.case.id for each in opened if each.look.is_blank]
    if blank:
        message = f"{pictures_are(blank)} of one shade throughout. Replace or remove what should show something."
        yield about("blank", "warning", blank, message)
    if several := [each.case.id for each in opened if each.look.is_first]:
        message = (
            f"{pictures_are(several)} the first of several in a file (pages of a TIFF, frames of a GIF or WebP). The "
            "others are not read: save each as a file of its own if they belong to the set."
        )
        yield about("first_of_several", "warning", several, message)
    yield from light(opened)
    yield from blur(opened)
    looks = [each.look for each in opened]
    yield from _mixed("mixed_sizes", [f"{look.size[0]} x {look.size[1]}" for look in looks], "sizes", "resized")
    names = {"L": "grey", "RGB": "colour"}
    yield from _mixed("mixed_modes", [names.get(look.mode, look.mode) for look in looks], "kinds", "made alike")


def _mixed(kind: str, values: Iterable[str], noun: str, done: str) -> Iterator[Finding]:
    counts = Counter(values)
    if len(counts) > 1:
        listed = ", ".join(f"{value} ({count:,})" for value, count in counts.most_common(3))
        message = f"Pictures come in {len(counts):,} {noun}: {listed}{' and others' if len(counts) > 3 else ''}. "
        message += f"They will be {done}; make sure that this does not go along with the classes."
        yield Finding(kind, "note", sum(counts.values()) - counts.most_common(1)[0][1], message)


def _copies(opened: Seen) -> Iterator[Finding]:
    """Pictures that show exactly the same."""
    copied = [[each.case for each in group] for group in exact_groups(opened)]
    yield from _within_splits(copied)
    yield from _conflicts([group for group in copied if len({frozenset(case.labels) for case in group}) > 1])
    yield from _across_splits([group for group in copied if len({case.split for case in group}) > 1])


def _within_splits(copied: Sequence[Sequence[Case]]) -> Iterator[Finding]:
    parts = [[case for case in group if case.split == split] for group in copied for split in (*SPLITS, None)]
    within = [part for part in parts if len(part) > 1]
    if within:
        extra = [case.id for part in within for case in part[1:]]
        message = f"{pictures_are(extra)} an exact copy of another one: {_pair(within[0])}. Remove the copies."
        yield about("exact_duplicate", "warning", extra, message)


def _conflicts(groups: Sequence[Sequence[Case]]) -> Iterator[Finding]:
    if groups:
        ids = [case.id for group in groups for case in group]
        listed = ", ".join(f'"{case.id}" is {" and ".join(case.labels) or "without label"}' for case in groups[0][:3])
        message = f"{pictures_are(ids)} stored more than once with different labels: {listed}. Decide which is right."
        yield about("duplicate_conflict", "warning", ids, message)


def _across_splits(groups: Sequence[Sequence[Case]]) -> Iterator[Finding]:
    if groups:
        ids = [case.id for group in groups for case in group]
        message = (
            f"{pictures_are(ids)} in more than one split: {_pair(_of_each_split(groups[0]))}. Figures come out too "
            "good: keep one."
        )
        yield about("duplicate_across_splits", "warning", ids, message)


def _near_copies(opened: Seen) -> Iterator[Finding]:
    copies = near_copies(opened)
    if copies:
        pairs = [(copy.first.case, copy.second.case) for copy in copies]
        ids = list(dict.fromkeys(case.id for pair in pairs for case in pair))
        across = [pair for pair in pairs if pair[0].split != pair[1].split]
        between = f", in {_pairs(len(across))} across splits" if across else ""
        (kind, count), *others = Counter(copy.alteration for copy in copies).most_common()
        listed = ", ".join([f"{kind} in {_pairs(count)}", *(f"{other} in {number:,}" for other, number in others)])
        message = f"{pictures_are(ids)} almost the same as another one{between}: {_pair((across or pairs)[0])}. "
        message += f"One of the two is {listed}. A model that learned from one knows the other. "
        message += "Keep those of one patient together in a split, and remove what is the same picture."
        yield about("near_duplicate", "warning" if across else "note", ids, message)


def _patients(cases: Iterable[Case]) -> Iterator[Finding]:
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.patient and case.split:
            groups[case.patient].append(case)
    across = {name: group for name, group in groups.items() if len({case.split for case in group}) > 1}
    if across:
        name, group = next(iter(across.items()))
        splits = " and ".join(split for split in SPLITS if any(case.split == split for case in group))
        patients = "1 patient is" if len(across) == 1 else f"{len(across):,} patients are"
        message = f'{patients} in more than one split: "{name}" is in {splits}. '
        message += "Figures come out too good: put all of a patient's pictures in one split."
        yield about(
            "patient_across_splits", "warning", [case.id for group in across.values() for case in group], message
        )


def _unnamed_patients(image_set: ImageSet) -> Iterator[Finding]:
    """Of a set that came divided and whose names of files say nothing of patients. Which pictures show the same person
    was tried to be told from them, and was wrong far more often than right (docs/log.md), so no pair is called."""
    cases = image_set.cases
    if any(finding.kind == PATIENTS_IN_NAMES for finding in image_set.findings):
        return
    unnamed = sum(not case.patient for case in cases)
    if unnamed and len({case.split for case in cases if case.split}) > 1:
        which = "No picture names" if unnamed == len(cases) else f"{unnamed:,} of {len(cases):,} pictures do not name"
        message = (
            f"{which} a patient, so whether a patient is in more than one split can't be told: copies and near copies "
            "are looked for, other pictures of the same person aren't, since no likeness tells them well enough. If "
            "you know the patients, name them in a column; if not, say so beside the figures."
        )
        yield Finding("patients_unnamed", "note", unnamed, message)


def class_counts(image_set: ImageSet) -> dict[str, int]:
    """{label: cases}, in the order of the answers."""
    counts = Counter(label for case in image_set.cases for label in case.labels)
    return {name: counts[name] for name in image_set.task.answers}


def _one_class(image_set: ImageSet) -> Iterator[Finding]:
    used = {label for case in image_set.cases for label in case.labels}
    if len(used) == 1:
        message = (
            f'Every image has the label "{used.pop()}". A task needs two to choose from: add images of another one.'
        )
        yield Finding("one_class", "error", len(image_set.cases), message)


def _classes(image_set: ImageSet) -> Iterator[Finding]:
    counts = class_counts(image_set)
    few = {name: count for name, count in counts.items() if count < FEW_CASES}
    if few:
        listed = ", ".join(f"{name} ({count})" for name, count in few.items())
        message = (
            f"Classes with fewer than {FEW_CASES} images: {listed}. Too few to learn from or to judge by: add some."
        )
        yield Finding("few_cases", "warning", len(few), message)
    if alike := labels_alike(counts):
        message = "Labels that differ in capitals alone, or look the same: " + "; ".join(
            " and ".join(f'"{name}"' for name in names) for names in alike
        )
        message += ". If they mean the same, give them one name: a reader has to choose between them."
        yield Finding("labels_alike", "warning", len(alike), message)
    yield from _ambiguous(image_set.task)
    if shared := shared_words(image_set.task):
        is_kept = image_set.version is not None
        yield Finding("shared_response", "warning" if is_kept else "error", len(counts), shared)
    present = sorted((count, name) for name, count in counts.items() if count)
    if present and present[-1][0] > IMBALANCE * present[0][0]:
        message = f"{present[-1][1]} has {present[-1][0]:,} images, {present[0][1]} only {present[0][0]:,}. "
        message += "Judge by macro-F1 and by class rather than by accuracy."
        yield Finding("imbalance", "note", len(present), message)


def labels_alike(labels: Iterable[str]) -> list[list[str]]:
    """Those that differ in capitals alone, or in nothing that a person would see."""
    spelled: defaultdict[str, list[str]] = defaultdict(list)
    for name in labels:
        spelled[as_seen(name)].append(name)
    return [names for names in spelled.values() if len(names) > 1]


def _ambiguous(task: Task) -> Iterator[Finding]:
    if names := task.ambiguous():
        message = (
            f'The label "{names[0]}" holds what stands between labels in the question ("{task.separator.strip()}"), so '
            "that a reader can't tell where it ends. Rename it, or let another sign stand there, on the tab Task."
        )
        yield Finding("ambiguous_label", "warning", len(names), message)


def _class_splits(image_set: ImageSet) -> Iterator[Finding]:
    counts = Counter((case.split, label) for case in image_set.cases for label in case.labels)
    used = [split for split in SPLITS if image_set.of(split)]
    missing = [(split, name) for split in used for name in image_set.task.answers if not counts[split, name]]
    if missing:
        listed = ", ".join(f"{name} in {split}" for split, name in missing[:5])
        more = _and_more(len(missing) - 5)
        message = f"Classes without any image in a split: {listed}.{more} Move or add some, or divide the set anew."
        yield Finding("class_missing_in_split", "warning", len(missing), message)


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"


def _of_each_split(group: Sequence[Case]) -> list[Case]:
    """The first in each of its splits."""
    return list({case.split: case for case in reversed(group)}.values())[::-1]


def _pair(cases: Sequence[Case]) -> str:
    return f'"{cases[0].id}" and "{cases[1].id}"'


def _and_more(count: int) -> str:
    return f" ({count:,} more like this.)" if count > 0 else ""
