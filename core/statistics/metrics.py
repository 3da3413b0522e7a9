"""What a reader's answers are worth, each figure with its 95 % interval.

Every figure is a function of weights (how often each case counts), so one piece of code makes the point estimates
(all ones) and the draws of a bootstrap. Axes: N cases, C answers, W draws. An answer for which a figure is undefined
(no case has it, or all have) is left out of the mean over answers, as in scikit-learn with `zero_division=nan`; a
figure that is undefined for all answers is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from core.case import Kind
from core.errors import DataError, NumericError
from core.statistics.ends import Drawn, Floats, Share
from core.statistics.ends import Kind as Made
from core.statistics.intervals import (
    Difference,
    Figure,
    Groups,
    Weighted,
    compared,
    figure,
    in_draws,
    measured,
    numbered,
)

THRESHOLD = 0.5
TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "quadratic_kappa": "Quadratic kappa",
    "mean_absolute_error": "Mean absolute error",
}
Labels = ArrayLike


def figures(
    probabilities: ArrayLike,
    labels: Labels,
    kind: Kind,
    answers: Sequence[str],
    groups: Groups = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Figure]:
    """The figures of a reader over all answers. labels: int [N] (single, ordinal) or 0/1 [N, C] (multi).

    Without draws there are no intervals: low and high are NaN.
    """
    sheet = Sheet(probabilities, labels, kind, answers)
    return measured(sheet.weighted(), sheet.cases, groups, draws, seed)


def per_class(
    probabilities: ArrayLike,
    labels: Labels,
    kind: Kind,
    answers: Sequence[str],
    groups: Groups = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Figure]]:
    """Each answer's own figures against all the others; support is its number of cases."""
    sheet = Sheet(probabilities, labels, kind, answers)
    values, drawn = in_draws(sheet.by_answer, sheet.cases, groups, draws, seed)
    units, made_of = numbered(sheet.cases, groups), [sheet.kinds_of_answer(place) for place in range(len(answers))]
    return {
        answer: {
            name: figure(values[name][place, 0], drawn[name][place], made_of[place].get(name), units) for name in values
        }
        for place, answer in enumerate(answers)
    }


def paired(
    a: ArrayLike,
    b: ArrayLike,
    labels: Labels,
    kind: Kind,
    answers: Sequence[str],
    groups: Groups = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Reader a minus reader b on the same cases, in the same draws."""
    first, second = Sheet(a, labels, kind, answers), Sheet(b, labels, kind, answers)
    return compared(first.weighted(), second.weighted(), first.cases, groups, draws, seed)


def confusion(probabilities: ArrayLike, labels: Labels, kind: Kind, answers: Sequence[str]) -> NDArray[np.int64]:
    """Counts [C, C], rows the label and columns the answer; multi: one 2 x 2 table for each answer, [C, 2, 2]."""
    sheet = Sheet(probabilities, labels, kind, answers)
    if kind != "multi":
        return (sheet.truth.T @ sheet.said).astype(np.int64)
    true, answered = sheet.truth.T.astype(int), sheet.said.T.astype(int)
    tables = [np.bincount(2 * t + s, minlength=4).reshape(2, 2) for t, s in zip(true, answered, strict=True)]
    return np.stack(tables).astype(np.int64)


def surprise(probabilities: Floats, hot: Floats, kind: Kind) -> Floats:
    """[N]: minus the logarithm of the label's probability, floored where scikit-learn does; of several labels a mean.
    `hot` are the labels as 0 and 1, [N, C]."""
    of_label = np.where(hot == 1, probabilities, 1 - probabilities)
    lost: Floats = -np.log(of_label.clip(np.finfo(np.float64).eps, 1))
    counted = np.ones_like(hot) / hot.shape[1] if kind == "multi" else hot
    total: Floats = (lost * counted).sum(1)
    return total


def log_loss(probabilities: Floats, hot: Floats, kind: Kind) -> float:
    """That figure alone, without all others: for what is tried again and again."""
    return float(surprise(probabilities, hot, kind).mean())


class Sheet:
    """A reader's answers beside the labels, ready to be counted with any weights."""

    def __init__(self, probabilities: ArrayLike, labels: Labels, kind: Kind, answers: Sequence[str]) -> None:
        self.kind = kind
        self.probabilities = _checked(probabilities, len(answers))
        self.cases = len(self.probabilities)
        every = np.eye(len(answers))
        given = np.asarray(labels)
        self.truth: Floats = given.astype(np.float64) if kind == "multi" else every[given]
        if self.truth.shape != self.probabilities.shape:
            raise ValueError(f"labels of shape {given.shape} for probabilities of {self.probabilities.shape}")
        at_threshold = (self.probabilities > THRESHOLD).astype(np.float64)
        self.said: Floats = at_threshold if kind == "multi" else every[self.probabilities.argmax(1)]
        self.ranked = [_Ranked(score, true) for score, true in zip(self.probabilities.T, self.truth.T, strict=True)]

    def weighted(self) -> Weighted:
        """The figures over all answers, and what each is made of."""
        right = (self.truth == self.said).all(1)
        labels = tuple(self._rarer_sides() if self.kind == "multi" else self.truth.T)
        losses = Drawn("loss", labels, (~right).astype(np.float64))
        kinds: dict[str, Made] = {
            "accuracy": Share(right.astype(np.float64), np.ones(self.cases)),
            **dict.fromkeys(("balanced_accuracy", "macro_f1"), Drawn("counted", labels)),
            **dict.fromkeys(("auroc", "auprc"), Drawn("ranked", labels)),
            **dict.fromkeys(("log_loss", "brier", "mean_absolute_error"), losses),
            "quadratic_kappa": Drawn("signed", labels),
        }
        return Weighted(self.overall, kinds)

    def sureness(self) -> Weighted:
        """What calibration changes: both scores of the probabilities, and how much surer the answers are than right."""
        confident, right = self.confidence()
        kinds = self.weighted().kinds

        def figures(weights: Floats) -> dict[str, Floats]:
            surer = self._mean((confident - right).mean(1), weights).round(12)  # sums of floats
            return self._scores(weights) | {"overconfidence": surer}

        return Weighted(figures, {**kinds, "overconfidence": kinds["quadratic_kappa"]})

    def confidence(self) -> tuple[Floats, Floats]:
        """What each answer's probability is and whether it is right, [N, 1]; of several labels of each, there or not,
        [N, C]."""
        if self.kind == "multi":
            return np.maximum(self.probabilities, 1 - self.probabilities), (self.said == self.truth).astype(np.float64)
        right: Floats = (self.said == self.truth).all(1).astype(np.float64)
        return self.probabilities.max(1, keepdims=True), right[:, None]

    def kinds_of_answer(self, place: int) -> dict[str, Made]:
        """What an answer's own figures are made of; its support is no estimate."""
        true, answered = self.truth[:, place], self.said[:, place]
        both, neither = true * answered, (1 - true) * (1 - answered)
        return {
            "sensitivity": Share(both, true),
            "specificity": Share(neither, 1 - true),
            "ppv": Share(both, answered),
            "npv": Share(neither, 1 - answered),
            "f1": Drawn("counted", (true,)),
            **dict.fromkeys(("auroc", "auprc"), Drawn("ranked", (true, 1 - true))),
        }

    def _rarer_sides(self) -> list[Floats]:
        """Of every answer that some cases have and others don't, the cases on the rarer side."""
        sides = [(true, 1 - true) for true in self.truth.T if 0 < true.sum() < len(true)]
        return [with_it if with_it.sum() <= without.sum() else without for with_it, without in sides]

    def by_answer(self, weights: Floats) -> dict[str, Floats]:
        """Each [C, W]."""
        counts = self._counts(weights)
        return counts | self._ranks(weights) | {"support": self.truth.T @ weights}

    def overall(self, weights: Floats) -> dict[str, Floats]:
        """Each [W]."""
        counts, ranks = self._counts(weights), self._ranks(weights)
        sides = (counts["sensitivity"] + counts["specificity"]) / 2 if self.kind == "multi" else counts["sensitivity"]
        return {
            "accuracy": self._mean((self.truth == self.said).all(1), weights),
            "balanced_accuracy": _mean_defined(sides),
            "macro_f1": _mean_defined(counts["f1"]),
            **{name: _mean_defined(values) for name, values in ranks.items()},
            **self._scores(weights),
            **(self._distances(weights) if self.kind == "ordinal" else {}),
        }

    def _scores(self, weights: Floats) -> dict[str, Floats]:
        return {
            "log_loss": self._mean(surprise(self.probabilities, self.truth, self.kind), weights),
            "brier": self._mean(self._missed_by(), weights),
        }

    def _counts(self, weights: Floats) -> dict[str, Floats]:
        both = (self.truth * self.said).T @ weights
        true, answered = self.truth.T @ weights, self.said.T @ weights
        neither = weights.sum(0) - true - answered + both
        return {
            "sensitivity": _ratio(both, true),
            "specificity": _ratio(neither, weights.sum(0) - true),
            "ppv": _ratio(both, answered),
            "npv": _ratio(neither, weights.sum(0) - answered),
            "f1": _ratio(2 * both, true + answered),
        }

    def _ranks(self, weights: Floats) -> dict[str, Floats]:
        areas = [ranked.areas(weights) for ranked in self.ranked]
        return {"auroc": np.stack([roc for roc, _ in areas]), "auprc": np.stack([prc for _, prc in areas])}

    def _distances(self, weights: Floats) -> dict[str, Floats]:
        true, answered = self.truth.argmax(1), self.said.argmax(1)
        places = np.arange(self.truth.shape[1])
        squares = (places[:, None] - places) ** 2.0
        by_chance = ((self.truth.T @ weights) * (squares @ (self.said.T @ weights))).sum(0) / weights.sum(0)
        return {
            "quadratic_kappa": 1 - _ratio(((true - answered) ** 2.0) @ weights, by_chance),
            "mean_absolute_error": self._mean(np.abs(true - answered), weights),
        }

    def _missed_by(self) -> Floats:
        """[N]: how far the probabilities are from the label, squared; a sum over answers, of several labels a mean."""
        squares: Floats = (self.probabilities - self.truth) ** 2
        total: Floats = squares.mean(1) if self.kind == "multi" else squares.sum(1)
        return total

    def _mean(self, values: ArrayLike, weights: Floats) -> Floats:
        return _ratio(np.asarray(values, dtype=np.float64) @ weights, weights.sum(0))


class _Ranked:
    """One answer's scores as steps from the best down, so that every draw only adds up weights.

    Cases of equal score share a step, and so do all that no case with the answer stands between.
    """

    def __init__(self, scores: Floats, truth: Floats) -> None:
        _, tied = np.unique(-scores, return_inverse=True)
        hit = np.bincount(tied, weights=truth) > 0
        step = (hit | np.roll(hit, 1)).cumsum()[tied]
        place, cases = (step, np.arange(len(step))), (int(step.max()) + 1, len(step))
        self.all = csr_array((np.ones(len(step)), place), shape=cases)
        self.hits = csr_array((truth, place), shape=cases)

    def areas(self, weights: Floats) -> tuple[Floats, Floats]:
        """AUROC and average precision, each [W]; NaN where a draw lacks either kind of case."""
        gained: Floats = self.hits @ weights
        missed: Floats = self.all @ weights - gained
        hits, misses = gained.cumsum(0), missed.cumsum(0)
        under_curve = (missed * (hits - gained / 2)).sum(0)
        precise = (gained * hits / np.maximum(hits + misses, 1)).sum(0)
        precise[misses[-1] == 0] = np.nan
        return _ratio(under_curve, hits[-1] * misses[-1]), _ratio(precise, hits[-1])


def _checked(probabilities: ArrayLike, answers: int) -> Floats:
    table = np.asarray(probabilities, dtype=np.float64)
    if not len(table):
        raise DataError("There are no cases to measure a reader on. Choose a split that holds labelled cases.")
    if table.shape != (len(table), answers):
        raise ValueError(f"probabilities of shape {table.shape} for {answers} answers")
    if not np.isfinite(table).all():
        raise NumericError(
            "A reader's probabilities are not all numbers: its training failed. Lower its learning rate and tune again."
        )
    return table


def _ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where the whole is nothing."""
    quotient = np.full(part.shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient


def _mean_defined(values: Floats) -> Floats:
    """The mean over answers [C, W] -> [W] of what is defined."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(0), defined.sum(0).astype(np.float64))
