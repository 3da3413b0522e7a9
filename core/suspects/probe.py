"""A linear probe out of fold: how well labels can be told from features that never saw one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.suspects.known import Floats, Places

DIRECTIONS = 256
RIDGE = 1e-2
ITERATIONS = 200


def probed(features: NDArray[np.float32], given: Floats, fold_of: Places, kind: str) -> Floats:
    """What a logistic regression on the other folds says of each case, [N, C]."""
    shown = _directions(features)
    likely = np.empty_like(given)
    for fold in range(int(fold_of.max()) + 1):
        is_held = fold_of == fold
        likely[is_held] = answers(shown[is_held] @ _fitted(shown[~is_held], given[~is_held], kind), kind)
    return likely


def _directions(features: NDArray[np.float32]) -> Floats:
    """The features in as many directions as matter, each of unit spread where it has any, and a constant."""
    centred = features.astype(np.float64) - features.mean(0)
    centred /= np.maximum(centred.std(0), 1e-6)
    if centred.shape[1] > DIRECTIONS:
        _, vectors = np.linalg.eigh(centred.T @ centred)
        centred = centred @ vectors[:, -DIRECTIONS:]
        centred /= np.maximum(centred.std(), 1e-6)
    return np.hstack([centred, np.ones((len(centred), 1))])


def answers(logits: Floats, kind: str) -> Floats:
    """A softmax, or one sigmoid each (multi)."""
    if kind == "multi":
        sure: Floats = 1 / (1 + np.exp(-logits.clip(-50, 50)))
        return sure
    grown = np.exp(logits - logits.max(1, keepdims=True))
    likely: Floats = grown / grown.sum(1, keepdims=True)
    return likely


def _fitted(shown: Floats, given: Floats, kind: str) -> Floats:
    """Weights [D, C] of least mean loss, kept small."""
    shape = (shown.shape[1], given.shape[1])
    kept = np.ones(shape)
    kept[-1] = 0  # the constant is not kept small

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        likely = answers(shown @ weights, kind).clip(1e-12, 1 - 1e-12)
        told = given * np.log(likely) + ((1 - given) * np.log(1 - likely) if kind == "multi" else 0)
        slope = shown.T @ (likely - given) / len(shown) + RIDGE * kept * weights
        return float(-told.sum() / len(shown) + RIDGE / 2 * (kept * weights**2).sum()), slope.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    fitted: Floats = found.x.reshape(shape)
    return fitted
