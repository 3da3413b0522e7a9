"""How many labels need a second look: the confident joint (Northcutt and others 2021), resampled for an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.readings.intervals import percentiles, resampled
from core.suspects.evidence import Floats
from core.suspects.pool import confident_joint, yes_or_no

DRAWS = 200


@dataclass(frozen=True)
class Estimated:
    """A number of labels, and the draws that say how sure it is."""

    value: float
    drawn: Floats

    def __add__(self, other: Estimated) -> Estimated:
        return Estimated(self.value + other.value, self.drawn + other.drawn)

    def plain(self) -> dict[str, float]:
        low, high = percentiles(self.drawn)
        return {"estimated_errors": float(self.value), "estimated_low": low, "estimated_high": high}


def estimated(likely: Floats, given: Floats, kind: str, patients: Sequence[str | None], seed: int) -> Estimated:
    """Expected number of labels that another answer would fit, over patients where they are known."""
    draws = [
        _count(likely, given, kind, weights.astype(np.int64))
        for chunk in resampled(len(given), patients, DRAWS, seed)
        for weights in chunk.T
    ]
    return Estimated(_count(likely, given, kind, np.ones(len(given), dtype=np.int64)), np.array(draws))


def _count(likely: Floats, given: Floats, kind: str, times: NDArray[np.int64]) -> float:
    """Of cases that count so many times each; for several answers a case, whatever answer has most of them."""
    rows = np.repeat(np.arange(len(given)), times)
    if kind == "multi":
        labels = given[rows].T.astype(np.int64)
        return max(_doubted(side, label) for side, label in zip(yes_or_no(likely[rows]), labels, strict=True))
    return _doubted(likely[rows], given[rows].argmax(1))


def _doubted(likely: Floats, label: NDArray[np.int64]) -> float:
    joint = confident_joint(likely, label)
    return float(joint.sum() - np.trace(joint))
