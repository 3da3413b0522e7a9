"""One temperature a reader: its formula, how it is learned, and what it does to figures of other cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from core.case import Kind, Task
from core.readings import sureness
from core.readings.answer import Answer, as_calibrated
from core.readings.calibration import (
    LEAST_CASES,
    Calibration,
    calibrations_of,
    concluded,
    for_set,
    kept_calibrations,
    learned,
)
from core.readings.reading import Reading
from core.readings.results import evaluate, table
from core.statistics.metrics import Sheet

TASK = Task(modality="drawn", answers=("a", "b"))
MULTI = Task(modality="drawn", answers=("a", "b"), kind="multi")
SURE = (0.9, 0.1)
KINDS: tuple[Kind, ...] = ("single", "multi")


def of_cases(right: int, wrong: int, name: str = "panes", reader: str = "one") -> list[Reading]:
    """All say a with .9; of so many it is the label."""
    labels = ["a"] * right + ["b"] * wrong
    return [
        Reading(name, f"{place}", "val", reader, (label,), None, Answer(SURE)) for place, label in enumerate(labels)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_temperature_of_two_takes_roots(kind: Kind) -> None:
    """3 / (3 + 1), since .9 is nine times .1."""
    assert Calibration(2.0, 22).of((0.9, 0.1), kind) == pytest.approx([0.75, 0.25])
    assert Calibration(0.5, 22).of([(0.75, 0.25)], kind) == pytest.approx(np.array([[0.9, 0.1]]))


def test_of_three_answers_the_powers_are_shared_out() -> None:
    """Roots .8, .4, .4 of .64, .16, .16 (the rest to 1 is a common factor)."""
    likely = np.array([0.64, 0.16, 0.16]) / 0.96
    assert Calibration(2.0, 22).of(likely, "single") == pytest.approx([0.5, 0.25, 0.25])


@pytest.mark.parametrize("kind", KINDS)
def test_the_temperature_is_that_of_the_share_that_is_right_smoothed(kind: Kind) -> None:
    """17 of 22 are right, smoothed (17 + 1) / (22 + 2) = .75, which .9 becomes at a temperature of 2."""
    hot = np.array([[1.0, 0.0]] * 17 + [[0.0, 1.0]] * 5)
    calibration = learned([SURE] * 22, hot, kind)
    assert calibration.temperature == pytest.approx(2, rel=1e-5) and calibration.cases == 22


def test_a_reader_that_is_always_right_is_not_made_sure_of_everything() -> None:
    """.9 becomes (20 + 1) / (20 + 2)."""
    calibration = learned([SURE] * 20, np.array([[1.0, 0.0]] * 20), "single")
    assert calibration.of(SURE, "single")[0] == pytest.approx(21 / 22, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_temperature_has_less_cross_entropy(kind: Kind) -> None:
    generator = np.random.default_rng(3)
    scores = 4 * generator.normal(size=(200, 2))
    likely = 1 / (1 + np.exp(-scores)) if kind == "multi" else np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    hot = np.eye(2)[(likely[:, 0] < generator.random(200)).astype(int)]
    best = learned(likely, hot, kind)
    targets = (200 * hot + 1) / 202

    def lost(temperature: float) -> float:
        p = Calibration(temperature, 200).of(likely, kind)
        own = targets * np.log(p) + ((1 - targets) * np.log(1 - p) if kind == "multi" else 0)
        return -float(own.sum(1).mean())

    assert all(lost(best.temperature) <= lost(best.temperature * factor) for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_stays(kind: Kind) -> None:
    likely = np.random.default_rng(0).dirichlet([0.2] * 4, 500)
    labels = np.random.default_rng(1).integers(0, 2, (500, 4)) if kind == "multi" else np.arange(500) % 4
    for temperature in (0.2, 3.0, 20.0):
        calibrated = Calibration(temperature, 50).of(likely, kind)
        raw, sheet = (Sheet(p, labels, kind, "abcd") for p in (likely, calibrated))
        assert (raw.said == sheet.said).all() and np.isfinite(calibrated).all()


def test_certainty_does_not_break_it() -> None:
    assert Calibration(2.0, 22).of((1.0, 0.0), "single") == pytest.approx([1, 0], abs=1e-7)
    assert np.isfinite(Calibration(2.0, 22).of((1.0, 0.0), "multi")).all()


def test_readers_of_few_validation_cases_stay_raw_and_sets_are_told_apart() -> None:
    few = of_cases(LEAST_CASES - 1, 0, reader="few")
    readings = [*of_cases(17, 5), *few, *of_cases(20, 0, name="others")]
    calibrations = calibrations_of(readings, {"panes": TASK, "others": TASK})
    assert {name: list(of_set) for name, of_set in calibrations.items()} == {"panes": ["one"], "others": ["one"]}
    assert calibrations["panes"]["one"].temperature > 1 > calibrations["others"]["one"].temperature


@pytest.mark.parametrize("sets", [["panes"], ["panes", "others"]])
def test_temperatures_are_found_again_in_what_a_run_keeps(sets: list[str]) -> None:
    tasks = dict.fromkeys(sets, TASK)
    readings = [each for name in sets for each in of_cases(17, 5, name)]
    calibrations = calibrations_of(readings, tasks)
    kept = kept_calibrations(evaluate(readings, tasks, 50, 0, calibrations))
    assert {name: for_set(kept, name) for name in sets} == calibrations
    assert kept_calibrations(evaluate(readings, tasks, 50, 0)) == {name: {} for name in (sets if sets[1:] else [""])}
    assert kept_calibrations(None) == {"": {}}


def measured(right: int, wrong: int) -> dict[str, Any]:
    readings = of_cases(right, wrong)
    return evaluate(readings, {"panes": TASK}, 200, 0, {"panes": {"one": Calibration(2.0, 22)}})


def test_figures_are_told_raw_and_calibrated() -> None:
    """30 of 40 are right: .9 is .15 surer than right, .75 is as sure as right."""
    part = measured(30, 10)["calibration"]["one"]
    assert (part["temperature"], part["cases"]) == (2.0, 22)
    assert part["raw"]["overconfidence"]["value"] == pytest.approx(0.15)
    assert part["calibrated"]["overconfidence"]["value"] == pytest.approx(0)
    raw, calibrated = (-(3 * math.log(p) + math.log(1 - p)) / 4 for p in (0.9, 0.75))
    assert part["raw"]["log_loss"]["value"] == pytest.approx(raw)
    assert part["differences"]["log_loss"]["value"] == pytest.approx(calibrated - raw)
    low, high = (part["raw"]["overconfidence"][end] for end in ("low", "high"))
    assert low < 0.15 < high
    assert measured(30, 10)["readers"]["one"]["log_loss"]["value"] == pytest.approx(raw), "the main figures stay raw"


def test_the_table_says_both() -> None:
    text = table(measured(30, 10))
    row = next(line for line in text.splitlines() if line.startswith("| one | 2.00 |"))
    assert "0.655 [" in row and "0.562 [" in row and "-0.09" in row
    assert "by 22 validation cases" in text and sureness.ABOUT in text
    assert "temperature" not in table(evaluate(of_cases(30, 10), {"panes": TASK}, 50, 0))


def test_bins_hold_every_answer_once_and_part_no_equals() -> None:
    likely = np.array([(0.6, 0.4)] * 50 + [(0.95, 0.05)] * 45 + [(0.97, 0.03)] * 5)
    labels = [0] * 30 + [1] * 20 + [0] * 50
    bins = sureness.bins(Sheet(likely, labels, "single", ("a", "b")))
    assert [(each.count, round(each.confidence, 3), each.right) for each in bins] == [
        (50, 0.6, 0.6),
        (45, 0.95, 1.0),
        (5, 0.97, 1.0),
    ]
    assert bins[0].low is not None and bins[0].high is not None and bins[0].low < 0.6 < bins[0].high
    few = sureness.bins(Sheet(likely[:4], labels[:4], "single", ("a", "b")))
    assert [each.count for each in few] == [4]


def test_of_several_labels_each_is_an_answer() -> None:
    likely = np.array([(0.9, 0.2)] * 30)
    (lower, upper) = sureness.bins(Sheet(likely, [[1, 1]] * 30, "multi", ("a", "b")))
    assert [(each.count, round(each.confidence, 9), each.right) for each in (lower, upper)] == [
        (30, 0.8, 0),
        (30, 0.9, 1),
    ]


@pytest.mark.parametrize("task", [TASK, MULTI])
def test_a_conclusion_keeps_its_labels_and_gets_another_entropy(task: Task) -> None:
    conclusion = concluded(Answer(SURE), task, Calibration(2.0, 22))
    calibrated = as_calibrated(conclusion, task)
    assert conclusion.answer.probabilities == SURE and calibrated.answer.probabilities == pytest.approx((0.75, 0.25))
    assert calibrated.labels == conclusion.labels and calibrated.entropy > conclusion.entropy
    raw = concluded(Answer(SURE), task, None)
    assert as_calibrated(raw, task) is raw
