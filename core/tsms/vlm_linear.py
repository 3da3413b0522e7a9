"""A linear classifier on what the VLM's frozen image encoder sees: trained in seconds from the kept features."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import Tensor

from core.models.seeing_tsm import SeeingSettings, SeeingTsm
from core.models.tsm import Tsm, read_saved, restore, start_from
from core.models.vlm import Vlm

TITLE = "Linear, on the VLM's image features"


class Settings(SeeingSettings):
    name: Literal["vlm_linear"] = Field("vlm_linear", title="Model", description="Which task-specific model.")


class Linear(SeeingTsm):
    """What is seen, brought to one scale, is the feature."""

    def __init__(self, settings: Settings, answers: int, hidden_size: int) -> None:
        super().__init__(settings, answers, 2 * hidden_size, hidden_size)

    def features(self, pixels: Tensor) -> Tensor:
        normed: Tensor = self.norm(pixels)
        return normed


def build_upon(vlm: Vlm, settings: Settings, answers: int, start: Tsm | None = None) -> SeeingTsm:
    tsm = Linear(settings, answers, vlm.hidden_size)
    tsm.look_through(vlm)
    if start is not None:
        start_from(tsm, start)
    return tsm


def load(folder: Path) -> Tsm:
    """As it was saved; what it is to look through is given to it afterwards."""
    saved = read_saved(folder)
    settings = Settings.parse(saved.settings, "tsm")
    return restore(Linear(settings, saved.answers, int(saved.preprocessing["hidden_size"])), folder)
