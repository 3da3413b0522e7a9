"""What single cells of a manifest mean."""

from __future__ import annotations

import json

import pytest

from core.case import Box
from core.errors import DataError
from core.layouts.manifest_cells import drawn_boxes, listed_labels, marked_labels, named_split, without_no_finding
from core.layouts.table import value


@pytest.mark.parametrize(
    ("cell", "meaning"),
    [(" a b ", "a b"), ("7.0", "7"), ("007.00", "007"), ("7.5", "7.5"), ("1.0.0", "1.0.0"), ("NaN", ""), ("N/A", "")],
)
def test_a_cell_means_what_was_written_before_a_spreadsheet_touched_it(cell: str, meaning: str) -> None:
    assert value(cell) == meaning


def test_labels_stand_between_any_of_the_separators_once() -> None:
    assert listed_labels("mass; node|mass ;; nan", ";|") == ("mass", "node")
    assert listed_labels("a]b^c-d", "]^-") == ("a", "b", "c", "d")
    assert listed_labels("mass; node", "") == ("mass; node",)


@pytest.mark.parametrize("separators", ["", ";|"])
def test_labels_that_hold_separators_stand_in_a_json_list(separators: str) -> None:
    assert listed_labels(' ["effusion; left", "a \\"mass\\"", "effusion; left"]', separators) == (
        "effusion; left",
        'a "mass"',
    )
    assert listed_labels("[]", separators) == ()
    for cell in ('["mass", 1]', "[mass]", "[", '["mass"', '["mass", " "]', "[1, 2]"):
        assert listed_labels(cell, "") == (cell,), "no list of names"


def test_no_finding_is_no_label() -> None:
    assert without_no_finding(("No Finding", "mass")) == ("mass",)


def test_marks_are_true_in_several_spellings() -> None:
    row = {"a": "1", "b": "TRUE", "c": "1.0", "d": "yes", "e": "0", "f": "", "g": "False", "other": "x"}
    assert marked_labels(row, tuple("abcdefg")) == ("a", "b", "c", "d")


def test_an_empty_split_is_none_and_a_wrong_one_is_told() -> None:
    assert (named_split("Validation"), named_split(" nan ")) == ("val", None)
    with pytest.raises(DataError, match='has the split "holdout"'):
        named_split("holdout")


def test_boxes_are_read_from_json() -> None:
    drawn = {"label": "RBC", "left": 0.1, "top": 0.2, "right": 0.3, "bottom": 0.4}
    assert drawn_boxes(json.dumps([drawn])) == (Box("RBC", 0.1, 0.2, 0.3, 0.4),)
    assert drawn_boxes("") == drawn_boxes("[]") == ()


@pytest.mark.parametrize(
    "cell",
    [
        "0.1 0.2 0.3 0.4",
        "7",
        "[[0.1, 0.2, 0.3, 0.4]]",
        '[{"label": "RBC", "left": 0.1, "top": 0.2, "right": 0.3}]',
        '[{"label": "RBC", "left": 0.5, "top": 0.2, "right": 0.3, "bottom": 0.4}]',
        '[{"label": "RBC", "left": 10, "top": 20, "right": 30, "bottom": 40}]',
        '[{"label": "RBC", "left": "x", "top": 0.2, "right": 0.3, "bottom": 0.4}]',
        '[{"label": "RBC", "left": NaN, "top": 0.2, "right": 0.3, "bottom": 0.4}]',
    ],
)
def test_boxes_that_are_none_are_told(cell: str) -> None:
    with pytest.raises(DataError, match="has boxes that can't be read"):
        drawn_boxes(cell)
