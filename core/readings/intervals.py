"""How sure a figure is: percentile intervals from resampling patients, or cases where patients are unknown.

A draw is a number of times that each case counts. Draws depend on the seed, the groups and the number of cases alone,
so that two readers of the same cases are always compared on the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.readings.rounding import rounded

Floats = NDArray[np.float64]
Groups = Sequence[str | None] | None
"""The patient of each case, where patients are known."""
Weighted = Callable[[Floats], dict[str, Floats]]
"""Figures [W] from how often each case counts, [N, W]: all ones, and the draws of a bootstrap."""

PERCENTILES = (2.5, 97.5)
# Weights of a chunk of draws: few enough to stay in a processor's cache.
CHUNK = 200_000


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval; NaN where it is undefined."""

    value: float
    low: float
    high: float

    def plain(self) -> dict[str, float | None]:
        """For JSON, which has no NaN: undefined becomes null."""
        return _plain(asdict(self))


@dataclass(frozen=True)
class Difference:
    """One reader's figure minus another's on the same cases."""

    value: float
    low: float
    high: float
    share_at_or_below_zero: float

    def plain(self) -> dict[str, float | None]:
        """For JSON, which has no NaN: undefined becomes null."""
        return _plain(asdict(self))


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def measured(weighted: Weighted, cases: int, groups: Groups, draws: int, seed: int) -> dict[str, Figure]:
    """Figures with their intervals."""
    values, drawn = in_draws(weighted, cases, groups, draws, seed)
    return {name: figure(values[name][0], drawn[name]) for name in values}


def compared(
    first: Weighted, second: Weighted, cases: int, groups: Groups, draws: int, seed: int
) -> dict[str, Difference]:
    """One reader's figures minus another's on the same cases, in the same draws."""

    def minus(weights: Floats) -> dict[str, Floats]:
        subtracted = second(weights)
        return {name: value - subtracted[name] for name, value in first(weights).items()}

    values, drawn = in_draws(minus, cases, groups, draws, seed)
    return {name: difference(values[name][0], drawn[name]) for name in values}


def in_draws(
    weighted: Weighted, cases: int, groups: Groups, draws: int, seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """The figures themselves, and in every draw (along the last axis)."""
    values = weighted(np.ones((cases, 1)))
    chunks = [weighted(weights) for weights in resampled(cases, groups, draws, seed)]
    none = {name: value[..., :0] for name, value in values.items()}
    return values, {name: np.concatenate([chunk[name] for chunk in (none, *chunks)], axis=-1) for name in values}


def in_brackets(figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval, a dash where it is undefined."""
    if figure is None or figure["value"] is None:
        return "–"
    low, high = figure["low"], figure["high"]
    spread = f" [{rounded(low)}, {rounded(high)}]" if low is not None and high is not None else ""
    return f"{rounded(figure['value'])}{spread}"


def resampled(cases: int, groups: Groups, draws: int, seed: int) -> Iterator[Floats]:
    """Weights [cases, some draws], chunk by chunk. A case without a group is a group of its own."""
    group_of_case = _numbered(cases, groups)
    count = int(group_of_case.max()) + 1
    random = np.random.default_rng(seed)
    step = max(1, CHUNK // cases)
    for first in range(0, draws, step):
        some = min(step, draws - first)
        drawn = random.integers(count, size=(some, count)) + np.arange(some)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=some * count).reshape(some, count)
        yield times.T[group_of_case].astype(np.float64)


def _numbered(cases: int, groups: Groups) -> NDArray[np.intp]:
    """A number from 0 for each case's group, in order of first appearance."""
    named = [None] * cases if groups is None else groups
    if len(named) != cases:
        raise ValueError(f"{len(named)} groups for {cases} cases")
    numbers: dict[str | int, int] = {}
    keys = (name or place for place, name in enumerate(named))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def figure(value: float, drawn: Floats) -> Figure:
    """A value with the percentiles of its draws; draws in which it is undefined are left out."""
    low, high = _percentiles(drawn)
    return Figure(float(value), low, high)


def difference(value: float, drawn: Floats) -> Difference:
    """A difference with the percentiles of its draws, and how often they don't favour the first reader."""
    low, high = _percentiles(drawn)
    defined = drawn[~np.isnan(drawn)]
    share = float((defined <= 0).mean()) if len(defined) else math.nan
    return Difference(float(value), low, high, share)


def _percentiles(drawn: Floats) -> tuple[float, float]:
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)
