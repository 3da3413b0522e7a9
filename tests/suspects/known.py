"""What is known of a few cases, written out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.case import Case, Kind, Task
from core.reading import Reading
from core.suspects.folds import Alike
from core.suspects.known import Known, Near
from core.suspects.settings import Settings
from tests.suspects.test_folds import Noise

ANSWERS = ("low", "middle", "high")


def known(labels: Sequence[Sequence[str]], rounds: Any, kind: Kind = "single", **more: Any) -> Known:
    """Cases of patients of their own, with each one's answers of the TSM in every round [R, N, C]."""
    cases = [Case(f"{number}.png", Noise(number), tuple(named)) for number, named in enumerate(labels)]
    count = len(cases)
    none = Near(np.full((count, 2), -1), np.zeros((count, 2)))
    usual: Mapping[str, Any] = {
        "near": [none],
        "copies": Alike(()),
        "fold_of": np.arange(count) % 2,
        "apart": np.arange(count),
        "vision": None,
        "readings": {},
        "settings": Settings(),
        "seed": 0,
    }
    task = Task(answers=ANSWERS, kind=kind)
    return Known(task=task, cases=cases, rounds=list(np.array(rounds, dtype=float)), **{**usual, **more})


def reading(case: str, reader: str, *probabilities: float) -> Reading:
    return Reading("set", case, "test", reader, (), None, probabilities)
