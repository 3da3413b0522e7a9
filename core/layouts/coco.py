"""COCO as it is written: the boxes and masks of some pictures, which the file names but does not hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from core.case import Box, Case, ImageSet, Pixels
from core.errors import DataError
from core.pictures.masks import Inside, RunPixels, inside_of, marked, runs_of
from core.pictures.pixels import size_of
from core.pictures.store import encoded

MASK = "mask of the picture"
"""The supercategory of a case's own mask, which has no label, so that no object that is called mask is taken for it."""
DIGITS = 6
"""Of a pixel: whole pixels come back exactly, whatever the size of the picture."""
READ_AT_ONCE = 8
NOTICE = "Research use only."
Content = dict[str, Any]
_json = partial(json.dumps, ensure_ascii=False)


@dataclass(frozen=True)
class CocoPicture:
    """A picture's number and file, its size in pixels, what is drawn on it, and what else its row says."""

    number: int
    file: str
    width: int
    height: int
    boxes: Sequence[Box] = ()
    mask: RunPixels | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def coco_text(pictures: Iterable[CocoPicture], names: Sequence[str], about: str, is_masked: bool) -> Iterator[str]:
    """The file, piece by piece: of many pictures no more are held than are being written, and a row of each.

    `names` are those of all categories; `is_masked` says whether some picture has a mask."""
    numbers = {name: number for number, name in enumerate(names, start=1)}
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    if is_masked:
        categories.append({"id": len(names) + 1, "name": "mask", "supercategory": MASK})
    yield f'{{"info": {_json({"description": about})}, "categories": {_json(categories)}, "annotations": ['
    images, before, ids = list[str](), "\n", count(1)
    for picture in pictures:
        images.append(_json(_image(picture)))
        for row in _annotations(picture, numbers):
            yield before + _json({"id": next(ids), **row})
            before = ",\n"
    yield "],\n" + '"images": [' + ",\n".join(images) + "]}\n"


def names_of(labels: Iterable[str], boxes: Iterable[Box]) -> list[str]:
    """Of categories: these labels in their order, then those of boxes that are none of them."""
    return list(dict.fromkeys([*labels, *(box.label for box in boxes)]))


def runs_in(mask: Pixels) -> RunPixels:
    inside = marked(mask.load())
    return RunPixels(runs_of(inside), *inside.shape[::-1])


def set_as_coco(image_set: ImageSet, runs_in: Callable[[Pixels], RunPixels] = runs_in) -> Iterator[str]:
    """Of the cases on which somebody has drawn, or looked whether there is anything to draw around. Where masks should
    not be decoded in this process, `runs_in` does it elsewhere."""
    cases = enumerate(image_set.cases)
    drawn_on = {number: case for number, case in cases if case.boxes is not None or case.mask is not None}
    if not drawn_on:
        raise DataError(f"{image_set.name} has neither boxes nor masks, and COCO is about these.")
    boxes = [box for case in drawn_on.values() for box in case.boxes or ()]
    names = names_of(image_set.task.in_order(box.label for box in boxes), boxes)
    is_masked = any(case.mask is not None for case in drawn_on.values())
    return coco_text(_read(drawn_on, runs_in), names, f"{image_set.name}. {NOTICE}", is_masked)


def _read(drawn_on: Mapping[int, Case], runs_in: Callable[[Pixels], RunPixels]) -> Iterator[CocoPicture]:
    """Some at once, and no further ahead than that."""
    numbers = list(drawn_on)
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        for start in range(0, len(numbers), READ_AT_ONCE):
            some = numbers[start : start + READ_AT_ONCE]
            yield from threads.map(lambda number: _picture(number, drawn_on[number], runs_in), some)


def coco_box(box: Box, width: float, height: float) -> list[float]:
    """Left, top, width and height in pixels."""
    sides = box.left * width, box.top * height, (box.right - box.left) * width, (box.bottom - box.top) * height
    return [round(pixels, DIGITS) for pixels in sides]


def _picture(number: int, case: Case, runs_in: Callable[[Pixels], RunPixels]) -> CocoPicture:
    width, height = size_of(encoded(case.pixels), case.id)
    facts = {"labels": list(case.labels), "split": case.split, "patient": case.patient}
    more = {name: fact for name, fact in facts.items() if fact}
    mask = runs_in(case.mask) if case.mask else None
    return CocoPicture(number, case.id, width, height, case.boxes or (), mask, more)


def _image(picture: CocoPicture) -> Content:
    size = {"width": picture.width, "height": picture.height}
    return {"id": picture.number, "file_name": picture.file, **size, **picture.more}


def _annotations(picture: CocoPicture, numbers: Mapping[str, int]) -> list[Content]:
    rows = []
    for box in picture.boxes:
        sides = coco_box(box, picture.width, picture.height)
        rows.append(_row(picture, numbers[box.label], sides, round(sides[2] * sides[3], DIGITS)))
    if picture.mask is not None:
        mask = picture.mask
        segmentation = {"counts": list(mask.runs), "size": [mask.height, mask.width]}
        around = _around(inside_of(mask.runs, mask.width, mask.height))
        rows.append(_row(picture, len(numbers) + 1, around, sum(mask.runs[1::2])) | {"segmentation": segmentation})
    return rows


def _row(picture: CocoPicture, category: int, sides: list[float], area: float) -> Content:
    return {"image_id": picture.number, "category_id": category, "bbox": sides, "area": area, "iscrowd": 0}


def _around(inside: Inside) -> list[float]:
    """The smallest box round all that is inside."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return [0, 0, 0, 0]
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
