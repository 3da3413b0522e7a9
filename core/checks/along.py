"""How well single properties of cases tell their labels, beyond chance and beyond what is shown in the middle.

Cross-validated, with a permutation test over all properties together, so that where nothing goes along nothing is
claimed: the largest of all standardised gains is compared with its like under dealt labels (Westfall and Young 1993).
Where `strata` are given, labels are compared and dealt only among cases whose middle says about the same of them
(propensity strata: Rosenbaum and Rubin 1984).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_BINS = 8
FOLDS = 5
DRAWS = 199
STRATA = 12
STIFFNESS = 10.0
NUMBERS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Along:
    """Of each property and contrast [P, C]: the gain over chance (sensitivity plus specificity less 1); and [P, draws]
    its largest standardised gain, first as the labels are, then as they were dealt."""

    gain: Floats
    score: Floats


def binned(values: NDArray[np.floating]) -> Places:
    """Numbers as at most MOST_BINS bins of about as many cases; few different numbers each have their own."""
    different = np.unique(values)
    if len(different) <= MOST_BINS:
        return np.searchsorted(different, values).astype(np.int64)
    borders = np.unique(np.quantile(values, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
    return np.searchsorted(borders, values, side="left").astype(np.int64)


def along(bins: Sequence[Places], contrasts: Bools, strata: Places | None = None, seed: int = 0) -> Along:
    """`bins` are the properties' values [N] each, `contrasts` [N, C] what they may tell, `strata` [N, C] of each."""
    generator = np.random.default_rng(seed)
    folds = generator.permutation(len(contrasts)) % FOLDS
    shown = [_one_hot(bins, folds == fold) for fold in range(FOLDS)]
    gains = np.zeros((len(bins), DRAWS + 1, contrasts.shape[1]))
    step = max(1, NUMBERS_AT_ONCE // max(shown[0].shape[1] * FOLDS, len(contrasts)))
    for number in range(contrasts.shape[1]):
        of_contrast = np.zeros(len(contrasts), np.int64) if strata is None else strata[:, number]
        dealt = _dealt(contrasts[:, number], of_contrast, generator)
        for start in range(0, DRAWS + 1, step):
            part = dealt[:, start : start + step]
            gain = _gains(shown, folds, *_weighed(part, of_contrast))
            gains[:, start : start + step, number] = gain.reshape(len(bins), -1, part.shape[1]).sum(axis=1)
    spread = np.maximum(gains.std(axis=1, keepdims=True), 1e-6)
    score = ((gains - gains.mean(axis=1, keepdims=True)) / spread).max(axis=2)
    return Along(gains[:, 0], score)


def chances(scores: Sequence[Floats]) -> list[Floats]:
    """For each property of each group: how probable such a gain is by chance among all properties of all groups."""
    largest = np.concatenate(scores).max(axis=0)
    return [(largest[None, :] >= score[:, :1] - 1e-9).mean(axis=1) for score in scores]


def strata_by(seen: NDArray[np.floating], contrasts: Bools, seed: int = 0) -> Places:
    """Cases [N, C] that are about as likely to have the label by what is seen of them [N, F], in STRATA parts."""
    scaled = (seen - seen.mean(axis=0)) / np.maximum(seen.std(axis=0), 1e-6)
    pairs = [scaled[:, row] * scaled[:, other] for row in range(seen.shape[1]) for other in range(row, seen.shape[1])]
    scores = foretold(np.stack([*scaled.T, *pairs], axis=1), contrasts.astype(np.float64), STIFFNESS, seed)
    most = max(1, min(STRATA, len(seen) // 20))
    ranks = scores.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return (ranks * most // len(seen)).astype(np.int64)


def foretold(seen: Floats, wanted: Floats, stiffness: float, seed: int = 0) -> Floats:
    """What a ridge regression says of every case [N, T] from what is seen [N, F], each fold by the others."""
    folds = np.random.default_rng(seed + 1).permutation(len(seen)) % FOLDS
    likely = np.zeros_like(wanted)
    for fold in range(FOLDS):
        held = folds == fold
        middle, level = seen[~held].mean(axis=0), wanted[~held].mean(axis=0)
        likely[held] = (seen[held] - middle) @ _ridge(seen[~held] - middle, wanted[~held] - level, stiffness) + level
    return likely


def _ridge(centred: Floats, wanted: Floats, stiffness: float) -> Floats:
    """The weights [F, T], solved for on the shorter side."""
    count, width = centred.shape
    if count < width:
        return np.asarray(centred.T @ np.linalg.solve(centred @ centred.T + stiffness * np.eye(count), wanted))
    return np.asarray(np.linalg.solve(centred.T @ centred + stiffness * np.eye(width), centred.T @ wanted))


def taken_as(values: Places, contrast: Bools) -> Bools:
    """The cases whose value is commoner where the contrast is true."""
    size = int(values.max()) + 1
    of_true = np.bincount(values[contrast], minlength=size) / max(int(contrast.sum()), 1)
    of_false = np.bincount(values[~contrast], minlength=size) / max(int((~contrast).sum()), 1)
    taken: Bools = (of_true > of_false)[values]
    return taken


def _one_hot(bins: Sequence[Places], held: Bools) -> NDArray[np.float32]:
    """The held cases [n, P * W] with a 1 for the value of each property."""
    width = max(int(values.max()) + 1 for values in bins)
    shown = np.zeros((int(held.sum()), len(bins) * width), np.float32)
    for row, values in enumerate(bins):
        shown[np.arange(len(shown)), row * width + values[held]] = 1
    return shown


def _dealt(contrast: Bools, strata: Places, generator: np.random.Generator) -> Bools:
    """[N, draws + 1]: the contrast as it is, then dealt anew among the cases of each stratum."""
    order = np.argsort(strata, kind="stable")
    columns = [contrast]
    for _ in range(DRAWS):
        mixed = np.lexsort((generator.random(len(contrast)), strata))
        column = np.empty_like(contrast)
        column[order] = contrast[mixed]
        columns.append(column)
    return np.stack(columns, axis=1)


def _weighed(dealt: Bools, strata: Places) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What each true and each false case counts for, [N, draws] each: strata count by how many of both they have, and
    within one both sides count the same. Dealing leaves these numbers as they are."""
    size = int(strata.max()) + 1
    trues = np.bincount(strata[dealt[:, 0]], minlength=size).astype(np.float64)
    falses = np.bincount(strata, minlength=size) - trues
    both = trues * falses / np.maximum(trues + falses, 1)
    both /= max(both.sum(), 1e-9)
    of_true, of_false = both / np.maximum(trues, 1), both / np.maximum(falses, 1)
    return (
        (dealt * of_true[strata][:, None]).astype(np.float32),
        (~dealt * of_false[strata][:, None]).astype(np.float32),
    )


def _gains(
    shown: Sequence[NDArray[np.float32]], folds: Places, trues: NDArray[np.float32], falses: NDArray[np.float32]
) -> Floats:
    """[P * W, draws]: what each value of each property adds on the cases of a fold, learned on the others."""
    of_true = np.stack([each.T @ trues[folds == fold] for fold, each in enumerate(shown)])
    of_false = np.stack([each.T @ falses[folds == fold] for fold, each in enumerate(shown)])
    is_taken = of_true.sum(axis=0) - of_true > of_false.sum(axis=0) - of_false
    gains: Floats = ((of_true - of_false) * is_taken).sum(axis=0).astype(np.float64)
    return gains
