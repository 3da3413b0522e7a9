"""Puts what the sources say into one distribution a case: a product of experts whose weights need no truth.

Each source's log-odds are weighed so that the given labels come out as likely as can be (a logistic regression with
one weight a source). Labels in doubt are few and no source learned from the label that it is asked about, so a source
weighs as much as it knows. Axes: S sources, N cases, C answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from core.suspects.known import Floats
from core.suspects.probe import answers

FLOOR = 1e-3
PRIOR = 0.01


def pooled(likely: Sequence[Floats], given: Floats, kind: str) -> Floats:
    """[N, C]. Where a source has no say (NaN) the others stand alone."""
    odds = np.stack([_odds(one, kind) for one in likely])
    weights = _weights(odds, given, kind)
    return answers(np.tensordot(weights, odds, 1), kind)


def _odds(likely: Floats, kind: str) -> Floats:
    """Log-odds against an even mind: 0 where nothing is said."""
    sure = likely.clip(FLOOR, 1 - FLOOR)
    odds: Floats = np.log(sure / (1 - sure)) if kind == "multi" else np.log(sure) - np.log(sure).mean(1, keepdims=True)
    return np.nan_to_num(odds, nan=0.0)


def _weights(odds: Floats, given: Floats, kind: str) -> Floats:
    def loss(weights: Floats) -> tuple[float, Floats]:
        said = answers(np.tensordot(weights, odds, 1), kind).clip(1e-12, 1 - 1e-12)
        told = given * np.log(said) + ((1 - given) * np.log(1 - said) if kind == "multi" else 0)
        slope = ((said - given)[None] * odds).sum((1, 2)) / len(given)
        away = weights - 1 / len(odds)
        return float(-told.sum() / len(given) + PRIOR * (away**2).sum()), slope + 2 * PRIOR * away

    start = np.full(len(odds), 1 / len(odds))
    bounds = [(0, None)] * len(odds)
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found
