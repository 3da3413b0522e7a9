"""npz files in MedMNIST's layout: known sets get their names, unknown ones a question, wrong ones a reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DataError
from core.formats import medmnist_npz
from core.formats.medmnist_npz import Settings, looks_like, read, write_example
from core.sets.open import open_set
from tests.pace import is_within


def saved(path: Path, labels: Any = ((0,), (1,), (1,)), shape: tuple[int, ...] = (8, 8), **more: Any) -> Path:
    numbers = np.array(labels, dtype=np.uint8) if isinstance(labels, tuple | list) else labels
    arrays: dict[str, Any] = {"train_images": np.zeros((len(numbers), *shape), np.uint8), "train_labels": numbers}
    np.savez(path, **{name: array for name, array in (arrays | more).items() if array is not None})
    return path


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    example = write_example(tmp_path / "example")
    assert read(tmp_path / "example", Settings()) == example
    assert read(tmp_path / "example/pneumonia_28.npz", Settings()) == example


@pytest.mark.parametrize("name", ["bloodmnist_64", "blood_28", "BloodMNIST", "bloodmnist_224 (1)"])
def test_a_set_is_known_by_the_name_of_its_file(tmp_path: Path, name: str) -> None:
    image_set = read(saved(tmp_path / f"{name}.npz", shape=(8, 8, 3)), Settings())
    assert (image_set.name, image_set.task.modality) == (name, "blood cell microscope")
    assert [case.labels for case in image_set.cases] == [("basophil",), ("eosinophil",), ("eosinophil",)]
    assert [case.id for case in image_set.cases] == ["train/0", "train/1", "train/2"]
    assert image_set.findings == ()


def test_a_set_is_known_by_its_numbers_of_cases(tmp_path: Path) -> None:
    sizes = {"train": 546, "val": 78, "test": 156}  # BreastMNIST's
    arrays = {f"{split}_images": np.zeros((size, 4, 4), np.uint8) for split, size in sizes.items()}
    labels = {f"{split}_labels": np.zeros((size, 1), np.uint8) for split, size in sizes.items()}
    np.savez(tmp_path / "mine.npz", **(arrays | labels))  # type: ignore[arg-type]
    assert read(tmp_path / "mine.npz", Settings()).task.answers == ("malignant", "normal, benign")


def test_the_grades_of_a_retina_are_ordinal(tmp_path: Path) -> None:
    task = read(saved(tmp_path / "retinamnist.npz", shape=(8, 8, 3)), Settings()).task
    assert (task.kind, task.answers) == ("ordinal", ("0", "1", "2", "3", "4"))


def test_a_chest_may_have_several_labels_or_none(tmp_path: Path) -> None:
    rows = np.zeros((2, 14), np.uint8)
    rows[0, [2, 13]] = 1
    image_set = read(saved(tmp_path / "chestmnist.npz", rows), Settings())
    assert image_set.task.kind == "multi"
    assert [case.labels for case in image_set.cases] == [("effusion", "hernia"), ()]


def test_an_unknown_set_asks_for_the_names_of_its_classes(tmp_path: Path) -> None:
    npz = saved(tmp_path / "mine.npz", labels=((0,), (2,)))
    image_set = read(npz, Settings())
    assert image_set.task.answers == ("class 0", "class 1", "class 2")
    assert [(finding.kind, finding.severity) for finding in image_set.findings] == [("unnamed_classes", "warning")]
    named = read(npz, Settings(answers=("mild", "moderate", "severe"), kind="ordinal"))
    assert [case.labels for case in named.cases] == [("mild",), ("severe",)]
    assert (named.task.kind, named.findings) == ("ordinal", ())


OTHERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "grey": ({}, "its pictures are grey, that set's in colour"),
    "one class more": ({"labels": ((0,), (1,), (8,)), "shape": (8, 8, 3)}, "it has the label 8, that set 0 to 7"),
    "several labels": ({"labels": ((0, 1), (1, 0)), "shape": (8, 8, 3)}, "its labels have 2 columns, that set's 1"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_ones_own_arrays_under_the_name_of_a_set_keep_their_numbers(tmp_path: Path, other: str) -> None:
    arrays, reason = OTHERS[other]
    image_set = read(saved(tmp_path / "blood.npz", **arrays), Settings())
    assert image_set.task.modality == "medical"
    assert image_set.task.answers[:2] == ("class 0", "class 1")
    (finding,) = image_set.findings
    assert finding.kind == "unnamed_classes" and finding.severity == "warning"
    assert f"blood.npz is called like bloodmnist but is another set: {reason}" in finding.message
    assert "Set “answers”" in finding.message


def test_ones_own_file_whose_name_begins_like_a_sets_keeps_its_numbers(tmp_path: Path) -> None:
    image_set = read(saved(tmp_path / "blood_cells.npz", shape=(8, 8, 3)), Settings())
    assert (image_set.task.modality, image_set.task.answers) == ("medical", ("class 0", "class 1"))
    assert image_set.findings[0].message.startswith("blood_cells.npz does not name its classes.")


def test_one_label_where_a_set_has_several_is_another_set(tmp_path: Path) -> None:
    image_set = read(saved(tmp_path / "chest.npz"), Settings())
    assert (image_set.task.kind, image_set.task.answers) == ("single", ("class 0", "class 1"))


def test_labels_without_a_second_axis_are_understood(tmp_path: Path) -> None:
    image_set = read(saved(tmp_path / "blood.npz", labels=(0, 7), shape=(8, 8, 3)), Settings())
    assert [case.labels for case in image_set.cases] == [("basophil",), ("platelet",)]


WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "keys": ({"train_images": None, "images": np.zeros(3)}, r"holds images, train_labels; a MedMNIST file holds"),
    "volumes": ({"shape": (8, 8, 8)}, r"train_images of blood.npz is 3 x 8 x 8 x 8 of uint8; expected cases"),
    "floats": ({"train_images": np.zeros((3, 8, 8))}, "of float64; expected"),
    "other count": ({"train_images": np.zeros((4, 8, 8), np.uint8)}, "one row for each of the 4 pictures"),
    "label kind": ({"labels": np.zeros((3, 1))}, "train_labels of blood.npz is 3 x 1 of float64; expected whole"),
    "negative": ({"labels": np.array([[0], [-1]]), "shape": (8, 8, 3)}, "Row 1 of train_labels in blood.npz is -1"),
    "no pictures": ({"train_images": np.zeros((0, 8, 8), np.uint8)}, "is 0 x 8 x 8 of uint8: no pictures"),
    "no width": ({"train_images": np.zeros((3, 8, 0), np.uint8)}, "is 3 x 8 x 0 of uint8: no pictures"),
    "half a split": ({"val_images": np.zeros((3, 8, 8), np.uint8)}, "holds val_images without val_labels"),
    "pickled labels": ({"labels": np.array([["a"], [None]], object)}, '"train_labels" .* pickled Python objects'),
    "pickled pictures": ({"train_images": np.array([None] * 3, object)}, '"train_images" .* pickled Python objects'),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, wrong: str) -> None:
    arrays, message = WRONG[wrong]
    with pytest.raises(DataError, match=message):
        read(saved(tmp_path / "blood.npz", **arrays), Settings())


def test_labels_that_are_not_the_asked_ones_are_refused(tmp_path: Path) -> None:
    settings = Settings(answers=("mild", "severe"), kind="single")
    with pytest.raises(DataError, match=r"Row 1 of train_labels in mine\.npz is 2; the labels go from 0 to 1"):
        read(saved(tmp_path / "mine.npz", labels=((0,), (2,))), settings)
    with pytest.raises(DataError, match="has 2 columns, but a single task with 2 answers has 1"):
        read(saved(tmp_path / "mine.npz", labels=((0, 1), (1, 0))), settings)


def test_other_numbers_than_0_and_1_are_no_marks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Row 1 of train_labels in mine\.npz is 2; the labels go from 0 to 1"):
        read(saved(tmp_path / "mine.npz", labels=((0, 1), (2, 0))), Settings())


def test_a_label_that_is_no_class_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"A label of mine\.npz is 4000000000"):
        read(saved(tmp_path / "mine.npz", labels=np.array([[0], [4_000_000_000]])), Settings())


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='every image has the label "class 0"'):
        read(saved(tmp_path / "mine.npz", labels=((0,), (0,))), Settings())


@pytest.mark.parametrize("content", [b"", b"just text", b"PK\x03\x04 and nothing more"])
def test_a_text_file_called_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "blood.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"blood\.npz is not a whole zip file"):
        read(tmp_path / "blood.npz", Settings())


def test_only_an_npz_or_a_folder_with_one_looks_right(tmp_path: Path) -> None:
    saved(tmp_path / "one.npz")
    assert looks_like(tmp_path / "one.npz") and looks_like(tmp_path)
    saved(tmp_path / "two.npz")
    assert not looks_like(tmp_path)
    assert not looks_like(tmp_path / "set.zip")


def test_seventeen_thousand_cases_are_read_in_a_moment(shared_data: Path) -> None:
    path = shared_data / "blood_28.npz"
    assert is_within(0.5, lambda: open_set(path, None, [medmnist_npz]))  # 0.1 seconds on a free machine
    image_set = open_set(path, None, [medmnist_npz])
    assert [len(image_set.of(split)) for split in ("train", "val", "test")] == [11_965, 1_708, 3_419]
    assert image_set.cases[0].pixels.load().size == (28, 28)
    assert image_set.cases[0].labels == ("basophil",)
