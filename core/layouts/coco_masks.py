"""The masks of a COCO file: a picture's own mask, as we write it, or else all that is within its objects' outlines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from core.case import Pixels
from core.errors import DataError
from core.layouts.boxed import OVERSHOOT
from core.layouts.findings import Findings
from core.pictures.masks import RunPixels, runs_of_text
from core.pictures.outlines import OutlinePixels, Polygon
from core.pictures.pixels import refuse_large

LEAST_CORNERS = 3
MOST_PASSES = 4
"""So many times may outlines pass by as many pixels as a picture has: more is no drawing, and takes long to fill."""
Row = Mapping[str, Any]


def own_masks(rows: Sequence[Row], name: str, findings: Findings) -> dict[Any, Pixels]:
    """The mask of each image that has one, as we write them: run lengths."""
    mask_of: dict[Any, Pixels] = {}
    for row in rows:
        place, image = _place(row, name), row.get("image_id")
        mask = _run_lengths(row.get("segmentation"))
        if mask is None:
            message = f"{place} is a mask without run lengths that fill its size. Write it anew or remove it."
            findings.add("unreadable_mask", "error", str(image), message)
            continue
        refuse_large(mask.width, mask.height, place)
        if mask_of.setdefault(image, mask) is not mask:
            message = f"{place} is a second mask of image {image!r}. Keep one of the two."
            findings.add("several_masks", "error", str(image), message)
    return mask_of


def mask_of_outlines(
    rows: Sequence[Row], size: tuple[float, float], name: str, findings: Findings
) -> OutlinePixels | None:
    """Of one image, by its objects and its width and height. An image of which some object has no outline that can be
    used is left without a mask: what such a mask had outside would not be outside."""
    outlined = [row for row in rows if row.get("segmentation")]
    if not outlined:
        return None
    about, width, height = str(rows[0].get("image_id")), *map(int, size)
    refuse_large(width, height, _place(outlined[0], name))
    for row in rows:
        if row.get("iscrowd") or not row.get("segmentation"):
            lack = "is around a crowd" if row.get("iscrowd") else "has no outline, and others on its image have one"
            message = f"{_place(row, name)} {lack}; the image is left without a mask. Outline every object of it."
            findings.add("incomplete_mask", "warning", about, message)
            return None
    outlines: list[Polygon | RunPixels] = []
    for row in outlined:
        try:
            outlines += _outlines(row["segmentation"], width, height)
        except DataError as error:
            message = f"{_place(row, name)} has an outline {error} The image is left without a mask. Correct it."
            findings.add("unreadable_outline", "warning", about, message)
            return None
    if _passes(outlines) > MOST_PASSES * (width * height + width + height):
        message = f"The outlines on image {about} of {name} run over it more than {MOST_PASSES} times. Draw them anew."
        findings.add("unreadable_outline", "warning", about, message)
        return None
    return OutlinePixels(tuple(outlines), width, height)


def _place(row: Row, name: str) -> str:
    return f"Annotation {row.get('id')!r} of {name}"


def _passes(outlines: Sequence[Polygon | RunPixels]) -> float:
    return sum(outline.length() for outline in outlines if isinstance(outline, Polygon))


def _outlines(segmentation: object, width: int, height: int) -> Iterator[Polygon | RunPixels]:
    """Those of one object, which may be in several pieces. A DataError, to be put after "has an outline", where one is
    none."""
    if isinstance(segmentation, list):
        for corners in segmentation:
            yield _polygon(corners, width, height)
        return
    runs = _run_lengths(segmentation)
    if runs is None or (runs.width, runs.height) != (width, height):
        raise DataError(f"whose run lengths do not fill the image of {width} x {height}.")
    yield runs


def _polygon(corners: object, width: int, height: int) -> Polygon:
    if not (isinstance(corners, list) and all(map(_is_number, corners))):
        raise DataError("that is neither run lengths nor polygons, which are lists of numbers.")
    if len(corners) % 2:
        raise DataError(f"with {len(corners)} numbers, and each corner needs two.")
    if len(corners) < 2 * LEAST_CORNERS:
        raise DataError(f"with {len(corners) // 2} corners, and {LEAST_CORNERS} are the least.")
    for across, down in zip(corners[::2], corners[1::2], strict=True):
        if max(-across, -down, across - width, down - height) > OVERSHOOT:
            raise DataError(f"with a corner at {across:g}, {down:g}, outside of the image of {width} x {height}.")
    return Polygon(tuple(map(float, corners)))


def _run_lengths(segmentation: object) -> RunPixels | None:
    """As a list or packed into letters; None where they don't fill their size."""
    if not isinstance(segmentation, dict):
        return None
    counts, size = segmentation.get("counts"), segmentation.get("size")
    runs = runs_of_text(counts) if isinstance(counts, str) else counts
    if not (_are_counts(runs) and _are_counts(size) and len(size) == 2 and sum(runs) == size[0] * size[1] > 0):
        return None
    return RunPixels(tuple(runs), size[1], size[0])


def _are_counts(values: object) -> TypeGuard[Sequence[int]]:
    is_listed = isinstance(values, list | tuple) and all(type(number) is int and number >= 0 for number in values)
    return is_listed


def _is_number(value: object) -> bool:
    """One that can be calculated with: JSON may hold whole numbers that are too large for that."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 10**9 and math.isfinite(value)
