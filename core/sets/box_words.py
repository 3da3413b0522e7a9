"""Words for where a box is and how large it is, decided here alone: captions and probes say the same of a box.

What is near a limit has no word. A side is one of the picture; a size is beside what is usual for the box's kind.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import Field

from core.case import Box, Case
from core.settings import Settings

OPPOSITE: Mapping[str, str] = MappingProxyType(
    {"upper": "lower", "lower": "upper", "left": "right", "right": "left", "small": "large", "large": "small"}
)
Lengths = Mapping[str, float]
"""The usual length of a box, by its label."""


class Margins(Settings):
    """How far from a limit a box has to be to have a word."""

    middle: float = Field(
        0.05,
        ge=0,
        lt=0.5,
        title="Margin of the middle",
        description="Share of the picture: a box whose centre is nearer to the middle line is on neither side of it.",
    )
    size: float = Field(
        0.1,
        ge=0,
        le=10,
        title="Margin of size",
        description="A box is large (small) where it is longer (shorter) than the median of its kind by this share.",
    )


@dataclass(frozen=True)
class BoxWords:
    """upper or lower, left or right, small or large; empty where it is neither."""

    down: str
    across: str
    size: str

    @property
    def place(self) -> str:
        return f"{self.down} {self.across}".strip() or "middle"


def words_of(box: Box, usual: Lengths, margins: Margins | None = None) -> BoxWords:
    """Of a kind of box that is not known, none is small or large."""
    margins, own = margins or Margins(), length(box)
    down, across = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    size = size_word(own, usual.get(box.label, own), margins)
    return BoxWords(half_word(down, ("upper", "lower"), margins), half_word(across, ("left", "right"), margins), size)


def half_word(centre: float, halves: tuple[str, str], margins: Margins) -> str:
    return "" if abs(centre - 0.5) <= margins.middle else halves[centre > 0.5]


def size_word(own: float, usual: float, margins: Margins) -> str:
    ratio = own / usual
    return "large" if ratio > 1 + margins.size else "small" if ratio < 1 / (1 + margins.size) else ""


def length(box: Box) -> float:
    """The side of a square of the same area, as a share of the picture's."""
    return math.sqrt((box.right - box.left) * (box.bottom - box.top))


def usual_lengths(cases: Iterable[Case]) -> Lengths:
    """The median of each kind of box: of the cases to learn from where these have any, so that captions that are
    learned know nothing of others."""
    every: dict[str, list[float]] = defaultdict(list)
    learned: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        for box in case.boxes or ():
            every[box.label].append(length(box))
            if case.split == "train":
                learned[box.label].append(length(box))
    return {label: statistics.median(learned.get(label) or lengths) for label, lengths in sorted(every.items())}
