"""The TSM out of fold, over all rounds: from the second on it has not learned from what looked suspect."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Evidence, Floats, ReviewedSet
from core.suspects.probe import log_odds, probabilities

TITLE = "TSM, all rounds"
ABOUT = "What task-specific models say that never saw the case, its patient, or a copy of its picture."
LEAST = 1e-6


def gather_evidence(reviewed: ReviewedSet) -> Evidence:
    return reviewed.evidence_from(_geometric_mean(np.stack(reviewed.rounds), reviewed.task.kind))


def _geometric_mean(rounds: Floats, kind: str) -> Floats:
    """Of what all rounds say; a round that is sure weighs more than one that is not."""
    return probabilities(log_odds(rounds, kind, LEAST).mean(0), kind)
