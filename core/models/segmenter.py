"""A frozen SAM or SAM 2: what its encoder sees in a picture, and the mask that its decoder draws for some prompts.

Its own image processors are not asked: that of SAM 2 wants torchvision. A picture is laid out here as they do it: for
SAM the longer side fills the square and the rest is left empty, for SAM 2 both sides fill it. Everything is float32.

Axes: P prompts, C width of a prompt.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import ModelError
from core.models.pretrained import configuration, file_of, opening, refuse_incomplete
from core.models.vlm import ImageFeatures

KINDS = {"sam": "Sam", "sam2": "Sam2", "sam2_video": "Sam2"}
"""By what a configuration calls itself: SAM 2 is handed out with the parts that follow objects through a video."""
EXPECTED = "a SAM or SAM 2 checkpoint that this machine can reach, or a folder with its config.json and *.safetensors"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FINER = 4
"""A mask of SAM is so many times finer than what its encoder sees."""
_open: WeakValueDictionary[str, Segmenter] = WeakValueDictionary()
"""Those in use: several heads of a run share one."""


class Segmenter:
    """No module, so that heads that use it neither train nor keep its weights."""

    def __init__(self, model: Any, name: str, mean: Sequence[float] = MEAN, std: Sequence[float] = STD) -> None:
        self.model = model.eval().requires_grad_(False)
        self.name = name
        self.mean, self.std = (tuple(map(float, values)) for values in (mean, std))
        self.is_second = model.config.model_type != "sam"
        if self.is_second:  # else another of its masks is taken now and then, which nothing was learned for
            model.mask_decoder.dynamic_multimask_via_stability = False

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    @property
    def hidden_size(self) -> int:
        """Features are laid out one number after another."""
        return 1

    @property
    def prompt_width(self) -> int:
        return int(self.model.config.mask_decoder_config.hidden_size)

    @property
    def side(self) -> int:
        """Of the square that pictures are laid out in."""
        config = self.model.config
        size = config.prompt_encoder_config.image_size if self.is_second else config.vision_config.image_size
        return int(size if isinstance(size, int) else size[0])

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of what the encoder returns: channels, rows and columns, from fine to coarse."""
        if not self.is_second:
            grid = self.side // self.model.config.vision_config.patch_size
            return [(self.prompt_width, grid, grid)]
        decoder = self.model.mask_decoder
        channels = (decoder.conv_s0.out_channels, decoder.conv_s1.out_channels, self.prompt_width)
        return [
            (width, *size)
            for width, size in zip(channels, self.model.config.vision_config.backbone_feature_sizes, strict=True)
        ]

    def key(self) -> str:
        """Names the weights and how pictures are laid out."""
        whole = hashlib.blake2b(json.dumps([self.is_second, self.side, self.mean, self.std]).encode())
        for name, weights in self.model.state_dict().items():
            whole.update(name.encode())
            whole.update(weights.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return whole.hexdigest()

    def encode(self, images: Sequence[Image.Image]) -> list[ImageFeatures]:
        """One after another: a picture takes some hundred megabytes on its way. `grid` says how much of the mask's
        square is the picture."""
        return [self._encoded(image) for image in images]

    @torch.no_grad()
    def _encoded(self, image: Image.Image) -> ImageFeatures:
        width, height = self._fitted(*image.size)
        resized = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(resized)).to(self.device).permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(values, device=self.device)[:, None, None] for values in (self.mean, self.std))
        square = torch.zeros(1, 3, self.side, self.side, device=self.device)
        square[0, :, :height, :width] = (pixels - mean) / std
        with torch.autocast(self.device.type, enabled=False):
            seen = self.model.get_image_embeddings(square)
        levels = seen if self.is_second else [seen]
        rows, columns = (math.ceil(side * self._mask_side / self.side) for side in (height, width))
        return ImageFeatures(torch.cat([level.flatten() for level in levels])[:, None], (1, rows, columns))

    def _fitted(self, width: int, height: int) -> tuple[int, int]:
        if self.is_second:
            return self.side, self.side
        scale = self.side / max(width, height)
        return max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))

    @property
    def _mask_side(self) -> int:
        _, rows, _ = self.shapes[0]
        return rows if self.is_second else FINER * rows

    def draw(self, prompts: Tensor, features: ImageFeatures) -> Tensor:
        """The logits of the mask for prompts [P, C], [h, w]; the gradient reaches the prompts."""
        levels = features.tokens.flatten().split([math.prod(shape) for shape in self.shapes])
        *fine, coarse = (level.reshape(1, *shape) for level, shape in zip(levels, self.shapes, strict=True))
        _, no_mask = self.model.prompt_encoder(None, None, None, None)
        finer = {"high_resolution_features": fine} if self.is_second else {}
        masks, *_ = self.model.mask_decoder(
            image_embeddings=coarse,
            image_positional_embeddings=self.model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=prompts[None, None],
            dense_prompt_embeddings=no_mask,
            multimask_output=False,
            **finer,
        )
        assert features.grid is not None
        _, rows, columns = features.grid
        logits: Tensor = masks[0, 0, 0, :rows, :columns]
        return logits

    def moved(self, change: Callable[[Tensor], Tensor]) -> None:
        """Goes where the head goes that uses it."""
        self.model._apply(change)


def open_segmenter(checkpoint: str) -> Segmenter:
    """From a folder or the hub: safetensors alone, and nothing that brings code."""
    kept = _open.get(checkpoint)
    if kept is None:
        kept = _open[checkpoint] = _opened(checkpoint)
    return kept


def _opened(checkpoint: str) -> Segmenter:
    import transformers

    with opening(checkpoint, EXPECTED):
        config = configuration(checkpoint)
        kind = KINDS.get(config.model_type)
        if kind is None:
            raise ModelError(
                f"The checkpoint {checkpoint!r} is a model of the kind {config.model_type}, which draws no masks for "
                f"prompts. Give {EXPECTED}; or leave method.mask_checkpoint empty."
            )
        if config.model_type == "sam2_video":  # the parts that follow objects through a video are left out
            config = transformers.Sam2Config(
                vision_config=config.vision_config,
                prompt_encoder_config=config.prompt_encoder_config,
                mask_decoder_config=config.mask_decoder_config,
            )
        model, loading_info = getattr(transformers, f"{kind}Model").from_pretrained(
            checkpoint,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    refuse_incomplete(checkpoint, loading_info)
    return Segmenter(model, checkpoint, *_normalisation(checkpoint))


def _normalisation(checkpoint: str) -> tuple[Sequence[float], Sequence[float]]:
    """What the checkpoint subtracts from its pictures and divides them by, where it says so."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        text = file_of(checkpoint, name)
        if text is None:
            continue
        try:
            values = json.loads(text)
            values = values.get("image_processor", values)
            mean, std = values["image_mean"], values["image_std"]
            is_usable = len(mean) == len(std) == 3 and all(map(math.isfinite, [*mean, *std])) and min(std) > 0
        except (ValueError, LookupError, TypeError, AttributeError):
            is_usable = False
        if not is_usable:
            raise ModelError(
                f"The {name} of {checkpoint!r} does not say in three numbers each what is subtracted from a picture "
                "(image_mean) and what it is divided by (image_std). Copy the whole checkpoint."
            )
        return mean, std
    return MEAN, STD
