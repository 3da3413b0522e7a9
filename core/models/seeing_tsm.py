"""A TSM that sees pictures as the run's VLM does: by its frozen image encoder and connector, untuned.

What it takes of a picture is the mean over the image's tokens and how they spread, computed once and read from the kept
features where there are any. Axes: B cases, H hidden size of the language model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from core.case import Mirrored
from core.errors import ModelError
from core.models.features import encoder_key
from core.models.lora import using
from core.models.tsm import Saved, Tsm, TsmTraining, read_saved, restore, start_from
from core.models.vlm import ImageFeatures, Vlm

OfSettings = TypeVar("OfSettings", bound=TsmTraining)


class SeeingSettings(TsmTraining):
    """Steps cost next to nothing, so there are many epochs of large ones."""

    epochs: int = Field(30, ge=1, le=1000, title="Epochs", description="How often it sees every training case.")
    most_steps: int | None = Field(
        2000,
        ge=1,
        le=10_000_000,
        title="Most steps",
        description="A large set is gone through less often than its epochs say, so that no more steps are made.",
    )
    evaluations: int = Field(
        15, ge=1, le=1000, title="Looks at validation", description="How often; the best weights among them are kept."
    )
    learning_rate: float = Field(5e-3, gt=0, le=1, title="Learning rate", description="The highest step size of AdamW.")
    batch_size: int = Field(256, ge=1, le=4096, title="Batch size", description="Cases per training step.")


class SeeingTsm(Tsm):
    """Every number of what is seen is brought to mean 0 and variance 1 of the training cases; the rest is a subclass's.

    The VLM is no part of it: it is given when it is made, and again when it was loaded.
    """

    def __init__(self, settings: TsmTraining, answers: int, width: int, hidden_size: int) -> None:
        super().__init__(settings, answers, width)
        self.hidden_size = hidden_size
        self.norm = nn.BatchNorm1d(2 * hidden_size, affine=False, momentum=None)
        self._vlm: Vlm | None = None

    def look_through(self, vlm: Vlm) -> None:
        if vlm.hidden_size != self.hidden_size:
            raise ModelError(
                f"This {self.settings.name} learned from image features {self.hidden_size} wide, and those of "
                f"{vlm.name} are {vlm.hidden_size} wide. Use it with the VLM that it was trained with."
            )
        self._vlm = vlm

    @property
    def vlm(self) -> Vlm:
        assert self._vlm is not None, "it has nothing to look through yet"
        return self._vlm

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        with using(self.vlm, None):
            return self.summed_up(self.vlm.encode(images))

    def summed_up(self, seen: Sequence[ImageFeatures]) -> Tensor:
        """[B, 2H] in float32 on the CPU: what is kept of each picture's tokens."""
        return torch.stack([features.mean_and_spread() for features in seen]).cpu()

    def augment(
        self, pixels: Tensor, generator: torch.Generator, mirrored: Sequence[Mirrored | None] | None = None
    ) -> Tensor:
        """As they are: what the encoder sees of each is computed once."""
        return pixels

    def preprocessing(self) -> dict[str, Any]:
        return {"hidden_size": self.hidden_size, "encoder": encoder_key(self.vlm)}


def put_upon(vlm: Vlm, tsm: SeeingTsm, start: Tsm | None) -> SeeingTsm:
    """A new one, before its training, with the weights of an older one where there is one."""
    tsm.look_through(vlm)
    if start is not None:
        start_from(tsm, start)
    return tsm


def restored(folder: Path, settings: type[OfSettings], kind: Callable[[OfSettings, int, int], SeeingTsm]) -> Tsm:
    """As it was saved; what it is to look through is given to it afterwards."""
    saved = read_saved(folder)
    made = kind(settings.parse(saved.settings, "tsm"), saved.answers, int(saved.preprocessing["hidden_size"]))
    return restore(made, folder)


def refuse_other_eyes(saved: Saved, vlm: Vlm) -> None:
    """A TSM that was trained elsewhere, on what another encoder sees."""
    learned_with: Mapping[str, Any] = saved.preprocessing
    if "encoder" in learned_with and learned_with["encoder"] != encoder_key(vlm):
        raise ModelError(
            f"This {saved.name} learned from the image features of another VLM than {vlm.name}, or of the same in "
            f"another number format, so here it would see nothing that it knows. Name one of the TSMs to have it "
            f"trained: {saved.name}, for example."
        )
