"""A task-specific model (TSM): a small image classifier whose feature becomes the exemplar.

Axes: B cases, D feature width, C candidate answers; pixels are uint8 [B, 3, H, W].
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.case import Kind, Mirrored
from core.errors import ModelError
from core.settings import Settings

WEIGHTS = "model.safetensors"
DESCRIPTION = "tsm.json"


class TsmTraining(Settings):
    """What every task-specific model is trained by; each has its own name and defaults."""

    name: str = Field(title="Model", description="Which task-specific model.")
    epochs: int = Field(5, ge=1, le=1000, title="Epochs", description="How often the model sees every training image.")
    least_steps: int = Field(
        200,
        ge=1,
        le=1_000_000,
        title="Least steps",
        description="A small set is gone through more often than its epochs say, until as many steps are made.",
    )
    most_steps: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        title="Most steps",
        description="A large set is gone through less often than its epochs say, so that no more steps are made.",
    )
    evaluations: int = Field(
        5, ge=1, le=1000, title="Looks at validation", description="How often; the best weights among them are kept."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=1000,
        title="Patience",
        description="Looks at validation without a better figure after which training ends early. Empty: never.",
    )
    learning_rate: float = Field(2e-3, gt=0, le=1, title="Learning rate", description="The highest step size of AdamW.")
    batch_size: int = Field(64, ge=1, le=4096, title="Batch size", description="Images per training step.")
    weight_decay: float = Field(
        0.05, ge=0, le=1, title="Weight decay", description="How strongly weights are kept small."
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, title="Label smoothing", description="Share of every label that is spread over all answers."
    )


class TsmSettings(TsmTraining):
    """The same of one that looks at the pixels themselves, and at other ones in every step."""

    flips: Literal["as_set", "none", "sideways", "all"] = Field(
        "as_set",
        title="Mirrored images",
        description="Mirror training images at random: as their set says that it may be done (its task, on the page "
        "Image sets), never, left to right, or both ways too.",
    )
    shift: float = Field(
        0.04,
        ge=0,
        le=0.5,
        title="Shifted images",
        description="Move training images at random by up to this share of their side.",
    )
    brightness: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Brightened images",
        description="Brighten or darken training images at random by up to this share.",
    )


class Tsm(nn.Module, ABC):
    """An image classifier in two parts: features, and a linear head on them."""

    def __init__(self, settings: TsmTraining, answers: int, width: int) -> None:
        super().__init__()
        self.settings = settings
        self.answers = answers
        self.width = width
        self.head = nn.Linear(width, answers)

    @abstractmethod
    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        """Pictures as a uint8 batch [B, 3, H, W] of the model's own size, on the CPU.

        One that sees through the VLM makes numbers of them in float32 (`core/models/seeing_tsm.py`)."""

    @abstractmethod
    def features(self, pixels: Tensor) -> Tensor:
        """[B, D] from a prepared batch on the model's device."""

    @abstractmethod
    def preprocessing(self) -> dict[str, Any]:
        """What `load` needs beside the settings to treat images as in training, in plain values."""

    def classify(self, features: Tensor) -> Tensor:
        """Logits [B, C] from features."""
        logits: Tensor = self.head(features)
        return logits

    def scores(self, pixels: Tensor) -> Tensor:
        """Logits [B, C] from a prepared batch."""
        return self.classify(self.features(pixels))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.scores(pixels)

    def augment(
        self, pixels: Tensor, generator: torch.Generator, mirrored: Sequence[Mirrored | None] | None = None
    ) -> Tensor:
        """A prepared batch as training sees it: moved, mirrored, brightened. The generator lives on the CPU.

        mirrored: what the set of each picture says of its mirror images; nothing where it is left out."""
        assert isinstance(self.settings, TsmSettings)
        flips = self.settings.flips
        ways = list(mirrored or [None] * len(pixels)) if flips == "as_set" else [flips] * len(pixels)
        moved = _moved(pixels, self.settings.shift, ways, generator)
        strength = 1 + self.settings.brightness * (2 * torch.rand(len(pixels), generator=generator) - 1)
        bright = moved.float() * strength.to(pixels.device)[:, None, None, None]
        return bright.round().clamp(0, 255).to(torch.uint8)

    def save(self, folder: Path) -> None:
        """Weights, then the description: a folder that has the description is complete."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        saved = Saved(
            self.settings.name, self.settings.model_dump(mode="json"), self.answers, self.width, self.preprocessing()
        )
        (folder / DESCRIPTION).write_text(json.dumps(asdict(saved), indent=2) + "\n")


def _moved(pixels: Tensor, shift: float, flips: Sequence[str | None], generator: torch.Generator) -> Tensor:
    """Every picture shifted and mirrored on its own; what comes in at an edge repeats the edge."""
    upended = torch.tensor([way == "all" for way in flips])
    sideways = torch.tensor([way in ("sideways", "all") for way in flips])
    rows = _places(pixels.shape[2], shift, upended, generator).to(pixels.device)
    columns = _places(pixels.shape[3], shift, sideways, generator).to(pixels.device)
    picture = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    # Indices on both sides of a slice put the channel axis last.
    return pixels[picture, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _places(side: int, shift: float, may_flip: Tensor, generator: torch.Generator) -> Tensor:
    """[B, side]: from which row (or column) each row of the new picture is taken; may_flip: bool [B]."""
    most, count = round(shift * side), len(may_flip)
    offsets = torch.randint(-most, most + 1, (count, 1), generator=generator)
    places = (torch.arange(side) + offsets).clamp(0, side - 1)
    mirrored = (torch.rand(count, 1, generator=generator) < 0.5) & may_flip[:, None]
    return torch.where(mirrored, side - 1 - places, places)


def tsm_losses(
    logits: Tensor, targets: Tensor, kind: Kind, allowed: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Each case's loss over the answers of its own set, [B].

    targets: int [B] into the C answers (single, ordinal), or 0/1 [B, C] (multi). allowed: bool [B, C], the answers of
    the case's own set where several sets share one head; smoothing spreads over these only.
    """
    own = torch.ones_like(logits, dtype=torch.bool) if allowed is None else allowed
    if kind == "multi":
        soft = targets.float() * (1 - label_smoothing) + label_smoothing / 2
        each = nn.functional.binary_cross_entropy_with_logits(logits.float(), soft, reduction="none")
        return _mean_over(each, own)
    log_likely = logits.float().masked_fill(~own, -torch.inf).log_softmax(-1)
    of_label = -log_likely.gather(1, targets[:, None])[:, 0]
    of_all = _mean_over(-log_likely, own)
    return (1 - label_smoothing) * of_label + label_smoothing * of_all


def tsm_probabilities(logits: Tensor, kind: Kind, allowed: Tensor | None = None) -> Tensor:
    """[B, C]: a softmax over the answers of the case's own set, or one sigmoid each (multi); 0 for all others."""
    own = torch.ones_like(logits, dtype=torch.bool) if allowed is None else allowed
    if kind == "multi":
        return logits.float().sigmoid().masked_fill(~own, 0.0)
    return logits.float().masked_fill(~own, -torch.inf).softmax(-1)


def _mean_over(values: Tensor, own: Tensor) -> Tensor:
    return values.masked_fill(~own, 0.0).sum(-1) / own.sum(-1)


@dataclass(frozen=True)
class Saved:
    """What a TSM's folder says about its weights."""

    name: str
    settings: Mapping[str, Any]
    answers: int
    width: int
    preprocessing: Mapping[str, Any]


def read_saved(folder: Path) -> Saved:
    """The description of a saved TSM: its name says which module of the catalog loads it."""
    try:
        return Saved(**json.loads((folder / DESCRIPTION).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{folder} holds no readable {DESCRIPTION} ({error}). Name a folder that a finished TSM was saved to."
        ) from None


def refuse_other_head(saved: Saved, folder: Path) -> None:
    """Before any room is made for what the description claims: the weights have so many answers, of such features."""
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as weights:
            shape = weights.get_slice("head.weight").get_shape()
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{folder / WEIGHTS} can't be read ({error}). Copy the whole folder again or train anew."
        ) from None
    if shape != [saved.answers, saved.width]:
        raise ModelError(
            f"{folder / WEIGHTS} does not fit its {DESCRIPTION}: it has {shape[0]} answers of {shape[-1]} features. "
            "Copy the whole folder again or train anew."
        )


def restore(tsm: Tsm, folder: Path) -> Tsm:
    """The TSM itself, with the weights that were saved."""
    try:
        tsm.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder / WEIGHTS} does not fit its {DESCRIPTION} ({error}). Copy the whole folder again or train anew."
        ) from None
    return tsm


def start_from(tsm: Tsm, start: Tsm) -> Tsm:
    """The TSM itself, with the weights of an older one; its head too where the number of answers is the same."""
    old, new = start.state_dict(), tsm.state_dict()
    body = {name for name in new if not name.startswith("head.")}
    if any(name not in old or old[name].shape != new[name].shape for name in body):
        raise ModelError(
            f"A {tsm.settings.name} of width {tsm.width} can't start from a {start.settings.name} of width "
            f"{start.width}: their parts differ. Give both the same shape, or start without the older one."
        )
    fitting = {name: old[name] for name in new if name in old and old[name].shape == new[name].shape}
    tsm.load_state_dict(new | fitting)
    return tsm
