"""Sets written as COCO: our own format reads the same boxes and masks back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.case import Box, Case, ImageSet, Pixels, Task
from core.catalog import FORMATS, every
from core.cli.main import main
from core.errors import DataError
from core.layouts.coco import READ_AT_ONCE, runs_in, set_as_coco
from core.pictures.masks import Inside, RunPixels, marked
from core.pictures.pixels import FilePixels
from core.sets.open import open_set

TASK = Task(answers=("blot", "cell"), kind="multi")


@st.composite
def pixel_boxes(draw: st.DrawFn, width: int, height: int) -> Box:
    """On whole pixels, as people draw them."""
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    label = draw(st.sampled_from(TASK.answers))
    return Box(label, left / width, top / height, right / width, bottom / height)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[Box, ...]]:
    width, height = draw(st.integers(1, 97)), draw(st.integers(1, 97))
    return (width, height), tuple(draw(st.lists(pixel_boxes(width, height), max_size=3)))


def text_of(image_set: ImageSet) -> str:
    return "".join(set_as_coco(image_set))


def content_of(image_set: ImageSet) -> dict[str, Any]:
    return dict(json.loads(text_of(image_set)))


def written(folder: Path, drawings: list[tuple[tuple[int, int], tuple[Box, ...]]]) -> ImageSet:
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for number, (size, boxes) in enumerate(drawings):
        file = folder / f"{number}.png"
        Image.new("L", size, number).save(file)
        labels = TASK.in_order(box.label for box in boxes)
        cases.append(Case(file.name, FilePixels(file), labels, boxes=boxes))
    image_set = ImageSet(folder.name, TASK, tuple(cases))
    (folder / "annotations.json").write_text(text_of(image_set))
    return image_set


@given(st.lists(pictures(), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_boxes_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, drawings: list[tuple[tuple[int, int], tuple[Box, ...]]]
) -> None:
    every_label = ((10, 10), (Box("blot", 0, 0, 0.5, 0.5), Box("cell", 0.5, 0, 1, 1)))
    image_set = written(tmp_path_factory.mktemp("set"), [every_label, *drawings])
    again = open_set(tmp_path_factory.getbasetemp() / image_set.name, None, every(FORMATS))
    assert [(case.boxes, case.labels) for case in again.cases] == [
        (case.boxes, case.labels) for case in image_set.cases
    ]
    assert again.findings == ()


def test_labels_without_a_box_and_patients_come_back(tmp_path: Path) -> None:
    image_set = written(tmp_path / "set", [((9, 7), (Box("blot", 0, 0, 1, 1),)), ((5, 8), ())])
    first, second = image_set.cases
    whole = image_set.with_cases(
        [replace(first, labels=("blot", "cell"), patient="P1"), replace(second, labels=("cell",), patient="P2")]
    )
    (tmp_path / "set/annotations.json").write_text(text_of(whole))
    again = open_set(tmp_path / "set", None, every(FORMATS))
    assert [(case.labels, case.patient) for case in again.cases] == [(("blot", "cell"), "P1"), (("cell",), "P2")]
    assert [len(case.boxes or ()) for case in again.cases] == [1, 0]


def masked(folder: Path) -> tuple[ImageSet, list[Inside]]:
    random = np.random.default_rng(0)
    image_set = written(
        folder, [((9, 7), (Box("blot", 0, 0, 1, 1),)), ((5, 8), (Box("cell", 0, 0, 1, 1),)), ((4, 4), ())]
    )
    grids = [random.random((7, 9)) < 0.5, np.zeros((8, 5), dtype=bool)]
    cases = []
    for number, (case, inside) in enumerate(zip(image_set.cases, grids, strict=False)):
        file = folder.parent / f"mask{number}.png"
        Image.fromarray(inside.astype(np.uint8) * 255).save(file)
        cases.append(Case(case.id, case.pixels, case.labels, "test", boxes=case.boxes, mask=FilePixels(file)))
    return image_set.with_cases([*cases, image_set.cases[2]]), grids


def test_masks_come_back_as_they_were_and_become_no_boxes(tmp_path: Path) -> None:
    image_set, grids = masked(tmp_path / "set")
    content = content_of(image_set)
    assert content["categories"][-1] == {"id": 3, "name": "mask", "supercategory": "mask of the picture"}
    rows = [row for row in content["annotations"] if row["category_id"] == 3]
    assert [row["segmentation"]["size"] for row in rows] == [[7, 9], [8, 5]]
    assert rows[0]["area"] == grids[0].sum() and (rows[1]["area"], rows[1]["bbox"]) == (0, [0, 0, 0, 0])
    (tmp_path / "set/annotations.json").write_text(json.dumps(content))
    again = open_set(tmp_path / "set", None, every(FORMATS))
    assert again.findings == () and [len(case.boxes or ()) for case in again.cases] == [1, 1, 0]
    assert [case.split for case in again.cases] == ["test", "test", None]
    for case, inside in zip(again.cases, grids, strict=False):
        assert case.mask is not None and (marked(case.mask.load()) == inside).all()
    assert again.cases[2].mask is None


def test_of_many_masks_only_those_that_are_being_written_are_decoded(tmp_path: Path) -> None:
    image_set = masked(tmp_path / "set")[0]
    case, decoded = image_set.cases[0], list[Pixels]()

    def noted(mask: Pixels) -> RunPixels:
        decoded.append(mask)
        return runs_in(mask)

    many = image_set.with_cases([replace(case, id=f"{number}.png") for number in range(5 * READ_AT_ONCE)])
    pieces = set_as_coco(many, noted)
    beginning = next(pieces)
    assert '"categories"' in beginning and not decoded
    for boxes_and_masks in range(1, 3 * READ_AT_ONCE):
        next(pieces)
        assert len(decoded) <= (boxes_and_masks + 1) // 2 + READ_AT_ONCE


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"segmentation": {"counts": [1, 2], "size": [7, 9]}}, "unreadable_mask"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6]]}, "unreadable_mask"),
        ({"segmentation": {"counts": "a0", "size": [7, 9]}}, "unreadable_mask"),
        ({"segmentation": {"counts": [63], "size": [7, 9, 1]}}, "unreadable_mask"),
        ({"image_id": 0}, "several_masks"),
        ({"image_id": 8}, "boxes_without_image"),
        ({"segmentation": {"counts": [6], "size": [2, 3]}}, "mask_unfit"),
    ],
)
def test_a_mask_that_cannot_be_read_is_told_by_its_place(tmp_path: Path, change: dict[str, object], kind: str) -> None:
    from core.checks.check import check

    content = content_of(masked(tmp_path / "set")[0])
    content["annotations"][-1].update(change)
    (tmp_path / "set/annotations.json").write_text(json.dumps(content))
    findings = {finding.kind for finding in check(open_set(tmp_path / "set", None, every(FORMATS))).findings}
    assert kind in findings


def test_run_lengths_of_a_picture_too_large_are_refused(tmp_path: Path) -> None:
    content = content_of(masked(tmp_path / "set")[0])
    content["annotations"][-1]["segmentation"] = {"counts": [10**12], "size": [10**6, 10**6]}
    (tmp_path / "set/annotations.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="is 1,000,000 x 1,000,000, larger than"):
        open_set(tmp_path / "set", None, every(FORMATS))


def test_the_command_writes_the_file_and_refuses_a_set_without_boxes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image_set = written(
        tmp_path / "set", [((8, 8), (Box("blot", 0, 0, 1, 0.5),)), ((8, 8), (Box("cell", 0, 0, 1, 1),))]
    )
    assert main(["set", "export", str(tmp_path / "set"), "--to", str(tmp_path / "out.json")]) == 0
    assert "has 2 boxes and masks of 2 images" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text()) == content_of(image_set)
    for nowhere in (tmp_path / "gone/out.json", tmp_path):
        assert main(["set", "export", str(tmp_path / "set"), "--to", str(nowhere)]) == 2
        assert f"{nowhere} can't be written" in capsys.readouterr().err
    (tmp_path / "set/annotations.json").rename(tmp_path / "annotations.json")
    (tmp_path / "set/labels.csv").write_text("image,label\n0.png,a\n1.png,b\n")
    assert main(["set", "export", str(tmp_path / "set"), "--to", str(tmp_path / "none.json")]) == 2
    assert "has neither boxes nor masks" in capsys.readouterr().err and not (tmp_path / "none.json").exists()
