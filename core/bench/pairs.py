"""How often readers who are equally good are told apart, where every one is compared with every other: by intervals
that stand each for itself, and by bands that hold for all pairs at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from core.bench.intervals import CELLS, DRAWS, FIGURES, Cell, drawn_set, likely_of, skill_of
from core.statistics.effect import effect_of
from core.statistics.intervals import Difference, compared_pairs
from core.statistics.metrics import Sheet

SHARED = 0.5
"""Of the variance of what readers see, which all see alike."""
Row = dict[str, Any]


class ToldApart(NamedTuple):
    """Of one simulated test set: whether any pair was, by its own interval and by its band, and whether the first was,
    which is the comparison that was asked for."""

    alone: bool
    together: bool
    first: bool


def run_all(
    cells: Sequence[str], readers: int, sets: int, seed: int, processes: int, say: Callable[[str], None]
) -> list[Row]:
    """A row for each cell and figure."""
    rows: list[Row] = []
    with ProcessPoolExecutor(processes) as pool:
        for name in cells:
            cell = CELLS[name]
            simulate = partial(told_apart, cell, skill_of(cell), readers, seed)
            of_sets = list(pool.map(simulate, range(sets), chunksize=max(1, sets // (8 * processes))))
            rows += [_row(name, figure, readers, [each[figure] for each in of_sets]) for figure in FIGURES]
            say(f"{name}: {sets} test sets, {readers} readers")
    return rows


def told_apart(cell: Cell, skill: float, readers: int, seed: int, number: int) -> dict[str, ToldApart]:
    """One simulated test set, which readers of one skill have read, each with errors of its own."""
    random = np.random.default_rng([seed, number])
    drawn = drawn_set(cell, random, cell.cases, cell.patients)
    is_label, answers = np.eye(len(cell.labels))[drawn.labels], [str(place) for place in range(len(cell.labels))]
    skills, shared = skill + drawn.harder(random, cell.patients, 0.7), random.normal(size=is_label.shape)
    weighted = {}
    for reader in range(readers):
        own = random.normal(size=is_label.shape)
        likely = likely_of(skills, is_label, np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
        weighted[str(reader)] = Sheet(likely, drawn.labels, "single", answers).weighted()
    pairs = list(compared_pairs(weighted, len(drawn.labels), drawn.groups, DRAWS, 0).values())
    return {figure: _of_figure([differences[figure] for differences in pairs]) for figure in FIGURES}


def markdown(rows: Sequence[Row]) -> str:
    """Cells by figures: the share of test sets in which any pair was told apart, alone and by bands."""
    lines = ["| cell | " + " | ".join(FIGURES) + " |", "|---" * (1 + len(FIGURES)) + "|"]
    for cell in dict.fromkeys(row["cell"] for row in rows):
        of_cell = {row["figure"]: row for row in rows if row["cell"] == cell}
        cells = [
            f"{of_cell[name]['alone']:.3f} → {of_cell[name]['together']:.3f} (first {of_cell[name]['first']:.3f})"
            for name in FIGURES
        ]
        lines.append(f"| {cell}, {of_cell[FIGURES[0]]['readers']} readers | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _of_figure(differences: Sequence[Difference]) -> ToldApart:
    alone = [_is_apart(difference.low, difference.high) for difference in differences]
    bands = [difference.band or (np.nan, np.nan) for difference in differences]
    return ToldApart(any(alone), any(_is_apart(*band) for band in bands), alone[0])


def _is_apart(low: float, high: float) -> bool:
    return not np.isnan(low) and effect_of(low, high) != "open"


def _row(cell: str, figure: str, readers: int, of_sets: Sequence[ToldApart]) -> Row:
    shares: Mapping[str, float] = {
        name: float(np.mean([getattr(each, name) for each in of_sets])) for name in ToldApart._fields
    }
    return {"cell": cell, "figure": figure, "readers": readers, **shares}
