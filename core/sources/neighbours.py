"""The labels of the most alike cases, by the features of TSMs that saw neither the case nor its copies."""

from __future__ import annotations

import numpy as np

from core.suspects.evidence import Floats, Known, Near, Said

TITLE = "Nearest labelled cases"
ABOUT = "How the fifty most alike cases of other patients are labelled."


def look(known: Known) -> Said:
    return known.say(np.mean([_votes(known, near) for near in known.near], axis=0))


def _votes(known: Known, near: Near) -> Floats:
    counted = (near.places >= 0)[:, :, None]
    votes: Floats = (known.given[near.places] * counted).sum(1)
    # One more vote, spread as labels are over all other cases: alike cases are no certainty.
    spread = (known.given.sum(0) - known.given) / max(len(known.given) - 1, 1)
    shares: Floats = (votes + spread) / (counted.sum(1) + 1)
    return shares
