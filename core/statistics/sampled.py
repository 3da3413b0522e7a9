"""What a sample tells of all: the first cases of a ranking were all looked at, and some drawn at random from the rest.

The estimate is that of Horvitz and Thompson 1952: each case weighs one over its chance to be looked at. The interval is
exact for a draw without replacement (hypergeometric, Clopper and Pearson 1934 for finite numbers), so it holds the
truth at least as often as it says, also where nothing was found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.draw import generator

LEVEL = 0.95


@dataclass(frozen=True)
class Sample:
    """So many cases, of which the first are all looked at, and so many others drawn from the rest."""

    cases: int
    first: int
    others: int

    @property
    def rest(self) -> int:
        return self.cases - self.first

    @property
    def drawn(self) -> int:
        return self.first + self.others

    def ranks(self, seed: int) -> list[int]:
        """Of those drawn from the rest, in order; ranks begin with 1."""
        chosen = generator(seed, "audit").choice(self.rest, self.others, replace=False)
        return sorted(self.first + 1 + int(place) for place in chosen)


@dataclass(frozen=True)
class Total:
    """How many of all cases, and between which numbers, 95 times in 100."""

    value: float
    low: int
    high: int


def total(sample: Sample, in_first: int, in_others: int) -> Total:
    """How many cases are so, where so many of the first and of those drawn are."""
    if not sample.others:
        return Total(in_first, in_first, in_first + sample.rest)
    low, high = limits(sample.rest, sample.others, in_others)
    return Total(in_first + sample.rest * in_others / sample.others, in_first + low, in_first + high)


def limits(whole: int, drawn: int, hits: int) -> tuple[int, int]:
    """Between which numbers of all the number is of which a draw without replacement had so many."""
    from scipy.stats import hypergeom

    tail = (1 - LEVEL) / 2
    least, most = hits, whole - (drawn - hits)
    low = _first(least, most, lambda number: hypergeom.sf(hits - 1, whole, number, drawn) > tail)
    high = most - _first(0, most - least, lambda back: hypergeom.cdf(hits, whole, most - back, drawn) > tail)
    return low, high


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first number for which this holds, where it holds for all after it."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
