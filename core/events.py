"""The currency of progress: what the engine says while it works, written to a folder's events.jsonl and read here only.

A line is an event as JSON. Whoever reads along meets lines that a kill broke off, and those of versions that came
later or before: `parse` knows none of the first two, and takes what older ones left out as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Step(_Event):
    """The optimiser made a step. `facts` are numbers to hold the losses against, such as `ln_vocabulary`."""

    kind: Literal["step"] = "step"
    stage: str
    step: int
    steps: int
    losses: dict[str, float]
    learning_share: float | None = None
    paired_share: float | None = None
    """Of its cases, how many had a partner to be contrasted with, where any loss contrasts."""
    images_per_second: float | None = None
    seconds_left: float | None = None
    all_stages_seconds_left: float | None = None
    memory_gib: float | None = None
    facts: dict[str, float] = {}

    @model_validator(mode="before")
    @classmethod
    def _fact_of_older_runs(cls, values: Any) -> Any:
        """Until 0.2.0 it stood among the other numbers."""
        if isinstance(values, Mapping) and "ln_vocabulary" in values:
            return {**values, "facts": {"ln_vocabulary": values["ln_vocabulary"]}}
        return values


class Evaluation(_Event):
    """Validation cases were read. A figure that is undefined is left out."""

    kind: Literal["evaluation"] = "evaluation"
    stage: str
    step: int
    figures: dict[str, float]


class StageDone(_Event):
    """A stage came to its end; `best` is the figure that its weights were chosen by."""

    kind: Literal["stage"] = "stage"
    stage: str
    steps: int
    best: float | None = None
    best_step: int | None = None
    seconds: float | None = None
    peak_memory_gib: float | None = None


class CheckpointFetched(_Event):
    """A checkpoint comes from the hub into a folder; done and whole in bytes."""

    kind: Literal["checkpoint"] = "checkpoint"
    name: str
    folder: str
    done: int
    whole: int

    @property
    def words(self) -> str:
        return f"fetching {self.name}, {self.done / 1e9:.1f} of {self.whole / 1e9:.1f} GB"


class FeaturesEncoded(_Event):
    kind: Literal["features"] = "features"
    done: int
    whole: int


class CasesRead(_Event):
    """Readers say what they see; `readers` are their names, joined by +."""

    kind: Literal["reading"] = "reading"
    split: str
    readers: str
    done: int
    whole: int


class PicturesSeen(_Event):
    """A search looks for pictures that are alike."""

    kind: Literal["pictures"] = "pictures"
    done: int
    whole: int


class ModelBegun(_Event):
    """A search trains the next of its models, each without a part of the cases."""

    kind: Literal["model"] = "model"
    model: int
    models: int


class FoldDone(_Event):
    """A part of the cases was read by models that never saw it."""

    kind: Literal["fold"] = "fold"
    fold: int
    folds: int
    done: int
    whole: int
    seconds_left: float | None = None
    """Not known where all models so far were found finished."""


class Sharing(_Event):
    """Whether this architecture can share the image's prefix, and how far that is from plain passes."""

    kind: Literal["sharing"] = "sharing"
    largest_relative_difference: float
    is_shared: bool


class Plugged(_Event):
    """Whether the old connector was kept for a TSM that was plugged in."""

    kind: Literal["plugged"] = "plugged"
    connector: Literal["kept", "trained"]


class Done(_Event):
    """All of it is over; a search tells no figures here."""

    kind: Literal["done"] = "done"
    seconds: float | None = None
    peak_memory_gib: float | None = None


Event = (
    Step
    | Evaluation
    | StageDone
    | CheckpointFetched
    | FeaturesEncoded
    | CasesRead
    | PicturesSeen
    | ModelBegun
    | FoldDone
    | Sharing
    | Plugged
    | Done
)
Report = Callable[[Event], None]
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def plain(event: Event) -> dict[str, Any]:
    """An event as JSON has it, without what is not known."""
    return {"kind": event.kind, **event.model_dump(exclude_defaults=True)}


def as_line(event: Event) -> str:
    return json.dumps(plain(event)) + "\n"


def parse(line: str | Mapping[str, Any]) -> Event | None:
    """The event of a line, or of what JSON made of it; None where it was broken off or is of a later version."""
    try:
        return _EVENT.validate_python(json.loads(line) if isinstance(line, str) else line)
    except (ValueError, ValidationError):
        return None


def read(file: Path) -> Iterator[Event]:
    """Every event of a file, in order."""
    with file.open(encoding="utf-8") as lines:
        yield from (event for line in lines if (event := parse(line)) is not None)
