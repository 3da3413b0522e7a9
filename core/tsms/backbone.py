"""Any image backbone of transformers, fine-tuned whole or frozen, under a linear head of our own.

The head is kept outside of the backbone: transformers initialises anew what it finds missing from a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from safetensors import SafetensorError
from torch import Tensor

from core.errors import ModelError, reason
from core.models.checkpoint_rules import without_implementations
from core.models.pretrained import configuration
from core.models.tsm import Tsm, TsmSettings, read_saved, restore, start_from

TITLE = "Pretrained backbone"
# Where the feature stands; any other backbone has a pooled feature that was trained (ConvNeXt, ResNet, CLIP, Swin).
FIRST_TOKEN = ("vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit")
MEAN_OF_TOKENS = ("siglip_vision_model", "ijepa")


class Settings(TsmSettings):
    name: Literal["backbone"] = Field("backbone", title="Model", description="Which task-specific model.")
    checkpoint: str = Field(
        "google/vit-base-patch16-224-in21k",
        title="Checkpoint",
        description="An image model's name on the hub, or a folder that holds its configuration and safetensors.",
    )
    frozen: bool = Field(
        False,
        title="Frozen",
        description="Train the head alone; it then wants a higher learning rate, about 0.001.",
    )
    epochs: int = Field(3, ge=1, le=1000, title="Epochs", description="How often the model sees every training image.")
    learning_rate: float = Field(5e-5, gt=0, le=1, title="Learning rate", description="The highest step size of AdamW.")
    batch_size: int = Field(32, ge=1, le=4096, title="Batch size", description="Images per training step.")


@dataclass(frozen=True)
class Preparation:
    """How a backbone wants its pictures: their side, and what is subtracted and divided by."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int


class Backbone(Tsm):
    """A network of transformers under our own head. A frozen one stays as it came: no gradient, no running means."""

    mean: Tensor
    std: Tensor

    def __init__(self, settings: Settings, answers: int, network: Any, preparation: Preparation) -> None:
        super().__init__(settings, answers, _width(network, preparation))
        self.network = network
        self.frozen = settings.frozen
        self.preparation = preparation
        self.register_buffer("mean", 255 * torch.tensor(preparation.mean)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preparation.std)[:, None, None], persistent=False)
        if self.frozen:
            network.requires_grad_(False).eval()

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        square, resample = (self.preparation.size, self.preparation.size), Image.Resampling(self.preparation.resample)
        rows = [np.asarray(image.convert("RGB").resize(square, resample)) for image in images]
        return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).contiguous()

    def features(self, pixels: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return _feature(self.network, (pixels.float() - self.mean) / self.std)

    def preprocessing(self) -> dict[str, Any]:
        config = json.loads(self.network.config.to_json_string(use_diff=False))
        config.pop("_name_or_path", None)  # a place on this machine
        return {**asdict(self.preparation), "config": config}

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            self.network.eval()
        return self


def build(settings: Settings, answers: int, start: Tsm | None = None, native: int = 0) -> Tsm:
    """A checkpoint under a new head, or an older model of its shape. Its image side is its own, whatever is native."""
    network, missing = _opened(settings.checkpoint)
    preparation = _read_preparation(settings.checkpoint)
    try:
        unused = _freeze_unused(network, preparation)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _unopened(settings.checkpoint, error) from error
    lacking = sorted(missing - unused)
    if lacking:
        raise ModelError(
            f"The checkpoint {settings.checkpoint!r} lacks {len(lacking)} of its weights, {lacking[0]} for one. "
            "Copy it again, or name another."
        )
    tsm = Backbone(settings, answers, network, preparation)
    return tsm if start is None else start_from(tsm, start)


def tiny(answers: int) -> Tsm:
    """A vision transformer of two layers with random weights, for tests."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=4,
    )
    network = ViTModel(config)
    preparation = Preparation(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), Image.Resampling.BILINEAR)
    _freeze_unused(network, preparation)
    return Backbone(Settings(), answers, network, preparation)


def load(folder: Path) -> Tsm:
    """A backbone as it was saved; the checkpoint that it came from is not needed."""
    from transformers import AutoConfig, AutoModel

    saved = read_saved(folder)
    values = dict(saved.preprocessing)
    config = without_implementations(values.pop("config"))
    preparation = Preparation(values["size"], tuple(values["mean"]), tuple(values["std"]), values["resample"])
    network = AutoModel.from_config(AutoConfig.for_model(config.pop("model_type"), **config))
    _freeze_unused(network, preparation)
    return restore(Backbone(Settings.parse(saved.settings, "tsm"), saved.answers, network, preparation), folder)


def _opened(checkpoint: str) -> tuple[Any, set[str]]:
    """The network, and the names of its weights that the checkpoint does not hold."""
    from transformers import AutoModel

    try:
        config = configuration(checkpoint)
        network, report = AutoModel.from_pretrained(
            checkpoint,
            config=getattr(config, "vision_config", config),  # of CLIP and SigLIP, the half that sees
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise _unopened(checkpoint, error) from error
    if network.main_input_name != "pixel_values":
        raise ModelError(f"The checkpoint {checkpoint!r} does not read images. Name an image model, such as a ViT.")
    return network.eval(), {*report["missing_keys"]}


def _unopened(checkpoint: str, error: Exception) -> ModelError:
    return ModelError(
        f"The image model {checkpoint!r} could not be opened ({reason(error)}). Give the name of a checkpoint that "
        "this machine can reach, or a folder with config.json, preprocessor_config.json and *.safetensors."
    )


def _read_preparation(checkpoint: str) -> Preparation:
    """From the stored values alone: building the processor itself wants torchvision for some models."""
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        values, _ = ImageProcessingMixin.get_image_processor_dict(checkpoint)
        size = values["crop_size"] if values.get("do_center_crop") else values["size"]
        side = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
        mean, std = tuple(values["image_mean"]), tuple(values["image_std"])
        return Preparation(side, mean, std, values.get("resample", Image.Resampling.BICUBIC))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The checkpoint {checkpoint!r} does not say how it wants its images ({error}). Add a "
            "preprocessor_config.json with size, image_mean and image_std, as its makers publish it."
        ) from error


def _feature(network: Any, pixels: Tensor) -> Tensor:
    seen = network(pixel_values=pixels)
    kind: str = network.config.model_type
    if kind in FIRST_TOKEN:
        feature: Tensor = seen.last_hidden_state[:, 0]
        return feature
    if kind in MEAN_OF_TOKENS:
        mean: Tensor = seen.last_hidden_state.mean(1)
        return mean
    pooled: Tensor | None = getattr(seen, "pooler_output", None)
    if pooled is None:
        raise ModelError(f"A {kind} gives no feature of a whole image. Name a ViT, DINOv2, CLIP, SigLIP or ConvNeXt.")
    return pooled.flatten(1)


def _probe(network: Any, preparation: Preparation) -> Tensor:
    return _feature(network, torch.zeros(1, 3, preparation.size, preparation.size))


def _width(network: Any, preparation: Preparation) -> int:
    with torch.no_grad():
        return _probe(network.eval(), preparation).shape[1]


def _freeze_unused(network: Any, preparation: Preparation) -> set[str]:
    """Names of the weights on which the feature does not depend, such as an untrained pooler; they stay as they are."""
    named = dict(network.named_parameters())
    gradients = torch.autograd.grad(_probe(network.eval(), preparation).sum(), list(named.values()), allow_unused=True)
    unused = {name for name, gradient in zip(named, gradients, strict=True) if gradient is None}
    for name in unused:
        named[name].requires_grad_(False)
    return unused
