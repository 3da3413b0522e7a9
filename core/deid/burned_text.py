"""Reads what is written in the pixels of a picture. Wants the extra `ocr`, whose models lie inside its wheel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import SettingsError

if TYPE_CHECKING:
    from rapidocr import RapidOCR

Shades = NDArray[np.uint8]
"""Rows, columns, and three colours where it has them."""

INSTALL = "Install it with “pip install 'vitask-studio[ocr]'”."
LONGEST_SIDE = 1280
"""Pictures are read at no more pixels a side: letters of a hundredth of a picture's height are still read."""
SHORTEST_SIDE = 736
FAINTEST = 6
"""Shades between neighbours. Where no two pixels differ by more, nothing is written that anybody could read."""
LEAST_SURE = 0.5


@dataclass(frozen=True)
class Spot:
    """A rectangle of pixels. The right column and the bottom row are not in it."""

    left: int
    top: int
    right: int
    bottom: int

    def grown(self, pixels: int, width: int, height: int) -> Spot:
        """With so many pixels more on each side, as far as the picture goes."""
        return Spot(
            max(self.left - pixels, 0),
            max(self.top - pixels, 0),
            min(self.right + pixels, width),
            min(self.bottom + pixels, height),
        )

    def meets(self, other: Spot) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True)
class Word:
    text: str
    spot: Spot


@dataclass(frozen=True)
class Line:
    """Words beside each other, as they were read."""

    words: tuple[Word, ...]
    spot: Spot

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def can_read() -> bool:
    """Whether the extra that reads pictures is there."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def read_lines(shades: Shades) -> list[Line]:
    """Every line of text in a picture. SettingsError where nothing is installed that reads."""
    height, width = shades.shape[:2]
    if is_plain(shades):
        return []
    scale = _scale_of(width, height)
    picture = Image.fromarray(np.ascontiguousarray(shades)).convert("RGB")
    size = max(1, round(width * scale)), max(1, round(height * scale))
    answer: Any = _reader()(np.asarray(picture.resize(size, Image.Resampling.BICUBIC)))
    if answer.txts is None or answer.boxes is None:
        return []
    wholes = [_spot_of(corners, size, (width, height)) for corners in answer.boxes]
    lines = []
    for text, whole, words in zip(answer.txts, wholes, answer.word_results, strict=True):
        parts = [Word(word, _spot_of(corners, size, (width, height))) for word, _, corners in words if corners]
        lines.append(Line(tuple(parts) or (Word(text, whole),), whole))
    return lines


def is_plain(shades: Shades) -> bool:
    """Whether a picture has no edge at all; nothing needs to be read then."""
    wide = shades.astype(np.int16)
    steps = (np.abs(np.diff(wide, axis=axis)) for axis in (0, 1) if shades.shape[axis] > 1)
    return all(int(step.max()) <= FAINTEST for step in steps)


def _scale_of(width: int, height: int) -> float:
    """Small pictures are enlarged, large ones made smaller."""
    longest, shortest = max(width, height), min(width, height)
    return min(max(SHORTEST_SIDE / shortest, 1.0), LONGEST_SIDE / longest)


def _spot_of(corners: Iterable[Sequence[float]], size: tuple[int, int], kept: tuple[int, int]) -> Spot:
    """Round four corners, in pixels of the picture as it is kept."""
    places = np.asarray(list(corners), dtype=np.float64) * (kept[0] / size[0], kept[1] / size[1])
    left, top = np.floor(places.min(axis=0)).astype(int)
    right, bottom = np.ceil(places.max(axis=0)).astype(int)
    return Spot(max(int(left), 0), max(int(top), 0), min(int(right), kept[0]), min(int(bottom), kept[1]))


@lru_cache(maxsize=1)
def _reader() -> RapidOCR:
    if not can_read():
        raise SettingsError(f"Nothing is installed that reads what is written in pictures. {INSTALL}")
    from rapidocr import RapidOCR

    choices = {
        "Global.log_level": "error",
        "Global.return_word_box": True,
        "Global.use_cls": False,  # text that stands on its head is read well enough to be seen
        "Global.text_score": LEAST_SURE,
        "Global.max_side_len": LONGEST_SIDE,
        "Det.limit_side_len": 32,  # the size is chosen here
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    return RapidOCR(params=choices)
