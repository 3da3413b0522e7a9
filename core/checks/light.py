"""Pictures that are much darker, brighter or of less contrast than the others of their set: a wrong window, a lamp that
was off, an export that failed. Where nearly all are so, it is told once, of the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.case import Finding
from core.checks.looked import LookedAt
from core.layouts.findings import about, pictures_are

FAR_OFF = 4.0
"""Spreads of the set from its middle, by quartiles."""
LEAST_SPREAD = 2.0
FEW = 20
"""With fewer pictures nothing is usual yet."""


@dataclass(frozen=True)
class Limit:
    """What is odd of a picture: below or above a level, and in words."""

    kind: str
    level: float
    is_least: bool
    words: str
    why: str
    usual: str

    def beyond(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        is_beyond: NDArray[np.bool_] = values < self.level if self.is_least else values > self.level
        return is_beyond


MENDING = "Look at them; export them again with another window, or leave them out."
DARK = Limit("too_dark", 20, True, "much darker than the others", "Little is seen on them", "very dark")
BRIGHT = Limit("too_bright", 235, False, "much brighter than the others", "Little is seen on them", "very bright")
PALE = Limit(
    "low_contrast", 5, True, "of much less contrast than the others", "Hardly anything stands out", "very pale"
)


def light(opened: Sequence[LookedAt]) -> Iterator[Finding]:
    """Of grey levels 0 to 255 by thumbnails; pictures of one shade are told of elsewhere."""
    seen = [each for each in opened if not each.look.is_blank]
    if not seen:
        return
    shades = np.frombuffer(b"".join(each.look.thumbnail for each in seen), np.uint8).reshape(len(seen), -1)
    brightness, contrast = shades.mean(axis=1), shades.std(axis=1)
    for limit, values in ((DARK, brightness), (BRIGHT, brightness), (PALE, contrast)):
        yield from _beyond(limit, values, [each.case.id for each in seen])


def _beyond(limit: Limit, values: NDArray[np.float64], names: Sequence[str]) -> Iterator[Finding]:
    low, middle, high = np.percentile(values, (25, 50, 75))
    is_beyond = limit.beyond(values)
    if limit.beyond(np.array([middle]))[0]:
        message = f"Most pictures are {limit.usual} ({is_beyond.sum():,} of {len(values):,}). If that is not how they "
        message += "are looked at, export the set again with another window."
        yield Finding(limit.kind, "note", int(is_beyond.sum()), message)
        return
    is_far_off = np.abs(values - middle) > FAR_OFF * max((high - low) / 1.35, LEAST_SPREAD)
    odd = [names[row] for row in np.flatnonzero(is_beyond & is_far_off).tolist()]
    if odd and len(values) >= FEW:
        message = f'{pictures_are(odd)} {limit.words}, like "{odd[0]}". {limit.why}, and a model may learn that '
        yield about(limit.kind, "warning", odd, message + f"instead. {MENDING}")
