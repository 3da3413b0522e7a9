"""Late fusion, a control: one more reader, a weighted mean of what the TSM and plain tuning say.

Its weight is chosen for each set, on validation cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from core.case import ImageSet
from core.readings.answer import Answer
from core.readings.mixing import best_weight, mean
from core.readings.reader import FUSION, TSM
from core.readings.reading import Reading, hot_labels
from core.statistics.metrics import log_loss
from core.training.readers import PLAIN

FUSED = (TSM.name, PLAIN.name)


def fuse(read: Mapping[str, list[Reading]], sets: Iterable[ImageSet]) -> dict[str, float]:
    """Adds the reader to the readings of both splits; returns the weight of the TSM, by set."""
    weights = {}
    for image_set in sets:
        pairs = {split: [_rows(readings, image_set.name, name) for name in FUSED] for split, readings in read.items()}
        likely = {
            split: np.array([[r.answer.probabilities for r in rows] for rows in pair]) for split, pair in pairs.items()
        }
        tsm, plain = likely["val"]
        hot, kind = hot_labels(pairs["val"][0], image_set.task), image_set.task.kind
        weights[image_set.name] = weight = best_weight(tsm, plain, partial(log_loss, hot=hot, kind=kind))
        for split, readings in read.items():
            tsm, plain = likely[split]
            readings.extend(
                replace(row, reader=FUSION.name, answer=Answer(tuple(both.tolist())))
                for row, both in zip(pairs[split][0], mean(tsm, plain, weight), strict=True)
            )
    return weights


def _rows(readings: Iterable[Reading], name: str, reader: str) -> list[Reading]:
    return [row for row in readings if row.set == name and row.reader == reader]
