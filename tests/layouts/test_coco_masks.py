"""Masks of COCO files: what is within the outlines of a picture's objects, and what is told of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.case import Finding, ImageSet
from core.catalog import FORMATS, every
from core.checks.check import check
from core.errors import DataError
from core.layouts.coco import set_as_coco
from core.pictures.masks import Inside, marked
from core.sets.open import open_set

WIDTH, HEIGHT = 12, 10
SQUARE = [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]]
IN_TWO = [[7.0, 0.0, 9.5, 0.0, 9.5, 4.2], [6.0, 6.0, 11.0, 6.0, 8.0, 9.0]]
LOWER_LEFT = {"counts": [5, 5, 110], "size": [HEIGHT, WIDTH]}
Row = dict[str, Any]


def rows(*outlines: tuple[int, Any]) -> list[Row]:
    """A row for each image's number and the outline of an object on it."""
    return [
        {"id": number, "image_id": image, "category_id": 1 + number % 2, "bbox": [0, 0, 5, 5], "segmentation": outline}
        for number, (image, outline) in enumerate(outlines)
    ]


def written(folder: Path, annotations: list[Row], size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    folder.mkdir()
    images = []
    for number in range(3):
        Image.new("L", (WIDTH, HEIGHT), 40 * number).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": size[0], "height": size[1]})
    categories = [{"id": 1, "name": "blot"}, {"id": 2, "name": "cell"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def read(folder: Path) -> ImageSet:
    return open_set(folder, None, every(FORMATS))


def inside(image_set: ImageSet) -> list[Inside | None]:
    return [marked(case.mask.load()) if case.mask else None for case in image_set.cases]


def findings(image_set: ImageSet) -> dict[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


def test_a_mask_is_the_union_of_all_outlines_of_a_picture_as_coco_fills_them(tmp_path: Path) -> None:
    official = pytest.importorskip("faster_coco_eval.core.mask", reason="faster-coco-eval is not installed")
    slope = np.asfortranarray(np.eye(HEIGHT, WIDTH, dtype=np.uint8))
    letters = {"counts": official.encode(slope)["counts"].decode(), "size": [HEIGHT, WIDTH]}
    image_set = read(written(tmp_path / "set", rows((0, SQUARE), (0, IN_TWO), (0, letters), (1, LOWER_LEFT))))
    assert image_set.findings == ()
    first, second, third = inside(image_set)
    polygons = official.merge([*official.frPyObjects(SQUARE, HEIGHT, WIDTH), *official.frPyObjects(IN_TWO, 10, 12)])
    assert first is not None and (first == (official.decode(polygons) + slope > 0)).all()
    assert second is not None and second[5:, 0].all() and second.sum() == 5
    assert third is None and [len(case.boxes or ()) for case in image_set.cases] == [3, 1, 0]
    assert "mask_unfit" not in {finding.kind for finding in check(image_set).findings}


def test_a_set_without_outlines_has_no_masks_and_nothing_is_told(tmp_path: Path) -> None:
    image_set = read(written(tmp_path / "set", rows((0, []), (0, None), (1, []))))
    assert inside(image_set) == [None] * 3 and image_set.findings == ()


def test_masks_of_outlines_come_back_from_what_is_exported(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", rows((0, SQUARE), (0, IN_TWO), (1, LOWER_LEFT)))
    image_set = read(folder)
    (folder / "annotations.json").write_text("".join(set_as_coco(image_set)))
    again = read(folder)
    assert again.findings == () and [case.boxes for case in again.cases] == [case.boxes for case in image_set.cases]
    masks, others = ([mask.tolist() for mask in inside(each) if mask is not None] for each in (again, image_set))
    assert masks == others and len(masks) == 2


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ([[1, 1, 5, 1]], "with 2 corners, and 3 are the least"),
        ([[1, 1, 5, 1, 5, 5, 1]], "with 7 numbers, and each corner needs two"),
        ([[1, 1, 5, 1, 5, "5"]], "neither run lengths nor polygons"),
        ([[1, 1, 5, 1, 5, True]], "neither run lengths nor polygons"),
        ([[1, 1, 5, 1, 5, 10**400]], "neither run lengths nor polygons"),
        ([1, 1, 5, 1, 5, 5], "neither run lengths nor polygons"),
        ([[1, 1, 5, 1, 5, float("nan")]], "neither run lengths nor polygons"),
        ([[1, 1, 13.5, 1, 5, 5]], "with a corner at 13.5, 1, outside of the image of 12 x 10"),
        ([[1, -1.5, 5, 1, 5, 5]], "with a corner at 1, -1.5, outside of the image"),
        ("polygon", "whose run lengths do not fill the image of 12 x 10"),
        ({"counts": [5, 5], "size": [HEIGHT, WIDTH]}, "do not fill"),
        ({"counts": [5, 5, 110], "size": [WIDTH, HEIGHT]}, "do not fill"),
        ({"counts": "P3", "size": [HEIGHT, WIDTH]}, "do not fill"),
        ({"counts": "h\u20ac", "size": [HEIGHT, WIDTH]}, "do not fill"),
        ({"counts": "~" * 40, "size": [HEIGHT, WIDTH]}, "do not fill"),
        (SQUARE * 200, "run over it more than 4 times"),
    ],
)
def test_an_outline_that_is_none_is_told_and_its_picture_has_no_mask(tmp_path: Path, outline: Any, words: str) -> None:
    image_set = read(written(tmp_path / "set", rows((0, SQUARE), (0, outline), (1, SQUARE))))
    finding = findings(image_set)["unreadable_outline"]
    assert (finding.severity, finding.count, finding.cases) == ("warning", 1, ("0",)) and words in finding.message
    assert "annotations.json" in finding.message and finding.message.endswith(".")
    first, second, _ = inside(image_set)
    assert first is None and second is not None, "the others keep theirs"
    assert len(image_set.cases[0].boxes or ()) == 2, "its boxes are whole"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"segmentation": []}, "has no outline"), ({"iscrowd": 1, "segmentation": LOWER_LEFT}, "is around a crowd")],
)
def test_a_picture_of_which_not_everything_is_outlined_has_no_mask(tmp_path: Path, change: Row, words: str) -> None:
    annotations = rows((0, SQUARE), (0, SQUARE), (1, SQUARE))
    annotations[1].update(change)
    image_set = read(written(tmp_path / "set", annotations))
    finding = findings(image_set)["incomplete_mask"]
    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.message.startswith("Annotation 1 of annotations.json") and words in finding.message
    assert [mask is None for mask in inside(image_set)] == [True, False, True]


def test_a_corner_that_was_rounded_over_the_edge_is_cut_off(tmp_path: Path) -> None:
    image_set = read(written(tmp_path / "set", rows((0, [[6, -0.5, 12.8, -0.5, 12.8, 5, 6, 5]]), (1, SQUARE))))
    first, *_ = inside(image_set)
    assert image_set.findings == () and first is not None and first[:5, 6:].all() and first.sum() == 30


def test_a_picture_with_a_mask_of_its_own_and_outlines_is_an_error(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", rows((0, SQUARE), (1, SQUARE)))
    content = json.loads("".join(set_as_coco(read(folder))))
    content["annotations"][0]["segmentation"] = SQUARE
    (folder / "annotations.json").write_text(json.dumps(content))
    assert findings(read(folder))["several_masks"].severity == "error"


def test_outlines_on_a_picture_of_another_size_or_too_large_are_refused(tmp_path: Path) -> None:
    other = read(written(tmp_path / "other", rows((0, SQUARE), (1, SQUARE)), (WIDTH + 1, HEIGHT)))
    assert findings(other)["size_differs"].severity == "error"
    large = written(tmp_path / "large", rows((0, SQUARE)), (10**6, 10**6))
    with pytest.raises(DataError, match="is 1,000,000 x 1,000,000, larger than"):
        read(large)
