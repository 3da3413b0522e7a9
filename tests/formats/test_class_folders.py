"""Class folders as people have them: in folders and zips, divided or not, with what lies about in them."""

from __future__ import annotations

import shutil
from collections import Counter
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from core.case import Finding, ImageSet
from core.errors import DataError
from core.formats import class_folders
from core.formats.class_folders import Settings, looks_like, read, write_example
from core.sets.open import open_set


def filled(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        if name.endswith("/"):
            file.mkdir(parents=True)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        content = BytesIO()
        Image.new("L", (20, 20), len(name)).save(content, "PNG")
        file.write_bytes(content.getvalue())
    return root


def findings_of(image_set: ImageSet) -> dict[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    example = write_example(tmp_path / "blood cells")
    assert read(tmp_path / "blood cells", Settings()) == example


def test_a_zip_reads_like_its_folder(tmp_path: Path) -> None:
    example = write_example(tmp_path / "set")
    shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path, "set")
    image_set = read(tmp_path / "set.zip", Settings())
    assert image_set.name == "set"
    assert [(case.id, case.labels) for case in image_set.cases] == [(case.id, case.labels) for case in example.cases]
    assert image_set.fingerprint() == example.fingerprint()


def test_a_table_of_a_kind_that_is_not_read_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "set", "images/1.png", "images/2.png")
    (tmp_path / "set" / "labels.xls").write_bytes(b"old")
    with pytest.raises(DataError, match=r'"labels\.xls" is a kind of table that is not read'):
        read(tmp_path / "set", Settings())
    assert len(read(tmp_path / "set", Settings(answers=("images", "others"))).cases) == 2


def test_a_divided_set_keeps_its_splits(tmp_path: Path) -> None:
    filled(tmp_path / "set/data", *(f"{split}/{label}/1.png" for split in ("Train", "valid", "test") for label in "ab"))
    image_set = read(tmp_path / "set", Settings())
    assert [(case.id, case.labels, case.split) for case in image_set.cases] == [
        ("test/a/1.png", ("a",), "test"),
        ("test/b/1.png", ("b",), "test"),
        ("Train/a/1.png", ("a",), "train"),
        ("Train/b/1.png", ("b",), "train"),
        ("valid/a/1.png", ("a",), "val"),
        ("valid/b/1.png", ("b",), "val"),
    ]
    assert image_set.findings == ()


def test_classes_that_are_called_test_are_no_splits(tmp_path: Path) -> None:
    filled(tmp_path / "set", "test/1.png", "control/1.png")
    image_set = read(tmp_path / "set", Settings())
    assert image_set.task.answers == ("control", "test")
    assert {case.split for case in image_set.cases} == {None}


def test_a_set_for_testing_alone_keeps_its_split(tmp_path: Path) -> None:
    filled(tmp_path / "set", "test/a/1.png", "test/b/1.png")
    image_set = read(tmp_path / "set", Settings())
    assert [(case.id, case.labels, case.split) for case in image_set.cases] == [
        ("test/a/1.png", ("a",), "test"),
        ("test/b/1.png", ("b",), "test"),
    ]


def test_class_names_are_in_natural_order_without_underscores(tmp_path: Path) -> None:
    filled(tmp_path / "set", "grade_10/1.png", "grade_9/1.png", "Grade_1/1.png", "Ödem/1.png")
    assert read(tmp_path / "set", Settings()).task.answers == ("Grade 1", "grade 9", "grade 10", "Ödem")


def test_folders_within_a_class_belong_to_it(tmp_path: Path) -> None:
    filled(tmp_path / "set", "a/p1/1.png", "a/p2/1.png", "b/1.png")
    assert Counter(case.labels[0] for case in read(tmp_path / "set", Settings()).cases) == {"a": 2, "b": 1}


def test_an_empty_class_folder_is_an_error(tmp_path: Path) -> None:
    filled(tmp_path / "set", "a/1.png", "b/")
    image_set = read(tmp_path / "set", Settings())
    assert findings_of(image_set)["empty_class"].message == 'The folder "b/" has no pictures. Add some or remove it.'
    with pytest.raises(DataError, match="has no pictures"):
        image_set.stop_on_errors()


def test_an_empty_class_folder_in_a_zip_is_an_error(tmp_path: Path) -> None:
    filled(tmp_path / "set", "a/1.png", "b/")
    shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set")
    assert findings_of(read(tmp_path / "set.zip", Settings()))["empty_class"].severity == "error"


def test_a_class_that_only_one_split_lacks_is_not_empty(tmp_path: Path) -> None:
    filled(tmp_path / "set", "train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/")
    assert read(tmp_path / "set", Settings()).findings == ()


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    filled(tmp_path / "set", "benign/1.png", "benign/2.png")
    with pytest.raises(DataError, match=r'every image has the label "benign".*add images of another one'):
        read(tmp_path / "set", Settings())


def test_files_that_are_no_pictures_are_noted(tmp_path: Path) -> None:
    filled(tmp_path / "set", "a/1.png", "b/1.png", "loose.png")
    (tmp_path / "set/a/notes.txt").write_text("hello")
    (tmp_path / "set/README").write_text("hello")
    image_set = read(tmp_path / "set", Settings())
    assert [case.id for case in image_set.cases] == ["a/1.png", "b/1.png"]
    assert (findings_of(image_set)["other_files"].severity, findings_of(image_set)["other_files"].cases) == (
        "note",
        ("a/notes.txt", "README"),
    )
    assert findings_of(image_set)["outside_classes"].cases == ("loose.png",)


def test_pictures_beside_the_splits_are_left_out_with_a_word(tmp_path: Path) -> None:
    filled(tmp_path / "set", "train/a/1.png", "train/b/1.png", "extra/a/1.png")
    image_set = read(tmp_path / "set", Settings())
    assert len(image_set.cases) == 2
    assert findings_of(image_set)["outside_splits"].cases == ("extra/a/1.png",)


def test_chosen_answers_put_classes_in_order_and_expose_others(tmp_path: Path) -> None:
    filled(tmp_path / "set", "mild/1.png", "severe/1.png", "svere/1.png")
    chosen = Settings(answers=("severe", "mild"), kind="ordinal", modality="fundus", template="Look: {label set}")
    image_set = read(tmp_path / "set", chosen)
    assert image_set.task.instruction() == "Look:  severe, mild"
    assert (image_set.task.kind, image_set.task.modality) == ("ordinal", "fundus")
    assert findings_of(image_set)["unknown_label"].cases == ("svere/1.png",)


def test_a_file_with_an_absurdly_long_name_is_no_trouble(tmp_path: Path) -> None:
    content = filled(tmp_path / "one", "1.png") / "1.png"
    with ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(content, f"a/{'9' * 5000}.png")
        archive.write(content, "b/Größe ☃.png")
    image_set = read(tmp_path / "set.zip", Settings())
    assert [case.pixels.load().size for case in image_set.cases] == [(20, 20), (20, 20)]


def test_other_things_do_not_look_like_class_folders(tmp_path: Path) -> None:
    filled(tmp_path / "flat", "1.png")
    filled(tmp_path / "bare", "a/", "b/")
    filled(tmp_path / "listed", "a/1.png", "b/1.png")
    (tmp_path / "listed/labels.csv").write_text("image,label\na/1.png,x\n")
    (tmp_path / "empty").mkdir()
    ZipFile(tmp_path / "empty.zip", "w").close()
    (tmp_path / "set.txt").write_text("hello")
    for name in ("flat", "bare", "listed", "empty", "empty.zip", "set.txt"):
        assert not looks_like(tmp_path / name), name


def test_a_real_zip_with_an_outer_folder_is_understood(shared_data: Path) -> None:
    image_set = open_set(shared_data / "mednist_64.zip", None, [class_folders])
    assert image_set.task.answers == ("AbdomenCT", "BreastMRI", "ChestCT", "CXR", "Hand", "HeadCT")
    assert Counter(case.labels[0] for case in image_set.cases) == dict.fromkeys(image_set.task.answers, 500)
    assert image_set.cases[-1].id == "HeadCT/000499.jpeg"
    assert image_set.cases[-1].pixels.load().size == (64, 64)
