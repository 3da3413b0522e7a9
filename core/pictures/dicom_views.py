"""What the levels of a DICOM picture measure, and the windows and tables through which they are seen (PS3.3 C.11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from core.errors import DataError
from core.pictures.deep import LEVELS, WHITE, WHOLE_SPAN, Curve, Table, View, Window
from core.pictures.dicom_groups import holders, numbers, numbers_in_place, text, whole

LONGEST_NAME = 64
HOUNSFIELD = "HU"
CT_PRESETS = (
    Window("soft tissue", 40, 400),
    Window("lung", -600, 1500),
    Window("bone", 400, 1800),
    Window("brain", 40, 80),
)
"""For CT that brings no window, the first for the models."""
FRACTIONS = ("FloatPixelData", "DoubleFloatPixelData")
WHOLE_RANGE = "all levels"
_CURVES: dict[str, Curve] = {"LINEAR": "LINEAR", "LINEAR_EXACT": "LINEAR_EXACT", "SIGMOID": "SIGMOID"}


@dataclass(frozen=True)
class Measure:
    """What a stored value measures: through a table where there is one, else `value * slope + intercept`."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    table: Entries | None = None


@dataclass(frozen=True)
class Entries:
    """A look-up table of DICOM: what stands for each value from the first on; beyond the ends go theirs."""

    first: int
    bits: int
    values: NDArray[np.int64]

    def of(self, stored: NDArray[np.int64]) -> NDArray[np.int64]:
        places: NDArray[np.int64] = np.clip(stored - self.first, 0, len(self.values) - 1)
        return self.values[places]


def measure_of(elements: Dataset, frame: int) -> Measure:
    """The modality LUT or the rescale of a frame, with its unit."""
    if items := elements.get("ModalityLUTSequence"):
        kind = text(items[0].get("ModalityLUTType"))
        return Measure(unit="" if kind == "US" else kind, table=_entries(items[0], elements, _stored_span(elements)))
    for holder in holders(elements, frame, "PixelValueTransformationSequence"):
        slope, intercept = (numbers(holder.get(name)) for name in ("RescaleSlope", "RescaleIntercept"))
        if slope and intercept:
            if not slope[0]:
                raise DataError("Its rescale slope is 0, so that its levels measure nothing. Export it again.")
            return Measure(slope[0], intercept[0], _unit(elements, holder))
    return Measure(unit="")


def _unit(elements: Dataset, holder: Dataset) -> str:
    kind = text(holder.get("RescaleType"))
    if not kind and text(elements.get("Modality")) == "CT":
        return HOUNSFIELD
    return "" if kind == "US" else kind or text(elements.get("Units"))  # US: unspecified


def views_of(elements: Dataset, frame: int) -> tuple[View, ...]:
    """The tables and then the windows that a frame is seen through, in the file's order; usual ones for CT without any.

    Empty where nothing says how it should be seen. What DICOM doesn't allow is left out.
    """
    views: list[View] = []
    has_fractions = any(name in elements for name in FRACTIONS)
    for holder in holders(elements, frame, "FrameVOILUTSequence"):
        views += _tables(holder, elements, frame) + _windows(holder, has_fractions)
        if views:
            return tuple(views)
    return CT_PRESETS if measure_of(elements, frame).unit == HOUNSFIELD else ()


def first_view(elements: Dataset, frame: int) -> str:
    """The view that models see, in words; told without a look at the pixels."""
    views = views_of(elements, frame)
    if not views:
        return WHOLE_RANGE if whole(elements.get("BitsStored"), 16) <= 8 else WHOLE_SPAN
    view = views[0]
    return f"{view.name} ({view.center:g}, {view.width:g})" if isinstance(view, Window) else view.name


def _windows(holder: Dataset, has_fractions: bool) -> list[View]:
    names = text(holder.get("WindowCenterWidthExplanation")).split("\\")
    curve = _CURVES.get(text(holder.get("VOILUTFunction")).upper(), "LINEAR")
    centers, widths = (numbers_in_place(holder.get(f"Window{end}")) for end in ("Center", "Width"))
    windows: list[View] = []
    for place, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if center is None or width is None:
            continue
        name = names[place][:LONGEST_NAME] if place < len(names) else ""
        # LINEAR is for whole numbers, and no narrower than 1; maps of parameters from 0 to 1 say it all the same.
        own = "LINEAR_EXACT" if curve == "LINEAR" and (has_fractions or width < 1) else curve
        if width > 0:
            windows.append(Window(name or f"window {place + 1}", center, width, own))
    return windows


def _tables(holder: Dataset, elements: Dataset, frame: int) -> list[View]:
    tables: list[View] = []
    for place, item in enumerate(holder.get("VOILUTSequence") or ()):
        entries = _entries(item, elements, _measured_span(elements, frame))
        most = max((1 << entries.bits) - 1, 1)
        shades = np.floor(np.clip(entries.values / most, 0, 1) * WHITE + 0.5).astype(np.uint8)
        name = text(item.get("LUTExplanation"))[:LONGEST_NAME]
        tables.append(Table(name or f"table {place + 1}", entries.first, shades.tobytes()))
    return tables


def _stored_span(elements: Dataset) -> tuple[float, float]:
    """The least and the most that may be stored."""
    values = 1 << whole(elements.get("BitsStored"), 16)
    least = -values // 2 if whole(elements.get("PixelRepresentation"), 0) else 0
    return least, least + values - 1


def _measured_span(elements: Dataset, frame: int) -> tuple[float, float]:
    measure = measure_of(elements, frame)
    if measure.table:
        return 0, LEVELS - 1
    low, high = sorted(stored * measure.slope + measure.intercept for stored in _stored_span(elements))
    return low, high


def _entries(item: Dataset, elements: Dataset, span: tuple[float, float]) -> Entries:
    """A table for values from one end of the span to the other. Where the kind of its numbers is not written (implicit
    VR) or falsely, a first one below 0 comes as one above all that there are."""
    descriptor = numbers(item.get("LUTDescriptor"))
    if len(descriptor) != 3 or "LUTData" not in item:
        raise DataError("One of its tables of levels (LUT) is not whole. Export it again.")
    count, first, bits = int(descriptor[0]) or LEVELS, int(descriptor[1]), int(descriptor[2])
    values = listed_entries(item["LUTData"].value, count, bool(elements.original_encoding[1]))
    if not 1 <= count <= LEVELS or not 1 <= bits <= 16 or len(values) < count:
        raise DataError(
            f"One of its tables of levels (LUT) has {len(values):,} entries of {bits} bits where it says {count:,}. "
            "Export it again."
        )
    is_below_0 = first >= LEVELS // 2 and span[0] < 0 and span[1] < first
    return Entries(first - LEVELS if is_below_0 else first, bits, values[:count])


def listed_entries(value: object, count: int, is_little: bool) -> NDArray[np.int64]:
    """The entries of a table, which are numbers already, or bytes: as many as there are entries, or twice that."""
    if not isinstance(value, bytes):
        return np.array(numbers(value), dtype=np.int64)
    order = "<" if is_little else ">"
    if len(value) < 2 * count:  # two lie in a word, the first in its lower half
        words = np.frombuffer(value[: len(value) // 2 * 2], f"{order}u2").astype("<u2")
        return np.frombuffer(words.tobytes() + value[len(value) // 2 * 2 :], np.uint8).astype(np.int64)
    return np.frombuffer(value[: len(value) // 2 * 2], f"{order}u2").astype(np.int64)
