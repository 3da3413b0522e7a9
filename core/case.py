"""The currency of data: a case, the task that a set asks, and the set that holds both."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, get_args

from PIL import Image
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from core.errors import DataError
from core.settings import Settings

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
READ_SPLITS: tuple[str, ...] = ("val", "test")
"""Those whose cases a tuned run's readers answer for."""
Kind = Literal["single", "multi", "ordinal"]
Severity = Literal["error", "warning", "note"]
Separator = Literal[", ", "; ", " | "]
COMMA: Separator = ", "
Mirrored = Literal["sideways", "all"]
"""Which mirror images of a picture have the same labels: left for right, or up for down as well."""

TEMPLATE = "Analyze the given {modality} image. The possible diagnoses are:{label set}."
INCOMPLETE_TEMPLATE = "Analyze the given {modality} image."
NO_FINDING = "no finding"


class Pixels(Protocol):
    """Where the pixels of a case are: a file, a member of a zip, a row of an array."""

    def load(self) -> Image.Image:
        """The picture, upright, in mode RGB or L (8 bit). Raises DataError where it can't be read."""
        ...

    def digest(self) -> str:
        """SHA-256 (hex) of the stored bytes: equal pictures have equal digests."""
        ...


@dataclass(frozen=True)
class Box:
    """A named rectangle: its corners as fractions of the picture's width and height, 0 to 1."""

    label: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Marks:
    """What the cases of a set say of places: the labels that boxes have, and whether there are masks."""

    boxed: tuple[str, ...] = ()
    is_masked: bool = False

    def looked_for(self, chosen: Sequence[str]) -> tuple[str, ...]:
        """The labels of boxes that are looked for: all, unless some were chosen."""
        return tuple(label for label in self.boxed if not chosen or label in chosen)


@dataclass(frozen=True)
class Case:
    """One labelled image. Labels are the task's own answers; a multi case with none has no finding."""

    id: str
    pixels: Pixels
    labels: tuple[str, ...]
    split: Split | None = None
    patient: str | None = None
    boxes: tuple[Box, ...] | None = None
    """None where nobody looked for any; none at all where somebody looked and nothing is there."""
    mask: Pixels | None = None
    """0 is nothing, all above it is inside. None where nobody drew one."""
    report: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)


def with_negatives(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases of a whole set. Where it brings boxes, a case that has none was looked at, and shows nothing."""
    listed = tuple(cases)
    if not any(case.boxes for case in listed):
        return listed
    return tuple(replace(case, boxes=()) if case.boxes is None else case for case in listed)


class Task(Settings):
    """The question that a set asks."""

    modality: str = Field("medical", title="Modality", description="What kind of picture it is, as in “chest X-ray”.")
    answers: tuple[str, ...] = Field(
        title="Candidate answers", description="Every label that an image may have, in the order of prompts."
    )
    kind: Kind = Field(
        "single",
        title="Kind of labels",
        description="single: exactly one label; multi: any number of them; ordinal: one, in a meaningful order.",
    )
    template: str = Field(
        TEMPLATE,
        title="Instruction",
        description="What the model is asked. {modality} and {label set} are filled in; leave {label set} out for an "
        "incomplete instruction.",
    )
    separator: Separator = Field(
        COMMA,
        title="Between labels",
        description="What stands between labels in the question, and in answers of several: one that is in no label.",
    )

    mirrored: Mirrored | None = Field(
        None,
        title="Mirrored pictures mean the same",
        description="sideways: left and right may change places; all: up and down too. A TSM then also learns from "
        "mirror images. Leave it empty where a label depends on the side of the body, or where nobody knows.",
    )

    @field_validator("answers")
    @classmethod
    def _answers_are_told_apart(cls, answers: tuple[str, ...]) -> tuple[str, ...]:
        if len(answers) < 2:
            raise ValueError("a task needs at least two candidate answers")
        repeated = [name for name, times in Counter(answers).items() if times > 1]
        if repeated:
            raise ValueError(f"the answer {repeated[0]!r} is listed twice")
        if any(not name.strip() for name in answers):
            raise ValueError("an answer is empty")
        return answers

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What stands between labels is written where it is no comma, and mirroring where it is allowed: tasks from
        before one could choose, and the hashes of what was made under them, stay what they are."""
        fields: dict[str, object] = dump(self)
        for name, usual in (("separator", COMMA), ("mirrored", None)):
            if name in fields and fields[name] == usual:
                del fields[name]
        return fields

    def instruction(self) -> str:
        """The template with everything filled in."""
        listed = self.separator.join(self.answers)
        return self.template.replace("{modality}", self.modality).replace("{label set}", " " + listed)

    def ambiguous(self) -> tuple[str, ...]:
        """The answers that hold what stands between answers, so that nobody can tell where one ends."""
        sign = self.separator.strip()
        return tuple(name for name in self.answers if sign in name)

    def in_order(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Those of the labels that are answers of this task, in its own order."""
        named = set(labels)
        return tuple(name for name in self.answers if name in named)

    def response(self, labels: Iterable[str]) -> str:
        """What a perfect reader says for these labels. For a VLM to learn: it can't always be taken apart again."""
        return self.separator.join(self.in_order(labels)) or NO_FINDING

    def candidates(self) -> tuple[str, ...]:
        """The responses whose probabilities make the response distribution (single and ordinal tasks)."""
        return self.answers


def labels_in(response: str, answers: Sequence[str]) -> tuple[str, ...]:
    """The labels of a response that earlier versions kept as one text, told apart by the answers that there are.

    Answers may hold commas, so the longest that fits is tried first. A text that they don't make up is one label.
    """

    def named(rest: str, first: int) -> tuple[str, ...] | None:
        fitting = [number for number in range(first, len(answers)) if f"{rest}, ".startswith(f"{answers[number]}, ")]
        for number in sorted(fitting, key=lambda number: -len(answers[number])):
            after = rest[len(answers[number]) :].removeprefix(", ")
            if not after:
                return (answers[number],)
            if (others := named(after, number + 1)) is not None:
                return (answers[number], *others)
        return None

    if response == NO_FINDING and response not in answers:
        return ()
    return named(response, 0) or (response,)


@dataclass(frozen=True)
class Finding:
    """Something that the check of a set noticed. Cases are ids, at most the first hundred."""

    kind: str
    severity: Severity
    count: int
    message: str
    cases: tuple[str, ...] = ()
    troubles: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    """Of an error, and of a finding about single pictures: every case, and what is wrong with that one."""


@dataclass(frozen=True)
class ImageSet:
    """Named cases and the question that they answer, with what reading them brought to light."""

    name: str
    task: Task
    cases: tuple[Case, ...]
    findings: tuple[Finding, ...] = ()
    version: str | None = field(default=None, compare=False)
    """The hash of the studio's version that it was opened from; None where no studio keeps it."""

    def of(self, split: Split) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.split == split)

    def with_cases(self, cases: Iterable[Case]) -> ImageSet:
        return replace(self, cases=tuple(cases))

    def fingerprint(self) -> str:
        """Names exactly what a run saw: the task, and every case's id, pixels, labels, patient and split."""
        whole = hashlib.sha256(self.task.model_dump_json().encode())
        for case in self.cases:
            row = (case.id, case.pixels.digest(), *case.labels, case.patient or "", case.split or "")
            whole.update("\x1f".join(row).encode() + b"\x1e")
        return whole.hexdigest()

    def boxes_fingerprint(self) -> str | None:
        """Names the boxes that a run may have learned from; None where no case has any. Runs of before 0.2.0 have none
        of it, so it is no part of the other one."""
        whole = hashlib.sha256()
        for case in self.cases:
            for box in case.boxes or ():
                whole.update(repr((case.id, *vars(box).values())).encode() + b"\x1e")
            if case.boxes is None:  # nobody looked, which is not the same as that nothing is there
                whole.update(repr((case.id, None)).encode() + b"\x1e")
        return whole.hexdigest() if any(case.boxes for case in self.cases) else None

    def masks_fingerprint(self) -> str | None:
        """Names the masks that a run may have learned from; None where no case has any."""
        masks = [(case.id, case.mask.digest()) for case in self.cases if case.mask is not None]
        return hashlib.sha256(repr(masks).encode()).hexdigest() if masks else None

    def texts_fingerprint(self) -> str:
        """Names what is written of the cases beside their labels, of which captions are made."""
        texts = [(case.id, case.report, sorted(case.more.items())) for case in self.cases]
        return hashlib.sha256(repr(texts).encode()).hexdigest()

    def stop_on_errors(self) -> ImageSet:
        """The set itself, or a DataError with the first thing that has to be mended before it can be used."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if errors:
            more = f" ({len(errors) - 1} more: see “vitask set check”.)" if len(errors) > 1 else ""
            raise DataError(errors[0].message + more)
        return self
