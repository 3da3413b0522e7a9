"""Puts what the sources say into one distribution a case, and weighs it by how labels are mistaken in this set.

Sources count alike, as a geometric mean: weights fitted to the given labels, which are in doubt, did worse. Where one
class is often labelled as a certain other one, a label of that other one is doubted sooner (the confident joint of
Northcutt and others 2021, turned round by Bayes). Axes: N cases, C answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.suspects.evidence import Floats
from core.suspects.probe import log_odds, probabilities

FLOOR = 1e-3


def pooled(likely: Sequence[Floats], kind: str) -> Floats:
    """[N, C]. Where a source has no say (NaN) the others stand alone; where none has, all answers are as likely."""
    odds = log_odds(np.stack(likely), kind, FLOOR)
    has_say = ~np.isnan(odds)
    mean = np.where(has_say, odds, 0.0).sum(0) / np.maximum(has_say.sum(0), 1)
    return probabilities(mean, kind)


def weighed(likely: Floats, given: Floats, kind: str) -> Floats:
    """Half-way between what is likely before the given label is looked at and after, [N, C]."""
    if kind == "multi":
        labels = given.T.astype(np.int64)
        return np.stack(
            [_half_way(side, label)[:, 1] for side, label in zip(yes_or_no(likely), labels, strict=True)], 1
        )
    return _half_way(likely, given.argmax(1))


def yes_or_no(likely: Floats) -> list[Floats]:
    """Each of several answers as a question of its own, [N, 2]: not so, or so."""
    return [np.stack([1 - shares, shares], axis=1) for shares in likely.T]


def _half_way(likely: Floats, label: np.ndarray) -> Floats:
    after = likely * _labelled(likely, label)[label]
    after /= after.sum(1, keepdims=True)
    mixed = np.sqrt(likely * after)
    half_way: Floats = mixed / mixed.sum(1, keepdims=True)
    return half_way


def _labelled(likely: Floats, label: np.ndarray) -> Floats:
    """[C, C]: how often each answer (row) is given where another one (column) is right."""
    joint = confident_joint(likely, label) + FLOOR
    shares: Floats = joint / joint.sum(0)
    return shares


def confident_joint(likely: Floats, label: np.ndarray) -> Floats:
    """Counts [C, C] of labels by what the answers confidently say instead, made to add up to the labels given."""
    from cleanlab.count import compute_confident_joint

    joint: Floats = np.asarray(compute_confident_joint(label, likely), dtype=np.float64)
    return joint
