"""Intervals: the same draws as plain numpy, patients kept together, ends worked out by hand, and why there are none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from core.statistics import ends
from core.statistics.ends import Drawn, Floats, Share, ends_of_difference, ends_of_draws, ends_of_share, spread_of
from core.statistics.intervals import (
    Figure,
    compared,
    compared_pairs,
    figure,
    in_brackets,
    numbered,
    percentiles,
    resampled,
)
from core.statistics.metrics import Sheet, figures


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
    monkeypatch.setattr("core.statistics.intervals.CHUNK", 33)
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


def share(right: int, cases: int) -> Share:
    return Share((np.arange(cases) < right).astype(float), np.ones(cases))


def alone(cases: int) -> ends.Numbers:
    return numbered(cases, None)


def test_percentiles_leave_out_draws_in_which_a_figure_is_undefined() -> None:
    assert percentiles(np.append(np.arange(101.0), math.nan)) == (2.5, 97.5)
    assert all(map(math.isnan, percentiles(np.array([math.nan]))))


def test_a_share_of_cases_has_wilsons_interval() -> None:
    # Wilson by hand, z = 1.96: (p + z²/2n ± z √(pq/n + z²/4n²)) / (1 + z²/n).
    assert ends_of_share(share(59, 60), alone(60))[:2] == pytest.approx((0.9114, 0.9971), abs=1e-4)
    assert ends_of_share(share(60, 60), alone(60))[:2] == pytest.approx((60 / (60 + 1.96**2), 1.0), abs=1e-4)
    assert ends_of_share(share(0, 60), alone(60))[:2] == pytest.approx((0.0, 1.96**2 / (60 + 1.96**2)), abs=1e-4)


def test_a_share_of_no_case_has_no_interval() -> None:
    low, high, why = ends_of_share(Share(np.zeros(3), np.zeros(3)), alone(3))
    assert math.isnan(low) and math.isnan(high) and why == ends.UNDEFINED


def test_a_share_is_surer_of_cases_than_of_as_many_pictures_of_few_patients() -> None:
    right = np.repeat([1.0, 0.0], [45, 15])
    random = np.random.default_rng(0).permutation(60)
    units = {
        "alone": alone(60),
        "mixed": numbered(60, [str(number // 6) for number in random]),
        "alike": numbered(60, [str(number // 6) for number in range(60)]),
    }
    widths = {
        name: high - low
        for name, (low, high, _) in ((n, ends_of_share(Share(right, np.ones(60)), u)) for n, u in units.items())
    }
    assert widths["alone"] < widths["mixed"] < widths["alike"]


def test_sixty_of_sixty_pictures_of_ten_patients_tell_as_much_as_ten_cases() -> None:
    units = numbered(60, [str(number // 6) for number in range(60)])
    low, high, _ = ends_of_share(share(60, 60), units)
    assert (low, high) == pytest.approx((10 / (10 + 2.262157**2), 1.0), abs=1e-5)  # t of nine degrees of freedom


def test_a_share_over_two_patients_has_no_interval() -> None:
    low, _, why = ends_of_share(share(40, 60), numbered(60, [str(number // 30) for number in range(60)]))
    assert math.isnan(low) and why == ends.FEW


def test_degrees_of_freedom_are_those_of_the_rarest_labels() -> None:
    def labels(*counts: int) -> tuple[Floats, ...]:
        return tuple(np.repeat(np.eye(len(counts)), counts, axis=0).T)

    # One label: k - 1. Two of 5: 8, and a variance that a bootstrap finds 4/5 as large as it is.
    assert spread_of(labels(20), alone(20)).degrees == pytest.approx(19)
    assert spread_of(labels(5, 5), alone(10)).degrees == pytest.approx(8)
    assert spread_of(labels(5, 5), alone(10)).widening == pytest.approx(math.sqrt(5 / 4))
    assert spread_of(labels(100, 5), alone(105)).degrees < 5


def test_a_figure_has_the_t_interval_of_its_draws_on_the_logit_scale() -> None:
    drawn = np.tile([0.7, 0.8, 0.9], 400)
    error = drawn.std(ddof=1) * math.sqrt(40 / 39)
    low, high, why = ends_of_draws(0.8, drawn, Drawn("ranked", (np.ones(40),)), alone(40))
    half = 2.022691 * error / (0.8 * 0.2)  # t of 39 degrees of freedom
    by_hand = [1 / (1 + math.exp(-(math.log(0.8 / 0.2) + side * half))) for side in (-1, 1)]
    assert [low, high] == pytest.approx(by_hand, abs=1e-6) and why is None


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        (1.0, Drawn("ranked", (np.ones(40),)), ends.PERFECT),
        (1.0, Drawn("bounded", (np.ones(40),)), ends.AT_ITS_END),
        (0.2, Drawn("loss", (np.ones(40),), np.eye(40)[0]), ends.RARELY_WRONG),
        (0.5, Drawn("counted", (np.ones(40), np.eye(40)[0])), ends.FEW),
        (math.nan, Drawn("free", (np.ones(40),)), ends.UNDEFINED),
    ],
)
def test_where_an_interval_can_not_be_had_the_reason_is_told(value: float, kind: Drawn, why: str) -> None:
    found = figure(value, np.full(100, value), kind, alone(40))
    assert math.isnan(found.low) and math.isnan(found.high) and found.why == why
    assert found.plain()["low"] is None and found.plain()["why"] == why


def test_counted_figures_that_are_perfect_have_an_interval_below() -> None:
    low, high, _ = ends_of_draws(1.0, np.ones(100), Drawn("counted", (np.ones(40),)), alone(40))
    assert 0.8 < low < 0.95 and high == 1


def test_a_difference_has_the_wider_of_t_interval_and_expanded_percentiles() -> None:
    random = np.random.default_rng(0)
    first, second = 0.8 + 0.02 * random.normal(size=1000), np.full(1000, 0.7)
    kind = Drawn("counted", (np.ones(12),))
    low, high, _ = ends_of_difference(0.1, (first, second), (kind, kind), alone(12))
    half = 2.200985 * math.sqrt(12 / 11) * first.std(ddof=1)  # t of eleven degrees of freedom
    assert low <= 0.1 - half + 1e-6 and high >= 0.1 + half - 1e-6
    bottom, top = np.percentile(first - second, (2.5, 97.5))
    assert low < bottom and high > top


def test_readers_that_never_differ_have_no_interval_of_their_difference() -> None:
    same, kind = np.linspace(0.7, 0.8, 50), Drawn("ranked", (np.ones(30),))
    assert ends_of_difference(0.0, (same, same), (kind, kind), alone(30)).why == ends.ALIKE


def test_bands_of_unrelated_differences_are_those_of_sidak() -> None:
    """Ten independent ones hold at once with .95 where each does with .95 to the tenth root, 1 - .0051."""
    gaps = list(np.random.default_rng(0).normal(size=(10, 40_000)))
    assert ends.tail_of_all(gaps) == pytest.approx((1 + 0.95**0.1) / 2, abs=3e-4)


def test_bands_of_differences_that_go_together_are_hardly_wider() -> None:
    gap = np.random.default_rng(0).normal(size=40_000)
    assert ends.tail_of_all([gap, 2 * gap, -gap, 0.5 + gap]) == pytest.approx(ends.TAIL, abs=2e-3)
    assert ends.tail_of_all([gap]) == ends.tail_of_all([gap, np.zeros(40_000)]) == ends.TAIL
    assert ends.tail_of_all([gap, np.full(40_000, np.nan)]) == ends.tail_of_all([]) == ends.TAIL


def test_of_three_readers_every_pair_has_a_band_around_its_interval_and_of_two_there_is_none() -> None:
    random = np.random.default_rng(0)
    truth = np.arange(120) % 2
    sheets = {
        name: Sheet(np.stack([1 - p, p], 1), truth, "single", "ab").weighted()
        for name in ("first", "second", "third")
        for p in [np.clip(0.5 + (truth - 0.5) * 0.6 + 0.3 * random.normal(size=120), 0.01, 0.99)]
    }
    of_three = compared_pairs(sheets, 120, None, 400, 0)
    assert list(of_three) == [("second", "first"), ("third", "first"), ("third", "second")]
    for pair, differences in of_three.items():
        alone = compared(sheets[pair[0]], sheets[pair[1]], 120, None, 400, 0)
        for name, difference in differences.items():
            assert (difference.value, difference.low) == (alone[name].value, alone[name].low)
            assert alone[name].band is None and "band_low" not in alone[name].plain()
            assert difference.band is not None
            assert difference.band[0] < difference.low < difference.high < difference.band[1]
            assert difference.plain()["band_high"] == difference.band[1]


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_intervals_of_sixty_cases_that_are_nearly_all_right_hold_the_truth(name: str) -> None:
    """.988 right: half of such test sets have no wrong answer, and percentiles say [1.000, 1.000] of them."""
    random, held = np.random.default_rng(0), 0
    for _ in range(200):
        labels = random.integers(2, size=60)
        answers = np.where(random.random(60) < 0.988, labels, 1 - labels)
        of_set = figures(0.1 + 0.8 * np.eye(2)[answers], labels, "single", ("a", "b"), draws=100)[name]
        held += of_set.low <= 0.988 <= of_set.high
    assert 186 <= held <= 198


def test_undefined_becomes_null_in_json() -> None:
    nothing = Figure(math.nan, math.nan, math.nan)
    assert json.dumps(nothing.plain(), allow_nan=False) == '{"value": null, "low": null, "high": null}'


def test_a_figure_is_written_with_its_interval_and_what_is_undefined_as_a_dash() -> None:
    assert in_brackets({"value": 0.5, "low": 0.25, "high": 0.75}) == "0.500 [0.250, 0.750]"
    assert in_brackets({"value": 0.5, "low": None, "high": 0.75}) == "0.500"
    assert in_brackets({"value": 0.5, "low": 0.25, "high": None}) == "0.500"
    assert in_brackets({"value": None, "low": None, "high": None}) == in_brackets(None) == "–"


def test_why_a_figure_has_no_interval_is_written_beside_it() -> None:
    without = {"value": 1.0, "low": None, "high": None, "why": ends.PERFECT}
    assert in_brackets(without) == "1.000 (no interval: nothing was ranked wrongly)"
