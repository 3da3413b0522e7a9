"""How sharp a picture is: by its finest edges, beside those of half the resolution, so that contrast has no say."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Levels = NDArray[np.int16]

LARGEST = 320
"""Longer pictures are made smaller first: what is blurred at their full size alone, no model sees."""
STRONGEST = 0.1
"""Of all places those that change most: edges. Plain ground says nothing of sharpness, only of grain."""
LEAST_SIDE = 6
FAINTEST = 0.25
"""Of a grey level, added to both: a picture that is plain has no edges."""


def sharpness(grey: Image.Image) -> float:
    """The logarithm of how much the strongest edges bend from pixel to pixel, over how steep they are at half the size.

    Comparable among pictures of one kind: a smear has other edges than a film. 0 where a picture is too small to tell.
    """
    small = grey.reduce(ceil(max(grey.size) / LARGEST)) if max(grey.size) > LARGEST else grey
    if min(small.size) < LEAST_SIDE:
        return 0.0
    whole, half = (np.asarray(picture).astype(np.int16) for picture in (small, small.reduce(2)))
    bends = (np.diff(whole, n=2, axis=axis) for axis in (0, 1))
    slopes = (np.diff(half, axis=axis) for axis in (0, 1))
    return float(np.log((_strongest(*bends) + FAINTEST) / (_strongest(*slopes) + FAINTEST)))


def _strongest(*changes: Levels) -> float:
    sizes = np.concatenate([np.abs(change).ravel() for change in changes])
    count = max(1, int(len(sizes) * STRONGEST))
    return float(np.partition(sizes, len(sizes) - count)[-count:].mean())
