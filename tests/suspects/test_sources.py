"""Each source says what its definition says, on cases that anyone may work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.sets.alike import Alike
from core.sources import cleanlab, disagreement, duplicates, neighbours, tsm, vlm
from core.suspects.evidence import Near, doubt
from tests.suspects.reviewed import reading, reviewed_set

SURE = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]]
LABELS = [["low"], ["high"], ["high"], ["low"]]


def test_cleanlab_is_one_minus_self_confidence_of_the_first_round() -> None:
    second = [[1 / 3] * 3] * 4
    evidence = cleanlab.gather_evidence(reviewed_set(LABELS, [SURE, second]))
    assert evidence.against.tolist() == pytest.approx([0.3, 0.9, 0.6, 0.5], abs=1e-12)
    assert evidence.likely is None


def test_cleanlab_of_several_answers_is_its_own_multilabel_score() -> None:
    from cleanlab.multilabel_classification import get_label_quality_scores

    likely = [[0.9, 0.2, 0.1], [0.6, 0.7, 0.4], [0.1, 0.1, 0.9]]
    theirs = get_label_quality_scores([[0], [0, 1], []], np.array(likely))
    evidence = cleanlab.gather_evidence(reviewed_set([["low"], ["low", "middle"], []], [likely], "multi"))
    assert evidence.against == pytest.approx(1 - theirs)
    assert evidence.against.argmax() == 2


def test_the_tsm_is_the_geometric_mean_of_its_rounds() -> None:
    evidence = tsm.gather_evidence(reviewed_set([["low"], ["low"]], [[[0.8, 0.1, 0.1]] * 2, [[0.2, 0.4, 0.4]] * 2]))
    root = np.sqrt(np.array([0.16, 0.04, 0.04]))
    assert evidence.likely is not None
    assert evidence.likely[0] == pytest.approx(root / root.sum())
    assert evidence.against[0] == pytest.approx(0.5)


def test_neighbours_vote_with_their_labels_and_all_other_cases_once() -> None:
    near = Near(np.array([[1, 2], [0, -1], [1, 0], [0, 3]]), np.ones((4, 2)))
    evidence = neighbours.gather_evidence(reviewed_set(LABELS, [SURE], near=[near]))
    # Two votes for "high", and one that is spread as the other cases' labels are: a third "low", two "high".
    assert evidence.likely is not None
    assert evidence.likely[0] == pytest.approx([1 / 9, 0, 8 / 9])
    assert evidence.likely[1] == pytest.approx([5 / 6, 0, 1 / 6])


def test_what_nobody_else_has_nobody_judges() -> None:
    reviewed = reviewed_set([["low"], ["low"], ["middle"], ["middle"]], [SURE], apart=np.array([0, 1, 2, 2]))
    assert reviewed.is_alone.tolist() == [False, False, True, True]
    assert np.isnan(tsm.gather_evidence(reviewed).against).tolist() == [False, False, True, True]
    assert not np.isnan(cleanlab.gather_evidence(reviewed).against).any()


def test_copies_count_the_others_that_are_labelled_otherwise() -> None:
    evidence = duplicates.gather_evidence(reviewed_set(LABELS, [SURE], copies=Alike(((0, 1, 2),))))
    assert evidence is not None
    assert evidence.against[:3].tolist() == [1.0, 0.5, 0.5]
    assert np.isnan(evidence.against[3])
    assert duplicates.gather_evidence(reviewed_set(LABELS, [SURE])) is None


def test_disagreement_is_the_share_of_tuned_readers_that_answer_otherwise() -> None:
    readings = {
        "vlm": [reading("0.png", "vlm", 0.0, 0.0, 1.0)],  # untuned: not asked
        "tsm": [reading("0.png", "tsm", 0.9, 0.1, 0.0), reading("1.png", "tsm", 0.9, 0.1, 0.0)],
        "vitask": [reading("0.png", "vitask", 0.2, 0.8, 0.0), reading("1.png", "vitask", 0.2, 0.8, 0.0)],
    }
    evidence = disagreement.gather_evidence(reviewed_set(LABELS, [SURE], readings=readings))
    assert evidence is not None
    assert evidence.against[:2].tolist() == [0.5, 1.0]
    assert np.isnan(evidence.against[2:]).all()
    assert disagreement.gather_evidence(reviewed_set(LABELS, [SURE])) is None


def test_a_tuned_vlm_speaks_for_itself_where_it_was_not_taught() -> None:
    readings = {"vitask": [reading("1.png", "vitask", 0.2, 0.5, 0.3)], "tsm": [reading("0.png", "tsm", 1.0, 0.0, 0.0)]}
    evidence = vlm.gather_evidence(reviewed_set(LABELS, [SURE], readings=readings))
    assert evidence is not None
    assert evidence.against[1] == pytest.approx(0.7)
    assert np.isnan(evidence.against[[0, 2, 3]]).all()
    assert vlm.gather_evidence(reviewed_set(LABELS, [SURE])) is None


def test_a_far_answer_of_ordered_ones_is_doubted_up_to_twice_as_much() -> None:
    given = np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]])
    likely = np.array([[0.0, 1, 0], [0.0, 0, 1], [0.5, 0.5, 0]])
    assert doubt(likely, given, "ordinal").tolist() == pytest.approx([0.75, 1.0, 0.375])


def test_the_most_doubtful_of_several_answers_counts() -> None:
    assert doubt(np.array([[0.9, 0.3]]), np.array([[1.0, 0.0]]), "multi").tolist() == pytest.approx([0.3])
