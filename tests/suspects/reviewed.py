"""A few cases whose labels are looked over, written out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from core.case import Case, Kind, Pixels, Task
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.sets.alike import Alike
from core.suspects.evidence import Near, ReviewedSet
from core.suspects.settings import Settings

ANSWERS = ("low", "middle", "high")


@dataclass(frozen=True)
class Shade:
    """A picture of one grey level."""

    level: int

    def load(self) -> Image.Image:
        return Image.new("L", (8, 8), self.level)

    def digest(self) -> str:
        return f"{self.level:064x}"


def reviewed_set(
    labels: Sequence[Sequence[str]], rounds: Any, kind: Kind = "single", pixels: Sequence[Pixels] = (), **more: Any
) -> ReviewedSet:
    """Cases of patients of their own, with each one's answers of the TSM in every round [R, N, C]."""
    shown = pixels or [Shade(number) for number in range(len(labels))]
    cases = [
        Case(f"{number}.png", picture, tuple(named))
        for number, (picture, named) in enumerate(zip(shown, labels, strict=True))
    ]
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
    return ReviewedSet(task=task, cases=cases, rounds=list(np.array(rounds, dtype=float)), **{**usual, **more})


def reading(case: str, reader: str, *probabilities: float) -> Reading:
    return Reading("set", case, "test", reader, (), None, Answer(probabilities))
