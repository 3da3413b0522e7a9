"""Figures: worked out by hand on six rows, against scikit-learn on random ones, and under plain resampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.case import Kind
from core.errors import DataError, NumericError
from core.statistics.ends import ALIKE
from core.statistics.intervals import in_draws
from core.statistics.metrics import TITLES, Sheet, confusion, figures, paired, per_class

THREE = ("a", "b", "c")
# Labels a a b b b c; answers a b b b c c.
LABELS = [0, 0, 1, 1, 1, 2]
ROWS = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.7, 0.2], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.0, 0.1, 0.9]]


def values(
    probabilities: Any, labels: Any, kind: Kind = "single", answers: tuple[str, ...] = THREE
) -> dict[str, float]:
    return {name: found.value for name, found in figures(probabilities, labels, kind, answers, draws=0).items()}


def test_six_rows_have_the_figures_worked_out_by_hand() -> None:
    found = values(ROWS, LABELS, "ordinal")
    assert found["accuracy"] == pytest.approx(4 / 6)
    # Right of their own: a 1 of 2, b 2 of 3, c 1 of 1.
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    # 2 * right / (labels + answers): a 2/3, b 4/6, c 2/3.
    assert found["macro_f1"] == pytest.approx(2 / 3)
    # Pairs in order: a 8 of 8; b, whose .7 .5 .2 stand against .1 .6 .1, 3 + 2 + 2 of 9; c 5 of 5.
    assert found["auroc"] == pytest.approx((1 + 7 / 9 + 1) / 3)
    # Precision at each case with the answer: b at ranks 1, 3 and 4.
    assert found["auprc"] == pytest.approx((1 + (1 + 2 / 3 + 3 / 4) / 3 + 1) / 3)
    assert found["log_loss"] == pytest.approx(-math.log(0.8 * 0.3 * 0.7 * 0.5 * 0.2 * 0.9) / 6)
    assert found["brier"] == pytest.approx(
        np.mean([sum(squares) for squares in (np.array(ROWS) - np.eye(3)[LABELS]) ** 2])
    )
    # Two cases are off by one.
    assert found["mean_absolute_error"] == pytest.approx(2 / 6)
    # Squares by chance, from labels 2 3 1 and answers 1 3 2.
    by_chance = (2 * (3 + 4 * 2) + 3 * (1 + 2) + 1 * (4 * 1 + 3)) / 6
    assert found["quadratic_kappa"] == pytest.approx(1 - 2 / by_chance)


def test_six_rows_have_the_figures_of_one_answer_worked_out_by_hand() -> None:
    of_b = {name: found.value for name, found in per_class(ROWS, LABELS, "single", THREE, draws=0)["b"].items()}
    by_hand = {"sensitivity": 2 / 3, "specificity": 2 / 3, "ppv": 2 / 3, "npv": 2 / 3, "f1": 2 / 3, "support": 3}
    assert {name: of_b[name] for name in by_hand} == pytest.approx(by_hand)
    assert of_b["auroc"] == pytest.approx(7 / 9)


def test_confusion_counts_labels_in_rows_and_answers_in_columns() -> None:
    assert confusion(ROWS, LABELS, "single", THREE).tolist() == [[1, 1, 0], [0, 2, 1], [0, 0, 1]]


def test_several_labels_at_once_have_the_figures_worked_out_by_hand() -> None:
    labels = [[1, 0], [1, 1], [0, 0], [0, 1]]
    rows = [[0.9, 0.2], [0.6, 0.4], [0.7, 0.1], [0.2, 0.8]]
    found = values(rows, labels, "multi", ("x", "y"))
    assert found["accuracy"] == 0.5  # rows 1 and 4 are right in every label
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["balanced_accuracy"] == pytest.approx(((1 + 1 / 2) / 2 + (1 / 2 + 1) / 2) / 2)
    assert found["auroc"] == pytest.approx((3 / 4 + 1) / 2)
    assert confusion(rows, labels, "multi", ("x", "y")).tolist() == [[[1, 1], [0, 2]], [[2, 0], [1, 1]]]
    told = [0.9, 0.8, 0.6, 0.4, 0.3, 0.9, 0.8, 0.8]
    assert found["log_loss"] == pytest.approx(-np.log(told).mean())
    assert found["brier"] == pytest.approx(np.mean([(1 - share) ** 2 for share in told]))


def random_reader(cases: int, answers: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Probabilities with ties, and labels that they know something about."""
    random = np.random.default_rng(seed)
    labels = random.integers(answers, size=cases)
    scores = random.normal(size=(cases, answers)) + 1.5 * np.eye(answers)[labels]
    odds = np.exp(scores.round(1))
    return odds / odds.sum(1, keepdims=True), labels


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    probabilities, labels = random_reader(300, 5)
    found, said = values(probabilities, labels, "ordinal", tuple("abcde")), probabilities.argmax(1)
    expected = {
        "accuracy": metrics.accuracy_score(labels, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, said),
        "macro_f1": metrics.f1_score(labels, said, average="macro"),
        "auroc": metrics.roc_auc_score(labels, probabilities, multi_class="ovr"),
        "auprc": metrics.average_precision_score(np.eye(5)[labels], probabilities),
        "log_loss": metrics.log_loss(labels, probabilities),
        "brier": metrics.brier_score_loss(labels, probabilities, scale_by_half=False),
        "quadratic_kappa": metrics.cohen_kappa_score(labels, said, weights="quadratic"),
        "mean_absolute_error": metrics.mean_absolute_error(labels, said),
    }
    assert found == pytest.approx(expected)
    assert set(TITLES) == set(expected)


def test_figures_of_several_labels_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    random = np.random.default_rng(1)
    labels = (random.random((200, 4)) < 0.3).astype(int)
    probabilities = (0.6 * random.random((200, 4)) + 0.4 * labels).round(2)
    found, said = values(probabilities, labels, "multi", tuple("abcd")), probabilities > 0.5
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, said))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(labels, said, average="macro"))
    assert found["auroc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities))
    assert found["auprc"] == pytest.approx(metrics.average_precision_score(labels, probabilities))
    assert (
        confusion(probabilities, labels, "multi", tuple("abcd")) == metrics.multilabel_confusion_matrix(labels, said)
    ).all()


def test_an_answer_that_nobody_has_or_says_is_left_out_as_in_scikit_learn() -> None:
    from sklearn import metrics

    probabilities, labels = random_reader(60, 3)
    wider = np.hstack([probabilities, np.zeros((60, 1))])
    said = probabilities.argmax(1)
    found = values(wider, labels, "single", ("a", "b", "c", "d"))
    several = metrics.f1_score(labels, said, labels=[0, 1, 2, 3], average="macro", zero_division=np.nan)
    assert found["macro_f1"] == pytest.approx(several)
    assert found["auroc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, said))


def test_what_is_undefined_is_not_a_number_rather_than_zero() -> None:
    only_a = [[0.9, 0.1, 0.0]] * 3
    found = values(only_a, [0, 0, 0], "ordinal")
    assert math.isnan(found["auroc"]) and math.isnan(found["auprc"]) and math.isnan(found["quadratic_kappa"])
    assert found["accuracy"] == 1
    of_c = per_class(only_a, [0, 0, 0], "single", THREE, draws=0)["c"]
    assert math.isnan(of_c["sensitivity"].value) and math.isnan(of_c["ppv"].value) and math.isnan(of_c["f1"].value)
    assert of_c["specificity"].value == 1 and of_c["support"].value == 0


@pytest.mark.parametrize("groups", [None, [str(case // 3) for case in range(90)]])
def test_draws_agree_with_plain_resampling(groups: list[str | None] | None) -> None:
    from sklearn import metrics

    probabilities, labels = random_reader(90, 3)
    said = probabilities.argmax(1)
    patients = np.arange(90) if groups is None else np.arange(90) // 3
    drawn: dict[str, list[float]] = {"macro_f1": [], "auroc": [], "auprc": []}
    for chosen in np.random.default_rng(5).integers(patients.max() + 1, size=(40, patients.max() + 1)):
        rows = np.concatenate([np.flatnonzero(patients == patient) for patient in chosen])
        drawn["macro_f1"].append(metrics.f1_score(labels[rows], said[rows], average="macro"))
        drawn["auroc"].append(metrics.roc_auc_score(labels[rows], probabilities[rows], multi_class="ovr"))
        drawn["auprc"].append(metrics.average_precision_score(np.eye(3)[labels[rows]], probabilities[rows]))
    _, of_figures = in_draws(Sheet(probabilities, labels, "single", THREE).overall, 90, groups, 40, 5)
    for name, each in drawn.items():
        assert of_figures[name] == pytest.approx(np.array(each))


def test_the_same_seed_gives_the_same_intervals() -> None:
    probabilities, labels = random_reader(50, 3)
    first, again, other = (figures(probabilities, labels, "single", THREE, draws=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["auroc"] != other["auroc"]


def test_readers_are_compared_on_the_same_draws() -> None:
    good, labels = random_reader(90, 3)
    worse = 0.7 * good + 0.3 * random_reader(90, 3, seed=1)[0]
    found = paired(good, worse, labels, "single", THREE, draws=60, seed=4)["accuracy"]
    right = (good.argmax(1) == labels).astype(float) - (worse.argmax(1) == labels)
    drawn = right[np.random.default_rng(4).integers(90, size=(60, 90))].mean(1)
    # Over 90 cases: t of 89 degrees of freedom, or percentiles that are as much further out.
    half = 1.986979 * math.sqrt(90 / 89) * drawn.std(ddof=1)
    bottom, top = np.percentile(drawn, (100 * 0.0228, 100 - 100 * 0.0228))
    assert found.value == pytest.approx(right.mean())
    assert found.low == pytest.approx(min(right.mean() - half, bottom), abs=2e-3)
    assert found.high == pytest.approx(max(right.mean() + half, top), abs=2e-3)


def test_a_reader_does_not_differ_from_itself() -> None:
    probabilities, labels = random_reader(40, 3)
    differences = paired(probabilities, probabilities, labels, "single", THREE, draws=20)
    assert {difference.value for difference in differences.values()} == {0}
    # As many cases as were not seen may differ yet, as after no success in 40 cases.
    assert (
        differences["accuracy"].high == -differences["accuracy"].low == pytest.approx(0.092791, abs=1e-5)
    )  # t² of 39 / (40 + t²)
    assert math.isnan(differences["auroc"].low) and differences["auroc"].why == ALIKE


def test_without_draws_there_are_figures_and_no_intervals() -> None:
    found = figures(ROWS, LABELS, "single", THREE, draws=0)["accuracy"]
    assert found.value == pytest.approx(4 / 6)
    assert math.isnan(found.low) and math.isnan(found.high)


def test_no_cases_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match="Choose a split"):
        figures(np.zeros((0, 3)), [], "single", THREE)


def test_probabilities_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(NumericError, match="Lower its learning rate"):
        figures([[math.nan, 0.5, 0.5]], [0], "single", THREE)


def test_probabilities_of_other_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="for 3 answers"):
        figures([[0.5, 0.5]], [0], "single", THREE)
    with pytest.raises(ValueError, match="labels of shape"):
        figures(ROWS, LABELS[:5], "single", THREE)
