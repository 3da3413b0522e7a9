"""A small perceptron on what the VLM's frozen image encoder sees: trained in seconds from the kept features."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from core.models.seeing_tsm import SeeingSettings, SeeingTsm, put_upon, restored
from core.models.tsm import Tsm
from core.models.vlm import Vlm

TITLE = "Perceptron, on the VLM's image features"


class Settings(SeeingSettings):
    name: Literal["vlm_mlp"] = Field("vlm_mlp", title="Model", description="Which task-specific model.")
    width: int = Field(128, ge=8, le=4096, title="Feature width", description="Numbers in a picture's feature.")
    dropout: float = Field(
        0.2, ge=0, lt=1, title="Dropout", description="Share of what is seen that is left out in every step."
    )


class Perceptron(SeeingTsm):
    """One hidden layer, whose activations are the feature."""

    def __init__(self, settings: Settings, answers: int, hidden_size: int) -> None:
        super().__init__(settings, answers, settings.width, hidden_size)
        self.hidden = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(2 * hidden_size, settings.width), nn.GELU())

    def features(self, pixels: Tensor) -> Tensor:
        activations: Tensor = self.hidden(self.norm(pixels))
        return activations


def build_upon(vlm: Vlm, settings: Settings, answers: int, start: Tsm | None = None) -> SeeingTsm:
    return put_upon(vlm, Perceptron(settings, answers, vlm.hidden_size), start)


def load(folder: Path) -> Tsm:
    return restored(folder, Settings, Perceptron)
