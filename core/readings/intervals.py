"""How sure a figure is: intervals over patients, or over cases where patients are unknown. All figures go through
`measured`, all paired differences through `compared`; what the ends are is in `core/readings/ends.py`.

A draw is a number of times that each case counts. Draws depend on the seed, the groups and the number of cases alone,
so that two readers of the same cases are always compared on the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.readings.ends import (
    Floats,
    Kind,
    Numbers,
    Share,
    ends_of_difference,
    ends_of_draws,
    ends_of_share,
    no_ends,
)
from core.readings.rounding import rounded

Plain = dict[str, float | str | None]
Groups = Sequence[str | None] | None
"""The patient of each case, where patients are known."""
Counting = Callable[[Floats], dict[str, Floats]]
"""Figures [.., W] from how often each case counts, [N, W]."""

PERCENTILES = (2.5, 97.5)
# Weights of a chunk of draws: few enough to stay in a processor's cache.
CHUNK = 200_000


@dataclass(frozen=True)
class Weighted:
    """Figures [W] from how often each case counts, [N, W]: all ones, and the draws of a bootstrap; and what each is
    made of. One of no kind is a mere count, which has no interval."""

    figures: Counting
    kinds: Mapping[str, Kind]

    def __call__(self, weights: Floats) -> dict[str, Floats]:
        return self.figures(weights)


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval; NaN where it is undefined or has none, with the reason."""

    value: float
    low: float
    high: float
    why: str | None = None

    def plain(self) -> Plain:
        """For JSON, which has no NaN: undefined becomes null. There is a `why` only where there is no interval."""
        ends = {name: getattr(self, name) for name in ("value", "low", "high")}
        numbers: Plain = {name: defined(number) for name, number in ends.items()}
        return numbers | ({"why": self.why} if self.why else {})


class Difference(Figure):
    """One reader's figure minus another's on the same cases."""


def defined(number: float) -> float | None:
    return number if math.isfinite(number) else None


def measured(weighted: Weighted, cases: int, groups: Groups, draws: int, seed: int) -> dict[str, Figure]:
    """Figures with their intervals."""
    values, drawn = in_draws(weighted, cases, groups, draws, seed)
    units = numbered(cases, groups)
    return {name: figure(values[name][0], drawn[name], weighted.kinds.get(name), units) for name in values}


def compared(
    first: Weighted, second: Weighted, cases: int, groups: Groups, draws: int, seed: int
) -> dict[str, Difference]:
    """One reader's figures minus another's on the same cases, in the same draws."""
    (of_first, first_drawn), (of_second, second_drawn) = (
        in_draws(weighted, cases, groups, draws, seed) for weighted in (first, second)
    )
    units = numbered(cases, groups)
    differences = {}
    for name, value in of_first.items():
        minus, drawn = float(value[0] - of_second[name][0]), (first_drawn[name], second_drawn[name])
        kinds = (first.kinds.get(name), second.kinds.get(name))
        ends = no_ends(None)
        if draws and kinds[0] and kinds[1]:
            ends = ends_of_difference(minus, drawn, (kinds[0], kinds[1]), units)
        differences[name] = Difference(minus, *ends)
    return differences


def figure(value: float, drawn: Floats, kind: Kind | None, unit_of_case: Numbers) -> Figure:
    """A value with its interval, from its draws where it is no share; without draws there is none."""
    if kind is None or not len(drawn):
        return Figure(float(value), *no_ends(None))
    if isinstance(kind, Share):
        return Figure(float(value), *ends_of_share(kind, unit_of_case))
    return Figure(float(value), *ends_of_draws(float(value), drawn, kind, unit_of_case))


def in_draws(
    weighted: Counting, cases: int, groups: Groups, draws: int, seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """The figures themselves, and in every draw (along the last axis)."""
    values = weighted(np.ones((cases, 1)))
    chunks = [weighted(weights) for weights in resampled(cases, groups, draws, seed)]
    none = {name: value[..., :0] for name, value in values.items()}
    return values, {name: np.concatenate([chunk[name] for chunk in (none, *chunks)], axis=-1) for name in values}


def in_brackets(figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval, or why it has none; a dash where it is undefined."""
    if figure is None or figure["value"] is None:
        return "–"
    return f"{rounded(figure['value'])}{ends_in_words(figure)}"


def ends_in_words(figure: Mapping[str, Any]) -> str:
    """` [0.610, 0.840]`, or ` (no interval: …)`; nothing of figures that were kept without a reason."""
    low, high = figure["low"], figure["high"]
    if low is not None and high is not None:
        return f" [{rounded(low)}, {rounded(high)}]"
    return f" ({without_interval(figure)})" if figure.get("why") else ""


def without_interval(figure: Mapping[str, Any]) -> str:
    """Why a figure has none; nothing where that was not kept."""
    return f"no interval: {figure['why']}" if figure.get("why") else ""


def resampled(cases: int, groups: Groups, draws: int, seed: int) -> Iterator[Floats]:
    """Weights [cases, some draws], chunk by chunk. A case without a group is a group of its own."""
    group_of_case = numbered(cases, groups)
    count = int(group_of_case.max()) + 1
    random = np.random.default_rng(seed)
    step = max(1, CHUNK // cases)
    for first in range(0, draws, step):
        some = min(step, draws - first)
        drawn = random.integers(count, size=(some, count)) + np.arange(some)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=some * count).reshape(some, count)
        yield times.T[group_of_case].astype(np.float64)


def numbered(cases: int, groups: Groups) -> Numbers:
    """A number from 0 for each case's group, in order of first appearance."""
    named = [None] * cases if groups is None else groups
    if len(named) != cases:
        raise ValueError(f"{len(named)} groups for {cases} cases")
    numbers: dict[str | int, int] = {}
    keys = (name or place for place, name in enumerate(named))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def percentiles(drawn: Floats) -> tuple[float, float]:
    """Plain ones, NaN where nothing was drawn; draws that are undefined are left out. They promise less than 95 %
    where cases or patients are few."""
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)
