"""Readers of a finished run that answer otherwise, on the cases that they did not learn from."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Evidence, ReviewedSet

TITLE = "Readers who disagree"
ABOUT = "The share of the run's tuned readers whose answer is not the given label; validation and test cases only."


def gather_evidence(reviewed: ReviewedSet) -> Evidence | None:
    place = {case.id: number for number, case in enumerate(reviewed.cases)}
    against, answered = np.zeros(len(reviewed.cases)), np.zeros(len(reviewed.cases))
    for name, readings in reviewed.readings.items():
        if name == "vlm":  # untuned
            continue
        for reading in readings:
            row = place.get(reading.case)
            if row is not None:
                answered[row] += 1
                against[row] += not _agrees(
                    np.array(reading.answer.probabilities), reviewed.given[row], reviewed.task.kind
                )
    if not answered.any():
        return None
    return Evidence(np.divide(against, answered, out=np.full(len(answered), np.nan), where=answered > 0))


def _agrees(likely: np.ndarray, given: np.ndarray, kind: str) -> bool:
    if kind == "multi":
        return bool(((likely > 0.5) == (given > 0.5)).all())
    return bool(given[likely.argmax()])
