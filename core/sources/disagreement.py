"""Readers of a finished run that answer otherwise, on the cases that they did not learn from."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Known, Said

TITLE = "Readers who disagree"
ABOUT = "The share of the run's tuned readers whose answer is not the given label; validation and test cases only."


def look(known: Known) -> Said | None:
    place = {case.id: number for number, case in enumerate(known.cases)}
    against, asked = np.zeros(len(known.cases)), np.zeros(len(known.cases))
    for name, readings in known.readings.items():
        if name == "vlm":  # untuned
            continue
        for reading in readings:
            row = place.get(reading.case)
            if row is not None:
                asked[row] += 1
                against[row] += not _agrees(np.array(reading.answer.probabilities), known.given[row], known.task.kind)
    if not asked.any():
        return None
    return Said(np.divide(against, asked, out=np.full(len(asked), np.nan), where=asked > 0))


def _agrees(said: np.ndarray, given: np.ndarray, kind: str) -> bool:
    if kind == "multi":
        return bool(((said > 0.5) == (given > 0.5)).all())
    return bool(given[said.argmax()])
