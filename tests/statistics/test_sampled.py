"""What an audit says of all labels: the number on average, and an interval that holds it, also where none is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.sampled import Sample, Total, limits, total

SAMPLE = Sample(cases=3000, first=50, others=100)


def test_limits_are_those_worked_out_by_hand() -> None:
    """Of 5 cases 2 are drawn. With D wrong ones none is drawn in C(5 - D, 2) of 10 draws: 1, .6, .3, .1, 0, 0."""
    assert limits(5, 2, 0) == (0, 3)
    assert limits(5, 2, 2) == (2, 5)
    assert limits(5, 2, 1) == (1, 4)
    assert limits(40, 40, 7) == (7, 7)


def test_with_nothing_found_the_limit_is_near_three_in_so_many() -> None:
    low, high = limits(100_000, 100, 0)
    assert low == 0 and high == pytest.approx(100_000 * (1 - 0.025 ** (1 / 100)), rel=0.01)


def test_the_first_count_as_they_are_and_the_others_for_all_of_the_rest() -> None:
    estimate = total(SAMPLE, 30, 2)
    assert estimate.value == 30 + 2950 * 2 / 100
    assert 30 + 2 <= estimate.low < estimate.value < estimate.high
    assert total(Sample(60, 60, 0), 7, 0) == Total(7, 7, 7)
    assert total(Sample(60, 50, 10), 7, 1) == Total(8, 8, 8)


def test_draws_are_of_the_rest_without_repeats_and_the_same_for_a_seed() -> None:
    ranks = SAMPLE.ranks(7)
    assert len(set(ranks)) == 100 and min(ranks) > 50 and max(ranks) <= 3000 and ranks == sorted(ranks)
    assert ranks == SAMPLE.ranks(7) != SAMPLE.ranks(8)
    assert Sample(60, 50, 10).ranks(0) == list(range(51, 61))


def wrong_labels(kind: str, seed: int) -> np.ndarray:
    """Of 3,000 ranked labels, which are wrong."""
    drawn = np.random.default_rng(seed)
    wrong = np.zeros(3000, dtype=bool)
    if kind == "at the top":
        wrong[:80] = drawn.random(80) < 0.5
    elif kind == "anywhere":
        wrong[drawn.choice(3000, 160, replace=False)] = True
    elif kind == "thinning out":
        wrong = drawn.random(3000) < 0.6 * np.exp(-np.arange(3000) / 200)
    elif kind == "one, far down":
        wrong[2900] = True
    return wrong


@pytest.mark.parametrize("kind", ["none", "one, far down", "at the top", "thinning out", "anywhere"])
def test_intervals_hold_the_truth_and_the_mean_of_estimates_is_the_truth(kind: str) -> None:
    wrong = wrong_labels(kind, 0)
    totals = []
    for seed in range(400):
        drawn = [rank - 1 for rank in SAMPLE.ranks(seed)]
        totals.append(total(SAMPLE, int(wrong[:50].sum()), int(wrong[drawn].sum())))
    truth = wrong.sum()
    assert np.mean([each.low <= truth <= each.high for each in totals]) >= 0.93
    values = [each.value for each in totals]
    assert abs(np.mean(values) - truth) <= 3 * np.std(values) / 20 + 1e-9
    assert all(each.low <= each.value <= each.high for each in totals)
