"""Sources are pooled as a geometric mean, and weighed by how labels are mistaken."""

from __future__ import annotations

import numpy as np
import pytest

from core.suspects.doubted import doubted
from core.suspects.evidence import Floats
from core.suspects.pool import pooled, weighed
from core.suspects.probe import probed

NOTHING = [[np.nan] * 2]


def test_sources_are_pooled_as_a_geometric_mean() -> None:
    shares = pooled([np.array([[0.8, 0.2]]), np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]])], "single")
    assert shares.tolist() == [[pytest.approx(0.5), pytest.approx(0.5)]]
    # Odds of 4 and of 1: their geometric mean is 2.
    assert pooled([np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])], "multi")[0] == pytest.approx([2 / 3, 1 / 3])


def test_who_says_nothing_does_not_count() -> None:
    assert pooled([np.array([[0.8, 0.2]]), np.array(NOTHING)], "single")[0] == pytest.approx([0.8, 0.2])
    assert pooled([np.array(NOTHING)], "single")[0] == pytest.approx([0.5, 0.5])


def confused() -> tuple[Floats, Floats]:
    """Three sure classes; ten cases that are surely of the first are labelled as the second, none as the third."""
    right = np.repeat([0, 1, 2], 40)
    given = right.copy()
    given[:10] = 1
    likely = np.full((120, 3), 0.05)
    likely[np.arange(120), right] = 0.9
    return likely, np.eye(3)[given]


def test_a_label_that_others_are_often_taken_for_is_doubted_sooner() -> None:
    likely, given = confused()
    likely[0], likely[70] = [0.5, 0.5, 0], [0.0, 0.5, 0.5]  # labelled as the second; the one by mistake as usual
    likely[90], given[90] = [0.5, 0.0, 0.5], [0, 0, 1.0]
    doubts = 1 - (weighed(likely, given, "single") * given).sum(1)
    assert doubts[0] > doubts[90]
    assert np.allclose(weighed(likely, given, "single").sum(1), 1)


def test_the_index_is_about_the_number_of_labels_that_were_changed_where_no_case_is_hard() -> None:
    likely, given = confused()
    assert doubted(likely, given, "single") == pytest.approx(10, abs=1.5)


def test_a_probe_tells_classes_apart_that_differ() -> None:
    drawn = np.random.default_rng(0)
    right = np.arange(90) % 3
    features = (np.eye(3)[right] * 4 + drawn.standard_normal((90, 3))).astype(np.float32)
    likely = probed(features, np.eye(3)[right], np.arange(90) // 3 % 5, "single", seed=0)
    assert (likely.argmax(1) == right).mean() > 0.9
    assert likely.sum(1) == pytest.approx(np.ones(90))


def test_a_probe_is_not_told_the_label_that_it_is_asked_about() -> None:
    features = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)
    fold_of = np.arange(40) % 4
    given = np.eye(2)[np.arange(40) % 2]
    other = given.copy()
    other[fold_of == 1] = 1 - other[fold_of == 1]
    before, after = (probed(features, labels, fold_of, "single", seed=0) for labels in (given, other))
    assert before[fold_of == 1] == pytest.approx(after[fold_of == 1])
    assert before[fold_of == 2] != pytest.approx(after[fold_of == 2])
