"""A mask as what its outline goes round, filled so thinly that the picture is seen through it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from app.viewer import Shape
from core.pictures.masks import Inside
from core.readings.mask import Mask

DIGITS = 4
"""A ten-thousandth of the picture: more would only make pages larger."""
Corner = tuple[int, int]
Step = tuple[int, int]
SIDES: tuple[tuple[Step, Corner, Step], ...] = (
    ((0, -1), (0, 0), (1, 0)),
    ((1, 0), (1, 0), (0, 1)),
    ((0, 1), (1, 1), (-1, 0)),
    ((-1, 0), (0, 1), (0, -1)),
)
"""Of a cell, clockwise: where its neighbour on a side lies, at which corner that side begins, and how it goes on."""


def draw(mask: Mask, colour: str, whose: str) -> list[Shape]:
    rings = tuple(
        tuple((round(x / mask.width, DIGITS), round(y / mask.height, DIGITS)) for x, y in ring)
        for ring in outlines(mask.inside())
    )
    return [Shape("path", {}, colour, f"{whose}: {mask.words()}", rings)] if rings else []


def outlines(inside: Inside) -> list[list[Corner]]:
    """The closed lines between inside and outside, each as its corners (x, y), from 0 to the width and the height."""
    steps = _steps(inside)
    rings = []
    while steps:
        corner, before, ring = next(iter(steps)), (0, 0), list[Corner]()
        while corner in steps:  # as many lines leave a corner as come to it, so this ends where it began
            ahead = steps[corner].pop()
            if not steps[corner]:
                del steps[corner]
            if ahead != before:
                ring.append(corner)
            corner, before = (corner[0] + ahead[0], corner[1] + ahead[1]), ahead
        rings.append(ring)
    return rings


def _steps(inside: Inside) -> dict[Corner, list[Step]]:
    """Every side of a cell inside whose neighbour is outside, by the corner at which it begins."""
    steps = defaultdict[Corner, list[Step]](list)
    padded = np.pad(inside, 1)
    for (across, down), begins, ahead in SIDES:
        neighbours = np.roll(padded, (-down, -across), axis=(0, 1))[1:-1, 1:-1]
        for y, x in np.argwhere(inside & ~neighbours).tolist():
            steps[x + begins[0], y + begins[1]].append(ahead)
    return dict(steps)
