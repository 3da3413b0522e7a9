"""What is decided about a case: what settled it, else what as many people as were asked say with one voice, or what a
clear majority of them says."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.records.labels import Names
from core.records.review.agreement import Consensus, weighed
from core.records.review.standing import Voice, voices
from core.records.tables import Review, Suspect, Verdict

CERTAIN = 0.8
"""Where people differ and nobody settled it, a majority decides if so much of the weight stands behind it."""


def agreed(review: Review, heard: Sequence[Voice], suggested: Names, model: float) -> Voice | Consensus | None:
    """None where it has to wait; `model` is the weight of the models' vote, see `weighed`."""
    if len(heard) < review.readers:
        return None
    if len({(voice.action, voice.labels) for voice in heard}) == 1:
        return heard[0] if heard[0].action != "unsure" else None
    consensus = weighed(heard, suggested, model)
    backing = sum((voice.action, voice.labels) == (consensus.action, consensus.labels) for voice in heard)
    return consensus if backing > len(heard) / 2 and consensus.certainty >= CERTAIN else None


def settling_voices(session: Session, review: Review) -> dict[int, Voice]:
    """{rank: the verdict that settles it}"""
    settling = voices().join(Suspect, Suspect.settled == Verdict.id).where(Suspect.review_id == review.id)
    return {row.rank: Voice._make(row) for row in session.execute(settling)}
