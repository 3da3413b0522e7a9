"""Simulated test sets: what is printed as a 95 % interval holds the truth in .93 to .99 of them."""

from __future__ import annotations

import pytest

from core.bench import pairs
from core.bench.intervals import FIGURES, markdown, run_all

SETS = 200
SLACK = 0.045
"""Three standard errors of a share of .95 in so many sets."""


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], dict[str, float]]:
    cells = ["60 cases at .76", "60 cases at .988", "15 patients"]
    return {(row["cell"], row["figure"]): row for row in run_all(cells, SETS, 7, 1, lambda text: None)}


@pytest.mark.parametrize("cell", ["60 cases at .76", "60 cases at .988", "15 patients"])
@pytest.mark.parametrize("figure", FIGURES)
def test_intervals_that_are_printed_hold_the_truth(
    rows: dict[tuple[str, str], dict[str, float]], cell: str, figure: str
) -> None:
    row = rows[cell, figure]
    assert row["after"] >= 0.93 - SLACK and row["after"] <= 0.9951
    gap = rows[cell, f"difference of {figure}"]
    assert gap["after"] is None or gap["after"] >= 0.93 - SLACK


def test_percentiles_alone_do_not_hold_the_truth(rows: dict[tuple[str, str], dict[str, float]]) -> None:
    assert rows["60 cases at .988", "accuracy"]["before"] < 0.6
    assert rows["60 cases at .988", "macro_f1"]["before"] < 0.6
    assert rows["15 patients", "auroc"]["before"] < 0.93 - SLACK


def test_five_equal_readers_are_rarely_told_apart_by_bands_and_often_by_each_pairs_own_interval() -> None:
    """Three standard errors of a share of .05 in so many sets are .046."""
    rows = pairs.run_all(["60 cases at .76"], 5, SETS, 7, 1, lambda text: None)
    for row in rows:
        assert row["together"] <= 0.05 + 0.046, row
        assert row["first"] <= 0.05 + 0.046, row
    assert {row["figure"]: row for row in rows}["accuracy"]["alone"] > 0.15
    assert pairs.markdown(rows).splitlines()[2].startswith("| 60 cases at .76, 5 readers | 0.")


def test_the_table_tells_both_and_how_often_there_is_an_interval() -> None:
    row = {"cell": "small", "before": 0.5, "after": 0.95, "printed": 0.25}
    names = [*FIGURES, *(f"difference of {name}" for name in FIGURES)]
    lines = markdown([row | {"figure": name} for name in names[:-1]] + [row | {"figure": names[-1], "after": None}])
    assert lines.splitlines()[2].startswith("| small | 0.500 → 0.950 of 0.250 |")
    assert lines.splitlines()[2].endswith("| 0.500 → none printed |")
