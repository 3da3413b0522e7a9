"""The sample set: whole, split by patient, with its mistakes where it says that they are."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from core import sample
from core.case import Task
from core.catalog import FAMILIES, FORMATS, every, find
from core.sample import mistakes, people
from core.sets.open import open_set

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


SIZES = {"small": (0.0, 0.3 / 1.1), "medium": (0.3 / 1.1, 0.33), "large": (0.33, 1.0)}
GRANULES = {"no": "no granules", "few": "few fine granules", "many": "Many fine granules", "coarse": "Coarse granules"}


def drawn_subjects() -> dict[str, people.Subject]:
    """What was drawn for each picture of `small`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "PATIENTS", 30)
        rng = np.random.default_rng([1, 7])
        subjects = people.subjects(rng)
        copies = mistakes.duplicates(rng, subjects, list(mistakes.wrong_labels(rng, subjects)))
    return {f"images/{subject.name}.png": subject for subject in [*subjects, *(copy for copy, _ in copies)]}


def is_lower(centre: float) -> bool | None:
    """Of a half of the picture; None near the middle."""
    return None if abs(centre - 0.5) <= 0.05 else centre > 0.5


def test_a_report_tells_the_cell_as_it_was_drawn(small: Path) -> None:
    subjects = drawn_subjects()
    for row in table(small / "cases.csv"):
        cell, text = subjects[row["image"]].cell, row["report"]
        short, _, rest = text.partition(". ")
        words = short.lower().replace(",", "").replace(":", "").split()
        (size,) = [name for name in SIZES if name in words]
        assert SIZES[size][0] <= cell.radius < SIZES[size][1]
        box = json.loads(row["boxes"])[0]
        across, down = (box["left"] + box["right"]) / 2, (box["top"] + box["bottom"]) / 2
        assert abs(across - cell.x) < 0.06 and abs(down - cell.y) < 0.06
        for centre, first, second in ((across, "left", "right"), (down, "upper", "lower")):
            assert (first in words, second in words) == (is_lower(centre) is False, is_lower(centre) is True)
        assert ("centre" in words) == (is_lower(across) is None and is_lower(down) is None)
        assert (f"{cell.form} nucleus" in short) or (f"{cell.form}-shaped nucleus" in short)
        assert row["stain"] in short.lower() and subjects[row["image"]].label in rest
        assert [name for name, words in GRANULES.items() if words in rest] == [cell.granules]
        assert ("clumped" in rest, "speckled" in rest) == (cell.chromatin == "clumped", cell.chromatin == "speckled")
        assert ("has no lobes" in rest) == ("lobed" not in cell.form)
        assert ("not bent like a bean" in rest) == (cell.form not in ("bean", "band"))


def test_a_report_agrees_with_the_boxes(small: Path) -> None:
    for row in table(small / "cases.csv"):
        boxes = {box["label"]: box for box in json.loads(row["boxes"])}
        cell, nucleus = boxes["cell"], boxes["nucleus"]
        words = row["report"].partition(". ")[0].lower().replace(",", "").replace(":", "").split()
        for start, end, first, second in (("left", "right", "left", "right"), ("top", "bottom", "upper", "lower")):
            centre = (cell[start] + cell[end]) / 2
            assert (first not in words or centre < 0.5) and (second not in words or centre > 0.5)
        share = (nucleus["right"] - nucleus["left"]) / (cell["right"] - cell["left"])
        (percent,) = re.findall(r"about (\d+) percent", row["report"])
        assert abs(int(percent) / 100 - share) <= 0.05 + 1e-9


def test_dark_cells_are_darker_than_pale_ones(small: Path) -> None:
    down, across = np.mgrid[:128, :128] / 128
    levels: dict[str, list[float]] = {"dark": [], "pale": []}
    for row in table(small / "cases.csv"):
        box = json.loads(row["boxes"])[0]
        reach = [(box[end] - box[start]) / 2 for start, end in (("left", "right"), ("top", "bottom"))]
        x, y = box["left"] + reach[0], box["top"] + reach[1]
        inside = ((across - x) / reach[0]) ** 2 + ((down - y) / reach[1]) ** 2 < 1
        tone = {"dark", "pale"} & set(re.findall(r"\w+", row["report"].partition(". ")[0].lower()))
        for name in tone:
            levels[name].append(float(pixels(small / row["image"])[inside].mean()))
    assert len(levels["dark"]) > 10 and len(levels["pale"]) > 10
    assert max(levels["dark"]) < min(levels["pale"])


def test_a_report_is_a_short_sentence_and_a_long_text_and_they_vary(small: Path) -> None:
    vlm = find(FAMILIES, "starter", "family").load(find(FAMILIES, "starter", "family").Settings())
    reports = [row["report"] for row in table(small / "cases.csv")]
    for text in reports:
        short = text.partition(". ")[0] + "."
        assert len(vlm.response(short)) < 30 <= len(vlm.response(text)) < 500
    assert len({text.partition(". ")[0] for text in reports}) > 0.6 * len(reports)
    for words in ("small dark cell", "upper left"):
        assert any(words in text.lower() for text in reports)


def test_of_a_wrong_label_the_report_tells_the_truth(small: Path) -> None:
    rows = {row["image"]: row for row in table(small / "cases.csv")}
    for line in table(small / "planted.csv"):
        if line["kind"] == "label error":
            row = rows[line["image"]]
            assert line["true_label"] in row["report"] and row["label"] not in row["report"]


def test_the_set_is_read_with_its_reports(small: Path) -> None:
    opened = open_set(small, {}, every(FORMATS))
    reports = {row["image"]: row["report"] for row in table(small / "cases.csv")}
    assert {case.id: case.report for case in opened.cases} == reports
    assert {tuple(case.more) for case in opened.cases} == {("stain",)}


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
