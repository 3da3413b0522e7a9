"""Plain tuning: cross-entropy with the label's name, and nothing else. What everything is compared to."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.readings.colours import BLUE
from core.readings.reader import Reader
from core.settings import Settings as Base
from core.training.method import Aim, Needs, ReaderPlan, StagePlan, departures_of_controls
from core.training.readers import PLAIN, PLAIN_ADAPTER, UNTUNED, plain_terms
from core.training.wanted import Wanted

if TYPE_CHECKING:
    from core.training.terms import Term

TITLE = "Plain tuning"
TERMS = {"van": "Response, without exemplar", "told": "Response, told the TSM's answer"}
SAYS = ()
TOLD = Reader(
    "vanilla+tsm",
    "the VLM, told the TSM's answer",
    BLUE,
    needs_tsm=True,
    about="A control: tuned plainly, with the TSM's likeliest answer and its probability as words in the question.",
)


class Settings(Base):
    name: Literal["vanilla"] = Field("vanilla", title="Method", description="Plain supervised tuning with LoRA.")
    epochs: float = Field(2, gt=0, le=1000, title="Epochs", description="As many as both stages of VITask together.")
    label_smoothing: float = Field(
        0, ge=0, lt=1, title="Label smoothing", description="Share of every target token that goes to all others."
    )
    tune_vlm_connector: bool = Field(
        False, title="Tune the VLM's connector", description="Trains what carries image features too; slower."
    )
    tsm_in_words: Literal["no", "in_sample", "out_of_sample"] = Field(
        "no",
        title="Control: the TSM's answer in words",
        description="Also tunes an adapter whose questions end in what the TSM answers, in words. Of training cases it "
        "is the TSM's own answer (in_sample), though it knows them by heart, or one by a TSM that learned without them "
        "(out_of_sample; two more trainings, on half of the cases each).",
    )


def needs(settings: Settings) -> Needs:
    return Needs(
        tsm=settings.tsm_in_words != "no",
        tells_tsm=settings.tsm_in_words != "no",
        is_out_of_sample=settings.tsm_in_words == "out_of_sample",
        tunes_vlm_connector=settings.tune_vlm_connector,
    )


def stages(settings: Settings) -> tuple[StagePlan, ...]:
    wanted = Wanted({"van": 1.0}, partial(plain_terms, settings.label_smoothing))
    plain = StagePlan("vanilla", PLAIN_ADAPTER, settings.epochs, wanted, length=2)
    if settings.tsm_in_words == "no":
        return (plain,)
    informed = Wanted({"told": 1.0}, partial(_told_terms, settings.label_smoothing))
    return (plain, replace(plain, name="told", adapter="told", wanted=informed, batches_of="vanilla"))


def _told_terms(label_smoothing: float) -> dict[str, Term]:
    from core.training.terms import informed_response

    return {"told": informed_response(label_smoothing)}


def readers(settings: Settings) -> tuple[ReaderPlan, ...]:
    informed = () if settings.tsm_in_words == "no" else (ReaderPlan(TOLD, "told", is_told=True),)
    return (UNTUNED, PLAIN, *informed)


def aim(settings: Settings) -> Aim:
    if settings.tsm_in_words != "no":
        return Aim(TOLD.name, baseline=PLAIN.name)
    return Aim(PLAIN.name, baseline=UNTUNED.name)


def departures(settings: Settings) -> tuple[str, ...]:
    return departures_of_controls(settings.label_smoothing, settings.tune_vlm_connector)
