"""A linear head against what can be worked out: a gradient by hand, a closed form, scikit-learn, and what chooses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from core.case import Kind
from core.readings import linear
from core.readings.linear import INTERCEPT_RIDGE, Floats, Labelled, choose, objective, scaling, solve
from core.statistics.metrics import figures, log_loss


def drawn(cases: int, answers: int, seed: int = 0) -> Labelled:
    """Five features, of which the first says something about the label."""
    noise = np.random.default_rng(seed)
    labels = noise.integers(answers, size=cases)
    features = noise.normal(size=(cases, 5))
    features[:, 0] += 1.5 * labels
    return Labelled(features, np.eye(answers)[labels])


def optimum(shown: Floats, hot: Floats, kind: Kind, ridge: float) -> Floats:
    return solve(shown, hot, kind, ridge, np.zeros((shown.shape[1] + 1, hot.shape[1])))


def test_the_loss_of_two_cases_is_what_it_is_by_hand() -> None:
    shown, hot = np.array([[1.0], [-1.0]]), np.eye(2)
    head = np.array([[1.0, -1.0], [0.5, 0.0]])  # weights 1 and -1, intercepts .5 and 0
    loss, gradient = objective(head, shown, hot, "single", 0.1)
    # Logits (1.5, -1) and (-.5, 1): ln(1 + e^-2.5) and ln(1 + e^-1.5); penalties .1 / 2 * 2 and 1e-4 / 2 * .25.
    expected = (math.log1p(math.exp(-2.5)) + math.log1p(math.exp(-1.5))) / 2 + 0.1 + INTERCEPT_RIDGE * 0.125
    assert loss == pytest.approx(expected, abs=1e-12)
    wrong = [1 / (1 + math.exp(2.5)), 1 / (1 + math.exp(1.5))]  # what the other answer of each case is given
    assert gradient[0, 0] == pytest.approx((-wrong[0] - wrong[1]) / 2 + 0.1, abs=1e-12)
    assert gradient[1, 1] == pytest.approx((wrong[0] - wrong[1]) / 2, abs=1e-12)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_gradient_is_that_of_the_loss_and_is_nothing_at_the_optimum(kind: Kind) -> None:
    cases = drawn(40, 3)
    features = np.asarray(cases.features, dtype=np.float64)
    start = np.random.default_rng(1).normal(size=(6, 3))

    def loss(flat: Floats) -> float:
        return objective(flat.reshape(6, 3), features, cases.hot, kind, 0.01)[0]

    numeric = approx_fprime(start.ravel(), loss, 1e-7).reshape(6, 3)
    assert objective(start, features, cases.hot, kind, 0.01)[1] == pytest.approx(numeric, abs=1e-6)
    solved = optimum(features, cases.hot, kind, 0.01)
    assert abs(objective(solved, features, cases.hot, kind, 0.01)[1]).max() < 1e-5
    elsewhere = solve(features, cases.hot, kind, 0.01, start)
    assert elsewhere == pytest.approx(solved, abs=1e-3), "there is one optimum, wherever the search begins"


def test_a_head_that_sees_nothing_says_how_often_each_label_occurs() -> None:
    hot = np.eye(2)[[0, 0, 0, 1]]
    blind = Labelled(np.ones((4, 3)), hot)
    head, _ = choose(blind, blind, "single", [3])
    assert head.probabilities(blind.features, "single")[0] == pytest.approx([0.75, 0.25], abs=1e-3)
    assert head.scale.tolist() == [0, 0, 0], "a feature that never differs counts for nothing"


def test_the_weights_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "INTERCEPT_RIDGE", 1e-9)  # it leaves the intercept without any
    cases, ridge = drawn(60, 3), 0.02
    features = np.asarray(cases.features, dtype=np.float64)
    solved = optimum(features, cases.hot, "single", ridge)
    other = LogisticRegression(C=1 / (ridge * 60), tol=1e-10, max_iter=5000).fit(cases.features, cases.hot.argmax(1))
    assert pytest.approx(other.coef_, abs=1e-4) == solved[:-1].T
    several = optimum(features, cases.hot, "multi", ridge)
    own = LogisticRegression(C=1 / (ridge * 60), tol=1e-10, max_iter=5000).fit(cases.features, cases.hot[:, 0])
    assert several[:-1, 0] == pytest.approx(own.coef_[0], abs=1e-4), "of several labels each is asked by itself"


def test_blocks_of_features_weigh_as_much_as_each_other() -> None:
    features = np.array([[0.0, 10, 20, 30], [2, 30, 60, 50]])  # one feature, then three
    centre, scale = scaling(features, [1, 3])
    assert centre.tolist() == [1, 20, 40, 40]
    assert scale == pytest.approx([1, *(1 / (spread * 3**0.5) for spread in (10, 20, 10))])
    squares = linear.scaled(features, centre, scale) ** 2
    assert squares.mean(0)[0] == pytest.approx(1) and squares.mean(0)[1:].sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_ridge_is_the_one_of_least_log_loss_on_validation_cases(kind: Kind) -> None:
    learned, validated = drawn(30, 3), drawn(50, 3, seed=7)
    head, ridge = choose(learned, validated, kind, [5])
    centre, scale = scaling(learned.features, [5])
    shown = linear.scaled(learned.features, centre, scale)

    def loss_of(tried: float) -> float:
        solved = optimum(shown, learned.hot, kind, tried)
        likely = linear.Linear(centre, scale, solved[:-1], solved[-1]).probabilities(validated.features, kind)
        return log_loss(likely, validated.hot, kind)

    losses = {tried: loss_of(tried) for tried in linear.RIDGES}
    assert losses[ridge] == min(losses.values())
    assert log_loss(head.probabilities(validated.features, kind), validated.hot, kind) == pytest.approx(
        losses[ridge], abs=1e-6
    )
    again, _ = choose(learned, validated, kind, [5])
    assert (again.weights == head.weights).all(), "nothing is drawn"


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_log_loss_is_the_figure_of_that_name(kind: Kind) -> None:
    likely, hot = np.array([[0.7, 0.3], [0.4, 0.6], [1.0, 0.0]]), np.eye(2)[[0, 0, 1]]
    labels = hot.astype(int) if kind == "multi" else hot.argmax(1)
    figure = figures(likely, labels, kind, ("a", "b"), draws=0)["log_loss"]
    assert log_loss(likely, hot, kind) == pytest.approx(figure.value, abs=1e-12)
