"""Features of training cases by TSMs that never saw them, in the space of the one that learned from all.

A TSM knows by heart what it learned: of those cases its exemplars are surer and righter than of any other, and a VLM
tuned on them leans on the exemplar more than it deserves. So the training cases are divided into folds, and each fold
is described by a TSM that learned from the others. Two networks trained apart name their axes differently; a linear map
carries one's features into the other's space. It is fitted where both know the cases by heart and used where neither
the network nor the map has met them. Axes: N cases, D and E feature widths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.models.tsm import Tsm
from core.sets.joint import Item
from core.sets.split import divide, grouped
from core.training.tsm_stage import Pictures, describe

FOLDS = 2
"""As many more trainings, each on a half of the cases: together as long as one."""
RIDGE = 1e-2
"""Of the mean variance: keeps the map steady where cases are few. Measured against a rotation in docs/log.md."""


@dataclass(frozen=True)
class Fold:
    """One of the folds: the run's cases with those of the fold held back, and how many of the rest are learned from."""

    number: int
    items: tuple[Item, ...]
    held: tuple[int, ...]
    learned: tuple[int, ...]

    @property
    def share(self) -> float:
        return len(self.learned) / (len(self.learned) + len(self.held))


def folds(items: Sequence[Item], seed: int) -> list[Fold]:
    """The training cases divided: a patient's cases and copies of one picture together, classes spread evenly."""
    train = [place for place, item in enumerate(items) if item.case.split == "train"]
    cases = [items[place].case for place in train]
    fold_of = divide(grouped(cases, range(len(cases))), FOLDS, seed)
    return [_fold(number, items, train, fold_of) for number in range(int(fold_of.max()) + 1)]


def _fold(number: int, items: Sequence[Item], train: Sequence[int], fold_of: NDArray[np.int64]) -> Fold:
    held = {place for place, fold in zip(train, fold_of.tolist(), strict=True) if fold == number}
    dealt = tuple(
        replace(item, case=replace(item.case, split=None)) if place in held else item
        for place, item in enumerate(items)
    )
    return Fold(number, dealt, tuple(sorted(held)), tuple(place for place in train if place not in held))


def unseen_features(
    final: Tensor, shown: Pictures, divided: Sequence[Fold], taught: Callable[[Fold], Tsm]
) -> tuple[list[int], Tensor]:
    """The places of all training cases, and their features [N, D] by a TSM that had them held back.

    final: the features of every case of the run by the TSM that learned from all, whose space these are in.
    """
    places: list[int] = []
    described: list[Tensor] = []
    for fold in divided:
        tsm = taught(fold).eval()
        learned, held = describe(tsm, shown, fold.learned), describe(tsm, shown, fold.held)
        described.append(carry(learned, final[list(fold.learned)])(held))
        places += fold.held
    return places, torch.cat(described)


def carry(known: Tensor, wanted: Tensor) -> Callable[[Tensor], Tensor]:
    """The linear map from features [N, E] to others of the same cases [N, D] with the smallest squared error, held
    small by a ridge; what is new goes through it afterwards."""
    source, target = known.double(), wanted.double()
    middle, aim = source.mean(0), target.mean(0)
    centred = source - middle
    spread = centred.T @ centred
    ridge = RIDGE * spread.diagonal().mean().clamp_min(1e-12) * torch.eye(len(spread), dtype=spread.dtype)
    turned = torch.linalg.solve(spread + ridge, centred.T @ (target - aim))

    def carried(features: Tensor) -> Tensor:
        image: Tensor = (features.double() - middle) @ turned + aim
        return image.float()

    return carried
