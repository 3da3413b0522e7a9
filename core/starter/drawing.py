"""What a drawn picture is, to those who ask about it: its pixels and everything that is known about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.starter.colours import Colour

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
T = TypeVar("T")


@dataclass(frozen=True)
class Drawing:
    """Facts answer "what is the ...?" in words; measures are the same and more as numbers from about 0 to 1."""

    pixels: NDArray[np.uint8]
    caption: str
    facts: dict[str, str]
    measures: dict[str, float] = field(default_factory=dict)


Draw = Callable[[np.random.Generator, int], Drawing]


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.integers(len(choices)))]


def amount(value: float, limits: Sequence[float], words: Sequence[str]) -> str:
    """The word for a number: one more word than limits."""
    return words[sum(value >= limit for limit in limits)]


def place(x: float, y: float) -> str:
    """One of nine places of a picture."""
    row, column = amount(y, (0.37, 0.63), ("upper", "", "lower")), amount(x, (0.37, 0.63), ("left", "", "right"))
    if not row and not column:
        return "centre"
    return f"{row} {column}".strip() if row and column else f"{row or column} edge"


def tints(part: str, colour: Colour) -> dict[str, float]:
    return {f"{part} {channel}": level for channel, level in zip(("red", "green", "blue"), colour, strict=True)}


def article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words
