"""What a DICOM file says of one of its frames: of that frame alone, of all of its frames, or of the whole file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

PER_FRAME, SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"


def holders(elements: Dataset, frame: int, group: str) -> Iterator[Dataset]:
    """Where to look for something that a group of elements (`VOILUTSequence`, …) may say, the nearest first."""
    for name, place in ((PER_FRAME, frame), (SHARED, 0)):
        items = elements.get(name) or ()
        if place < len(items) and (inner := items[place].get(group)):
            yield inner[0]
    yield elements


def numbers(value: object) -> list[float]:
    """The numbers of an element that may have none, one or several; what is no number is left out."""
    return [number for number in numbers_in_place(value) if number is not None]


def numbers_in_place(value: object) -> list[float | None]:
    """The same, with nothing in the place of what is no number."""
    listed = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return [_number(each) for each in listed]  # type: ignore[attr-defined]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def text(value: object) -> str:
    """An element's value in one line; several values have a backslash between them, as in the file."""
    if value is None:
        return ""
    several = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return "\\".join(" ".join(str(each).split()) for each in several)  # type: ignore[attr-defined]


def whole(value: object, otherwise: int) -> int:
    """A whole number, or another where the element holds none."""
    try:
        return int(str(value).strip() or otherwise) if value is not None else otherwise
    except ValueError:
        return otherwise
