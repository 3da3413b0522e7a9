"""How sure a figure is: intervals over patients, or over cases where patients are unknown. All figures go through
`measured`, all paired differences through `compared`; what the ends are is in `core/statistics/ends.py`.

A draw is a number of times that each case counts. Draws depend on the seed, the groups and the number of cases alone,
so that two readers of the same cases are always compared on the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.statistics.ends import (
    Floats,
    Kind,
    Numbers,
    Share,
    ends_of_difference,
    ends_of_draws,
    ends_of_share,
    no_ends,
    tail_of_all,
)
from core.statistics.rounding import rounded

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


@dataclass(frozen=True)
class Difference(Figure):
    """One reader's figure minus another's on the same cases. Among the differences of several readers, a band beside
    the interval: in 95 % of all cases all bands hold the truth at once."""

    band: tuple[float, float] | None = None

    def plain(self) -> Plain:
        if self.band is None:
            return super().plain()
        return super().plain() | {"band_low": defined(self.band[0]), "band_high": defined(self.band[1])}


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
    (differences,) = compared_pairs({"second": second, "first": first}, cases, groups, draws, seed).values()
    return differences


def compared_pairs(
    readers: Mapping[str, Weighted], cases: int, groups: Groups, draws: int, seed: int
) -> dict[tuple[str, str], dict[str, Difference]]:
    """The figures of every reader minus those of every one before it, in the same draws; several pairs have bands."""
    drawn = {name: in_draws(weighted, cases, groups, draws, seed) for name, weighted in readers.items()}
    pairs = [(later, earlier) for place, later in enumerate(readers) for earlier in list(readers)[:place]]
    units = numbered(cases, groups)
    differences: dict[tuple[str, str], dict[str, Difference]] = {pair: {} for pair in pairs}
    for name in drawn[pairs[0][0]][0] if pairs else ():
        values = {reader: (float(figures[name][0]), draws_of[name]) for reader, (figures, draws_of) in drawn.items()}
        tail = tail_of_all([values[later][1] - values[earlier][1] for later, earlier in pairs])
        for later, earlier in pairs:
            kinds = (readers[later].kinds.get(name), readers[earlier].kinds.get(name))
            (value, of_later), (other, of_earlier) = values[later], values[earlier]
            ends = band = no_ends(None)
            if draws and kinds[0] and kinds[1]:
                gap = (value - other, (of_later, of_earlier), (kinds[0], kinds[1]), units)
                ends, band = ends_of_difference(*gap), ends_of_difference(*gap, tail)
            is_among_others = len(pairs) > 1 and math.isfinite(band.low)
            differences[later, earlier][name] = Difference(
                value - other, *ends, band=(band.low, band.high) if is_among_others else None
            )
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
