"""A set whose labels are looked over, and the evidence that a source gives.

Axes: N cases, C answers, K nearest, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.case import Case, Task
from core.readings.reading import Reading, hot_labels
from core.sets.alike import Alike
from core.suspects.settings import Settings

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Near:
    """The cases most alike to each, [N, K], most alike first, with cosines; -1 where there are no more."""

    places: Places
    cosines: Floats


@dataclass(frozen=True)
class ReviewedSet:
    """A set whose labels are looked over: what the machines saw of it, and what readers said of it before."""

    task: Task
    cases: Sequence[Case]
    rounds: Sequence[Floats]
    """The TSM's answers out of fold, [N, C] each."""
    near: Sequence[Near]
    """By the features of each round's TSMs."""
    copies: Alike
    fold_of: Places
    apart: Places
    """The number of each case's group: its patient's cases and copies of its picture."""
    vision: NDArray[np.float32] | None
    """Image features of the frozen VLM, [N, D]."""
    readings: Mapping[str, Sequence[Reading]]
    settings: Settings
    seed: int

    @cached_property
    def given(self) -> Floats:
        """The labels as 0 and 1, [N, C]."""
        return hot_labels(self.cases, self.task)

    @cached_property
    def is_alone(self) -> NDArray[np.bool_]:
        """Cases with a label that no other patient's case has, so that nothing could be learned about it."""
        groups = np.unique(self.apart, return_inverse=True)[1]
        having = np.zeros((groups.max() + 1, self.given.shape[1]))
        np.maximum.at(having, groups, self.given)
        alone: NDArray[np.bool_] = (self.given * (having.sum(0) == 1)).any(1)
        return alone

    def evidence_from(self, likely: Floats) -> Evidence:
        """A distribution that was learned from the other cases, as evidence."""
        heard = np.where(self.is_alone[:, None], np.nan, likely)
        return Evidence(doubt(heard, self.given, self.task.kind), heard)


@dataclass(frozen=True)
class Evidence:
    """What one source says: how suspect each label is, [N] from 0 to 1, and which answers are likely, [N, C].

    NaN where it has no say.
    """

    against: Floats
    likely: Floats | None = None


class Source(Protocol):
    """What a module in core/sources offers."""

    TITLE: str
    ABOUT: str

    def gather_evidence(self, reviewed: ReviewedSet) -> Evidence | None:
        """None where this source knows nothing of this set."""
        ...


def doubt(likely: Floats, given: Floats, kind: str) -> Floats:
    """How much a distribution [N, C] speaks against the given labels, from 0 to 1.

    Of several answers that may each be right or not, the most doubtful counts; of ordered ones, a far one counts up
    to twice as much as the next.
    """
    if kind == "multi":
        most: Floats = np.abs(given - likely).max(1)
        return most
    if kind == "ordinal":
        places = np.arange(likely.shape[1])
        distance = np.abs(places - given.argmax(1)[:, None])
        weight = np.where(distance > 0, (1 + distance / distance.max(initial=1)) / 2, 0.0)
        weighed: Floats = (likely * weight).sum(1)
        return weighed
    plain: Floats = 1 - (likely * given).sum(1)
    return plain
