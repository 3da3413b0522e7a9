"""The nearest cases vote: no training at all, the labels of the cases whose features are most alike.

How many vote is chosen on validation cases. One more vote is dealt out by how often each label is learned from, so that
no answer is impossible. Axes: N cases, M cases that may vote, D features, C answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.case import Kind
from core.readings.linear import Floats, Labelled
from core.statistics.metrics import log_loss

VOTERS = (1, 2, 5, 10, 20, 50, 100)
AT_ONCE = 512
VOTERS_AT_ONCE = 4096


@dataclass(frozen=True)
class Voters:
    """Those who may vote: directions [M, D] of unit length in float16, as they are kept, their labels [M, C], and how
    many are heard."""

    directions: NDArray[np.float16]
    hot: Floats
    heard: int

    def probabilities(self, features: NDArray[np.floating]) -> Floats:
        """[N, C]"""
        return next(votes_of(self.directions, self.hot, features, [self.heard]))


def choose(learned: Labelled, validated: Labelled, kind: Kind) -> Voters:
    """As many voters as give the least log loss on the validated cases; of equal ones the fewest."""
    directions = directions_of(learned.features)
    counts = [count for count in VOTERS if count <= len(directions)]
    voted = votes_of(directions, learned.hot, validated.features, counts)
    losses = [log_loss(likely, validated.hot, kind) for likely in voted]
    return Voters(directions, learned.hot, counts[int(np.argmin(losses))])


def directions_of(features: NDArray[np.floating]) -> NDArray[np.float16]:
    """Of unit length, as precise as they are kept."""
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    directions: NDArray[np.float16] = (features / lengths).astype(np.float16)
    return directions


def votes_of(
    directions: NDArray[np.float16], hot: Floats, features: NDArray[np.floating], counts: Sequence[int]
) -> Iterator[Floats]:
    """For each number of voters what they say of every case, [N, C]. Of voters that are as near as each other the
    first ones count."""
    nearest = _nearest(directions, directions_of(features), max(counts))
    usual = hot.mean(0)
    for count in counts:
        parts = [hot[nearest[start : start + AT_ONCE, :count]].sum(1) for start in range(0, len(nearest), AT_ONCE)]
        yield (np.concatenate(parts) + usual) / (count + 1)


def _nearest(directions: NDArray[np.float16], shown: NDArray[np.float16], most: int) -> NDArray[np.intp]:
    """Places of the nearest voters of each case, the nearest first, [N, most].

    In float64 no digit of a product of directions in float16 is rounded off, nor of their sum: pictures that are the
    same are equally near, however many are looked at at once."""
    parts = []
    for start in range(0, len(shown), AT_ONCE):
        asking = shown[start : start + AT_ONCE].astype(np.float64)
        of_parts = (directions[first : first + VOTERS_AT_ONCE] for first in range(0, len(directions), VOTERS_AT_ONCE))
        away = -np.concatenate([asking @ voters.astype(np.float64).T for voters in of_parts], axis=1)
        limit = np.partition(away, most - 1, axis=1)[:, most - 1 : most]
        parts.append(np.stack([_first(row, row <= of_row, most) for row, of_row in zip(away, limit, strict=True)]))
    return np.concatenate(parts)


def _first(away: Floats, is_near: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """The places of the smallest distances, equal ones in their order."""
    near = np.flatnonzero(is_near)
    return near[np.argsort(away[near], kind="stable")][:most]
