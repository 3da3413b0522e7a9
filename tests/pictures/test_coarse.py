"""Thumbnails that are almost the same are found; merely similar ones are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.pictures.coarse import coarse_pairs

RAMP = np.arange(64, dtype=np.uint8) * 3


def test_the_same_but_brighter_is_near() -> None:
    assert coarse_pairs(np.stack([RAMP, RAMP[::-1], RAMP + np.uint8(30)])) == [(0, 2)]


def test_a_mean_difference_of_two_is_near_and_of_three_is_not() -> None:
    chequered = np.tile(np.array([1, -1], np.int16), 32)
    by_two, by_three = RAMP + 5 + 2 * chequered, RAMP + 5 + 3 * chequered
    assert coarse_pairs(np.stack([RAMP, by_two]).astype(np.uint8)) == [(0, 1)]
    assert coarse_pairs(np.stack([RAMP, by_three]).astype(np.uint8)) == []


def test_pale_pictures_are_held_to_less_where_it_is_asked_for() -> None:
    chequered = np.tile(np.array([1, -1], np.int16), 32)
    pale = RAMP // 16 + 100  # a spread of some 3.5 levels
    pairs = [np.stack([shades, shades + chequered]).astype(np.uint8) for shades in (pale, RAMP)]
    assert [coarse_pairs(pair) for pair in pairs] == [[(0, 1)], [(0, 1)]]
    assert [coarse_pairs(pair, is_strict=True) for pair in pairs] == [[], [(0, 1)]]
    assert coarse_pairs(np.full((2, 64), 7, np.uint8), is_strict=True) == [(0, 1)]


def test_none_and_one_have_no_pairs() -> None:
    assert coarse_pairs(np.zeros((0, 64), np.uint8)) == coarse_pairs(np.zeros((1, 64), np.uint8)) == []


def test_a_hundred_thousand_pictures_are_compared_in_seconds() -> None:
    generator = np.random.default_rng(0)
    every: npt.NDArray[np.uint8] = generator.integers(0, 256, (100_000, 64), dtype=np.uint8)
    every[60_000:60_500] = np.clip(every[:500].astype(int) + generator.integers(-2, 3, (500, 64)), 0, 255)
    pairs = coarse_pairs(every)
    assert set(pairs) <= {(number, 60_000 + number) for number in range(500)}
    assert len(pairs) > 495
