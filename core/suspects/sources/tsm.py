"""The TSM out of fold, over all rounds: from the second on it has not learned from what looked suspect."""

from __future__ import annotations

import numpy as np

from core.suspects.known import Known, Said, doubt

TITLE = "TSM out of fold"
ABOUT = "What task-specific models say that never saw the case, its patient, or a copy of its picture."


def look(known: Known) -> Said:
    likely = np.mean(known.rounds, axis=0)
    return Said(doubt(likely, known.given, known.task.kind), likely)
