"""What pictures carry beside what they show: their file, their size, their border and corners; and, to be told from
these, how bright, sharp and coloured their middle is.

Measured on a picture made small, so that a mark is seen at any resolution. core/sets/shortcuts.py asks whether any of
it says the label.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.case import Pixels
from core.errors import DataError
from core.pictures.pixels import Filed, decode

Floats = NDArray[np.float32]
Where = Literal["file", "border", "middle"]

SIDE = 32
LARGEST = 256
"""Longer pictures are made smaller first: marks of people and machines are larger than a pixel of this."""
PATCH = 8
"""A corner is an eighth of the width and of the height, and so deep are the sides."""
PLAIN_SPREAD = 4.0
"""A line at the border with less spread than this, in grey levels, shows nothing."""
CORNERS = ("top left corner", "top right corner", "bottom left corner", "bottom right corner")
SIDES = ("top edge", "bottom edge", "left edge", "right edge")


@dataclass(frozen=True)
class Measure:
    """A number of every picture: of what place it is, what it says, and whether that place may show anatomy."""

    place: str
    name: str
    where: Where


OF_FILE = tuple(
    Measure(place, name, "file")
    for place, name in (
        ("size of the picture", "width"),
        ("size of the picture", "height"),
        ("size of the picture", "width by height"),
        ("kind of picture", "grey or colour"),
        ("compression of the file", "rounding"),
    )
)
OF_BORDER = (
    *(Measure(place, name, "border") for place in (*CORNERS, *SIDES) for name in ("shade", "spread", "edges")),
    *(Measure("plain border", name, "border") for name in ("width", "blackness")),
)
OF_MIDDLE = tuple(
    Measure("middle of the picture", name, "middle")
    for name in ("brightness", "contrast", "sharpness", "red cast", "blue cast")
)
MEASURES = (*OF_FILE, *OF_BORDER, *OF_MIDDLE)


@dataclass(frozen=True)
class Trace:
    """The measures of a picture in the order of MEASURES, the kind of its file, and itself in SIDE x SIDE levels."""

    measures: Floats
    thumbnail: bytes
    kind: str = ""


def trace_of(pixels: Pixels) -> Trace | None:
    """None where the picture can't be opened, which others tell."""
    try:
        stored = pixels.stored() if isinstance(pixels, Filed) else b""
        picture = decode(stored, "") if stored else pixels.load()
    except DataError:
        return None
    kind, rounding = _file_of(stored)
    small = picture.copy()
    small.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    colours = np.asarray(small.convert("RGB"), np.float32)
    grey = np.asarray(small.convert("L"), np.float32)
    width, height = picture.size
    of_file = (width, height, width / height, float(picture.mode != "L"), rounding)
    values = np.array([*of_file, *_of_border(grey), *_of_middle(grey, colours)], np.float32)
    thumbnail = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return Trace(values, thumbnail.tobytes(), kind)


def traces_of(pixels: Sequence[Pixels]) -> list[Trace | None]:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return list(threads.map(trace_of, pixels))


def _file_of(stored: bytes) -> tuple[str, float]:
    """The kind of a picture's file, and how finely its JPEG is stored: the mean step of its first table, 0 where
    nothing was rounded, or there is no file."""
    try:
        with Image.open(BytesIO(stored)) as picture:
            tables = getattr(picture, "quantization", None) or {}
            return picture.format or "", float(np.mean(tables[0])) if 0 in tables else 0.0
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return "", 0.0


def _of_border(grey: Floats) -> list[float]:
    deep, broad = (max(2, round(length / PATCH)) for length in grey.shape)
    patches = (
        *(grey[rows, columns] for rows in (np.s_[:deep], np.s_[-deep:]) for columns in (np.s_[:broad], np.s_[-broad:])),
        grey[:deep, broad:-broad],
        grey[-deep:, broad:-broad],
        grey[deep:-deep, :broad],
        grey[deep:-deep, -broad:],
    )
    ring = np.concatenate([patch.ravel() for patch in patches])
    plain = [_plain(lines) for lines in (grey, grey[::-1], grey.T, grey.T[::-1])]
    return [*(value for patch in patches for value in _of_patch(patch)), max(plain), float((ring < 16).mean())]


def _of_patch(patch: Floats) -> tuple[float, float, float]:
    """Shade, spread, and how much it jumps from pixel to pixel."""
    if not patch.size:
        return 0.0, 0.0, 0.0
    jumps = sum(float(np.abs(np.diff(patch, axis=axis)).mean()) for axis in (0, 1) if patch.shape[axis] > 1)
    return float(patch.mean()), float(patch.std()), jumps


def _plain(lines: Floats) -> float:
    """How far in from the first line nothing is shown, as a share of all."""
    shows = lines.std(axis=1) > PLAIN_SPREAD
    return float(shows.argmax() if shows.any() else len(lines)) / len(lines)


def _of_middle(grey: Floats, colours: Floats) -> tuple[float, ...]:
    deep, broad = (round(length / 4) for length in grey.shape)
    shades = grey[deep : grey.shape[0] - deep, broad : grey.shape[1] - broad]
    shade, spread, jumps = _of_patch(shades)
    red, green, blue = colours[deep : grey.shape[0] - deep, broad : grey.shape[1] - broad].reshape(-1, 3).mean(axis=0)
    return shade, spread, jumps, float(red - green), float(blue - green)
