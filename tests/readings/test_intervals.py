"""Resampled intervals: the same draws as plain numpy, patients kept together, and the truth inside 95 % of the time."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from core.readings.intervals import Difference, Figure, Floats, difference, figure, in_brackets, resampled


def weights(cases: int, groups: list[str | None] | None, draws: int, seed: int = 0) -> Floats:
    return np.concatenate(list(resampled(cases, groups, draws, seed)), axis=1)


def test_every_draw_counts_as_many_cases_as_there_are() -> None:
    drawn = weights(7, None, 20)
    assert drawn.shape == (7, 20)
    assert (drawn.sum(0) == 7).all()


def test_draws_are_those_of_plain_numpy() -> None:
    drawn = weights(5, None, 30, seed=3)
    chosen = np.random.default_rng(3).integers(5, size=(30, 5))
    by_hand = np.array([[(row == case).sum() for row in chosen] for case in range(5)])
    assert (drawn == by_hand).all()


def test_draws_do_not_depend_on_how_they_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = weights(11, None, 50)
    monkeypatch.setattr("core.readings.intervals.CHUNK", 33)
    assert (weights(11, None, 50) == at_once).all()


def test_cases_of_one_patient_are_drawn_together() -> None:
    drawn = weights(5, ["ann", "bob", "ann", "cy", "bob"], 100)
    assert (drawn[0] == drawn[2]).all()
    assert (drawn[1] == drawn[4]).all()
    assert (drawn[0] != drawn[1]).any()


def test_cases_without_a_patient_are_drawn_alone() -> None:
    drawn = weights(4, ["ann", None, "ann", ""], 100)
    assert (drawn[0] == drawn[2]).all()
    assert (drawn[1] != drawn[3]).any()


def test_groups_that_do_not_match_the_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="2 groups for 3 cases"):
        weights(3, ["ann", "bob"], 1)


def test_a_figure_leaves_out_draws_in_which_it_is_undefined() -> None:
    drawn = np.append(np.arange(101.0), math.nan)
    assert figure(50, drawn) == Figure(50.0, 2.5, 97.5)


def test_a_difference_tells_how_often_it_is_at_or_below_zero() -> None:
    found = difference(0.5, np.array([-1.0, 0.0, 1.0, 2.0, math.nan]))
    assert found.share_at_or_below_zero == 0.5


def test_undefined_becomes_null_in_json() -> None:
    nothing = Figure(math.nan, math.nan, math.nan)
    assert json.dumps(nothing.plain(), allow_nan=False) == '{"value": null, "low": null, "high": null}'
    assert Difference(1.0, 0.0, 2.0, 0.25).plain()["share_at_or_below_zero"] == 0.25


def test_the_interval_of_a_mean_holds_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        values = random.random(80) < 0.7
        means = values @ weights(80, None, 400, seed=trial) / 80
        found = figure(values.mean(), means)
        held += found.low <= 0.7 <= found.high
    assert 180 <= held <= 198


def test_intervals_over_patients_are_wider_than_over_cases_where_patients_are_alike() -> None:
    right = np.repeat(np.random.default_rng(0).random(30) < 0.6, 10).astype(float)
    patients: list[str | None] = [f"patient {number // 10}" for number in range(300)]
    by_patient = figure(right.mean(), right @ weights(300, patients, 500) / 300)
    by_case = figure(right.mean(), right @ weights(300, None, 500) / 300)
    # All ten cases of a patient agree, so the interval is wider by about the square root of ten.
    assert 2.5 < (by_patient.high - by_patient.low) / (by_case.high - by_case.low) < 4


def test_a_figure_is_written_with_its_interval_and_what_is_undefined_as_a_dash() -> None:
    assert in_brackets({"value": 0.5, "low": 0.25, "high": 0.75}) == "0.500 [0.250, 0.750]"
    assert in_brackets({"value": 0.5, "low": None, "high": 0.75}) == "0.500"
    assert in_brackets({"value": 0.5, "low": 0.25, "high": None}) == "0.500"
    assert in_brackets({"value": None, "low": None, "high": None}) == in_brackets(None) == "–"
