"""Shortcuts: what tells a label, could be read from the picture, and has nothing to do with the disease.

Every property is judged by utility x detectability, as G-AUDIT does (Pavlak and others 2025, arXiv 2503.09969; Data
AUDIT, MICCAI 2023). Utility is what the property alone tells of a label (`along.py`); of what is seen at the border,
only what brightness, contrast, sharpness and colour of the middle do not tell as well, since a disease may
change the whole picture. Detectability is how well a ridge regression reads the property from a picture of 32 x 32,
within cases of one label where both kinds are there, else at most. What the middle tells is never a shortcut here: it
goes along with the label, and may be the disease.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.case import NO_FINDING, Case, Finding, ImageSet, Task
from core.checks.along import Bools, Floats, Places, along, chances, foretold, strata_by, taken_as
from core.checks.looked import LookedAt, LookedSet
from core.checks.properties import Property, beside_pictures, in_pictures, of_middle
from core.layouts.findings import MAX_CASES
from core.pictures.kept_traces import KeptTraces, traces_at
from core.pictures.looks import Look
from core.pictures.traces import MEASURES, SIDE, Trace

MOST_CASES = 3000
LEAST_CASES = 20
"""Of a label, and of all others: of fewer, nothing can be told."""
ALPHA = 0.05
CLAIMED = 0.28
"""A gain at the border that is called a shortcut: above what the size of cells, which is real, makes of the edges of
blood_28 (.27), and below how chest films of the ill are cropped in pneumonia_28 (.30; docs/log.md)."""
TOLD = 0.1
MOST_CLAIMS = 5
STIFFNESS = 3000.0
KIND, ALONG_KIND = "shortcut", "goes_along"
ADVICE = "Treat the border of all pictures alike (crop or cover it), or bring pictures of every label from one source."
ADVICE_BESIDE = "Bring pictures of every label from every source, or measure the figures within one value of it."


@dataclass(frozen=True)
class Shortcut:
    """A property that goes along with a label. `utility` and `detectability` are 0 for chance, 1 for always right;
    `chance` is how probable that utility is where nothing goes along. Cases: the first that it takes for the label."""

    place: str
    name: str
    label: str
    utility: float
    detectability: float
    is_at_most: bool
    chance: float
    is_beside: bool
    count: int
    cases: tuple[str, ...]

    @property
    def risk(self) -> float:
        return self.utility * self.detectability

    @property
    def is_claimed(self) -> bool:
        return self.utility >= (TOLD if self.is_beside else CLAIMED)


@dataclass(frozen=True)
class Audit:
    """What was found in how many cases of a set: shortcuts by their risk, and what goes along and may be real."""

    cases: int
    shortcuts: tuple[Shortcut, ...] = ()
    may_be_real: tuple[Shortcut, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "cases": self.cases,
            "shortcuts": [asdict(each) | {"risk": each.risk} for each in self.shortcuts],
            "may_be_real": [asdict(each) | {"risk": each.risk} for each in self.may_be_real],
        }


def audit(looked: LookedSet, kept: KeptTraces | None = None) -> Audit:
    """Pictures of the drawn cases that have no trace in `kept` yet (else, of the look) are opened once more."""
    drawn = drawn_cases(looked.opened, looked.image_set.task)
    contrasts = contrasts_of([each.case for each in drawn], looked.image_set.task)
    if not contrasts:
        return Audit(0)
    traces = traces_at([each.case.pixels for each in drawn], looked.traces if kept is None else kept)
    cases = [each.case for each, trace in zip(drawn, traces, strict=True) if trace is not None]
    return audit_of(cases, [trace for trace in traces if trace is not None], looked.image_set.task)


def audit_of(cases: Sequence[Case], traces: Sequence[Trace], task: Task) -> Audit:
    contrasts = contrasts_of(cases, task)
    if not contrasts:
        return Audit(len(cases))
    table = np.stack(list(contrasts.values()), axis=1)
    middle = np.array([measure.where == "middle" for measure in MEASURES])
    strata = strata_by(np.stack([trace.measures for trace in traces])[:, middle].astype(np.float64), table)
    beside, border = beside_pictures(cases, traces, task.answers), in_pictures(traces)
    groups: list[tuple[list[Property], Places | None]] = [(beside, None), (border, strata)]
    suspected = _suspected([group for group in groups if group[0]], contrasts, cases, traces)
    real = _suspected([(group, None) for group in (of_middle(traces),) if group], contrasts, cases, traces)
    return Audit(
        len(cases),
        tuple(each for each in suspected if each.is_claimed),
        tuple(sorted((*real, *(each for each in suspected if not each.is_claimed)), key=lambda each: -each.risk)),
    )


def drawn_cases(opened: Sequence[LookedAt], task: Task) -> list[LookedAt]:
    """At most MOST_CASES, of rare labels first of all, and one of each patient and of each picture: others would not be
    independent of it."""
    counts = Counter(label for each in opened for label in each.case.labels or (NO_FINDING,))
    order = [opened[place] for place in np.random.default_rng(0).permutation(len(opened))]
    rarest = {id(each): min(each.case.labels or (NO_FINDING,), key=lambda label: counts[label]) for each in order}
    met: set[tuple[str, str]] = set()
    of_label: defaultdict[str, list[LookedAt]] = defaultdict(list)
    for each in sorted(order, key=lambda each: counts[rarest[id(each)]]):
        ties = {("shows", each.look.shown), *([("patient", each.case.patient)] if each.case.patient else [])}
        if (each.case.labels or task.kind == "multi") and not ties & met:
            met |= ties
            of_label[rarest[id(each)]].append(each)
    share = MOST_CASES // max(len(of_label), 1)
    first = [each for group in of_label.values() for each in group[:share]]
    rest = [each for group in of_label.values() for each in group[share:]]
    filled = np.random.default_rng(1).permutation(len(rest))[: MOST_CASES - len(first)]
    return [*first, *(rest[place] for place in filled)]


def likely_drawn(image_set: ImageSet) -> list[Case]:
    """Those that are drawn where every picture opens and shows something of its own: what is better traced as it is
    looked at than opened again."""
    unseen = [LookedAt(case, Look(shown=str(number))) for number, case in enumerate(image_set.cases)]
    return [each.case for each in drawn_cases(unseen, image_set.task)]


def contrasts_of(cases: Sequence[Case], task: Task) -> dict[str, Bools]:
    """What may be told of cases, each true of enough of them and false of enough: each label; of ordered ones, where
    one ends."""
    answers = task.answers
    if task.kind == "ordinal":
        levels = np.array([answers.index(case.labels[0]) for case in cases])
        wanted = {f"{answers[level]} or more": levels >= level for level in range(1, len(answers))}
    else:
        named = answers[1:] if task.kind == "single" and len(answers) == 2 else answers
        wanted = {label: np.array([label in case.labels for case in cases]) for label in named}
    return {
        name: contrast for name, contrast in wanted.items() if LEAST_CASES <= contrast.sum() <= len(cases) - LEAST_CASES
    }


def _suspected(
    groups: Sequence[tuple[list[Property], Places | None]],
    contrasts: Mapping[str, Bools],
    cases: Sequence[Case],
    traces: Sequence[Trace],
) -> list[Shortcut]:
    """Of each place the measure that tells most, where that is no chance; the largest risk first."""
    names, table = list(contrasts), np.stack(list(contrasts.values()), axis=1)
    judged = [along([each.bins for each in group], table, strata) for group, strata in groups]
    best: dict[str, tuple[float, float, Property, str]] = {}
    for (group, _), each_along, chance in zip(groups, judged, chances([each.score for each in judged]), strict=True):
        for row, of_case in enumerate(group):
            gain, label = float(each_along.gain[row].max()), names[int(each_along.gain[row].argmax())]
            is_best = of_case.place not in best or best[of_case.place][0] < gain
            if chance[row] <= ALPHA and gain >= TOLD and is_best:
                best[of_case.place] = (gain, float(chance[row]), of_case, label)
    if not best:
        return []
    taken = [taken_as(of_case.bins, contrasts[label]) for _, _, of_case, label in best.values()]
    read = _read_from_small(traces, np.stack(taken, axis=1))
    shortcuts = []
    for row, (gain, chance_of, of_case, label) in enumerate(best.values()):
        detectability, is_at_most = _detectability(read[:, row], taken[row], contrasts[label])
        ids = [case.id for case, is_taken in zip(cases, taken[row], strict=True) if is_taken]
        about = (gain, detectability, is_at_most, chance_of, of_case.is_beside, len(ids), tuple(ids[:MAX_CASES]))
        shortcuts.append(Shortcut(of_case.place, of_case.name, label, *about))
    return sorted(shortcuts, key=lambda each: -each.risk)


def _read_from_small(traces: Sequence[Trace], taken: Bools) -> Floats:
    """How much each picture [N, T], made small, looks like one that has the property."""
    small = np.frombuffer(b"".join(trace.thumbnail for trace in traces), np.uint8).reshape(-1, SIDE * SIDE)
    spread = np.maximum(small.astype(np.float64).std(axis=0), 1.0)
    return foretold((small - small.mean(axis=0)) / spread, taken.astype(np.float64), STIFFNESS)


def _detectability(read: Floats, taken: Bools, contrast: Bools) -> tuple[float, bool]:
    """How well it is read, among cases of one side of the contrast where enough of both kinds are; else among all,
    which is at most that, since what the label looks like is read as well."""
    sides = [side for side in (contrast, ~contrast) if LEAST_CASES <= taken[side].sum() <= side.sum() - LEAST_CASES]
    within = [_told_apart(read[side], taken[side]) for side in sides] or [_told_apart(read, taken)]
    return max(0.0, float(np.mean(within))), not sides


def _told_apart(read: Floats, taken: Bools) -> float:
    """By twice the area under the ROC curve less 1, which no cut has to be chosen for."""
    ranks = read.argsort(kind="stable").argsort(kind="stable") + 1
    true, false = int(taken.sum()), int((~taken).sum())
    area = (ranks[taken].sum() - true * (true + 1) / 2) / max(true * false, 1)
    return float(2 * area - 1)


def findings_of(audited: Audit) -> list[Finding]:
    """A warning for each claim, and a note with all that goes along and may be real."""
    findings = [
        Finding(KIND, "warning", each.count, message_of(each), each.cases) for each in audited.shortcuts[:MOST_CLAIMS]
    ]
    more = [f"{each.place} ({each.label}, {each.utility:.2f})" for each in audited.shortcuts[MOST_CLAIMS:]]
    if more:
        findings.append(Finding(KIND, "warning", len(more), f"These tell labels apart too: {'; '.join(more)}."))
    if audited.may_be_real:
        listed = "; ".join(f"{name_of(each)} ({each.label}, {each.utility:.2f})" for each in audited.may_be_real[:8])
        message = f"Goes along with labels, and may be what the disease looks like: {listed}. 1 would be always right."
        findings.append(Finding(ALONG_KIND, "note", len(audited.may_be_real), message))
    return findings


def name_of(each: Shortcut) -> str:
    return each.place if each.name == "value" else f"{each.place}: {each.name}"


def message_of(each: Shortcut) -> str:
    """What was found, why it matters, and what can be done."""
    beyond = "" if each.is_beside else ", more than brightness, contrast, sharpness and colour of the middle do"
    most = "at most " if each.is_at_most else ""
    return (
        f"{name_of(each)[0].upper()}{name_of(each)[1:]} tells “{each.label}” apart: by {each.utility:.2f}, where 0 is "
        f"chance and 1 always right{beyond}. It can be read from the picture by {most}{each.detectability:.2f}. A "
        f"model may learn this in place of the disease. {ADVICE_BESIDE if each.is_beside else ADVICE}"
    )
