"""The labels of the most alike cases, by the features of a TSM that saw neither the case nor its copies."""

from __future__ import annotations

from core.suspects.known import Floats, Known, Said, doubt

TITLE = "Nearest labelled cases"
ABOUT = "How the most alike cases of other patients are labelled."


def look(known: Known) -> Said:
    places = known.near.places[:, : known.settings.neighbours]
    counted = (places >= 0)[:, :, None]
    votes: Floats = (known.given[places] * counted).sum(1)
    # One more vote, spread as labels are over the whole set: ten alike cases are no certainty.
    likely = (votes + known.given.mean(0)) / (counted.sum(1) + 1)
    return Said(doubt(likely, known.given, known.task.kind), likely)
