"""Regions as boxes with their labels and how sure they are; what is less sure than not is left out."""

from __future__ import annotations

from app.drawings import REFERENCE, around
from app.viewer import Shape
from core.readings.regions import Region, Regions

MOST_WORDS = 8
"""Boxes that have words beside them: those of more would cover the picture. The mouse is told them all the same."""
GAP = 0.01
"""Between a box and its words, of the picture's height."""
LETTER = 0.05
"""Of the height, what words take at most."""


def draw(regions: Regions, colour: str, whose: str) -> list[Shape]:
    """A reference has no words: they would lie on those of a reader that is right."""
    seen, is_reference = regions.seen(), whose == REFERENCE
    words_of = [region.label if is_reference else f"{region.label} {region.score:.0%}" for region in seen]
    pairs = list(zip(seen, words_of, strict=True))
    boxes = [around(region, colour, f"{whose}: {words}") for region, words in pairs]
    if is_reference or len(seen) > MOST_WORDS:
        return boxes
    return [*boxes, *(_words(region, colour, words) for region, words in pairs)]


def _words(region: Region, colour: str, words: str) -> Shape:
    """Above the box; within it where there is no room above."""
    is_room = region.top > LETTER
    place = {"x": region.left, "y": region.top - GAP if is_room else region.top + LETTER}
    return Shape("text", place, colour, words, words=words)
