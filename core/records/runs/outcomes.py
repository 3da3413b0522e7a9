"""What came of a job, a class a kind: made by whoever did it, kept in its row, read by pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.readings.nearest import Near
from core.records.tables import Job


class Outcome(BaseModel):
    """Base of the outcomes. Rows of other versions may tell more, and are read for what is known here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class Checked(Outcome):
    """An upload was looked at."""

    upload: int
    cases: int
    findings: int


class Kept(Outcome):
    """An upload became a version."""

    upload: int
    set: int
    version: int
    cases: int


class Fetched(Outcome):
    """A public set has come in as an upload."""

    upload: int
    licence: str = ""


class Settled(Outcome):
    """A version without leakage was made, and so many cases were left out for it."""

    set: int
    version: int
    number: int
    cases: int
    left_out: int


class Drawn(Outcome):
    """The sample set was drawn, and a run on it queued."""

    set: int
    version: int
    run: int


class Exported(Outcome):
    """A run's zip, its size in bytes, and how far a merged model's answers are from the adapter's."""

    run: int | None = None
    size: int = 0
    largest_difference_in_probability: float | None = None


class Probed(Outcome):
    """What probes.json holds of a run, as `vitask probe --json` prints it."""

    run: int
    probes: Mapping[str, Any]


class Estimated(Outcome):
    """What a run will cost: of what `vitask estimate --json` prints, what a page tells."""

    seconds: float
    steps: Mapping[str, int]
    memory_gib: float
    available_gib: float = 0.0
    fits: bool = True
    device: str = ""


class Unlike(Outcome):
    """How far a picture is from those that a run learned from; `text` alone where that can't be told."""

    text: str = ""
    is_unlike: bool | None = None
    distance: float | None = None
    nearer: int | None = None
    of: int | None = None


class Answers(Outcome):
    """What readers said of a picture, each as `answer_to_plain` writes it, under which task."""

    readers: Mapping[str, Mapping[str, Any]]
    task: Mapping[str, Any] = Field(default_factory=dict)
    answers: Sequence[str] = ()
    """Those of the task, all that earlier versions told of it."""
    unlike: Unlike = Unlike()
    seconds: float | None = None


class Match(Outcome):
    """A case that was found, by its name in the run's version."""

    case: str
    labels: tuple[str, ...]
    split: str
    patient: str | None
    cosine: float

    @classmethod
    def of(cls, near: Near) -> Self:
        case = near.indexed
        return cls(case=case.case, labels=case.labels, split=case.split, patient=case.patient, cosine=near.cosine)


class Matches(Outcome):
    """The nearest cases to what was searched for, the nearest first."""

    matches: tuple[Match, ...]
    searched: int
    """How many cases the index holds."""
    seconds: float


Of = TypeVar("Of", bound=Outcome)


def outcome(job: Job, kind: type[Of]) -> Of | None:
    """What came of it; None until it is done, or where its row can't be read."""
    try:
        return kind.model_validate(job.result) if job.result else None
    except ValidationError:
        return None
