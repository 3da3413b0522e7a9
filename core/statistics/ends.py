"""The two ends of a 95 % interval, and the reason where there are none.

A share has Wilson's, or with pictures of the same patient a t interval on the logit scale over patients; every other
figure a t interval whose standard error is that of its draws. Both count patients, or cases where those are unknown,
as many as would weigh alike (Kish 1965). Which forms and which limits: `vitask bench intervals`, docs/log.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]
Scale = Literal["counted", "ranked", "bounded", "signed", "loss", "free"]
"""counted: a share in all but name, from right and wrong answers; ranked and bounded: from 0 to 1; signed: from -1 to
1; loss: from 0 up, made by few cases; free: any number."""

INTERVALS = "t and Wilson"
"""What figures are kept with, so that those of before can be told from these."""
TAIL = 0.975
LEAST_DEGREES = 3.0
"""Of freedom: with fewer, t intervals are so wide or so unsure that they say nothing."""
LEAST_UNITS = 3.0
LEAST_WRONG = 5
MOST_PERFECT_DRAWS = 0.2
EDGE = 1e-9

FEW = "too few cases of a label, or too few patients"
PERFECT = "nothing was ranked wrongly"
AT_ITS_END = "the same in every case"
RARELY_WRONG = f"fewer than {LEAST_WRONG} wrong answers, or too few patients with one"
ALIKE = "the two do not differ in any case"
UNDEFINED = "undefined on these cases"


class Ends(NamedTuple):
    low: float
    high: float
    why: str | None = None


@dataclass(frozen=True)
class Share:
    """Of every case how many of how many, each [N]."""

    part: Floats
    whole: Floats


@dataclass(frozen=True)
class Drawn:
    """A figure that has to be resampled. `strata` are the cases that it is made of, [N] each: those of every label
    where it is a mean over labels; `wrong` are those that were answered wrongly."""

    scale: Scale
    strata: tuple[Floats, ...]
    wrong: Floats | None = None


Kind = Share | Drawn


@dataclass(frozen=True)
class Spread:
    """What a standard error from draws has to be multiplied by, and its degrees of freedom."""

    widening: float
    degrees: float
    of_rarest: float
    """The degrees of freedom of the smallest stratum alone."""


def no_ends(why: str | None) -> Ends:
    return Ends(math.nan, math.nan, why)


def even_units(counts: Floats, unit_of_case: Numbers) -> float:
    """How many patients of equal weight would tell as much; 0 where there is none."""
    of_units = np.bincount(unit_of_case, weights=counts)
    squares = float((of_units**2).sum())
    return float(of_units.sum()) ** 2 / squares if squares else 0.0


def spread_of(strata: Sequence[Floats], unit_of_case: Numbers) -> Spread:
    """A stratum of k units has a variance of about 1/k, which a bootstrap finds (k - 1)/k times too small, with k - 1
    degrees of freedom; together they have those of Satterthwaite (1946)."""
    sizes = np.array([even_units(counts, unit_of_case) for counts in strata])
    sizes = sizes[sizes > 0].clip(1.05)
    if not len(sizes):
        return Spread(1.0, 0.0, 0.0)
    shares = 1 / sizes
    degrees = shares.sum() ** 2 / (shares**2 / (sizes - 1)).sum()
    widening = (shares * sizes / (sizes - 1)).sum() / shares.sum()
    everything = even_units(np.sum(strata, axis=0), unit_of_case)
    whole = min(float(degrees), everything - 1)
    return Spread(math.sqrt(widening), whole, min(whole, float(sizes.min()) - 1))


def ends_of_share(share: Share, unit_of_case: Numbers) -> Ends:
    parts = np.bincount(unit_of_case, weights=share.part)
    wholes = np.bincount(unit_of_case, weights=share.whole)
    count = float(wholes.sum())
    if not count:
        return no_ends(UNDEFINED)
    value = float(parts.sum()) / count
    if wholes.max() <= 1:
        return _wilson(value, count, float(ndtri(TAIL)))
    units = even_units(share.whole, unit_of_case)
    if units < LEAST_UNITS:
        return no_ends(FEW)
    reach = float(stdtrit(units - 1, TAIL))
    if value in (0, 1):
        return _wilson(value, units, reach)
    by_units = units / (units - 1) * float(((parts - value * wholes) ** 2).sum()) / count**2
    return _on_logits(value, reach * math.sqrt(max(by_units, value * (1 - value) / count)))


def ends_of_draws(value: float, drawn: Floats, kind: Drawn, unit_of_case: Numbers) -> Ends:
    """`drawn` are its draws, NaN where it was undefined."""
    spread, defined = spread_of(kind.strata, unit_of_case), drawn[~np.isnan(drawn)]
    if math.isnan(value):
        return no_ends(UNDEFINED)
    if spread.degrees < LEAST_DEGREES or len(defined) < 2:
        return no_ends(FEW)
    if kind.wrong is not None and _are_few(kind.wrong, unit_of_case):
        return no_ends(RARELY_WRONG)
    is_nearly_perfect = kind.scale == "ranked" and _perfect_draws(defined) >= MOST_PERFECT_DRAWS
    reach = float(stdtrit(spread.of_rarest if is_nearly_perfect else spread.degrees, TAIL))
    half = reach * spread.widening * float(defined.std(ddof=1))
    if kind.scale == "counted" and (value <= EDGE or value >= 1 - EDGE):
        return _wilson(round(value), spread.degrees + 1, reach)
    if half <= EDGE or _is_at_its_end(value, kind.scale):
        return no_ends(PERFECT if kind.scale == "ranked" and value >= 1 - EDGE else AT_ITS_END)
    if kind.scale == "loss":
        return Ends(value * math.exp(-half / value), value * math.exp(half / value))
    if kind.scale == "signed":
        low, high, _ = _on_logits((value + 1) / 2, half / 2)
        return Ends(2 * low - 1, 2 * high - 1)
    return _wider(value, half, defined, spread) if kind.scale == "free" else _on_logits(value, half)


def ends_of_difference(
    value: float, drawn: tuple[Floats, Floats], kinds: tuple[Kind, Kind], unit_of_case: Numbers, tail: float = TAIL
) -> Ends:
    """The wider of a t interval and of expanded percentiles (Hesterberg 2015); `drawn` are both figures' draws, and
    `tail` is how much lies below its upper end."""
    first, second = kinds
    strata = (first.whole,) if isinstance(first, Share) else first.strata
    spread, minus = spread_of(strata, unit_of_case), drawn[0] - drawn[1]
    defined = minus[~np.isnan(minus)]
    if math.isnan(value):
        return no_ends(UNDEFINED)
    if spread.degrees < LEAST_DEGREES or len(defined) < 2:
        return no_ends(FEW)
    if isinstance(first, Drawn) and isinstance(second, Drawn):
        if first.wrong is not None and second.wrong is not None:
            either = np.maximum(first.wrong, second.wrong)
            if _are_few(either, unit_of_case):
                return no_ends(RARELY_WRONG)
        if first.scale == "ranked" and max(map(_perfect_draws, drawn)) >= MOST_PERFECT_DRAWS:
            return no_ends(PERFECT)
    reach = float(stdtrit(spread.degrees, tail))
    half = reach * spread.widening * float(defined.std(ddof=1))
    if half > EDGE:
        return _wider(value, half, defined, spread, tail)
    is_counted = isinstance(first, Share) or first.scale == "counted"
    return _without_spread(value, spread, reach) if is_counted else no_ends(ALIKE)


def tail_of_all(gaps: Sequence[Floats]) -> float:
    """Which `tail` differences need so that in 95 % of all cases every one of their intervals holds the truth.

    Max-t (Westfall and Young 1993): of each draw the largest distance from the mean draw in standard errors, over all
    differences at once, since readers that are compared again and again err together. `gaps` are their draws."""
    spreads = [(gap, float(np.nanstd(gap, ddof=1))) for gap in gaps if np.isfinite(gap).sum() > 1]
    away = [np.abs(gap - np.nanmean(gap)) / spread for gap, spread in spreads if spread > EDGE]
    if len(away) < 2:
        return TAIL
    farthest = np.max(away, axis=0)
    defined = farthest[~np.isnan(farthest)]
    return max(TAIL, float(ndtr(np.quantile(defined, 2 * TAIL - 1)))) if len(defined) else TAIL


def _without_spread(value: float, spread: Spread, reach: float) -> Ends:
    """Of a difference that is the same in all draws: as many cases as were never seen may yet differ otherwise."""
    unseen = _wilson(0.0, spread.degrees + 1, reach).high
    return Ends(max(-1.0, value - unseen * (1 + value)), min(1.0, value + unseen * (1 - value)))


def _wilson(value: float, count: float, reach: float) -> Ends:
    """Wilson (1927)."""
    part = reach**2 / count
    middle = (value + part / 2) / (1 + part)
    half = math.sqrt(part * value * (1 - value) + part**2 / 4) / (1 + part)
    return Ends(0.0 if value == 0 else middle - half, 1.0 if value == 1 else middle + half)


def _on_logits(value: float, half: float) -> Ends:
    logit, slope = math.log(value / (1 - value)), 1 / (value * (1 - value))
    low, high = (0.5 + 0.5 * math.tanh((logit + side * half * slope) / 2) for side in (-1, 1))
    return Ends(low, high)


def _wider(value: float, half: float, defined: Floats, spread: Spread, tail: float = TAIL) -> Ends:
    outside = 100 * float(ndtr(spread.widening * stdtrit(spread.degrees, 1 - tail)))
    low, high = np.percentile(defined, (outside, 100 - outside))
    return Ends(min(value - half, float(low)), max(value + half, float(high)))


def _is_at_its_end(value: float, scale: Scale) -> bool:
    bottom, top = {"signed": (-1.0, 1.0), "loss": (0.0, math.inf), "free": (-math.inf, math.inf)}.get(scale, (0.0, 1.0))
    return value <= bottom + EDGE or value >= top - EDGE


def _perfect_draws(drawn: Floats) -> float:
    return float((drawn >= 1 - EDGE).mean())


def _are_few(wrong: Floats, unit_of_case: Numbers) -> bool:
    return wrong.sum() < LEAST_WRONG or even_units(wrong, unit_of_case) < LEAST_UNITS
