"""A linear head on frozen features: logistic regression, solved to its one optimum, its ridge chosen on other cases.

The loss is strictly convex (float64, L-BFGS), so a head depends on its cases alone, not on a seed or on where the
search for it began.

    mean over cases of CE + ridge / 2 * |weights|^2 + INTERCEPT_RIDGE / 2 * |intercept|^2

CE is the cross-entropy of a softmax, or where a case may have several labels the sum of one binary one a label.
Features come in blocks (those of a TSM, those of an image): each number is centred and of unit spread among the cases
that are learned from, and each block weighs as much as any other. Axes: N cases, D features, C answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from core.case import Kind
from core.statistics.metrics import log_loss

Floats = NDArray[np.float64]
RIDGES = tuple(10.0**-power for power in range(1, 8))
"""From the strongest: a weaker one begins where the one before ended."""
INTERCEPT_RIDGE = 1e-4
"""So that an answer that no case has is unlikely, not impossible."""
RISES = 2
"""After so many ridges in a row without a lower loss no weaker one is tried."""
LEAST_SPREAD = 1e-6
MOST_STEPS = 2000
LEAST_GRADIENT = 1e-5
LEAST_DOUBT = 1e-3


@dataclass(frozen=True)
class Linear:
    """A head, and how features are scaled for it: [D], [D], [D, C], [C]."""

    centre: Floats
    scale: Floats
    weights: Floats
    intercept: Floats

    def probabilities(self, features: NDArray[np.floating], kind: Kind) -> Floats:
        """[N, C]: a softmax, or one sigmoid a label."""
        return _likely(scaled(features, self.centre, self.scale) @ self.weights + self.intercept, kind)


@dataclass(frozen=True)
class Labelled:
    """Features [N, D] of some cases with their labels as 0 and 1, [N, C]."""

    features: NDArray[np.floating]
    hot: Floats


def choose(learned: Labelled, validated: Labelled, kind: Kind, blocks: Sequence[int]) -> tuple[Linear, float]:
    """The head with the ridge of least log loss on the validated cases, and that ridge; `blocks` are the widths of the
    blocks of features."""
    centre, scale = scaling(learned.features, blocks)
    shown = scaled(learned.features, centre, scale)
    _, turn = np.linalg.eigh(shown.T @ shown / len(shown))
    shown = shown @ turn  # features that vary each by itself: the same optimum, found in a tenth of the steps
    chosen: tuple[Linear, float] | None = None
    least, rises = np.inf, 0
    solved = np.zeros((shown.shape[1] + 1, learned.hot.shape[1]))
    for ridge in RIDGES:
        solved = solve(shown, learned.hot, kind, ridge, solved)
        head = Linear(centre, scale, turn @ solved[:-1], solved[-1])
        loss = log_loss(head.probabilities(validated.features, kind), validated.hot, kind)
        if chosen is None or loss < least:
            chosen, least, rises = (head, ridge), loss, 0
        else:
            rises += 1
        if rises == RISES:
            break
    assert chosen is not None
    return chosen


def scaling(features: NDArray[np.floating], blocks: Sequence[int]) -> tuple[Floats, Floats]:
    """What is taken from each feature, and by what it is then multiplied: a block's squares add up to 1 a case, on the
    mean. A feature that is the same for all cases counts for nothing."""
    centre: Floats = features.mean(0, dtype=np.float64)
    spread: Floats = features.std(0, dtype=np.float64)
    scale: Floats = np.where(spread > LEAST_SPREAD, 1 / spread.clip(LEAST_SPREAD), 0.0)
    ends = np.cumsum([0, *blocks])
    for start, end in pairwise(ends):
        scale[start:end] /= math.sqrt(max(1, int(np.count_nonzero(scale[start:end]))))
    return centre, scale


def scaled(features: NDArray[np.floating], centre: Floats, scale: Floats) -> Floats:
    shown: Floats = (features.astype(np.float64) - centre) * scale
    return shown


def solve(shown: Floats, hot: Floats, kind: Kind, ridge: float, start: Floats) -> Floats:
    """The optimum [D + 1, C] for scaled features, the intercept last; `start` is where the search for it begins.

    It goes in steps that suit how much each feature varies and how sure the start is, by about the root of the loss's
    second derivative; where it ends doesn't depend on them."""
    likely = _likely(shown @ start[:-1] + start[-1], kind)
    doubt = max(LEAST_DOUBT, float((likely * (1 - likely)).mean()))
    varying = np.append((shown**2).mean(0), 1.0)
    pace = 1 / np.sqrt(doubt * varying + np.append(np.full(shown.shape[1], ridge), INTERCEPT_RIDGE))[:, None]

    def paced(flat: Floats) -> tuple[float, Floats]:
        loss, gradient = objective(pace * flat.reshape(start.shape), shown, hot, kind, ridge)
        return loss, (pace * gradient).ravel()

    optimum = minimize(
        paced,
        (start / pace).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "maxcor": 20, "ftol": 0.0, "gtol": LEAST_GRADIENT},
    )
    solved: Floats = pace * optimum.x.reshape(start.shape)
    return solved


def _likely(logits: Floats, kind: Kind) -> Floats:
    likely: Floats = expit(logits) if kind == "multi" else softmax(logits, axis=1)
    return likely


def objective(solved: Floats, shown: Floats, hot: Floats, kind: Kind, ridge: float) -> tuple[float, Floats]:
    """The loss of a head [D + 1, C], and its gradient."""
    weights, intercept = solved[:-1], solved[-1]
    logits = shown @ weights + intercept
    if kind == "multi":
        lost = np.logaddexp(0, logits).sum() - (hot * logits).sum()
    else:
        lost = -(hot * log_softmax(logits, axis=1)).sum()
    error = (_likely(logits, kind) - hot) / len(shown)
    priors = ridge * (weights**2).sum() + INTERCEPT_RIDGE * (intercept**2).sum()
    gradient = np.vstack([shown.T @ error + ridge * weights, error.sum(0) + INTERCEPT_RIDGE * intercept])
    return float(lost / len(shown) + priors / 2), gradient
