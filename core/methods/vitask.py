"""VITask (arXiv 2410.06456): exemplar prompting, response distribution alignment, contrastive response tuning.

Stage 1: L_van + L_ep + align * L_rda, with the connector. Stage 2: the same + contrast * L_crt, connector frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from core.case import TEMPLATE
from core.readings.colours import GREEN, RED, SKY
from core.readings.reader import Reader
from core.settings import Settings as Base
from core.training.method import Aim, Frame, Needs, Paper, ReaderPlan, StagePlan, departures_of_controls
from core.training.readers import PLAIN, PLAIN_ADAPTER, UNTUNED, plain_terms
from core.training.settings import ContrastOn, Direction, ExemplarsFrom
from core.training.wanted import Wanted

if TYPE_CHECKING:
    from core.training.terms import Term

TITLE = "VITask"
PAPER = Paper(
    "2410.06456",
    2024,
    "Bai, Yang and others",
    "From Generalist to Specialist: Adapting Vision Language Models via Task-Specific Visual Instruction Tuning",
)
TERMS = {
    "van": "Response, without exemplar",
    "ep": "Response, with exemplar",
    "rda": "Alignment of both",
    "crt": "Contrast with another image",
}
SAYS = ()
ALONE = Reader(
    "vitask", "VITask, reading alone", SKY, about="Tuned with the TSM's help, and asked without it: by itself."
)
AIDED = Reader(
    "vitask+tsm",
    "VITask, with the exemplar",
    GREEN,
    needs_tsm=True,
    sees_exemplar=True,
    about="The same tuned model, shown what the TSM makes of the picture (its exemplar) as one more token.",
)
SHUFFLED = Reader(
    "vitask+shuffled",
    "VITask, with another case's exemplar",
    RED,
    needs_tsm=True,
    sees_exemplar=True,
    answers_anew=False,
    about="A control: the same tuned model, shown the exemplar of another case. If it answers as well, the exemplar "
    "isn't used.",
)


class Settings(Base):
    name: Literal["vitask"] = Field("vitask", title="Method", description="Tuning with the help of a TSM.")
    exemplar: bool = Field(
        True, title="Exemplar prompting", description="Shows the TSM's feature to the model as one extra token."
    )
    exemplars_of_training: ExemplarsFrom = Field(
        "in_sample",
        title="Exemplars of training cases",
        description="in_sample: from the TSM itself, as printed, though it knows these cases by heart. out_of_sample: "
        "each from a TSM that learned without the case; two more trainings, on half of the cases each.",
    )
    align: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Alignment weight",
        description="Of response distribution alignment; 0 switches it off. 1 is ours: the paper is silent.",
    )
    contrast: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Contrast weight",
        description="Of contrastive response tuning; 0 switches it off. 1 is ours: the paper is silent.",
    )
    contrast_on: ContrastOn = Field(
        "all",
        title="Contrast on",
        description="All tokens of a response, as printed, or only the first that tells both responses apart.",
    )
    direction: Direction = Field(
        "student_first",
        title="Direction of alignment",
        description="student_first is KL(without || with exemplar), as printed; teacher_first the other way round.",
    )
    stage_1_epochs: float = Field(1, ge=0, le=1000, title="Epochs of stage 1", description="0 leaves it out.")
    stage_2_epochs: float = Field(1, ge=0, le=1000, title="Epochs of stage 2", description="0 leaves it out.")
    freeze_connector: Literal["stage_2", "never"] = Field(
        "stage_2", title="Exemplar's connector frozen", description="From stage 2 on, as printed, or never."
    )
    constant_prefix: bool = Field(
        False,
        title="Control: constant prefix",
        description="One learned token, equal for every case, in the exemplar's place. Shows what a token alone does.",
    )
    label_smoothing: float = Field(
        0,
        ge=0,
        lt=1,
        title="Control: label smoothing",
        description="On the response without exemplar. With alignment off it shows what soft targets alone do.",
    )
    tune_vlm_connector: bool = Field(
        False,
        title="Control: tune the VLM's connector",
        description="Trains what carries image features into the language model too; slower.",
    )
    baseline: bool = Field(
        True,
        title="Plain tuning beside it",
        description="Also tunes an adapter plainly, with as many steps, so that there is a vanilla reader to compare.",
    )
    baseline_length: Literal["steps", "tokens"] = Field(
        "steps",
        title="Control: length of plain tuning",
        description="steps: as many as VITask makes. tokens: until it has put as many tokens through the language "
        "model as VITask, whose steps put more; the card tells both numbers.",
    )
    shuffled: bool = Field(
        False,
        title="Control: shuffled exemplars",
        description="Also reads the tuned model with the exemplar of another case, drawn at random. If it answers as "
        "well, the exemplar isn't used.",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_alignment_without_exemplar(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("exemplar") is False:
            return {"align": 0.0} | values
        return values

    @model_validator(mode="after")
    def _switches_fit(self) -> Settings:
        if self.stage_1_epochs + self.stage_2_epochs == 0:
            raise ValueError("both stages are left out; give stage_1_epochs or stage_2_epochs")
        if self.constant_prefix and not self.exemplar:
            raise ValueError("constant_prefix stands in the exemplar's place, so exemplar must be true")
        if self.align and not self.exemplar:
            raise ValueError("alignment needs the exemplar as its teacher; set align to 0 or exemplar to true")
        if self.shuffled and (self.constant_prefix or not self.exemplar):
            raise ValueError("shuffled shows another case's exemplar, so each case must have one: see exemplar")
        if self.baseline_length == "tokens" and not self.baseline:
            raise ValueError("baseline_length is that of plain tuning, so baseline must be true")
        return self


def needs(settings: Settings) -> Needs:
    return Needs(
        tsm=settings.exemplar and not settings.constant_prefix,
        exemplars=settings.exemplar,
        is_constant=settings.constant_prefix,
        is_out_of_sample=settings.exemplars_of_training == "out_of_sample",
        tunes_vlm_connector=settings.tune_vlm_connector,
    )


def stages(settings: Settings) -> tuple[StagePlan, ...]:
    first = _weights(settings)
    second = first | ({"crt": settings.contrast} if settings.contrast else {})
    planned = [
        StagePlan("stage-1", "vitask", settings.stage_1_epochs, _wanted(settings, first), settings.exemplar),
        StagePlan(
            "stage-2",
            "vitask",
            settings.stage_2_epochs,
            _wanted(settings, second),
            settings.exemplar and (settings.freeze_connector == "never" or not settings.stage_1_epochs),
        ),
    ]
    kept = [stage for stage in planned if stage.epochs]
    if settings.baseline:
        epochs = settings.stage_1_epochs + settings.stage_2_epochs
        plain = Wanted({"van": 1.0}, plain_terms)
        costly = tuple(stage.name for stage in kept) if settings.baseline_length == "tokens" else ()
        kept.insert(0, StagePlan("vanilla", PLAIN_ADAPTER, epochs, plain, length=len(kept), as_costly_as=costly))
    return tuple(kept)


def readers(settings: Settings) -> tuple[ReaderPlan, ...]:
    beside = (UNTUNED, PLAIN) if settings.baseline else (UNTUNED,)
    alone = ReaderPlan(ALONE, "vitask")
    if not settings.exemplar:
        return (*beside, alone)
    aided = ReaderPlan(replace(AIDED, needs_tsm=not settings.constant_prefix), "vitask")
    control = (ReaderPlan(SHUFFLED, "vitask", is_shuffled=True),) if settings.shuffled else ()
    return (*beside, alone, aided, *control)


def aim(settings: Settings) -> Aim:
    reader, baseline = AIDED if settings.exemplar else ALONE, PLAIN if settings.baseline else UNTUNED
    return Aim(reader.name, baseline.name)


def departures(settings: Settings) -> tuple[str, ...]:
    controls = departures_of_controls(settings.label_smoothing, settings.tune_vlm_connector)
    parts = (_of_exemplar, _of_alignment, _of_contrast, _of_stages)
    return (*(sentence for part in parts for sentence in part(settings)), *controls)


def departures_of_run(settings: Settings, frame: Frame) -> Iterator[str]:
    """Where the question, the schedule, the choice of weights or the number of TSMs differ from the print."""
    for name, task in frame.tasks.items():
        if task.template != TEMPLATE:
            yield f'The question about {name} was not worded as printed: "{" ".join(task.template.split())}".'
    training = frame.training
    if training.shares_schedule and settings.stage_1_epochs and settings.stage_2_epochs:
        yield "One schedule of the learning rate ran over both stages; as printed, each is a training of its own."
    if training.schedule != "cosine":
        yield (
            f"The learning rate's schedule was {training.schedule}; as printed, none is named, and a cosine is taken."
        )
    if training.weights_kept == "best":
        figure = training.monitor.replace("f1", "F1").replace("_", " ")
        yield (
            f"Of each stage the weights with the best {figure} on validation cases were kept; as printed, no choice is "
            "named, and the last are taken."
        )
    if frame.tsms > 1 and needs(settings).tsm:
        yield f"{frame.tsms} TSMs gave an exemplar each; as printed, there is one."


def _of_exemplar(settings: Settings) -> Iterator[str]:
    if not settings.exemplar:
        yield "Exemplar prompting was left out, and alignment with it; as printed, both stages have them."
        return
    if settings.constant_prefix:
        yield "One learned token, equal for every case, stood for the exemplar; as printed, it is the case's own."
    elif settings.exemplars_of_training == "out_of_sample":
        yield (
            "Each training case's exemplar came from a TSM that learned without it, carried into the TSM's own space "
            "by a linear map; as printed, it comes from the TSM that learned from the case."
        )
    if settings.freeze_connector == "never":
        yield "The exemplar's connector was trained in stage 2 too; as printed, it is frozen there."


def _of_alignment(settings: Settings) -> Iterator[str]:
    if settings.exemplar and not settings.align:
        yield "Alignment was left out; as printed, both stages have it."
        return
    if settings.align and settings.direction != "student_first":
        yield "Alignment was KL(with || without exemplar); as printed, it is the other way round."
    if settings.align not in (0, 1):
        yield f"Alignment had weight {settings.align:g}; as printed, no weight is named, and 1 is taken."


def _of_contrast(settings: Settings) -> Iterator[str]:
    if not settings.contrast:
        yield "Contrast was left out; as printed, stage 2 has it."
        return
    if not settings.stage_2_epochs:
        return
    if settings.contrast_on != "all":
        yield (
            "Contrast was taken on the first token that tells both responses apart; as printed, it is taken on all of "
            "them."
        )
    if settings.contrast != 1:
        yield f"Contrast had weight {settings.contrast:g}; as printed, no weight is named, and 1 is taken."


def _of_stages(settings: Settings) -> Iterator[str]:
    if not settings.stage_1_epochs:
        yield "Stage 1 was left out; as printed, there are two."
    if not settings.stage_2_epochs:
        contrast = ", and contrast with it" if settings.contrast else ""
        yield f"Stage 2 was left out{contrast}; as printed, there are two."


def _weights(settings: Settings) -> dict[str, float]:
    weights = {"van": 1.0}
    if settings.exemplar:
        weights["ep"] = 1.0
        if settings.align:
            weights["rda"] = settings.align
    return weights


def _wanted(settings: Settings, weights: dict[str, float]) -> Wanted:
    return Wanted(weights, partial(_terms, settings))


def _terms(settings: Settings) -> dict[str, Term]:
    from core.training import terms

    return {
        "van": terms.own_response(settings.label_smoothing),
        "ep": terms.aided_response(),
        "rda": terms.alignment(settings.direction),
        "crt": terms.contrast(settings.contrast_on),
    }
