"""How often two readers agree beyond chance: Cohen's kappa with its 95 % interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Said = TypeVar("Said", bound=Hashable)
Z = 1.959963984540054
"""Between minus and plus so many standard errors lie 95 % of a normal distribution."""


@dataclass(frozen=True)
class Kappa:
    """Of n cases that both decided on. None where it is undefined: no cases, or nothing but one answer by both."""

    n: int
    observed: float | None
    kappa: float | None
    low: float | None
    high: float | None


def cohen(cases: Mapping[tuple[Said, Said], int]) -> Kappa:
    """kappa = (p_o - p_e) / (1 - p_e), its standard error sqrt(p_o (1 - p_o) / n) / (1 - p_e) (Cohen 1960).

    cases: on how many one reader says this and the other that. p_o is the share on which both say the same, p_e what
    chance alone gives, from how often each says what. Where all or none are alike that error is 0 and says nothing: the
    end is then that of Wilson's interval of p_o.
    """
    n = sum(cases.values())
    if not n:
        return Kappa(0, None, None, None, None)
    observed = sum(times for (first, second), times in cases.items() if first == second) / n
    first_answers, second_answers = Counter[Said](), Counter[Said]()
    for (first, second), times in cases.items():
        first_answers[first] += times
        second_answers[second] += times
    by_chance = sum(times * second_answers[answer] for answer, times in first_answers.items()) / n**2
    if by_chance == 1:
        return Kappa(n, observed, None, None, None)
    kappa = (observed - by_chance) / (1 - by_chance)
    half = Z * math.sqrt(observed * (1 - observed) / n) / (1 - by_chance)
    low, high = kappa - half, kappa + half
    if observed == 1:
        low = (n / (n + Z**2) - by_chance) / (1 - by_chance)
    if observed == 0:
        high = (Z**2 / (n + Z**2) - by_chance) / (1 - by_chance)
    return Kappa(n, observed, kappa, max(-1.0, low), min(1.0, high))
