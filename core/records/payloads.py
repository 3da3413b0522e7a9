"""What a worker has to know to do a job, a class a kind: made by whoever queues it, read by whoever does it."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationError

from core.checks.leakage import Way
from core.settings import Settings


class Payload(Settings):
    """Base of the payloads. The class says of its kind of job where it waits and how often it is tried."""

    kind: ClassVar[str]
    queue: ClassVar[str] = "intake"
    most_attempts: ClassVar[int] = 3

    def title(self) -> str:
        """What the queue calls the job where no run gives it a name."""
        return ""

    def plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class Tune(Payload):
    kind = "tune"
    queue = "tune"
    run: int = Field(ge=1, title="Run", description="The run that the job carries out; its row names the job.")


class Plug(Tune):
    kind = "plug"
    of: int = Field(ge=1, title="Of", description="The run whose VLM and adapters are taken.")
    tsm: str = Field(title="TSM", description="The name of the TSM that is plugged in.")


class Suspects(Payload):
    kind = "suspects"
    queue = "tune"
    name: str = Field("", title="Name", description="What the queue calls the search.")
    review: int = Field(
        ge=1, title="Review", description="The review that the job searches for; its row names the job."
    )

    def title(self) -> str:
        return self.name


class Probe(Payload):
    kind = "probe"
    queue = "tune"
    most_attempts = 2
    name: str = Field("", title="Name", description="What the queue calls the probing.")
    run: int = Field(ge=1, title="Run", description="The finished run whose readers are probed.")
    cases: int = Field(
        64, ge=1, le=1_000_000, title="Test cases", description="How many the readers are probed on, at most."
    )

    def title(self) -> str:
        return self.name


class Ask(Payload):
    kind = "ask"
    queue = "read"
    most_attempts = 2
    run: int = Field(ge=1, title="Run", description="The finished run whose readers are asked.")
    image: str = Field(title="Picture", description="The picture's name in the store: its SHA-256.")
    case: int | None = Field(
        None, ge=0, title="Case", description="Its number in the run's version, where it is a case."
    )
    instruction: str | None = Field(None, title="Instruction", description="What is asked in place of the task.")
    readers: tuple[str, ...] = Field((), title="Readers", description="Who answers; nobody named: all of them.")
    free_text: bool = Field(True, title="Free text", description="Whether readers also say it in their own words.")


class Find(Payload):
    kind = "find"
    queue = "read"
    most_attempts = 2
    run: int = Field(ge=1, title="Run", description="The finished run in whose index is searched.")
    words: str = Field("", title="Words", description="What the cases should show, where words are searched for.")
    image: str = Field(
        "", title="Picture", description="A picture's name in the store, where its like is searched for."
    )
    case: str = Field(
        "", title="Case", description="A case's name in the run's version, where its like is searched for."
    )
    most: int = Field(24, ge=1, le=1000, title="At most", description="How many cases are given.")
    splits: tuple[str, ...] = Field((), title="Splits", description="Whose cases are given; none named: all.")
    leaves_out_patient: bool = Field(
        False, title="Without the patient", description="Whether other cases of the case's own patient are left out."
    )


class Export(Payload):
    kind = "export"
    most_attempts = 1
    run: int = Field(ge=1, title="Run", description="The finished run that is taken away.")
    merge: bool = Field(False, title="Merge", description="Whether the adapter is added into the weights.")


class Estimate(Payload):
    kind = "estimate"
    most_attempts = 1
    version: int | None = Field(None, ge=1, title="Version", description="Whose cases are tuned on.")
    settings: dict[str, Any] = Field(title="Settings", description="A run file's values.")


class Check(Payload):
    kind = "check"
    upload: int = Field(ge=1, title="Upload", description="The upload that is looked at.")
    options: dict[str, Any] = Field({}, title="Options", description="How its format reads it: task, columns.")


class Add(Check):
    kind = "add"
    set_name: str = Field(title="Name of the set", description="The set that gets a version, made where there is none.")
    task: dict[str, Any] = Field(title="Task", description="The question, as people corrected it.")


class Fetch(Payload):
    kind = "fetch"
    name: str = Field(title="Name", description="A MedMNIST set.")
    size: int = Field(28, ge=1, title="Size", description="Pixels a side.")

    def title(self) -> str:
        return self.name


class Settle(Payload):
    kind = "settle"
    version: int = Field(ge=1, title="Version", description="The version whose splits share pictures or patients.")
    way: Way = Field("regroup", title="Way", description="regroup: draw the split anew; withdraw: leave cases out.")


class Draw(Payload):
    """The sample; it needs to know nothing."""

    kind = "draw"


PAYLOADS = {
    made.kind: made
    for made in (Tune, Plug, Suspects, Probe, Ask, Find, Export, Estimate, Check, Add, Fetch, Settle, Draw)
}


def title_of(kind: str, values: dict[str, Any]) -> str:
    """What a stored job is called; nothing where no payload of this version fits."""
    made = PAYLOADS.get(kind)
    try:
        return "" if made is None else made.model_validate(values).title()
    except ValidationError:
        return ""
