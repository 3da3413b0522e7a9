"""What a paired difference with its 95 % interval comes to, and how it is worded wherever two readers are compared."""

from __future__ import annotations

from typing import Literal

Effect = Literal["helped", "harmed", "open"]
CANT_TELL = "the cases can't tell whether it helped"
INTERVAL = (
    "with the 95 % interval over patients (or cases, where those are unknown). Where it holds 0, " + CANT_TELL + "."
)
"""Ends what a table of differences says of itself."""


def effect_of(low: float | None, high: float | None) -> Effect | None:
    """None where the difference has no interval; an interval that ends at 0 holds it."""
    if low is None or high is None:
        return None
    if low <= 0 <= high:
        return "open"
    return "helped" if low > 0 else "harmed"


def signed(difference: float | None, low: float | None, high: float | None, why: str | None = None) -> str:
    """`+0.060 (+0.010 to +0.100)`, or why it has no interval; a dash where it is undefined. What rounds to nothing has
    no minus."""
    if difference is not None and why:
        return f"{difference:+z.3f} (no interval: {why})"
    if difference is None or low is None or high is None:
        return "–"
    return f"{difference:+z.3f} ({low:+z.3f} to {high:+z.3f})"


def in_print(words: str) -> str:
    """A figure in a table or a picture for a paper, where a minus is no hyphen."""
    return words.replace("-", "−")  # noqa: RUF001
