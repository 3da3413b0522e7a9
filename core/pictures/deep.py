"""Pictures of more than 8 bits: their levels, what those measure, and the windows through which they are seen.

They are kept as grey PNG of 16 bits, a file that every program opens. A text in it says what a level measures and which
views there are; the first of them makes the 8 bits that models see, so a picture says itself how it was read.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.errors import DataError

KEY = "vitask-deep"
LEVELS = 1 << 16
WHITE = 255
WHOLE_SPAN = "all of it"
Curve = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
CURVES: tuple[Curve, ...] = get_args(Curve)

Levels = NDArray[np.uint16]
Measures = NDArray[np.float64]
Shades = NDArray[np.uint8]


@dataclass(frozen=True)
class Window:
    """A span of what is measured, from black to white, by one of the three curves of DICOM (PS3.3 C.11.2.1)."""

    name: str
    center: float
    width: float
    curve: Curve = "LINEAR"

    def __post_init__(self) -> None:
        least = 1.0 if self.curve == "LINEAR" else 0.0
        if self.curve not in CURVES or not math.isfinite(self.center) or not least <= self.width < math.inf:
            raise DataError(f'The window "{self.name}" ({self.center}, {self.width}) is none that DICOM allows.')
        if self.curve != "LINEAR" and self.width == 0:
            raise DataError(f'The window "{self.name}" has no width. Name a wider one.')

    def shares(self, measures: Measures) -> Measures:
        """How far from black to white each is, 0 to 1."""
        if self.curve == "SIGMOID":
            return np.asarray(1 / (1 + np.exp(np.clip(-4 * (measures - self.center) / self.width, -700, 700))))
        if self.curve == "LINEAR_EXACT":
            return np.clip((measures - self.center) / self.width + 0.5, 0, 1)
        if self.width == 1:
            return (measures > self.center - 0.5).astype(np.float64)
        return np.clip((measures - (self.center - 0.5)) / (self.width - 1) + 0.5, 0, 1)


@dataclass(frozen=True)
class Table:
    """A shade (8 bits) for each whole number that is measured, from the first on; beyond the ends go theirs."""

    name: str
    first: int
    shades: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.shades) <= LEVELS:
            raise DataError(
                f'The table of shades "{self.name}" has {len(self.shades):,} shades; 1 to {LEVELS:,} are read.'
            )

    def shares(self, measures: Measures) -> Measures:
        """How far from black to white each is, 0 to 1."""
        places = np.clip(np.floor(measures + 0.5) - self.first, 0, len(self.shades) - 1).astype(np.int64)
        shares: Measures = np.frombuffer(self.shades, np.uint8)[places] / WHITE
        return shares


View = Window | Table


@dataclass(frozen=True)
class Deep:
    """A grey picture of up to 16 bits. A level measures `level * slope + intercept`, in the unit."""

    levels: Levels
    views: tuple[View, ...]
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    is_inverted: bool = False
    """Whether what measures least is white (MONOCHROME1)."""

    def __post_init__(self) -> None:
        if self.levels.ndim != 2 or not self.levels.size or not self.views:
            raise DataError("A deep picture has rows, columns and at least one window.")
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept)) or self.slope == 0:
            raise DataError(f"Levels can't measure level * {self.slope} + {self.intercept}.")

    def measures(self) -> Measures:
        """What is measured at each place."""
        return self.levels.astype(np.float64) * self.slope + self.intercept

    def shades(self, view: View | None = None) -> Shades:
        """What is seen through a view; through the first where none is named. Halves go up."""
        each = np.arange(int(self.levels.max()) + 1, dtype=np.float64) * self.slope + self.intercept
        shades = np.floor((view or self.views[0]).shares(each) * WHITE + 0.5).astype(np.uint8)
        seen: Shades = (WHITE - shades if self.is_inverted else shades)[self.levels]
        return seen


def whole_span(levels: Levels, slope: float = 1.0, intercept: float = 0.0) -> Window:
    """The window from the least to the most that is measured in a picture."""
    low, high = (float(level) * slope + intercept for level in (levels.min(), levels.max()))
    return span(low, high, abs(slope))


def span(low: float, high: float, least: float, name: str = WHOLE_SPAN) -> Window:
    """From one end of what is measured to the other, but of a width of `least`."""
    low, high = sorted((low, high))
    width = max(high - low, least)
    if not math.isfinite(width):
        raise DataError("Its levels measure more than numbers can hold. Export it again.")
    return Window(name, (low + high) / 2, width, "LINEAR_EXACT")


def as_deep_png(deep: Deep) -> bytes:
    """The file that is kept."""
    info = PngInfo()
    info.add_itxt(KEY, json.dumps(facts_of(deep), ensure_ascii=False), zip=True)
    file = BytesIO()
    Image.fromarray(deep.levels).save(file, "PNG", compress_level=1, pnginfo=info)
    return file.getvalue()


def facts_of(deep: Deep) -> dict[str, Any]:
    """All but the levels, as JSON has it."""
    views = [
        {"name": view.name, "first": view.first, "shades": base64.b64encode(view.shades).decode()}
        if isinstance(view, Table)
        else {"name": view.name, "center": view.center, "width": view.width, "curve": view.curve}
        for view in deep.views
    ]
    values = {"slope": deep.slope, "intercept": deep.intercept, "unit": deep.unit, "inverted": deep.is_inverted}
    return values | {"views": views}


def deep_of(picture: Image.Image, name: str) -> Deep | None:
    """What an opened picture says of itself; None where it is no deep one. DataError where its text is damaged."""
    text = picture.info.get(KEY)
    if text is None or not picture.mode.startswith("I;16"):
        return None
    try:
        facts = json.loads(text)
        views = tuple(map(_view_of, facts["views"]))
        levels = np.asarray(picture, dtype=np.uint16)
        numbers = float(facts["slope"]), float(facts["intercept"])
        return Deep(levels, views, *numbers, str(facts["unit"]), facts["inverted"] is True)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f'"{name}" says of its windows what can\'t be read ({error}). Bring it again.') from None


def _view_of(facts: Mapping[str, Any]) -> View:
    if "shades" in facts:
        return Table(str(facts["name"]), int(facts["first"]), base64.b64decode(facts["shades"], validate=True))
    return Window(str(facts["name"]), float(facts["center"]), float(facts["width"]), facts["curve"])
