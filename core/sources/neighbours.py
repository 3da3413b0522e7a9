"""The labels of the most alike cases, by the features of TSMs that saw neither the case nor its copies."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Evidence, Floats, Near, ReviewedSet

TITLE = "Nearest labelled cases"
ABOUT = "How the fifty most alike cases of other patients are labelled."


def gather_evidence(reviewed: ReviewedSet) -> Evidence:
    return reviewed.evidence_from(np.mean([_votes(reviewed, near) for near in reviewed.near], axis=0))


def _votes(reviewed: ReviewedSet, near: Near) -> Floats:
    counted = (near.places >= 0)[:, :, None]
    votes: Floats = (reviewed.given[near.places] * counted).sum(1)
    # One more vote, spread as labels are over all other cases: alike cases are no certainty.
    spread = (reviewed.given.sum(0) - reviewed.given) / max(len(reviewed.given) - 1, 1)
    shares: Floats = (votes + spread) / (counted.sum(1) + 1)
    return shares
