"""Whether probabilities can be believed: raw and calibrated, on cases that no temperature was learned on.

`overconfidence` is the mean probability of what was answered less the share that was right: 0 where both are equal,
above 0 where a reader is surer than it is right. There is no expected calibration error: its size depends on how cases
are put into bins, and few cases make it larger (Nixon et al. 2019); the bins are shown instead, each with its interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.case import Task
from core.readings.calibration import Calibration
from core.statistics import metrics
from core.statistics.effect import signed
from core.statistics.ends import Share, ends_of_share
from core.statistics.intervals import Groups, compared, defined, in_brackets, measured, numbered
from core.statistics.metrics import Labels, Sheet
from core.statistics.rounding import rounded

Floats = NDArray[np.float64]
Plain = dict[str, Any]
TITLES = {name: metrics.TITLES[name] for name in ("log_loss", "brier")} | {"overconfidence": "Surer than right"}
MOST_BINS, LEAST_IN_BIN = 10, 10
ABOUT = (
    "A temperature above 1 made the reader less sure, below 1 surer; what it answers stayed the same. It was learned "
    "on validation cases and is measured here on test cases. Surer than right: the mean probability of what was "
    "answered less the share that was right. The difference is the calibrated log loss less the raw one; less is "
    "better."
)


@dataclass(frozen=True)
class Bin:
    """Answers of about the same probability: how many, that probability, and the share that was right."""

    count: int
    confidence: float
    right: float
    low: float | None
    high: float | None


def of_reader(
    probabilities: Floats,
    labels: Labels,
    task: Task,
    calibration: Calibration,
    groups: Groups,
    draws: int,
    seed: int,
) -> Plain:
    """The figures of a reader as it is and calibrated, and how they differ."""
    sheets = {
        "raw": Sheet(probabilities, labels, task.kind, task.answers),
        "calibrated": Sheet(calibration.of(probabilities, task.kind), labels, task.kind, task.answers),
    }
    drawn_on = (len(probabilities), groups, draws, seed)
    weighted = {name: sheet.sureness() for name, sheet in sheets.items()}
    differences = compared(weighted["calibrated"], weighted["raw"], *drawn_on)
    return {
        "temperature": calibration.temperature,
        "cases": calibration.cases,
        **{
            name: {key: figure.plain() for key, figure in measured(of_way, *drawn_on).items()}
            for name, of_way in weighted.items()
        },
        "differences": {key: figure.plain() for key, figure in differences.items()},
        "bins": {name: [vars(each) for each in bins(sheet, groups)] for name, sheet in sheets.items()},
    }


def bins(sheet: Sheet, groups: Groups = None) -> tuple[Bin, ...]:
    """From the least sure answers to the surest, about as many in each; equally sure ones are never parted."""
    confident, right = sheet.confidence()
    count = min(MOST_BINS, confident.size // LEAST_IN_BIN)
    edges = np.unique(np.quantile(confident, np.linspace(0, 1, max(1, count) + 1)[1:-1], method="lower"))
    place, units = np.searchsorted(edges, confident, side="left"), numbered(sheet.cases, groups)
    return tuple(
        Bin(int(own.sum()), float(confident[own].mean()), float(right[own].mean()), defined(low), defined(high))
        for number in range(len(edges) + 1)
        for own in [place == number]
        if own.any()
        for low, high, _ in [ends_of_share(Share((right * own).sum(1), own.sum(1).astype(np.float64)), units)]
    )


def tables(results: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For people: a title, the heads of the columns, a row for each reader; set by set."""
    loss, sure = TITLES["log_loss"], TITLES["overconfidence"]
    heads = ["reader", "temperature", f"{loss}, raw", "calibrated", "difference", f"{sure}, raw", "calibrated"]
    for name, part in (results.get("sets") or {"": results}).items():
        rows = [[reader, *_cells(row)] for reader, row in (part.get("calibration") or {}).items()]
        if rows:
            cases = next(iter(part["calibration"].values()))["cases"]
            of_set = f" of {name}" if name else ""
            yield f"Raw and calibrated: one temperature a reader, by {cases:,} validation cases{of_set}", heads, rows


def _cells(row: Mapping[str, Any]) -> list[str]:
    ways, gap = (row["raw"], row["calibrated"]), row["differences"]["log_loss"]
    losses, sure = ([in_brackets(way[key]) for way in ways] for key in ("log_loss", "overconfidence"))
    difference = signed(gap["value"], gap["low"], gap["high"], gap.get("why"))
    return [rounded(row["temperature"], 2), *losses, difference, *sure]
