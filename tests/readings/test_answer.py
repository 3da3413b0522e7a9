"""What a distribution comes to is the same wherever it is asked: in figures, on Compare, in what is taken away."""

from __future__ import annotations

import numpy as np

from core.case import Task
from core.readings.answer import likeliest
from core.statistics.metrics import confusion
from core.suspects.reasons import likeliest_labels

TASK = Task(modality="film", answers=("nodule", "mass"), kind="multi")


def test_a_label_that_is_as_likely_as_not_is_not_answered_anywhere() -> None:
    likely = np.array([[0.5, 0.75]])
    counts = confusion(likely, np.array([[1, 1]]), "multi", TASK.answers)
    assert counts.tolist() == [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
    assert likeliest(likely[0].tolist(), TASK) == likeliest_labels(likely[0], TASK) == ("mass",)
