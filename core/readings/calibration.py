"""How sure a reader may be: one temperature for each reader and set, learned on validation cases (Guo et al. 2017).

One answer a case: p_i^(1/T) / sum over j of p_j^(1/T). Several labels: the log-odds of each, divided by T. T above 1
makes a reader less sure, below 1 surer; what it answers stays the same. T has the least cross-entropy to the labels of
the validation cases, smoothed as by Platt (1999), so that a reader that is right in all of them is not made sure of
everything: of N cases and C answers (N * label + 1) / (N + C), of a label that may be there or not C is 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from core.case import Kind, Task
from core.readings.answer import Answer, Conclusion, conclude
from core.readings.reading import Reading, hot_labels

Floats = NDArray[np.float64]
LEAST_CASES = 20
"""With fewer validation cases a temperature is chance, and a reader stays as it is."""
MOST = 1000.0
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
"""As in the log loss."""


@dataclass(frozen=True)
class Calibration:
    """A temperature, and on how many validation cases it was learned."""

    temperature: float
    cases: int

    def of(self, probabilities: ArrayLike, kind: Kind) -> Floats:
        """Calibrated, of one case [C] or of several [N, C]."""
        divided = _scores(probabilities, kind) / self.temperature
        calibrated: Floats = expit(divided) if kind == "multi" else softmax(divided, axis=-1)
        return calibrated


Calibrations = Mapping[str, Mapping[str, Calibration]]
"""Of each set and reader; readers that can't be calibrated are left out."""


def calibrations_of(validated: Iterable[Reading], tasks: Mapping[str, Task]) -> Calibrations:
    """Learned from readings of validation cases."""
    rows: dict[str, dict[str, list[Reading]]] = {name: {} for name in tasks}
    for reading in validated:
        rows[reading.set].setdefault(reading.reader, []).append(reading)
    return {
        name: {
            reader: learned([each.answer.probabilities for each in own], hot_labels(own, tasks[name]), tasks[name].kind)
            for reader, own in of_set.items()
            if len(own) >= LEAST_CASES
        }
        for name, of_set in rows.items()
    }


def learned(probabilities: ArrayLike, hot: Floats, kind: Kind) -> Calibration:
    """The temperature for these cases, [N, C], whose labels are 0 and 1."""
    scores, cases = _scores(probabilities, kind), len(hot)
    targets = (cases * hot + 1) / (cases + (2 if kind == "multi" else hot.shape[1]))

    def lost(log_temperature: float) -> float:
        divided = scores / math.exp(log_temperature)
        if kind == "multi":
            likely, unlikely = -np.logaddexp(0, -divided), -np.logaddexp(0, divided)
            return -float((targets * likely + (1 - targets) * unlikely).mean())
        return -float((targets * log_softmax(divided, axis=-1)).sum(-1).mean())

    # Convex in 1 / T, so it has one minimum.
    best = minimize_scalar(lost, bounds=(-math.log(MOST), math.log(MOST)), method="bounded", options={"xatol": 1e-7})
    return Calibration(math.exp(float(best.x)), cases)


def kept_calibrations(results: Mapping[str, Any] | None) -> dict[str, dict[str, Calibration]]:
    """As metrics.json tells of them: by set and reader, the set of a run that has one only being called "". Nothing of
    runs of before."""
    parts = ((results or {}).get("sets") or {"": results or {}}).items()
    return {
        name: {
            reader: Calibration(float(row["temperature"]), int(row["cases"]))
            for reader, row in (part.get("calibration") or {}).items()
        }
        for name, part in parts
    }


def for_set(kept: Calibrations, name: str) -> Mapping[str, Calibration]:
    """Those of a set, of a run that has one set or several."""
    return kept.get(name) or kept.get("") or {}


def concluded(answer: Answer, task: Task, calibration: Calibration | None) -> Conclusion:
    """What an answer comes to, with its calibrated probabilities where its reader has a temperature."""
    if calibration is None:
        return conclude(answer, task)
    return conclude(answer, task, tuple(calibration.of(answer.probabilities, task.kind).tolist()))


def _scores(probabilities: ArrayLike, kind: Kind) -> Floats:
    """What a temperature divides."""
    likely = np.asarray(probabilities, dtype=np.float64)
    scores: Floats = (
        logit(likely.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
        if kind == "multi"
        else np.log(likely.clip(LEAST_PROBABILITY))
    )
    return scores
