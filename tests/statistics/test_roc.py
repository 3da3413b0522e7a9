"""Curves worked by hand: four scores, a tie, and where the reader stands by its own answers."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics import metrics
from core.statistics.roc import rocs

ANSWERS = ("clear", "hazy")


def test_a_curve_goes_up_with_hits_and_right_with_false_alarms() -> None:
    """Scores of clear: .9 (clear), .8 (hazy), .6 (clear), .2 (hazy)."""
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.2, 0.8]])
    clear, hazy = rocs(scores, np.array([0, 1, 0, 1]), "single", ANSWERS)
    assert (clear.answer, clear.cases, hazy.cases) == ("clear", 2, 2)
    assert clear.false_alarms == (0, 0, 0.5, 0.5, 1) and clear.sensitivity == (0, 0.5, 0.5, 1, 1)
    assert clear.point == (0.5, 1.0) and hazy.point == (0.0, 0.5)


def test_cases_of_equal_score_are_one_step() -> None:
    (left,) = rocs(np.array([[0.7], [0.7], [0.1]]), np.array([[1], [0], [0]]), "multi", ("left",))
    assert left.false_alarms == (0, 0.5, 1) and left.sensitivity == (0, 1, 1) and left.point == (0.5, 1.0)


def test_a_label_that_no_case_has_or_every_case_has_no_curve() -> None:
    assert rocs(np.array([[0.7, 0.3], [0.6, 0.4]]), np.array([0, 0]), "single", ANSWERS) == ()


@pytest.mark.parametrize("seed", range(3))
def test_what_lies_under_a_curve_is_the_auroc_and_its_point_the_measured_sensitivity(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.dirichlet((1, 1, 1), 40).round(1)
    labels, answers = random.integers(3, size=40), ("a", "b", "c")
    measured = metrics.per_class(scores, labels, "single", answers, draws=0)
    for roc in rocs(scores, labels, "single", answers):
        own = measured[roc.answer]
        assert np.trapezoid(roc.sensitivity, roc.false_alarms) == pytest.approx(own["auroc"].value)
        assert (1 - roc.point[0], roc.point[1]) == pytest.approx((own["specificity"].value, own["sensitivity"].value))
