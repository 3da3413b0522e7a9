"""How the labels of a set are looked over: the block `suspects` of a run file."""

from __future__ import annotations

from pydantic import Field

from core.settings import Settings as Base


class Settings(Base):
    """Defaults were chosen on planted errors; docs/log.md has the figures."""

    folds: int = Field(
        5,
        ge=2,
        le=20,
        title="Folds",
        description="Parts of the set; each is read by TSMs that learned from the others.",
    )
    rounds: int = Field(
        2,
        ge=1,
        le=10,
        title="Rounds",
        description="How often all folds are trained. From the second on, what looked suspect is not learned from.",
    )
    epochs: int = Field(
        5,
        ge=1,
        le=1000,
        title="Epochs of a TSM, at most",
        description="How often it sees what it learns from: trained to its end, it knows wrong labels by heart.",
    )
    neighbours: int = Field(
        10, ge=1, le=100, title="Neighbours", description="Nearest labelled cases that are asked, and shown."
    )
