"""The nearest of each picture among a million: those that are nearest to the same few pictures are compared.

Every picture stands in the cell of the one of some drawn pictures that it is most like, and is compared with those in
the cells of the few that it is most like. Where many look the same many are drawn, so that a crowd of ten thousand
costs no more than others, and hides none.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

import numpy as np
from numpy.typing import NDArray

from core.pictures.working import Floats, Waves

COMPARED_WITH_ALL = 20_000
CELLS_TO_LOOK_IN = 12
AT_ONCE = 1 << 21
"""Likenesses in memory at a time, of each thread."""
FEW_ROWS = 2048

Rows = NDArray[np.int64]


@dataclass
class Nearest:
    """For each row the places of those most like it, and how like they are; -1 where there are not as many."""

    places: Rows
    likeness: Floats

    @staticmethod
    def none(rows: int, count: int) -> Nearest:
        return Nearest(np.full((rows, count), -1, np.int64), np.full((rows, count), -np.inf, np.float32))

    def add(self, rows: Rows, places: Rows, likeness: Floats) -> None:
        """Some more [rows, n]; the best stay."""
        count = self.places.shape[1]
        if likeness.shape[1] > count:
            best = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
            likeness, places = np.take_along_axis(likeness, best, axis=1), places[best]
        else:
            places = np.broadcast_to(places, likeness.shape)
        all_likeness = np.concatenate([self.likeness[rows], likeness], axis=1)
        all_places = np.concatenate([self.places[rows], places], axis=1)
        best = np.argpartition(-all_likeness, count - 1, axis=1)[:, :count]
        self.likeness[rows] = np.take_along_axis(all_likeness, best, axis=1)
        self.places[rows] = np.take_along_axis(all_places, best, axis=1)


def nearest(sought: Waves, among: Waves, count: int) -> Nearest:
    """For each sought picture `count` of those `among` which it stands, at the same row, that are most like it,
    mirrored or not; none is its own neighbour."""
    neighbours = Nearest.none(len(sought), count)

    def compare(cell: Rows, lookers: Rows) -> None:
        for rows, places in _blocks(lookers, cell):
            likeness = sought.of(rows).likeness(among.of(places))
            likeness[rows[:, None] == places[None]] = -np.inf
            is_better = likeness.max(axis=1) > neighbours.likeness[rows].min(axis=1)
            if is_better.any():
                neighbours.add(rows[is_better], places, likeness[is_better])

    for cell, lookers in _cells(sought, among):
        compare(cell, lookers)
    return neighbours


def _cells(sought: Waves, among: Waves) -> Iterator[tuple[Rows, Rows]]:
    """Places that are compared, and the rows that look there."""
    every_row, every_place = np.arange(len(sought)), np.arange(len(among))
    if len(among) <= COMPARED_WITH_ALL:
        yield every_place, every_row
        return
    drawn = np.random.default_rng(0).choice(len(among), 2 * int(len(among) ** 0.5), replace=False)
    centres = among.of(np.sort(drawn))
    own = _most_like(among, centres, 1)[:, 0]
    wanted = _most_like(sought, centres, CELLS_TO_LOOK_IN)
    by_cell = np.argsort(own, kind="stable")
    ends = np.searchsorted(own[by_cell], np.arange(len(centres) + 1))
    by_wish = np.argsort(wanted.ravel(), kind="stable")
    wish_ends = np.searchsorted(wanted.ravel()[by_wish], np.arange(len(centres) + 1))
    for cell in range(len(centres)):
        places = by_cell[ends[cell] : ends[cell + 1]]
        yield places, by_wish[wish_ends[cell] : wish_ends[cell + 1]] // wanted.shape[1]


def _most_like(pictures: Waves, centres: Waves, count: int) -> NDArray[np.int32]:
    def of_rows(start: int) -> NDArray[np.int32]:
        likeness = pictures.of(slice(start, start + FEW_ROWS)).likeness(centres)
        if count == 1:
            best = likeness.argmax(axis=1)[:, None]
        else:
            best = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        numbers: NDArray[np.int32] = best.astype(np.int32)
        return numbers

    with ThreadPoolExecutor(cpu_count() or 1) as threads:
        most_like: NDArray[np.int32] = np.concatenate(list(threads.map(of_rows, range(0, len(pictures), FEW_ROWS))))
    return most_like


def _blocks(rows: Rows, places: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Both cut so that not too much is compared at a time."""
    if len(rows) and len(places):
        wide = min(len(places), AT_ONCE // min(len(rows), FEW_ROWS))
        high = max(1, AT_ONCE // wide)
        for start in range(0, len(rows), high):
            for left in range(0, len(places), wide):
                yield rows[start : start + high], places[left : left + wide]
