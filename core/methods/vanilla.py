"""Plain tuning: cross-entropy with the label's name, and nothing else. What everything is compared to."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field

from core.settings import Settings as Base
from core.training.method import Aim, Needs, ReaderPlan, StagePlan, departures_of_controls
from core.training.readers import PLAIN, PLAIN_ADAPTER, UNTUNED, plain_terms
from core.training.wanted import Wanted

TITLE = "Plain tuning"
TERMS = {"van": "Response, without exemplar"}
SAYS = ()


class Settings(Base):
    name: Literal["vanilla"] = Field("vanilla", title="Method", description="Plain supervised tuning with LoRA.")
    epochs: float = Field(2, gt=0, le=1000, title="Epochs", description="As many as both stages of VITask together.")
    label_smoothing: float = Field(
        0, ge=0, lt=1, title="Label smoothing", description="Share of every target token that goes to all others."
    )
    tune_vlm_connector: bool = Field(
        False, title="Tune the VLM's connector", description="Trains what carries image features too; slower."
    )


def needs(settings: Settings) -> Needs:
    return Needs(tunes_vlm_connector=settings.tune_vlm_connector)


def stages(settings: Settings) -> tuple[StagePlan, ...]:
    wanted = Wanted({"van": 1.0}, partial(plain_terms, settings.label_smoothing))
    return (StagePlan("vanilla", PLAIN_ADAPTER, settings.epochs, wanted, length=2),)


def readers(settings: Settings) -> tuple[ReaderPlan, ...]:
    return (UNTUNED, PLAIN)


def aim(settings: Settings) -> Aim:
    return Aim(PLAIN.name, baseline=UNTUNED.name)


def departures(settings: Settings) -> tuple[str, ...]:
    return departures_of_controls(settings.label_smoothing, settings.tune_vlm_connector)
