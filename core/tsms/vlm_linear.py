"""A linear classifier on what the VLM's frozen image encoder sees: trained in seconds from the kept features."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import Tensor

from core.models.seeing_tsm import SeeingSettings, SeeingTsm, put_upon, restored
from core.models.tsm import Tsm
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
    return put_upon(vlm, Linear(settings, answers, vlm.hidden_size), start)


def load(folder: Path) -> Tsm:
    return restored(folder, Settings, Linear)
