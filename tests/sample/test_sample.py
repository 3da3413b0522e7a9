"""The sample set: whole, split by patient, with its mistakes where it says that they are."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from core import sample
from core.case import Task
from core.sample import people

Row = dict[str, str]


def table(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set with a quarter of its patients, which is drawn in the same way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "PATIENTS", 30)
        return sample.write(tmp_path_factory.mktemp("sample"), seed=1)


def test_every_row_names_a_picture_a_mask_and_an_answer_of_the_task(small: Path) -> None:
    rows = table(small / "cases.csv")
    task = Task.parse(yaml.safe_load((small / "task.yaml").read_text()), "task.yaml")
    assert task == sample.TASK
    assert 60 <= len(rows) <= 190
    for row in rows:
        assert row["label"] in task.answers
        assert pixels(small / row["image"]).shape == (128, 128, 3)
        assert pixels(small / row["mask"]).shape == (128, 128)


def test_no_patient_is_in_two_splits(small: Path) -> None:
    splits: dict[str, set[str]] = {}
    for row in table(small / "cases.csv"):
        splits.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(of_patient) == 1 for of_patient in splits.values())
    assert Counter(split for (split,) in splits.values()) == {"train": 18, "val": 4, "test": 8}


def test_the_nucleus_box_holds_the_mask_exactly_and_lies_in_the_cell(small: Path) -> None:
    for row in table(small / "cases.csv"):
        boxes = {box["label"]: box for box in json.loads(row["boxes"])}
        rows, columns = np.nonzero(pixels(small / row["mask"]))
        nucleus, cell = boxes["nucleus"], boxes["cell"]
        assert (nucleus["left"], nucleus["top"]) == (columns.min() / 128, rows.min() / 128)
        assert (nucleus["right"], nucleus["bottom"]) == ((columns.max() + 1) / 128, (rows.max() + 1) / 128)
        assert cell["left"] <= nucleus["left"] < nucleus["right"] <= cell["right"]
        assert cell["top"] <= nucleus["top"] < nucleus["bottom"] <= cell["bottom"]


def test_planted_label_errors_are_training_cases_with_another_label(small: Path) -> None:
    rows = {row["image"]: row for row in table(small / "cases.csv")}
    wrong = [line for line in table(small / "planted.csv") if line["kind"] == "label error"]
    assert wrong
    for line in wrong:
        assert rows[line["image"]]["split"] == "train"
        assert line["true_label"] in sample.TASK.answers
        assert line["true_label"] != rows[line["image"]]["label"]


def test_planted_copies_are_copies_and_nothing_else_is(small: Path) -> None:
    copies = [line for line in table(small / "planted.csv") if line["copy_of"]]
    exact = {line["image"] for line in copies if line["kind"] == "exact duplicate"}
    seen: dict[str, str] = {}
    repeated: set[str] = set()
    for row in table(small / "cases.csv"):
        digest = hashlib.sha256((small / row["image"]).read_bytes()).hexdigest()
        repeated |= {row["image"]} if digest in seen else set()
        seen.setdefault(digest, row["image"])
    assert repeated == exact
    for line in copies:
        copy, original = (pixels(small / line[name]).astype(float) for name in ("image", "copy_of"))
        assert np.abs(copy - original).mean() < 8


def test_some_copies_leak_from_training_into_test(small: Path) -> None:
    splits = {row["image"]: row["split"] for row in table(small / "cases.csv")}
    pairs = [
        (splits[line["copy_of"]], splits[line["image"]]) for line in table(small / "planted.csv") if line["copy_of"]
    ]
    assert ("train", "test") in pairs
    assert ("train", "train") in pairs


@pytest.mark.slow
def test_the_same_seed_draws_the_same_files(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "PATIENTS", 12)
        first, second = sample.write(tmp_path / "one", seed=4), sample.write(tmp_path / "other", seed=4)
    files = sorted(path.relative_to(first) for path in first.rglob("*.*"))
    assert len(files) > 40
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_the_readme_says_that_nothing_is_medical_data(small: Path) -> None:
    text = (small / "README.md").read_text()
    assert "drawn by a program" in text
    assert "not medical data" in text
