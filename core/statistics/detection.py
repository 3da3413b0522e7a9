"""How well boxes are found, by COCO's rule: precision at 101 recalls, at ten overlaps that a true box has to have.

The rule is that of COCO's own evaluation, for cases that count any number of times. Where two boxes of one label on one
picture have the same score, a case that counts twice is not quite the same as the case being there twice: the one box
comes first both times.

Axes: N cases, W draws, T thresholds, D boxes drawn by a reader, G true boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.statistics.ends import Floats

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST = 100
"""Boxes of a label on a picture that count: those with the highest scores."""
CELLS = 1_000_000
"""Boxes times draws that are worked on at a time."""


@dataclass(frozen=True)
class Pair:
    """A case and a label that was asked about: the scores of the boxes drawn [D], highest first, and how they overlap
    the true ones [D, G]."""

    case: int
    scores: Floats
    overlaps: Floats


@dataclass(frozen=True)
class Ranked:
    """All boxes drawn of one label, the surest first: of which case each is [D], whether it is a true one at each
    threshold [T, D]; and how many there are in truth in each case [N]."""

    cases: NDArray[np.intp]
    hits: NDArray[np.bool_]
    truths: Floats


def overlaps(drawn: Floats, true: Floats) -> Floats:
    """IoU [D, G] of boxes [D, 4] and [G, 4], each left, top, right, bottom."""
    corners = np.maximum(drawn[:, None, :2], true[None, :, :2]), np.minimum(drawn[:, None, 2:], true[None, :, 2:])
    both = (corners[1] - corners[0]).clip(0).prod(-1)
    either = _areas(drawn)[:, None] + _areas(true)[None] - both
    shares: Floats = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return shares


def _areas(boxes: Floats) -> Floats:
    areas: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return areas


def ranked(pairs: Sequence[Pair], cases: int) -> Ranked:
    """Of the pairs of one label, in the order of their cases."""
    truths = np.zeros(cases)
    for pair in pairs:
        truths[pair.case] = pair.overlaps.shape[1]
    scores = np.concatenate([np.zeros(0), *(pair.scores[:MOST] for pair in pairs)])
    owners = np.repeat([pair.case for pair in pairs], [len(pair.scores[:MOST]) for pair in pairs]).astype(np.intp)
    none = np.zeros((len(THRESHOLDS), 0), dtype=bool)
    hits = np.concatenate([none, *(matched(pair.overlaps[:MOST]) for pair in pairs)], axis=1)
    order = np.argsort(-scores, kind="stable")
    return Ranked(owners[order], hits[:, order], truths)


def matched(of_boxes: Floats) -> NDArray[np.bool_]:
    """Which boxes are true ones at each threshold, [T, D]: each in turn takes the free true box that it overlaps most;
    of several alike the last, as COCO does."""
    count, truths = of_boxes.shape
    every = np.arange(len(THRESHOLDS))
    hits = np.zeros((len(THRESHOLDS), count), dtype=bool)
    if not truths:
        return hits
    free = np.ones((len(THRESHOLDS), truths), dtype=bool)
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    for number, row in enumerate(of_boxes):
        fitting = np.where(free & (row >= least), row, -1)
        best = truths - 1 - fitting[:, ::-1].argmax(1)
        hits[:, number] = fitting[every, best] >= 0
        free[every, best] &= ~hits[:, number]
    return hits


def average_precision(label: Ranked, weights: Floats) -> Floats:
    """[T, W] of cases that count so often, [N, W]; NaN in draws in which nothing of the label is there."""
    step = max(1, CELLS // max(1, len(label.cases)))
    parts = [_of_draws(label, weights[:, first : first + step]) for first in range(0, weights.shape[1], step)]
    return np.concatenate([np.zeros((len(THRESHOLDS), 0)), *parts], axis=1)


def _of_draws(label: Ranked, weights: Floats) -> Floats:
    counts = weights[label.cases]
    so_far, there = counts.cumsum(0), label.truths @ weights
    averages = np.empty((len(THRESHOLDS), weights.shape[1]))
    for number, hits in enumerate(label.hits):
        # A precision is highest where a true box has just been found, so the other places need not be looked at.
        right = counts[hits].cumsum(0)
        precision = np.divide(right, so_far[hits], out=np.zeros_like(right), where=right > 0)
        from_here_on = np.maximum.accumulate(precision[::-1])[::-1]
        recall = np.divide(right, there, out=np.zeros_like(right), where=there > 0)
        reached = np.searchsorted(RECALLS, recall, side="right")
        averages[number] = (from_here_on * np.diff(reached, axis=0, prepend=0)).sum(0) / len(RECALLS)
    averages[:, there == 0] = np.nan
    return averages
