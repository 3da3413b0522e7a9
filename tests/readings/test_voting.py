"""The nearest cases vote: counted by hand on four directions."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from core.readings.linear import Labelled
from core.readings.voting import choose, directions_of, votes_of

EAST, NORTH_EAST, NORTH, WEST = (3.0, 0.0), (2.0, 2.0), (0.0, 1.0), (-1.0, 0.0)
LEARNED = Labelled(np.array([EAST, NORTH_EAST, NORTH, WEST]), np.eye(2)[[0, 0, 1, 1]])


def test_votes_are_counted_and_one_more_is_dealt_out_by_how_often_labels_are_learned_from() -> None:
    shown = np.array([(10.0, 1.0), (-5.0, 1.0)])  # nearest to the first: east, north-east; to the second: west, north
    one, two, four = votes_of(directions_of(LEARNED.features), LEARNED.hot, shown, [1, 2, 4])
    assert one.tolist() == [[1.5 / 2, 0.5 / 2], [0.5 / 2, 1.5 / 2]]
    assert two == pytest.approx(np.array([[2.5 / 3, 0.5 / 3], [0.5 / 3, 2.5 / 3]]))
    assert four.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_of_several_labels_each_has_votes_of_its_own() -> None:
    hot = np.array([[1.0, 1], [1, 0], [0, 0], [0, 0]])
    (two,) = votes_of(directions_of(LEARNED.features), hot, np.array([(10.0, 1.0)]), [2])
    assert two == pytest.approx(np.array([[(2 + 0.5) / 3, (1 + 0.25) / 3]]))


def test_of_equally_near_voters_the_first_count() -> None:
    directions = directions_of(np.array([EAST, EAST, EAST, NORTH]))
    (two,) = votes_of(directions, np.eye(4), np.array([EAST]), [2])
    assert two[0] == pytest.approx([1.25 / 3, 1.25 / 3, 0.25 / 3, 0.25 / 3])


def test_pictures_that_are_the_same_are_equally_near_however_many_are_asked_about_at_once() -> None:
    random = np.random.default_rng(0)
    once, shown = random.normal(size=(167, 257)), random.normal(size=(40, 257))
    directions = directions_of(np.concatenate([once, once]))
    is_first = np.repeat(np.eye(2), len(once), axis=0)  # a picture's first copy says one thing, its second the other
    (together,) = votes_of(directions, is_first, shown, [1])
    assert (together == [0.75, 0.25]).all(), "of two that are the same the first is heard"
    (three,) = votes_of(directions, np.eye(len(directions)), shown, [3])
    each = [next(votes_of(directions, np.eye(len(directions)), row[None], [3])) for row in shown]
    assert (three == np.concatenate(each)).all()


def test_as_many_vote_as_lose_least_on_validation_cases() -> None:
    validated = Labelled(np.array([(10.0, 1.0), (-5.0, 1.0)]), np.eye(2))
    assert choose(LEARNED, validated, "single").heard == 2  # 1 gives .75, 2 give 2.5 / 3, and no more than 4 are there
    turned = Labelled(validated.features, validated.hot[::-1])
    assert choose(LEARNED, turned, "single").heard == 1, "where voters are wrong the fewest lose least"


def test_votes_of_many_cases_with_many_labels_are_not_held_at_once() -> None:
    """4,000 cases, whose 100 voters each have 100 labels: 320 megabytes."""
    noise = np.random.default_rng(0)
    directions = directions_of(noise.normal(size=(500, 4)))
    hot, features = np.eye(100)[noise.integers(100, size=500)], noise.normal(size=(4000, 4))
    tracemalloc.start()
    (votes,) = votes_of(directions, hot, features, [100])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert votes.shape == (4000, 100) and most < 100e6
