"""A probe on frozen features, out of fold: how well labels can be told from features that never saw one.

Ridge regression with a Gaussian kernel, on landmarks where a set is large (Nyström; Williams and Seeger 2001): as
quick as a linear probe, and on the starter's features better by .02 to .035 of average precision at finding labels.
Axes: N cases, D features, L landmarks, C answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from core.draw import generator
from core.suspects.evidence import Floats, Places

LANDMARKS = 2048
RIDGE = 1.0
CHUNK = 4096
# Regressed 0/1 labels as log-odds: they are scaled again when sources are pooled.
STEEPNESS = 8.0


def probed(features: NDArray[np.float32], given: Floats, fold_of: Places, kind: str, seed: int) -> Floats:
    """What the probe, taught by the other folds, says of each case, [N, C]."""
    shown = scaled(features)
    chosen = generator(seed, "landmarks").permutation(len(shown))[:LANDMARKS]
    landmarks = shown[chosen]
    regressed = np.empty_like(given)
    folds = range(int(fold_of.max()) + 1)
    parts = [_moments(shown[fold_of == fold], given[fold_of == fold], landmarks) for fold in folds]
    products, answered, sums, counts = (sum(of_folds) for of_folds in zip(*parts, strict=True))
    prior = RIDGE * _alike(landmarks, landmarks) + 1e-6 * np.eye(len(landmarks))
    for fold, (product, answer, of_kernel, of_labels) in zip(folds, parts, strict=True):
        taught = int((fold_of != fold).sum())
        mean = (counts - of_labels) / taught
        # Labels less their mean, so that a case like no other is answered with how often each label occurs.
        wanted = answered - answer - np.outer(sums - of_kernel, mean)
        weights = cho_solve(cho_factor(products - product + prior), wanted)
        is_held = fold_of == fold
        regressed[is_held] = mean + _spread(shown[is_held], landmarks, weights)
    return probabilities(STEEPNESS * (regressed - 0.5 if kind == "multi" else regressed), kind)


def scaled(features: NDArray[np.float32]) -> Floats:
    """Each feature of unit spread, then all so that two cases are about sqrt(2) apart."""
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    centred /= np.maximum(centred.std(0), 1e-6)
    scaled_features: Floats = centred / max(float(np.sqrt((centred**2).sum(1).mean())), 1e-6)
    return scaled_features


def _alike(some: Floats, others: Floats) -> Floats:
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1) - 2 * some @ others.T
    near: Floats = np.exp(-squares.clip(0))
    return near


def _moments(shown: Floats, given: Floats, landmarks: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """What a fold adds to the regression: kernel by kernel [L, L], kernel by labels [L, C], and the sums of both."""
    product = np.zeros((len(landmarks), len(landmarks)))
    answered = np.zeros((len(landmarks), given.shape[1]))
    total = np.zeros(len(landmarks))
    for start in range(0, len(shown), CHUNK):
        near = _alike(shown[start : start + CHUNK], landmarks)
        product += near.T @ near
        answered += near.T @ given[start : start + CHUNK]
        total += near.sum(0)
    return product, answered, total, given.sum(0)


def _spread(shown: Floats, landmarks: Floats, weights: Floats) -> Floats:
    parts = [_alike(shown[start : start + CHUNK], landmarks) @ weights for start in range(0, len(shown), CHUNK)]
    return np.concatenate(parts)


def log_odds(likely: Floats, kind: str, least: float) -> Floats:
    """What `probabilities` undoes; nothing counts as surer than `least`."""
    sure = likely.clip(least, 1 - least)
    odds: Floats = np.log(sure / (1 - sure)) if kind == "multi" else np.log(sure)
    return odds


def probabilities(logits: Floats, kind: str) -> Floats:
    """A softmax, or one sigmoid each (multi)."""
    if kind == "multi":
        sure: Floats = 1 / (1 + np.exp(-logits.clip(-50, 50)))
        return sure
    grown = np.exp(logits - logits.max(1, keepdims=True))
    likely: Floats = grown / grown.sum(1, keepdims=True)
    return likely
