"""Masks as the outlines of what belongs to them: polygons, or run lengths, filled in when the mask is looked at.

A polygon is filled as COCO's own mask API does it, so that a pixel on the edge is inside here where it is inside there:
corners are put on a grid five times as fine, and a column's pixels are inside between two crossings of the edge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.pictures.masks import RunPixels

FINER = 5
Points = NDArray[np.int64]
"""[N, 2]: how far to the right and how far down, each as a whole number of fifths of a pixel."""
Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Where stretches of what is inside begin and where they end, counted down one column after another."""


@dataclass(frozen=True)
class Polygon:
    """Its corners in pixels: how far to the right and how far down, in turn."""

    corners: tuple[float, ...]

    def length(self) -> float:
        """How many pixels its edge passes by."""
        points = np.reshape(self.corners, (-1, 2))
        return float(np.abs(points - np.roll(points, -1, 0)).max(1).sum())

    def stretches(self, width: int, height: int) -> Ends:
        """What is within, in a picture of this size. What of the polygon lies outside of the picture is cut off."""
        places = np.sort(np.concatenate([*self._crossings(width, height)]))
        return places[:-1:2], places[1::2]

    def _crossings(self, width: int, height: int) -> Iterator[NDArray[np.int64]]:
        """Where, counted down one column after another, a line down a column's middle crosses each edge."""
        corners = np.trunc(FINER * np.reshape(self.corners, (-1, 2)) + 0.5).astype(np.int64)
        for begin, end in pairwise([*corners, corners[0]]):
            points = _points_between(begin, end)
            across, down = points[:, 0], points[:, 1]
            steps = np.flatnonzero(across[1:] != across[:-1])
            columns = (np.minimum(across[steps], across[steps + 1]) + 0.5) / FINER - 0.5
            rows = (np.minimum(down[steps], down[steps + 1]) + 0.5) / FINER - 0.5
            met = (columns == np.floor(columns)) & (columns >= 0) & (columns <= width - 1)
            yield (columns[met] * height + np.ceil(rows[met].clip(0, height))).astype(np.int64)


@dataclass(frozen=True)
class OutlinePixels:
    """A mask of all that lies within at least one of the outlines."""

    outlines: tuple[Polygon | RunPixels, ...]
    width: int
    height: int

    def load(self) -> Image.Image:
        """Looks at every pixel once, however many outlines there are and however far each reaches."""
        depth = np.zeros(self.width * self.height + 1, np.int32)
        for outline in self.outlines:
            if isinstance(outline, Polygon):
                begins, ends = outline.stretches(self.width, self.height)
            else:
                begins, ends = _stretches_of(outline.runs)
            np.add.at(depth, begins, 1)
            np.add.at(depth, ends, -1)
        inside = np.cumsum(depth, out=depth)[:-1] > 0
        return Image.fromarray(inside.reshape((self.height, self.width), order="F").astype(np.uint8) * 255)

    def digest(self) -> str:
        return hashlib.sha256(repr((self.outlines, self.width, self.height)).encode()).hexdigest()


def _stretches_of(runs: Sequence[int]) -> Ends:
    bounds = np.cumsum([0, *runs], dtype=np.int64)
    return bounds[1:-1:2], bounds[2::2]


def _points_between(begin: Points, end: Points) -> Points:
    """Both corners and the grid's points on the line between them, a step at a time along its longer side."""
    longest = int(np.abs(end - begin).max())
    if longest == 0:
        return begin[None]
    along = int(np.abs(end - begin).argmax())  # the first, as COCO: across where both are equally long
    is_backwards = begin[along] > end[along]
    first, last = (end, begin) if is_backwards else (begin, end)
    steps = np.arange(longest + 1)
    slope = (last - first)[1 - along] / longest
    points = np.empty((longest + 1, 2), np.int64)
    points[:, along] = first[along] + steps
    points[:, 1 - along] = np.trunc(first[1 - along] + slope * steps + 0.5)
    return points[::-1] if is_backwards else points
