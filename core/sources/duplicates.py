"""Copies of one picture, exact or almost, whose labels contradict each other."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Evidence, ReviewedSet, doubt

TITLE = "Contradicting copies"
ABOUT = "How many almost identical pictures are labelled otherwise."


def gather_evidence(reviewed: ReviewedSet) -> Evidence | None:
    if not reviewed.copies.groups:
        return None
    likely = np.full_like(reviewed.given, np.nan)
    for group in reviewed.copies.groups:
        places = list(group)
        others = reviewed.given[places].sum(0) - reviewed.given[places]
        likely[places] = others / (len(places) - 1)
    return Evidence(doubt(likely, reviewed.given, reviewed.task.kind), likely)
