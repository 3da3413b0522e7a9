"""How many labels need a second look: the confident joint (Northcutt and others 2021), resampled for an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.intervals import figure, resampled
from core.suspects.known import Floats

DRAWS = 200


@dataclass(frozen=True)
class Estimated:
    """A number of labels, and the draws that say how sure it is."""

    value: float
    drawn: Floats

    def __add__(self, other: Estimated) -> Estimated:
        return Estimated(self.value + other.value, self.drawn + other.drawn)

    def plain(self) -> dict[str, float]:
        told = figure(self.value, self.drawn)
        return {"estimated_errors": told.value, "estimated_low": told.low, "estimated_high": told.high}


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
    from cleanlab.count import compute_confident_joint

    rows = np.repeat(np.arange(len(given)), times)
    if kind == "multi":
        sides = [np.stack([1 - one, one], axis=1) for one in likely[rows].T]
        counts = [compute_confident_joint(g.astype(int), side) for g, side in zip(given[rows].T, sides, strict=True)]
        return float(max(joint.sum() - np.trace(joint) for joint in counts))
    joint = compute_confident_joint(given[rows].argmax(1), likely[rows])
    return float(joint.sum() - np.trace(joint))
