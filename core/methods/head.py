"""A class head instead of words: the same LoRA, cases, batches and steps as plain tuning, and a linear layer on the
state in which the question ends. Shows what it is worth that a model answers in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from core.readings.colours import RED
from core.readings.reader import Reader
from core.settings import Settings as Base
from core.training.method import Aim, HeadPlan, Needs, ReaderPlan, StagePlan
from core.training.readers import PLAIN, PLAIN_ADAPTER, UNTUNED, plain_terms
from core.training.wanted import Wanted

if TYPE_CHECKING:
    from torch import Tensor

    from core.readings.class_head import ClassHead
    from core.training.terms import Heard, ResponseBatch, Term, Text

TITLE = "Class head"
TERMS = {"van": "Response, without exemplar", "class": "Class, by the head"}
SAYS = ()
NAME = "head"
CLASSIFYING = Reader(
    NAME,
    "the VLM with a class head",
    RED,
    has_words=False,
    about="Tuned by LoRA like plain tuning, but a linear layer answers where the words would begin. It writes nothing.",
)


class Settings(Base):
    name: Literal["head"] = Field("head", title="Method", description="Tuning with a class head instead of words.")
    epochs: float = Field(2, gt=0, le=1000, title="Epochs", description="As many as plain tuning has.")
    baseline: bool = Field(
        True,
        title="Plain tuning beside it",
        description="Also tunes an adapter plainly, on the same batches, so that words and head can be compared.",
    )


def needs(settings: Settings) -> Needs:
    return Needs()


def stages(settings: Settings) -> tuple[StagePlan, ...]:
    planned = []
    if settings.baseline:
        plain = Wanted({"van": 1.0}, plain_terms)
        planned.append(StagePlan("vanilla", PLAIN_ADAPTER, settings.epochs, plain, length=2))
    classes = Wanted({"class": 1.0}, _terms)
    planned.append(StagePlan(NAME, NAME, settings.epochs, classes, length=2, heads=(HEAD,), batches_of=PLAIN_ADAPTER))
    return tuple(planned)


def readers(settings: Settings) -> tuple[ReaderPlan, ...]:
    beside = (UNTUNED, PLAIN) if settings.baseline else (UNTUNED,)
    return (*beside, ReaderPlan(CLASSIFYING, NAME, classifier=HEAD))


def aim(settings: Settings) -> Aim:
    return Aim(CLASSIFYING.name, baseline=PLAIN.name if settings.baseline else UNTUNED.name)


def departures(settings: Settings) -> tuple[str, ...]:
    return ()


def _head(hidden_size: int) -> ClassHead:
    from core.readings.class_head import ClassHead

    return ClassHead(hidden_size)


HEAD = HeadPlan(NAME, _head)


def _terms() -> dict[str, Term]:
    from core.training.terms import Term

    return {"class": Term((question,), _losses, lambda batch: len(batch.cases))}


def question(batch: ResponseBatch, case: int) -> Text:
    """The case's question alone: no word of an answer is put in."""
    from core.training.terms import Text

    assert batch.vlm is not None
    return Text(case, batch.prompts[case], (batch.vlm.end_token,))


def _losses(heard: Heard) -> Tensor:
    head = cast("ClassHead", heard.heads[NAME])
    return head.losses(heard.outputs(NAME, question), heard.batch.cases, heard.batch.tasks)
