"""What a stage of a method asks for: losses by name with their weights. It loads without torch, as methods do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ContrastOn = Literal["all", "first_distinguishing"]
Direction = Literal["student_first", "teacher_first"]


@dataclass(frozen=True)
class Wanted:
    """Which losses a stage is made of, by name, with their weights; and how some of them are taken."""

    weights: Mapping[str, float]
    contrast_on: ContrastOn = "all"
    direction: Direction = "student_first"
    label_smoothing: float = 0.0
    is_shared: bool = True
