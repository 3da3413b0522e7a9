"""A small residual convnet, made to learn a set of small pictures in a minute on two processor cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from core.models.tsm import Tsm, TsmSettings, read_saved, restore, start_from

TITLE = "Small convnet"
LARGEST_AUTOMATIC = 64
# Running means must catch up in a small set's few steps: 200 cases read at .17 with the usual 0.1, at .71 with this.
MOMENTUM = 0.3


class Settings(TsmSettings):
    name: Literal["convnet"] = Field("convnet", title="Model", description="Which task-specific model.")
    width: int = Field(
        128, ge=8, le=2048, multiple_of=4, title="Feature width", description="Numbers in a picture's feature."
    )
    blocks: int = Field(
        1, ge=1, le=8, title="Blocks", description="Residual blocks at each of the three resolutions: more learn more."
    )
    image_size: Literal["auto"] | Annotated[int, Field(ge=8, le=1024)] = Field(
        "auto",
        title="Image side",
        description=f"Pixels that pictures are made wide and high; auto: their own size, up to {LARGEST_AUTOMATIC}.",
    )


class Block(nn.Module):
    """Two convolutions beside a shortcut; a stride halves the resolution."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after, momentum=MOMENTUM),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after, momentum=MOMENTUM),
        )
        # A strided 1 x 1 convolution as a choice of pixels and a plain one: on processors with AVX2 alone torch 2.13
        # writes past its memory in the strided one's gradient where channels are few, and the process dies.
        chosen = nn.AvgPool2d(1, stride) if stride > 1 else nn.Identity()
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(chosen, nn.Conv2d(before, after, 1, bias=False))

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.relu(self.body(maps) + self.shortcut(maps))


class Convnet(Tsm):
    """Convolutions at three resolutions, then the mean over the picture."""

    def __init__(self, settings: Settings, answers: int, size: int) -> None:
        super().__init__(settings, answers, settings.width)
        self.size = size
        self.body = _body(settings.width, settings.blocks)

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        square = (self.size, self.size)
        rows = [np.asarray(image.convert("RGB").resize(square, Image.Resampling.BILINEAR)) for image in images]
        return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).contiguous()

    def features(self, pixels: Tensor) -> Tensor:
        scaled = (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self.body(scaled)
        return maps.mean((2, 3))

    def preprocessing(self) -> dict[str, Any]:
        return {"size": self.size}


def _body(width: int, blocks: int) -> nn.Module:
    widths = (width // 4, width // 2, width)
    layers: list[nn.Module] = [
        nn.Conv2d(3, widths[0], 3, 1, 1, bias=False),
        nn.BatchNorm2d(widths[0], momentum=MOMENTUM),
        nn.ReLU(inplace=True),
    ]
    before = widths[0]
    for after in widths:
        layers += [Block(before, after, 2), *(Block(after, after, 1) for _ in range(blocks - 1))]
        before = after
    body = nn.Sequential(*layers)
    body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return body


def build(settings: Settings, answers: int, start: Tsm | None = None, native: int = LARGEST_AUTOMATIC) -> Tsm:
    """A new convnet, or one with the weights of an older one. native: the side of the set's own pictures."""
    size = min(native, LARGEST_AUTOMATIC) if settings.image_size == "auto" else settings.image_size
    tsm = Convnet(settings, answers, size)
    return tsm if start is None else start_from(tsm, start)


def tiny(answers: int) -> Tsm:
    """The smallest convnet, for tests."""
    return build(Settings(width=8, image_size=16), answers)


def load(folder: Path) -> Tsm:
    """A convnet as it was saved."""
    saved = read_saved(folder)
    settings = Settings.parse(saved.settings, "tsm")
    return restore(Convnet(settings, saved.answers, int(saved.preprocessing["size"])), folder)
