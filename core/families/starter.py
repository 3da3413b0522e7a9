"""The small model that ships with the project: InternVL's architecture at 64 pixels, quick on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field

from core.errors import ModelError
from core.models.pretrained import load_checkpoint
from core.models.tiny import SEED
from core.models.vlm import Anatomy, Vlm, VlmSettings

TITLE = "Starter"
MODEL_TYPES: tuple[str, ...] = ()
ANATOMY = Anatomy()
BUNDLED = "bundled"
WEIGHTS = Path(__file__).parents[1] / "starter" / "weights"


# A small model with little to learn from its checkpoint wants larger steps than the recipes of large ones, and more
# dropout: within a few hundred steps it knows the training images by heart.
_TRAINING = {"learning_rate": 2e-3, "connector_learning_rate": 2e-3, "batch_size": 64}
_LORA = {"dropout": 0.1}
# In a few hundred steps the printed contrast, on all tokens, hurts: later tokens of a name follow from earlier ones.
_METHODS = {"vitask": {"contrast": 0.1, "contrast_on": "first_distinguishing"}}
# Half of what a small convnet can learn of a few thousand pictures comes after its first epochs (docs/log.md).
_TSMS = {"convnet": {"epochs": 30, "most_steps": 1500, "evaluations": 15, "patience": 5}}
# Past a few passes a set of some hundred or thousand pictures is known by heart: nothing is gained but false certainty.
_BALANCED = _TRAINING | {"steps": 160, "most_epochs": 2.5, "least_steps": 60}
_THOROUGH = _TRAINING | {"steps": 1200, "most_epochs": 10, "least_steps": 240}
PRESETS = {
    "quick": {"training": _TRAINING | {"steps": 60, "batch_size": 32}, "lora": _LORA, "methods": _METHODS},
    "balanced": {"training": _BALANCED, "lora": _LORA, "methods": _METHODS, "tsms": _TSMS},
    "thorough": {"training": _THOROUGH, "lora": _LORA, "methods": _METHODS, "tsms": _TSMS},
}


class Settings(VlmSettings):
    family: Literal["starter"] = Field("starter", title="Family", description="The small model of this project.")
    checkpoint: str = Field(
        BUNDLED,
        title="Checkpoint",
        description="`bundled` is the one that ships with the project; a folder holds one built or tuned later.",
    )


def load(settings: Settings) -> Vlm:
    if settings.checkpoint != BUNDLED:
        return load_checkpoint(settings, ANATOMY)
    if not WEIGHTS.is_dir():
        raise ModelError(
            f"The starter's weights are missing: {WEIGHTS} does not exist. "
            "Install the project again, or make them with “vitask starter build”."
        )
    vlm = load_checkpoint(settings.model_copy(update={"checkpoint": str(WEIGHTS)}), ANATOMY)
    vlm.name = "starter"
    return vlm


def tiny() -> Vlm:
    """The whole starter, which is small enough, with random weights."""
    from core.starter.architecture import image_processor, new
    from core.starter.tokenizer import train

    tokenizer = train([])
    torch.manual_seed(SEED)
    base = new(tokenizer).eval().requires_grad_(False)
    return Vlm(base, tokenizer, image_processor(), ANATOMY, "tiny starter")
