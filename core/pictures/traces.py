"""What pictures carry beside what they show: their file, their size, their border and corners; and, to be told from
these, how bright, sharp and coloured their middle is.

Measured on a picture made small, so that a mark is seen at any resolution. core/checks/shortcuts.py asks whether any of
it says the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.case import Pixels
from core.errors import DataError
from core.pictures.pixels import KINDS, Filed, decode, is_drawn_anew, name_of

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


@dataclass(frozen=True)
class File:
    """The kind of a picture's file, and how finely its JPEG is stored: the mean step of its first table, 0 where
    nothing was rounded, or there is no file."""

    kind: str = ""
    rounding: float = 0.0


def trace_of(pixels: Pixels) -> Trace | None:
    """None where the picture can't be opened, which others tell."""
    try:
        return trace_in(*opened(pixels))
    except DataError:
        return None


def opened(pixels: Pixels) -> tuple[Image.Image, File]:
    """A picture and what is to be said of its file: of the one that is kept, where it came in another way."""
    if is_drawn_anew(pixels):
        return pixels.load(), File("PNG")
    if not isinstance(pixels, Filed):
        return pixels.load(), File()
    stored = pixels.stored()
    return decode(stored, name_of(pixels)), _file_of(stored)


def trace_in(picture: Image.Image, file: File) -> Trace:
    """Its picture is made small by this: a copy of a large one would cost as much as to decode it."""
    width, height = picture.size
    of_file = (width, height, width / height, float(picture.mode != "L"), file.rounding)
    thumbnail = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    colours = np.asarray(picture.convert("RGB"), np.float32)
    grey = np.asarray(picture.convert("L"), np.float32)
    values = np.array([*of_file, *_of_border(grey), *_of_middle(grey, colours)], np.float32)
    return Trace(values, thumbnail.tobytes(), file.kind)


def _file_of(stored: bytes) -> File:
    try:
        with Image.open(BytesIO(stored), formats=KINDS) as picture:
            tables = getattr(picture, "quantization", None) or {}
            return File(picture.format or "", float(np.mean(tables[0])) if 0 in tables else 0.0)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return File()


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
    shows = [lines.std(axis=1) > PLAIN_SPREAD for lines in (grey, grey.T)]
    plain = [_plain(lines) for of_side in shows for lines in (of_side, of_side[::-1])]
    return [*(value for patch in patches for value in _of_patch(patch)), max(plain), float((ring < 16).mean())]


def _of_patch(patch: Floats) -> tuple[float, float, float]:
    """Shade, spread, and how much it jumps from pixel to pixel."""
    if not patch.size:
        return 0.0, 0.0, 0.0
    # As `mean` and `std` reckon, to the last bit, without what numpy looks at before it begins: patches are tiny.
    shade = _mean(patch)
    apart = patch - shade
    apart *= apart
    jumps = (patch[1:] - patch[:-1], patch[:, 1:] - patch[:, :-1])
    return float(shade), float(np.sqrt(_mean(apart))), sum(float(_mean(np.abs(each))) for each in jumps if each.size)


def _mean(patch: Floats) -> np.float32:
    mean: np.float32 = np.add.reduce(patch, axis=None) / patch.size
    return mean


def _plain(shows: NDArray[np.bool_]) -> float:
    """How far in from the first line nothing is shown, as a share of all."""
    return float(shows.argmax() if shows.any() else len(shows)) / len(shows)


def _of_middle(grey: Floats, colours: Floats) -> tuple[float, ...]:
    deep, broad = (round(length / 4) for length in grey.shape)
    shades = grey[deep : grey.shape[0] - deep, broad : grey.shape[1] - broad]
    shade, spread, jumps = _of_patch(shades)
    red, green, blue = colours[deep : grey.shape[0] - deep, broad : grey.shape[1] - broad].reshape(-1, 3).mean(axis=0)
    return shade, spread, jumps, float(red - green), float(blue - green)
