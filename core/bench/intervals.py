"""How often 95 % intervals hold the truth, in simulation: those that are printed beside plain percentiles.

A cell is a kind of test set. Readers are drawn who give each label its own score, better the more `skill` they have;
skill is set so that they are right as often as the cell says. The truth is what such a reader has on very many cases.
Where there are patients, they are of uneven size, have labels and a difficulty of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.statistics.ends import ends_of_difference
from core.statistics.intervals import Groups, figure, in_draws, numbered, percentiles
from core.statistics.metrics import Sheet

FIGURES = ("accuracy", "macro_f1", "auroc", "auprc")
DRAWS = 400
TRUTH_CASES, TRUTH_PATIENTS = 400_000, 20_000
SHARPNESS = 2.0
RIVAL_SKILL = 0.85
"""Of the reader's, which the rival has whom it is compared with."""
Floats = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A kind of test set: cases, how frequent each label is, how often a reader is right, and of how many patients."""

    cases: int
    labels: tuple[float, ...]
    right: float
    patients: int | None = None


SMALL, UNEVEN = (0.5, 0.3, 0.2), (0.6, 0.2, 0.1, 0.06, 0.04)
CELLS: Mapping[str, Cell] = {
    "60 cases at .76": Cell(60, SMALL, 0.76),
    "60 cases at .95": Cell(60, SMALL, 0.95),
    "60 cases at .988": Cell(60, SMALL, 0.988),
    "60 cases at .999": Cell(60, SMALL, 0.999),
    "300 uneven": Cell(300, UNEVEN, 0.8),
    "40 patients": Cell(400, SMALL, 0.85, 40),
    "15 patients": Cell(300, SMALL, 0.85, 15),
    "10 patients": Cell(200, SMALL, 0.85, 10),
    "10 patients at .98": Cell(200, SMALL, 0.98, 10),
    "6 patients": Cell(120, SMALL, 0.85, 6),
}


class _Read(NamedTuple):
    """What two readers found likely, the labels, and each case's patient."""

    likely: Floats
    of_rival: Floats
    labels: NDArray[np.int64]
    patients: Groups


class _Held(NamedTuple):
    """One simulated interval; whether it was printed, and whether it held the truth."""

    is_printed: bool
    holds: bool
    is_above: bool
    percentiles_hold: bool


def run_all(cells: Sequence[str], sets: int, seed: int, processes: int, say: Callable[[str], None]) -> list[Row]:
    """A row for each cell and figure, the reader's own and its difference to a rival."""
    rows: list[Row] = []
    with ProcessPoolExecutor(processes) as pool:
        for name in cells:
            cell = CELLS[name]
            skill = skill_of(cell)
            truth = _truth(cell, skill)
            simulate = partial(simulated, cell, skill, truth, seed)
            of_sets = list(pool.map(simulate, range(sets), chunksize=max(1, sets // (8 * processes))))
            rows += [_row(name, figure_name, truth, [held[figure_name] for held in of_sets]) for figure_name in truth]
            say(f"{name}: {sets} test sets")
    return rows


def simulated(cell: Cell, skill: float, truth: Mapping[str, float], seed: int, number: int) -> dict[str, _Held]:
    """One simulated test set: for every figure whether its interval holds the truth."""
    read = _draw(cell, skill, np.random.default_rng([seed, number]), cell.cases, cell.patients)
    answers = [str(place) for place in range(len(cell.labels))]
    sheets = [Sheet(likely, read.labels, "single", answers) for likely in (read.likely, read.of_rival)]
    made_of, units = sheets[0].weighted().kinds, numbered(len(read.labels), read.patients)
    values, drawn = zip(
        *(in_draws(sheet.overall, len(read.labels), read.patients, DRAWS, 0) for sheet in sheets), strict=True
    )
    held = {}
    for name in FIGURES:
        own = figure(values[0][name][0], drawn[0][name], made_of[name], units)
        held[name] = _held(truth[name], own.low, own.high, drawn[0][name])
        gap, draws = float(values[0][name][0] - values[1][name][0]), (drawn[0][name], drawn[1][name])
        ends = ends_of_difference(gap, draws, (made_of[name], sheets[1].weighted().kinds[name]), units)
        held[_of_gap(name)] = _held(truth[_of_gap(name)], ends.low, ends.high, draws[0] - draws[1])
    return held


def markdown(rows: Sequence[Row]) -> str:
    """Cells by figures: how often plain percentiles held the truth, how often what is printed does, and how often
    anything is printed."""
    names = [*FIGURES, *map(_of_gap, FIGURES)]
    lines = ["| cell | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    for cell in dict.fromkeys(row["cell"] for row in rows):
        of_cell = {row["figure"]: row for row in rows if row["cell"] == cell}
        lines.append(f"| {cell} | " + " | ".join(_cell_words(of_cell[name]) for name in names) + " |")
    return "\n".join(lines) + "\n"


def _cell_words(row: Row) -> str:
    printed = f" of {row['printed']:.3f}" if row["printed"] < 1 else ""
    after = f"{row['after']:.3f}{printed}" if row["after"] is not None else "none printed"
    return f"{row['before']:.3f} → {after}"


def _row(cell: str, name: str, truth: Mapping[str, float], held: Sequence[_Held]) -> Row:
    printed = [each for each in held if each.is_printed]
    return {
        "cell": cell,
        "figure": name,
        "truth": truth[name],
        "before": float(np.mean([each.percentiles_hold for each in held])),
        "after": float(np.mean([each.holds for each in printed])) if printed else None,
        "above": float(np.mean([each.is_above for each in printed])) if printed else None,
        "printed": len(printed) / len(held),
    }


def _held(truth: float, low: float, high: float, drawn: Floats) -> _Held:
    bottom, top = percentiles(drawn)
    return _Held(not np.isnan(low), bool(low <= truth <= high), bool(low > truth), bottom <= truth <= top)


def _of_gap(name: str) -> str:
    return f"difference of {name}"


class DrawnSet(NamedTuple):
    """Labels of simulated cases, and whose they are: numbers of patients, where there are any."""

    labels: NDArray[np.int64]
    patient: NDArray[np.int64] | None

    @property
    def groups(self) -> Groups:
        return None if self.patient is None else [str(number) for number in self.patient]

    def harder(self, random: np.random.Generator, patients: int | None, spread: float) -> Floats:
        """How much harder each case is, which those of a patient have in common."""
        if self.patient is None or patients is None:
            return np.zeros(len(self.labels))
        of_cases: Floats = spread * random.normal(size=patients)[self.patient]
        return of_cases


def drawn_set(cell: Cell, random: np.random.Generator, cases: int, patients: int | None) -> DrawnSet:
    frequent = np.array(cell.labels)
    if patients is None or cell.patients is None:
        return DrawnSet(random.choice(len(frequent), size=cases, p=frequent), None)
    patient = np.repeat(np.arange(patients), random.geometric(cell.patients / cell.cases, size=patients))
    own_labels = random.dirichlet(3 * frequent, size=patients).cumsum(1)
    labels = (random.random(len(patient))[:, None] > own_labels[patient]).sum(1).clip(max=len(frequent) - 1)
    return DrawnSet(labels, patient)


def likely_of(skill: Floats, is_label: Floats, noise: Floats) -> Floats:
    """What a reader of some skill in each case finds likely."""
    return _softmax(skill[:, None] * is_label + noise)


def _draw(cell: Cell, skill: float, random: np.random.Generator, cases: int, patients: int | None) -> _Read:
    drawn = drawn_set(cell, random, cases, patients)
    harder, harder_for_rival = (drawn.harder(random, patients, spread) for spread in (0.7, 0.4))
    is_label = np.eye(len(cell.labels))[drawn.labels]
    noise, other = random.normal(size=(2, *is_label.shape))
    of_rival = RIVAL_SKILL * skill + harder + harder_for_rival
    return _Read(
        likely_of(skill + harder, is_label, noise),
        likely_of(of_rival, is_label, (noise + other) / np.sqrt(2)),
        drawn.labels,
        drawn.groups,
    )


def _softmax(logits: Floats) -> Floats:
    odds = np.exp(SHARPNESS * (logits - logits.max(1, keepdims=True)))
    likely: Floats = odds / odds.sum(1, keepdims=True)
    return likely


def _large(cell: Cell, skill: float, seed: int) -> _Read:
    patients = None if cell.patients is None else TRUTH_PATIENTS
    return _draw(cell, skill, np.random.default_rng(seed), TRUTH_CASES, patients)


def skill_of(cell: Cell) -> float:
    """By halving: with which a reader is right as often as the cell says."""
    low, high = 0.0, 8.0
    for _ in range(20):
        skill = (low + high) / 2
        read = _large(cell, skill, 1)
        low, high = (skill, high) if (read.likely.argmax(1) == read.labels).mean() < cell.right else (low, skill)
    return skill


def _truth(cell: Cell, skill: float) -> dict[str, float]:
    read, answers = _large(cell, skill, 2), [str(place) for place in range(len(cell.labels))]
    own, of_rival = (
        Sheet(likely, read.labels, "single", answers).overall(np.ones((len(read.labels), 1)))
        for likely in (read.likely, read.of_rival)
    )
    return dict(_truths(own, of_rival))


def _truths(own: Mapping[str, Floats], of_rival: Mapping[str, Floats]) -> Iterator[tuple[str, float]]:
    yield from ((name, float(own[name][0])) for name in FIGURES)
    yield from ((_of_gap(name), float(own[name][0] - of_rival[name][0])) for name in FIGURES)
