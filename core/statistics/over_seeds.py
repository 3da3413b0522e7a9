"""The mean of a figure over runs that differ in their seed alone, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, variance
from typing import Any

from scipy.special import ndtri, stdtrit

from core.statistics.ends import TAIL


def ends_over_seeds(
    values: Sequence[float], errors: Sequence[float | None], least: float, most: float = 1.0
) -> tuple[float | None, float | None]:
    """Of the mean over seeds that were measured on the same test cases: a t interval over both variances, that between
    seeds divided by their number and that of the cases as it is; Satterthwaite's degrees of freedom. It ends where
    the figure does: at the most and at the least that it can be."""
    of_runs = [error for error in errors if error is not None]
    if len(of_runs) < len(values):
        return None, None
    between, of_cases = variance(values) / len(values), mean(error**2 for error in of_runs)
    if not between + of_cases:
        return None, None
    degrees = min((between + of_cases) ** 2 / (between**2 / (len(values) - 1)), 1e6) if between else 1e6
    half = float(stdtrit(degrees, TAIL)) * math.sqrt(between + of_cases)
    return max(least, mean(values) - half), min(most, mean(values) + half)


def standard_error(figure: Mapping[str, Any] | None) -> float | None:
    """About the one that a run's own interval comes from."""
    if figure is None or figure.get("low") is None or figure.get("high") is None:
        return None
    return float(figure["high"] - figure["low"]) / (2 * float(ndtri(TAIL)))
