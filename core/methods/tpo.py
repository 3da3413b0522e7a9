"""Task Preference Optimization (arXiv 2412.19326) for still images: heads for boxes and masks, tied to the VLM by
learned tokens, so that both teach the model and are answered by it.

Stages: routing alone; heads and task tokens, with LoRA; everything together with the class answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.readings.colours import BROWN, GREEN, PINK, SKY
from core.readings.mask import Mask
from core.readings.reader import Reader
from core.readings.regions import Regions
from core.settings import Settings as Base
from core.training.method import Aim, HeadPlan, MarksWanted, Needs, Paper, ReaderPlan, StagePlan
from core.training.readers import PLAIN, PLAIN_ADAPTER, UNTUNED, plain_terms
from core.training.wanted import Wanted

if TYPE_CHECKING:
    from core.readings.head import Head
    from core.training.terms import Term

TITLE = "Task Preference Optimization"
PAPER = Paper(
    "2412.19326",
    2024,
    "Yan, Ziang and others",
    "Task Preference Optimization: Improving Multimodal Large Language Models with Vision Task Alignment",
)
TERMS = {
    "van": "Response, without exemplar",
    "ep": "Response, with exemplar",
    "rda": "Alignment of both",
    "crt": "Contrast with another image",
    "route": "Routing",
    "box": "Boxes",
    "score": "Scores of boxes",
    "mask": "Mask",
    "text": "Boxes as text",
}
SAYS = (Regions, Mask)
TUNED = Reader(
    "tpo", "the VLM, tuned with heads", SKY, about="Tuned on answers and places together; heads say where things are."
)
AIDED = Reader(
    "tpo+tsm",
    "the VLM with heads and the exemplar",
    GREEN,
    needs_tsm=True,
    sees_exemplar=True,
    about="The same tuned model, shown what the TSM makes of the picture (its exemplar) as one more token.",
)
WRITER = Reader(
    "tpo-text", "the VLM, writing boxes as text", PINK, about="The rival: as many steps, boxes written in numbers."
)
HEADS_ALONE = Reader(
    "tpo-heads", "heads without the answers", BROWN, about="The control: heads tuned without the class answers."
)
ROUTING, PLACES = ("routing.rows",), ("routing.tokens", "asking.", "region.", "mask.")


class Settings(Base):
    name: Literal["tpo"] = Field("tpo", title="Method", description="Heads for boxes and masks beside the answer.")
    objects: int = Field(
        8, ge=1, le=50, title="Boxes a label", description="How many can be found at most; of more, the largest count."
    )
    labels: tuple[str, ...] = Field(
        (), title="Look for", description="Labels of boxes, one a line. Empty: every label that has boxes."
    )
    masks: bool = Field(True, title="Masks", description="Also learns from masks, where the set has them.")
    mask_checkpoint: str = Field(
        "",
        title="Checkpoint that draws masks",
        description="A SAM or SAM 2 model's name on the hub, or a folder that holds its configuration and safetensors. "
        "It stays as it is: what is learned is what to ask of it. It isn't shipped, and has a licence of its own. "
        "Empty: a small decoder of ours over the VLM's features, where the published method has SAM 2.",
    )
    asked: int = Field(
        2,
        ge=1,
        le=50,
        title="Questions a case",
        description="Labels asked about in a step, drawn anew.",
    )
    routing_epochs: float = Field(0.5, gt=0, le=1000, title="Epochs of routing", description="Stage 1 (ours).")
    head_epochs: float = Field(1, gt=0, le=1000, title="Epochs of heads", description="Stage 2 (ours).")
    joint_epochs: float = Field(1, gt=0, le=1000, title="Epochs of everything", description="Stage 3 (ours).")
    exemplar: bool = Field(
        False,
        title="Exemplar prompting",
        description="Class answers learn with the TSM's feature too, as in VITask.",
    )
    align: float = Field(1.0, ge=0, le=100, title="Alignment weight", description="VITask's, with an exemplar.")
    contrast: float = Field(0.0, ge=0, le=100, title="Contrast weight", description="VITask's; 0 switches it off.")
    rival: bool = Field(
        True, title="Boxes as text beside it", description="The same boxes, written by the model, with as many steps."
    )
    control: bool = Field(
        False, title="Heads alone beside it", description="The same heads, tuned without the class answers."
    )
    baseline: bool = Field(
        True, title="Plain tuning beside it", description="Class answers alone, with as many steps as stage 3 has."
    )


@dataclass(frozen=True)
class _Part:
    """A locator with the adapter that it is tuned with; `first` numbers its learned tokens."""

    settings: Settings
    name: str
    first: int

    @property
    def plan(self) -> HeadPlan:
        return HeadPlan(self.name, partial(_locator, self.settings, self.first))


def needs(settings: Settings) -> Needs:
    return Needs(
        tsm=settings.exemplar,
        exemplars=settings.exemplar,
        marks=MarksWanted(settings.labels, settings.masks),
        checkpoints=(settings.mask_checkpoint,) if _has_segmenter(settings) else (),
    )


def _has_segmenter(settings: Settings) -> bool:
    return settings.masks and bool(settings.mask_checkpoint)


def stages(settings: Settings) -> tuple[StagePlan, ...]:
    planned = []
    if settings.baseline:
        plain = Wanted({"van": 1.0}, plain_terms)
        planned.append(StagePlan("vanilla", PLAIN_ADAPTER, settings.joint_epochs, plain, length=2))
    epochs = settings.routing_epochs + settings.head_epochs + settings.joint_epochs
    if settings.rival:
        written = Wanted({"van": 1.0, "text": 1.0}, partial(_terms, settings, None))
        planned.append(StagePlan("text", WRITER.name, epochs, written, length=4, is_chosen_by_figure=False))
    if settings.control:
        planned += _of_part(settings, _parts(settings)[-1], {})
    return (*planned, *_of_part(settings, _parts(settings)[0], _class_weights(settings)))


def _of_part(settings: Settings, part: _Part, class_weights: dict[str, float]) -> Iterator[StagePlan]:
    """The three stages of a locator."""
    place = {"route": 1.0, "box": 1.0, "score": 1.0} | ({"mask": 1.0} if settings.masks else {})
    plan = StagePlan("", part.name, 0, Wanted({}, dict), heads=(part.plan,), is_chosen_by_figure=False)
    prefix = "" if part.name == TUNED.name else f"{part.name}-"
    for name, epochs, length, weights, learning in (
        ("routing", settings.routing_epochs, 1, {"route": 1.0}, ROUTING),
        ("heads", settings.head_epochs, 1, place, PLACES),
        ("together", settings.joint_epochs, 2, place | class_weights, (*ROUTING, *PLACES)),
    ):
        yield replace(
            plan,
            name=prefix + name,
            epochs=epochs,
            length=length,
            wanted=Wanted(weights, partial(_terms, settings, part, "box" in weights)),
            head_parts=learning,
            trains_exemplars="ep" in weights,
        )


def _class_weights(settings: Settings) -> dict[str, float]:
    weights = {"van": 1.0}
    if settings.exemplar:
        weights |= {"ep": 1.0} | ({"rda": settings.align} if settings.align else {})
    return weights | ({"crt": settings.contrast} if settings.contrast else {})


def _parts(settings: Settings) -> list[_Part]:
    """The locator of the method, and that of the control."""
    tokens = 2 + settings.objects + settings.masks  # for routing, and to ask with
    named = [HEADS_ALONE.name, TUNED.name] if settings.control else [TUNED.name]
    return [_Part(settings, name, number * tokens) for number, name in enumerate(named)][::-1]


def _locator(settings: Settings, first: int, hidden_size: int) -> Head:
    from core.models.segmenter import open_segmenter
    from core.readings.locator import Locator

    segmenter = open_segmenter(settings.mask_checkpoint) if _has_segmenter(settings) else None
    return Locator(hidden_size, settings.objects, settings.labels, settings.masks, first, segmenter)


def _writer(settings: Settings, hidden_size: int) -> Head:
    from core.readings.box_text import BoxWriter

    return BoxWriter(settings.objects, settings.labels)


def _terms(settings: Settings, part: _Part | None, is_placed: bool = True) -> dict[str, Term]:
    """`is_placed`: whether anything is learned from where boxes are, so that their tokens have to be run."""
    from core.training import terms
    from core.training.place_terms import LocatorTerms, Places, TextTerm

    places = Places(settings.labels, settings.objects, settings.asked)
    if part is None:
        own = {"text": TextTerm(places).term()}
    else:
        own = LocatorTerms(part.name, part.first, places, settings.masks, is_placed).terms()
    return own | {
        "van": terms.own_response(),
        "ep": terms.aided_response(),
        "rda": terms.alignment(),
        "crt": terms.contrast(),
    }


def readers(settings: Settings) -> tuple[ReaderPlan, ...]:
    parts = _parts(settings)
    plans = [UNTUNED, *([PLAIN] if settings.baseline else [])]
    if settings.rival:
        plans.append(ReaderPlan(WRITER, WRITER.name, (HeadPlan(WRITER.name, partial(_writer, settings)),)))
    if settings.control:
        plans.append(ReaderPlan(HEADS_ALONE, HEADS_ALONE.name, (parts[-1].plan,)))
    plans.append(ReaderPlan(TUNED, TUNED.name, (parts[0].plan,)))
    if settings.exemplar:
        plans.append(ReaderPlan(AIDED, TUNED.name, (parts[0].plan,)))
    return tuple(plans)


def aim(settings: Settings) -> Aim:
    return Aim(TUNED.name, PLAIN.name if settings.baseline else UNTUNED.name)


def departures(settings: Settings) -> tuple[str, ...]:
    return ()
