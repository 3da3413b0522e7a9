"""What is drawn from a key alone, so that whoever draws again draws the same."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np


def generator(*key: int | str) -> np.random.Generator:
    """Random numbers that depend on a key alone."""
    return np.random.default_rng([zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key])


def evenly(places: Sequence[int], most: int) -> list[int]:
    """At most so many of them, the first and the last included: a list may be sorted by class."""
    if len(places) <= most:
        return list(places)
    return [places[int(place)] for place in np.linspace(0, len(places) - 1, most)]
