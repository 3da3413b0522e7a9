"""Regions as boxes, each with its label and how sure it is; what is less sure than not is left out."""

from __future__ import annotations

from app.drawings import REFERENCE, around
from app.viewer import Shape
from core.readings.regions import Region, Regions

GAP = 0.01
"""Between a box and its words, of the picture's height."""
LETTER = 0.05
"""Of the height, what words take at most."""


def draw(regions: Regions, colour: str, whose: str) -> list[Shape]:
    shapes = []
    for region in regions.seen():
        words = region.label if whose == REFERENCE else f"{region.label} {region.score:.0%}"
        shapes += [around(region, colour, f"{whose}: {words}"), _words(region, colour, words)]
    return shapes


def _words(region: Region, colour: str, words: str) -> Shape:
    """Above the box; within it where there is no room above."""
    is_room = region.top > LETTER
    place = {"x": region.left, "y": region.top - GAP if is_room else region.top + LETTER}
    return Shape("text", place, colour, words, words=words)
