"""How often two readers agree beyond chance: Cohen's kappa with its 95 % interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

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


def cohen(first: Sequence[Hashable], second: Sequence[Hashable]) -> Kappa:
    """kappa = (p_o - p_e) / (1 - p_e), its standard error sqrt(p_o (1 - p_o) / n) / (1 - p_e) (Cohen 1960).

    p_o is the share of cases on which both say the same, p_e what chance alone gives, from how often each says what.
    """
    n = len(first)
    if not n:
        return Kappa(0, None, None, None, None)
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / n
    said, answered = Counter(first), Counter(second)
    by_chance = sum(times * answered[answer] for answer, times in said.items()) / n**2
    if by_chance == 1:
        return Kappa(n, observed, None, None, None)
    kappa = (observed - by_chance) / (1 - by_chance)
    half = Z * math.sqrt(observed * (1 - observed) / n) / (1 - by_chance)
    return Kappa(n, observed, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))
