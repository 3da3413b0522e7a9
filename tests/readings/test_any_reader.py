"""Figures of made-up readers, ties and absent answers among them, against scikit-learn or the plain definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.statistics.metrics import confusion, figures, per_class

Floats = NDArray[np.float64]
TENTHS = st.integers(0, 10)


@st.composite
def readers(draw: st.DrawFn) -> tuple[Floats, NDArray[np.int64]]:
    """Probabilities [N, C] with many ties, and labels [N]."""
    cases, answers = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    row = st.lists(TENTHS, min_size=answers, max_size=answers).filter(any)
    scores = np.array(draw(st.lists(row, min_size=cases, max_size=cases)), dtype=np.float64)
    labels = draw(st.lists(st.integers(0, answers - 1), min_size=cases, max_size=cases))
    return scores / scores.sum(1, keepdims=True), np.array(labels)


@st.composite
def readers_of_several(draw: st.DrawFn) -> tuple[Floats, NDArray[np.int64]]:
    """Probabilities [N, C] on a grid of tenths and flags [N, C]."""
    cases, answers = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    scores = draw(st.lists(st.lists(TENTHS, min_size=answers, max_size=answers), min_size=cases, max_size=cases))
    row = st.lists(st.integers(0, 1), min_size=answers, max_size=answers)
    return np.array(scores) / 10, np.array(draw(st.lists(row, min_size=cases, max_size=cases)))


def names(table: NDArray[Any]) -> tuple[str, ...]:
    return tuple("abcd"[: table.shape[1]])


def area_by_pairs(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """AUROC as it is defined: how often a case with the answer stands above one without, ties counting half."""
    gaps = scores[truth][:, None] - scores[~truth][None, :]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean()) if gaps.size else math.nan


def mean_of_defined(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


@settings(max_examples=40)  # scikit-learn takes most of the time
@given(readers())
def test_any_readers_figures_are_those_of_scikit_learn(reader: tuple[Floats, NDArray[np.int64]]) -> None:
    from sklearn import metrics

    probabilities, labels = reader
    answers, choices = range(probabilities.shape[1]), probabilities.argmax(1)
    ours = {
        name: figure.value
        for name, figure in figures(probabilities, labels, "ordinal", names(probabilities), draws=0).items()
    }
    recalls = [float((choices[labels == answer] == answer).mean()) for answer in sorted(set(labels.tolist()))]
    f1 = metrics.f1_score(labels, choices, labels=list(answers), average="macro", zero_division=np.nan)
    tables = [(probabilities[:, answer], labels == answer) for answer in answers]
    expected = {
        "accuracy": metrics.accuracy_score(labels, choices),
        "balanced_accuracy": sum(recalls) / len(recalls),
        "macro_f1": f1,
        "log_loss": metrics.log_loss(labels, probabilities, labels=list(answers)),
        "brier": float(((probabilities - np.eye(len(answers))[labels]) ** 2).sum(1).mean()),
        "mean_absolute_error": metrics.mean_absolute_error(labels, choices),
        "auroc": mean_of_defined([area_by_pairs(scores, truth) for scores, truth in tables]),
        "auprc": mean_of_defined(
            [
                float(metrics.average_precision_score(truth, scores)) if 0 < truth.sum() < len(truth) else math.nan
                for scores, truth in tables
            ]
        ),
    }
    assert {name: ours[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    if len(set(labels.tolist()) | set(choices.tolist())) > 1:
        kappa = metrics.cohen_kappa_score(labels, choices, labels=list(answers), weights="quadratic")
        assert ours["quadratic_kappa"] == pytest.approx(kappa)
    else:
        assert math.isnan(ours["quadratic_kappa"])


@given(readers_of_several())
def test_any_figures_of_several_labels_are_those_of_their_definition(reader: tuple[Floats, NDArray[np.int64]]) -> None:
    probabilities, labels = reader
    of_all = figures(probabilities, labels, "multi", names(probabilities), draws=0)
    of_each = per_class(probabilities, labels, "multi", names(probabilities), draws=0)
    choices = probabilities > 0.5
    assert of_all["accuracy"].value == pytest.approx((choices == (labels == 1)).all(1).mean())
    for place, answer in enumerate(names(probabilities)):
        area = area_by_pairs(probabilities[:, place], labels[:, place] == 1)
        assert of_each[answer]["auroc"].value == pytest.approx(area, nan_ok=True)
        assert of_each[answer]["support"].value == labels[:, place].sum()


@settings(max_examples=40)
@given(readers(), st.randoms(use_true_random=False))
def test_no_figure_depends_on_the_order_of_the_cases(reader: tuple[Floats, NDArray[np.int64]], random: Any) -> None:
    probabilities, labels = reader
    order = list(range(len(labels)))
    random.shuffle(order)
    first = figures(probabilities, labels, "ordinal", names(probabilities), draws=0)
    again = figures(probabilities[order], labels[order], "ordinal", names(probabilities), draws=0)
    assert {name: figure.value for name, figure in first.items()} == pytest.approx(
        {name: figure.value for name, figure in again.items()}, nan_ok=True
    )


@settings(max_examples=40)
@given(readers())
def test_every_case_is_counted_once_in_a_confusion(reader: tuple[Floats, NDArray[np.int64]]) -> None:
    probabilities, labels = reader
    counts = confusion(probabilities, labels, "single", names(probabilities))
    assert counts.sum() == len(labels)
    assert counts.sum(1).tolist() == np.bincount(labels, minlength=probabilities.shape[1]).tolist()
    accuracy = figures(probabilities, labels, "single", names(probabilities), draws=0)["accuracy"].value
    assert counts.trace() / counts.sum() == pytest.approx(accuracy)
