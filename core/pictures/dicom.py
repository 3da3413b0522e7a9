"""From a DICOM file to a picture: grey ones with all their levels, what these measure, and every window of the file.

The order is DICOM's (PS3.3 C.11): modality table or rescale, then table or window of interest, then MONOCHROME1. Levels
are kept as they were stored, moved to start at 0; 32 bits and fractions are laid over 16 bits. Colour has 8 bits. What
is drawn over a picture (overlays) is left away, colour profiles are not applied, and pixels that are not square stay as
they are: to make them square would keep levels that nobody measured.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from core.errors import DataError
from core.pictures.deep import LEVELS, Deep, Levels, Window, as_deep_png, span, whole_span
from core.pictures.dicom_file import PIXELS, Source, read_whole, turned
from core.pictures.dicom_frame import PALETTE, Stored, decoded, in_colour
from core.pictures.dicom_groups import numbers, text, whole
from core.pictures.dicom_views import WHOLE_RANGE, Measure, measure_of, views_of
from core.pictures.store import as_png


@dataclass(frozen=True)
class DicomPixels:
    """A picture in a DICOM file: its only one, or the frame of that number, from 0."""

    source: Source
    frame: int | None = None
    is_drawn_anew: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return self.source.name if self.frame is None else f"{self.source.name}#{self.frame + 1}"

    @property
    def is_apart(self) -> bool:
        return self.frame is None and len(self.source.members) < 2

    def load(self) -> Image.Image:
        picture = self.picture()
        return picture if isinstance(picture, Image.Image) else Image.fromarray(picture.shades())

    def stored(self) -> bytes:
        """The file to keep, in which nothing of the header is left but windows and what levels measure."""
        picture = self.picture()
        return as_png(picture) if isinstance(picture, Image.Image) else as_deep_png(picture)

    def digest(self) -> str:
        return hashlib.sha256(self.stored()).hexdigest()

    def picture(self) -> Deep | Image.Image:
        """Grey with all its levels, or in colour."""
        elements = read_whole(self.source) if self.frame is None else _kept(self.source, _stamp(self.source))
        return picture_in(elements, self.frame or 0, self.name)


def picture_in(elements: Dataset, frame: int, name: str) -> Deep | Image.Image:
    """The picture of a frame; `name` is for the message."""
    with turned(name):
        if not any(tag in elements for tag in PIXELS):
            raise DataError("It holds no picture, or is cut off within it. Get it again, or remove it.")
        stored = decoded(elements, frame, name)
        if stored.ndim == 3 or text(elements.get("PhotometricInterpretation")) == PALETTE:
            return Image.fromarray(in_colour(stored, elements))
        return _grey(stored, elements, frame)


def _stamp(source: Source) -> int:
    try:
        return source.path.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f'"{source.path}" can\'t be read ({error.strerror}). Restore or remove it.') from None


def _kept(source: Source, stamp: int) -> Dataset:
    return _read(source, stamp, os.getpid())


@lru_cache(maxsize=1)
def _read(source: Source, stamp: int, process: int) -> Dataset:
    # The frames of a file are looked at one after the other: each would cost a reading of the whole.
    return read_whole(source)


def _grey(stored: Stored, elements: Dataset, frame: int) -> Deep:
    measure = measure_of(elements, frame)
    levels, step, least = _levels(stored, elements, measure)
    slope, intercept = measure.slope * step, measure.intercept + measure.slope * least
    views = views_of(elements, frame) or (_whole(levels, stored, elements, measure, slope, intercept),)
    is_inverted = text(elements.get("PhotometricInterpretation")) == "MONOCHROME1"
    return Deep(levels, views, slope, intercept, measure.unit, is_inverted)


def _levels(stored: Stored, elements: Dataset, measure: Measure) -> tuple[Levels, float, float]:
    """Levels, and how a stored value comes from them: level * step + least."""
    if measure.table:
        return measure.table.of(stored.astype(np.int64)).astype(np.uint16), 1.0, 0.0
    if np.issubdtype(stored.dtype, np.floating):
        return _laid_over(_finite(stored))
    low, high = int(stored.min()), int(stored.max())
    if low >= 0 and high < LEVELS:
        return stored.astype(np.uint16), 1.0, 0.0
    bits = min(whole(elements.get("BitsStored"), 16), 16)
    if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1):
        low = -(1 << (bits - 1))  # the same for every picture of a scanner
    if high - low < LEVELS:
        return (stored.astype(np.int64) - low).astype(np.uint16), 1.0, float(low)
    return _laid_over(stored.astype(np.float64))


def _finite(stored: Stored) -> NDArray[np.float64]:
    """Numbers all of them: what is none is put to the nearest end of the others."""
    numbers_of = stored.astype(np.float64)
    finite = numbers_of[np.isfinite(numbers_of)]
    if not finite.size:
        raise DataError("None of its levels is a number. Export it again.")
    low, high = float(finite.min()), float(finite.max())
    return np.nan_to_num(numbers_of, nan=low, posinf=high, neginf=low)


def _laid_over(values: NDArray[np.float64]) -> tuple[Levels, float, float]:
    """Numbers of any kind, laid over 16 bits from the least to the most."""
    low, high = float(values.min()), float(values.max())
    step = (high - low) / (LEVELS - 1) or 1.0
    return np.floor((values - low) / step + 0.5).astype(np.uint16), step, low


def _whole(
    levels: Levels, stored: Stored, elements: Dataset, measure: Measure, slope: float, intercept: float
) -> Window:
    """The window where nothing names one: all levels of 8 bits, else the span of what is shown."""
    bits = whole(elements.get("BitsStored"), 16)
    if bits <= 8 and measure.table is None and np.issubdtype(stored.dtype, np.integer):
        return span(intercept, intercept + slope * ((1 << bits) - 1), abs(slope), WHOLE_RANGE)
    shown = levels[~_padded(stored, elements)]
    return whole_span(shown if shown.size else levels, slope, intercept)


def _padded(stored: Stored, elements: Dataset) -> NDArray[np.bool_]:
    """Where nothing was measured."""
    values = numbers(elements.get("PixelPaddingValue"))
    if not values:
        return np.zeros(stored.shape, np.bool_)
    low, high = sorted((values[0], *(numbers(elements.get("PixelPaddingRangeLimit")) or values[:1])))
    return np.asarray((stored >= low) & (stored <= high))
