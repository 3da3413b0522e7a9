"""Images with a folder of masks beside them: how they are paired, and what is told of those that are not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.case import Finding, ImageSet
from core.catalog import FORMATS, every
from core.checks.check import check
from core.errors import DataError
from core.formats import mask_folder
from core.pictures.masks import marked
from core.sets.open import open_set

SIDE = 20


def folder_with(folder: Path, *names: str, marks: int = 6) -> Path:
    """Pictures of these names, each of its own shade; in masks a square is white."""
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((SIDE, SIDE), 0 if "mask" in name else 20 * number + 9, dtype=np.uint8)
        pixels[:marks, :marks] = 255
        Image.fromarray(pixels).save(file)
    return folder


def read(folder: Path) -> ImageSet:
    return open_set(folder, None, every(FORMATS))


def findings(image_set: ImageSet) -> dict[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


def masks(image_set: ImageSet) -> dict[str, str | None]:
    """The file of each case's mask."""
    return {case.id: Path(str(vars(case.mask)["path"])).name if case.mask else None for case in image_set.cases}


def test_class_folders_are_the_labels_and_masks_lie_under_the_same_names(tmp_path: Path) -> None:
    names = ("images/a/1.png", "images/b/1.png", "masks/a/1.png", "masks/b/1.png")
    image_set = read(folder_with(tmp_path / "set", *names))
    assert [(case.id, case.labels) for case in image_set.cases] == [
        ("images/a/1.png", ("a",)),
        ("images/b/1.png", ("b",)),
    ]
    assert image_set.findings == () and masks(image_set) == {"images/a/1.png": "1.png", "images/b/1.png": "1.png"}
    for case in image_set.cases:
        assert case.mask is not None and marked(case.mask.load()).sum() == 36 and case.boxes is None


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/a/1.jpg", "masks/1.png"),
        ("images/a/1.png", "masks/a/1_mask.png"),
        ("images/a/1.png", "masks/a/1_segmentation.png"),
        ("train/images/a/1.png", "train/masks/a/1.png"),
        ("images/train/a/1.png", "masks/train/a/1.png"),
        ("a/images/1.png", "a/masks/1.png"),
        ("Images/a/1.png", "Masks/a/1.bmp"),
    ],
)
def test_masks_are_where_people_have_them(tmp_path: Path, image: str, mask: str) -> None:
    others = [image.replace("/a/", "/b/").replace("a/im", "b/im").replace("1.", "2.").replace("train", "val")]
    image_set = read(folder_with(tmp_path / "set", image, *others, mask))
    assert masks(image_set) == {image: Path(mask).name, others[0]: None}
    assert [case.labels for case in image_set.cases] == [("a",), ("b",)]
    assert [case.split for case in image_set.cases] == (["train", "val"] if "train" in image else [None, None])
    assert findings(image_set).keys() == {"without_mask"} and findings(image_set)["without_mask"].severity == "note"


def test_without_class_folders_the_question_is_whether_anything_is_marked(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "set", "images/1.png", "images/2.png", "images/3.png", "masks/1.png")
    folder_with(folder, "masks/2.png", marks=0)
    image_set = read(folder)
    assert image_set.task.answers == ("marked", "no finding")
    assert [(case.id, case.labels) for case in image_set.cases] == [
        ("images/1.png", ("marked",)),
        ("images/2.png", ("no finding",)),
    ]
    left_out = findings(image_set)["unlabelled"]
    assert (
        left_out.cases == ("images/3.png",) and "has no mask, and nothing else says what it shows" in left_out.message
    )
    proposed = image_set.task.model_dump(mode="json")
    assert open_set(folder, proposed, every(FORMATS)).cases == image_set.cases
    (folder / "masks/2.png").unlink()
    with pytest.raises(DataError, match="something is marked on every image, so there is nothing to ask"):
        read(folder)


def test_a_table_tells_the_labels_and_masks_beside_the_images_come_along(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "set", "images/1.png", "images/2.png", "masks/1.png", "masks/7.png")
    (folder / "labels.csv").write_text("image,label\n1.png,a\n2,b\n")
    image_set = read(folder)
    assert [case.labels for case in image_set.cases] == [("a",), ("b",)]
    assert masks(image_set) == {"images/1.png": "1.png", "images/2.png": None}
    assert findings(image_set).keys() == {"without_mask", "mask_without_image"}
    (folder / "labels.csv").write_text("image,label,mask\nimages/1.png,a,masks/7.png\nimages/2.png,b,\n")
    image_set = read(folder)
    assert masks(image_set) == {"images/1.png": "7.png", "images/2.png": None}
    assert findings(image_set)["unlisted_image"].cases == ("masks/1.png",)


def test_what_fits_together_in_no_way_is_told_by_name(tmp_path: Path) -> None:
    names = ("images/a/1.png", "images/b/2.png", "images/3.png", "masks/a/1.png", "masks/a/1_mask.png", "masks/9.png")
    image_set = read(folder_with(tmp_path / "set", *names, "more.png"))
    by_kind = findings(image_set)
    assert '"images/a/1.png" has several masks (masks/a/1.png, masks/a/1_mask.png)' in by_kind["several_masks"].message
    assert by_kind["several_masks"].severity == "error"
    assert by_kind["mask_without_image"].cases == ("masks/9.png",)
    assert by_kind["outside_classes"].cases == ("images/3.png",)
    assert by_kind["outside_images"].cases == ("more.png",)


def test_the_check_tells_masks_of_another_size_and_of_more_than_two_shades(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "set", "images/a/1.png", "images/b/2.png", "masks/a/1.png", "masks/b/2.png")
    assert not any(finding.kind == "mask_unfit" for finding in check(read(folder)).findings)
    Image.new("L", (SIDE, SIDE + 1)).save(folder / "masks/a/1.png")
    (unfit,) = (finding for finding in check(read(folder)).findings if finding.kind == "mask_unfit")
    assert unfit.severity == "error" and unfit.cases == ("images/a/1.png",)
    assert 'The mask of "images/a/1.png" is 20 x 21 pixels large, and the picture 20 x 20.' in unfit.message
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(SIDE, SIDE).astype(np.uint8)).save(folder / "masks/b/2.png")
    (folder / "masks/a/1.png").write_bytes(b"no picture")
    (unfit,) = (finding for finding in check(read(folder)).findings if finding.kind == "mask_unfit")
    assert unfit.cases == ("images/a/1.png", "images/b/2.png")
    assert "can't be used" in unfit.message and unfit.message.endswith("(1 more like this.)")


def test_a_class_called_mask_is_a_class(tmp_path: Path) -> None:
    image_set = read(folder_with(tmp_path / "set", "mask/1.png", "no_mask/2.png"))
    assert image_set.task.answers == ("mask", "no mask") and not mask_folder.looks_like(tmp_path / "set")


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    example = mask_folder.write_example(tmp_path / "scans")
    assert read(tmp_path / "scans") == example
