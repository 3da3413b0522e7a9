"""Receiver operating characteristics: for every answer against all others, and where a reader in fact stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.case import Kind
from core.statistics.metrics import THRESHOLD


@dataclass(frozen=True)
class Roc:
    """Shares from 0 to 1: `sensitivity` at each `false_alarms` (1 less specificity), from the strictest threshold down.

    `point` is (false alarms, sensitivity) of what the reader answered: of several labels at a half, else of the
    likeliest."""

    answer: str
    cases: int
    false_alarms: tuple[float, ...]
    sensitivity: tuple[float, ...]
    point: tuple[float, float]


def rocs(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], kind: Kind, answers: Sequence[str]
) -> tuple[Roc, ...]:
    """One an answer; an answer that no case has, or every one, has none. labels as `figures` wants them."""
    every = np.eye(len(answers), dtype=bool)
    truth = labels.astype(bool) if kind == "multi" else every[labels]
    answered = probabilities > THRESHOLD if kind == "multi" else every[probabilities.argmax(1)]
    return tuple(_rocs(probabilities, truth, answered, answers))


def _rocs(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], answered: NDArray[np.bool_], answers: Sequence[str]
) -> Iterator[Roc]:
    for place, answer in enumerate(answers):
        true = truth[:, place]
        with_it, without = int(true.sum()), int((~true).sum())
        if not with_it or not without:
            continue
        order = np.argsort(-scores[:, place], kind="stable")
        last_of_score = np.append(np.diff(scores[order, place]) != 0, True)  # equal scores are one step
        hits, misses = true[order].cumsum()[last_of_score], (~true[order]).cumsum()[last_of_score]
        yield Roc(
            answer,
            with_it,
            (0.0, *(misses / without).tolist()),
            (0.0, *(hits / with_it).tolist()),
            (float((answered[:, place] & ~true).sum() / without), float((answered[:, place] & true).sum() / with_it)),
        )
