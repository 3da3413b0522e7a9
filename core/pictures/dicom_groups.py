"""What a DICOM file says of one of its frames: of that frame alone, of all of its frames, or of the whole file."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
    listed = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    listed_numbers = []
    for each in listed:  # type: ignore[attr-defined]
        try:
            number = float(each)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            listed_numbers.append(number)
    return listed_numbers


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
