"""Sets with boxes, as Pascal VOC and as COCO: what is read of them, and what is told of those that are not whole."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from core.case import Box, Finding, ImageSet
from core.catalog import FORMATS, every
from core.errors import DataError
from core.formats import coco, voc
from core.sets.open import open_set

WIDTH, HEIGHT = 40, 20
Objects = list[tuple[str, float, float, float, float]]


def picture(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (WIDTH, HEIGHT), 90).save(file)
    return file


def as_voc(folder: Path, objects: dict[str, Objects]) -> Path:
    for name, of_picture in objects.items():
        picture(folder / f"JPEGImages/{name}.png")
        parts = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax>"
            f"<ymax>{bottom}</ymax></bndbox></object>"
            for label, left, top, right, bottom in of_picture
        )
        text = f"<filename>{name}.png</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height></size>{parts}"
        file = folder / f"Annotations/{name}.xml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"<annotation>{text}</annotation>")
    return folder


def as_coco(folder: Path, objects: dict[str, Objects], name: str = "annotations.json") -> Path:
    labels = sorted({label for of_picture in objects.values() for label, *_ in of_picture})
    content: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": number, "name": label} for number, label in enumerate(labels, start=3)]
    for number, (stem, of_picture) in enumerate(objects.items(), start=10):
        picture(folder / f"images/{stem}.png")
        content["images"].append({"id": number, "file_name": f"{stem}.png", "width": WIDTH, "height": HEIGHT})
        for label, left, top, right, bottom in of_picture:
            box = {"bbox": [left, top, right - left, bottom - top], "category_id": 3 + labels.index(label)}
            content["annotations"].append({"id": len(content["annotations"]), "image_id": number, **box})
    (folder / name).write_text(json.dumps(content))
    return folder


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The COCO file with something changed in it."""
    file = folder / "annotations.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return folder


def read(folder: Path) -> ImageSet:
    return open_set(folder, None, every(FORMATS))


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.kind: finding for finding in read(folder).findings}


BOTH: dict[str, Objects] = {
    "a": [("cell", 0, 0, 20, 10), ("blot", 10, 5, 40, 20)],
    "b": [("cell", 4, 4, 8, 8), ("cell", 8, 4, 12, 8)],
    "c": [],
}
layouts = pytest.mark.parametrize("write", [as_voc, as_coco])


@layouts
def test_what_is_drawn_around_is_the_label_and_corners_are_fractions(tmp_path: Path, write: Any) -> None:
    image_set = read(write(tmp_path / "set", BOTH))
    assert (image_set.task.kind, image_set.task.answers, image_set.findings) == ("multi", ("blot", "cell"), ())
    a, b, c = image_set.cases
    assert a.boxes == (Box("cell", 0, 0, 0.5, 0.5), Box("blot", 0.25, 0.25, 1, 1)) and a.labels == ("blot", "cell")
    assert b.labels == ("cell",) and len(b.boxes or ()) == 2
    assert (c.labels, c.boxes) == ((), ()), "somebody looked, and there is nothing"
    assert a.pixels.load().size == (WIDTH, HEIGHT)


@layouts
def test_with_one_kind_of_object_a_picture_the_question_has_one_answer(tmp_path: Path, write: Any) -> None:
    image_set = read(write(tmp_path / "set", {"a": [("cell", 0, 0, 4, 4)] * 2, "b": [("blot", 1, 1, 5, 5)]}))
    assert image_set.task.kind == "single"


@layouts
def test_with_one_kind_of_object_in_all_the_question_is_whether_it_is_there(tmp_path: Path, write: Any) -> None:
    image_set = read(write(tmp_path / "set", {"a": [("cell", 0, 0, 4, 4)], "b": []}))
    assert (image_set.task.kind, image_set.task.answers) == ("single", ("cell", "no finding"))
    assert [case.labels for case in image_set.cases] == [("cell",), ("no finding",)]
    with pytest.raises(DataError, match='every image has the label "cell"'):
        read(write(tmp_path / "full", {"a": [("cell", 0, 0, 4, 4)]}))


def test_voc_counts_pixels_from_1_unless_a_corner_is_0(tmp_path: Path) -> None:
    official: dict[str, Objects] = {"a": [("cell", 1, 1, 20, 10)], "b": [("blot", 21, 11, 40, 20)]}
    image_set = read(as_voc(tmp_path / "from 1", official))
    assert [case.boxes for case in image_set.cases] == [
        (Box("cell", 0, 0, 0.5, 0.5),),
        (Box("blot", 0.5, 0.5, 1, 1),),
    ]
    image_set = read(as_voc(tmp_path / "from 0", official | {"c": [("cell", 0, 3, 20, 10)]}))
    assert image_set.cases[0].boxes == (Box("cell", 1 / 40, 1 / 20, 0.5, 0.5),)


def test_the_lists_of_voc_and_the_names_of_coco_files_tell_splits(tmp_path: Path) -> None:
    folder = as_voc(tmp_path / "voc", BOTH)
    (folder / "ImageSets/Main").mkdir(parents=True)
    for split, names in {"train": "a\n", "val": "b\n", "trainval": "a\nb\n", "test": "c\n"}.items():
        (folder / f"ImageSets/Main/{split}.txt").write_text(names)
    assert [case.split for case in read(folder).cases] == ["train", "val", "test"]
    (folder / "ImageSets/Main/test.txt").write_text("a\nc\n")
    assert findings(folder)["several_splits"].severity == "error"
    folder = as_coco(tmp_path / "coco", {"a": BOTH["a"]}, "instances_train2017.json")
    as_coco(folder, {"b": BOTH["b"]}, "instances_val2017.json")
    assert [case.split for case in read(folder).cases] == ["train", "val"]


@layouts
@pytest.mark.parametrize(
    ("corners", "kind", "words"),
    [
        ((30, 2, 45, 8), "box_outside", r"lies outside of the picture of 40 x 20 pixels \(30, 2 to 45, 8\)"),
        ((-9, 2, 5, 8), "box_outside", "lies outside"),
        ((12, 2, 8, 8), "box_turned_round", "ends before it begins"),
        ((12, 2, 12, 8), "box_without_area", "has no area"),
    ],
)
def test_a_box_that_is_none_is_told_by_name_and_the_others_stay(
    tmp_path: Path, write: Any, corners: tuple[float, ...], kind: str, words: str
) -> None:
    folder = write(tmp_path / "set", BOTH | {"c": [("cell", *corners), ("cell", 0, 0, 9, 9)]})
    finding = findings(folder)[kind]
    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.message.startswith('Box 1 of "') and 'c.png" (cell)' in finding.message
    assert re.search(words, finding.message)
    assert read(folder).cases[-1].boxes == (Box("cell", 0, 0, 9 / 40, 9 / 20),)


@layouts
def test_a_side_that_was_rounded_over_the_edge_is_set_back(tmp_path: Path, write: Any) -> None:
    image_set = read(write(tmp_path / "set", BOTH | {"c": [("cell", 0, 0, 40.6, 21)]}))
    assert image_set.findings == () and image_set.cases[-1].boxes == (Box("cell", 0, 0, 1, 1),)
    assert "box_outside" in findings(write(tmp_path / "more", BOTH | {"c": [("cell", 0, 0, 40.6, 21.5)]}))


@layouts
def test_pictures_that_nothing_is_said_about_are_told(tmp_path: Path, write: Any) -> None:
    folder = write(tmp_path / "set", BOTH)
    picture(folder / "more.png")
    finding = findings(folder)["unlisted_image"]
    assert finding.cases == ("more.png",) and finding.severity == "warning"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotation>", "is no XML that can be read"),
        ('<!DOCTYPE a [<!ENTITY b "b">]><annotation>&b;</annotation>', "defines words of its own"),
        ("<annotation><filename>a.png</filename></annotation>", 'has "" where a number was expected'),
        (
            "<annotation><filename>a.png</filename><size><width>0</width><height>9</height></size></annotation>",
            "how large its picture is",
        ),
        ("<annotation><filename>gone.png</filename></annotation>", "is not in the folder"),
        ("<annotation><filename>../../secret.png</filename></annotation>", "outside of the folder"),
    ],
)
def test_a_voc_file_that_says_nothing_usable_is_an_error_with_its_name(tmp_path: Path, text: str, words: str) -> None:
    folder = as_voc(tmp_path / "set", BOTH)
    (folder / "Annotations/z.xml").write_text(text)
    finding = findings(folder)["unreadable_annotation"]
    assert finding.severity == "error" and finding.cases == ("Annotations/z.xml",) and words in finding.message


def test_two_voc_files_about_one_picture_are_an_error(tmp_path: Path) -> None:
    folder = as_voc(tmp_path / "set", BOTH)
    shutil.copyfile(folder / "Annotations/a.xml", folder / "Annotations/z.xml")
    assert findings(folder)["duplicate_annotation"].cases == ("Annotations/z.xml",)


@pytest.mark.parametrize(
    ("change", "kind", "severity"),
    [
        (lambda content: content["images"].append(dict(content["images"][0])), "repeated_id", "error"),
        (lambda content: content["images"].append({"id": 99, "file_name": "z.png"}), "missing_image", "error"),
        (lambda content: content["images"][2].update(file_name="gone.png"), "missing_image", "error"),
        (lambda content: content["annotations"][0].update(iscrowd=1), "crowd", "warning"),
        (lambda content: content["annotations"][0].update(category_id=77), "unknown_category", "error"),
        (lambda content: content["annotations"][0].update(bbox=[1, 2, 3]), "unreadable_boxes", "warning"),
        (lambda content: content["annotations"][0].update(bbox=["1", 2, 3, True]), "unreadable_boxes", "warning"),
        (lambda content: content["annotations"][0].update(image_id=5), "boxes_without_image", "warning"),
        (lambda content: content["annotations"][0].update(id=2), "repeated_annotation", "warning"),
        (lambda content: content["categories"].append({"id": 3, "name": "dirt"}), "repeated_category", "error"),
    ],
)
def test_what_is_wrong_in_a_coco_file_is_told_by_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], kind: str, severity: str
) -> None:
    finding = findings(changed(as_coco(tmp_path / "set", BOTH), change))[kind]
    assert (finding.severity, finding.count) == (severity, 1)
    assert "annotations.json" in finding.message and finding.message.endswith(".")


def test_a_picture_in_two_coco_files_is_an_error(tmp_path: Path) -> None:
    folder = as_coco(tmp_path / "set", BOTH, "train.json")
    as_coco(folder, BOTH, "val.json")
    assert findings(folder)["duplicate_row"].count == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"images": [', "no JSON that can be read"),
        ('{"images": [], "annotations": []}', 'has no list "categories"'),
        ('{"images": [1], "annotations": [], "categories": []}', 'has no list "images"'),
        ('{"images": [], "annotations": [], "categories": []}', "Put the pictures beside the JSON file"),
        ('{"images": ' + "[" * 100_000, "no JSON that can be read"),
    ],
)
def test_a_coco_file_that_is_none_is_refused_in_words(tmp_path: Path, content: str, words: str) -> None:
    folder = as_coco(tmp_path / "set", BOTH)
    (folder / "annotations.json").write_text(content)
    with pytest.raises(DataError, match=words):
        coco.read(folder, coco.Settings())


@layouts
def test_where_no_box_can_be_used_none_is_known(tmp_path: Path, write: Any) -> None:
    outside: dict[str, Objects] = {"a": [("cell", 60, 0, 70, 10)], "b": [("blot", 60, 0, 70, 10)], "c": []}
    assert [case.boxes for case in read(write(tmp_path / "set", outside)).cases] == [None, None, None]


def test_labels_that_the_question_does_not_list_are_an_error(tmp_path: Path) -> None:
    folder = as_voc(tmp_path / "set", BOTH)
    image_set = voc.read(folder, voc.Settings(answers=("cell", "other")))
    (finding,) = image_set.findings
    assert (finding.kind, finding.severity, finding.cases) == ("unknown_label", "error", ("JPEGImages/a.png",))


@layouts
@pytest.mark.parametrize("objects", [{"a": [("cell", 0, 0, 4, 4)], "b": []}, BOTH], ids=["one kind", "several"])
def test_what_the_check_proposes_is_read_as_the_same_set(tmp_path: Path, write: Any, objects: Any) -> None:
    folder = write(tmp_path / "set", objects)
    checked = read(folder)
    proposed = checked.task.model_dump(mode="json")
    again = open_set(folder, proposed, every(FORMATS)).stop_on_errors()
    assert again == checked and all(case.labels for case in again.cases if again.task.kind == "single")


@layouts
def test_a_single_question_has_no_place_for_several_objects_or_none(tmp_path: Path, write: Any) -> None:
    folder = write(tmp_path / "set", BOTH)
    told = {finding.kind: finding for finding in open_set(folder, {"kind": "single"}, every(FORMATS)).findings}
    assert told["several_labels"].severity == told["unlabelled"].severity == "error"
    assert told["several_labels"].cases[0].endswith("a.png") and told["unlabelled"].cases[0].endswith("c.png")


@layouts
def test_a_box_that_is_left_out_leaves_its_label(tmp_path: Path, write: Any) -> None:
    image_set = read(write(tmp_path / "set", BOTH | {"c": [("blot", 30, 2, 45, 8)]}))
    assert (image_set.cases[-1].labels, image_set.cases[-1].boxes) == (("blot",), ())


@pytest.mark.parametrize("change", [{"iscrowd": 1}, {"bbox": None}])
def test_what_has_no_box_of_its_own_is_on_the_picture_all_the_same(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = changed(as_coco(tmp_path / "set", BOTH), lambda content: content["annotations"][1].update(change))
    assert read(folder).cases[0].labels == ("blot", "cell") and len(read(folder).cases[0].boxes or ()) == 1


@layouts
def test_a_table_of_labels_beside_it_is_what_is_read(tmp_path: Path, write: Any) -> None:
    folder = write(tmp_path / "set", BOTH)
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.png"))
    rows = [f"{name},{label}" for name, label in zip(names, ("cat", "dog", "cat"), strict=True)]
    (folder / "labels.csv").write_text("image,label\n" + "\n".join(rows) + "\n")
    assert read(folder).task.answers == ("cat", "dog")


@layouts
def test_boxes_for_a_picture_of_another_size_are_an_error(tmp_path: Path, write: Any) -> None:
    folder = write(tmp_path / "set", BOTH)
    file = next(folder.rglob("a.png"))
    Image.new("L", (80, 20)).save(file)
    finding = findings(folder)["size_differs"]
    assert finding.severity == "error" and "80 x 20 pixels" in finding.message and "40 x 20" in finding.message
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.new("L", (WIDTH, HEIGHT)).save(file, exif=turned)
    assert "20 x 40 pixels large (upright)" in findings(folder)["size_differs"].message


def test_folders_named_after_splits_tell_them(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("valid", "b"), ("test", "c")):
        as_coco(tmp_path / f"coco/{split}", {name: BOTH[name] or BOTH["a"]}, "_annotations.coco.json")
    splits = {case.id.partition("/")[0]: case.split for case in read(tmp_path / "coco").cases}
    assert splits == {"train": "train", "valid": "val", "test": "test"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_words_of_its_own_are_refused_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    folder = as_voc(tmp_path / "set", BOTH)
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b "b">]><annotation>&b;</annotation>'
    (folder / "Annotations/z.xml").write_bytes(text.encode(encoding))
    assert "defines words of its own" in findings(folder)["unreadable_annotation"].message
    (folder / "Annotations/z.xml").write_text('<?xml version="1.0" encoding="foo"?><annotation></annotation>')
    assert "no XML that can be read" in findings(folder)["unreadable_annotation"].message


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["images"][0].update(id=[1]),
        lambda content: content["annotations"][0].update(image_id={}),
        lambda content: content["annotations"][0].update(category_id=[]),
    ],
)
def test_an_id_that_is_none_is_refused_in_words(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(DataError, match="is neither a number nor a text"):
        read(changed(as_coco(tmp_path / "set", BOTH), change))


def test_numbers_without_end_are_told(tmp_path: Path) -> None:
    folder = changed(as_coco(tmp_path / "set", BOTH), lambda content: content["images"][0].update(width=10**400))
    assert "does not say how large it is" in findings(folder)["missing_image"].message
    folder = changed(
        as_coco(tmp_path / "more", BOTH), lambda content: content["annotations"][0].update(bbox=[10**400, 1, 2, 2])
    )
    assert findings(folder)["unreadable_boxes"].count == 1


def test_a_real_set_of_blood_smears_is_read_whole(shared_data: Path) -> None:
    image_set = open_set(shared_data / "bccd.zip", None, every(FORMATS))
    assert Counter(case.split for case in image_set.cases) == {"train": 205, "val": 87, "test": 72}
    boxes = Counter(box.label for case in image_set.cases for box in case.boxes or ())
    assert boxes == {"RBC": 4155, "WBC": 372, "Platelets": 361} and image_set.findings == ()
    assert (image_set.task.kind, image_set.task.answers) == ("multi", ("Platelets", "RBC", "WBC"))
