"""Copies of one picture, exact or almost, whose labels contradict each other."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Known, Said, doubt

TITLE = "Contradicting copies"
ABOUT = "How many almost identical pictures are labelled otherwise."


def look(known: Known) -> Said | None:
    if not known.copies.groups:
        return None
    likely = np.full_like(known.given, np.nan)
    for group in known.copies.groups:
        places = list(group)
        others = known.given[places].sum(0) - known.given[places]
        likely[places] = others / (len(places) - 1)
    return Said(doubt(likely, known.given, known.task.kind), likely)
