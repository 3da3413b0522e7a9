"""Finds pictures that are copies of each other although their files differ: stored again, resized, cropped a little,
brighter, of other contrast, mirrored.

Thumbnails are described by their low frequencies, each is looked up among the others as it is and by its middle part
(`neighbours`), and those most like it are laid over it and compared (`alignment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

import numpy as np
from numpy.typing import NDArray

from core.pictures.alignment import unlikeness
from core.pictures.neighbours import Rows, nearest
from core.pictures.working import SIDE, Floats, Thumbnails, Waves, is_flat, joined, waves, working

ALIKE, ALIKE_APART = -4.5, -4.1
"""Below are copies: anywhere, and where the two are more like each other than like any crowd. Pictures of other things
begin at -5.0 (pale discs of the retina, each like a hundred others), elsewhere at -3.4."""
STANDS_OUT = 2.0
NEIGHBOURS, CROWD = 20, 10
"""Each is compared with so many of those most like it, and more like it than a crowd is who is nearer than the tenth.
Compared with ten, some crops of volumes were lost among their neighbouring slices."""
LEAST_LIKENESS = 0.8
AT_ONCE = 1024
UNSURE = 0.05
"""Of what a mirror turns round, so little in common: the two are compared both ways, as heads and chests have to be."""
CROPPED = 0.008
"""Share of a side by which one has to be moved to lie on the other."""


@dataclass(frozen=True, order=True)
class NearCopy:
    """Two rows, the lower first, that show almost the same; mirrored, or one a part of the other."""

    row: int
    other: int
    is_mirrored: bool = False
    is_cropped: bool = False


@dataclass(frozen=True)
class Described:
    """Pictures that show something: where they stand in the row, thumbnails [N, SIDE, SIDE], and their low frequencies,
    of the whole and of its middle part."""

    rows: Rows
    thumbnails: Thumbnails
    whole: Waves
    middle: Waves


@dataclass(frozen=True)
class Candidates:
    """Pairs that are worth a comparison, and whether the two are much more like each other than the CROWD of each
    are like it."""

    rows: Rows
    places: Rows
    stands_out: NDArray[np.bool_]

    def part(self, start: int) -> Candidates:
        end = start + AT_ONCE
        return Candidates(self.rows[start:end], self.places[start:end], self.stands_out[start:end])


def near_copies(thumbnails: Sequence[bytes]) -> list[NearCopy]:
    """Among pictures of SIDE x SIDE grey levels, lowest rows first; flat ones are copies of none.

    Of several that are the same to the last level each is a copy of the first. Beyond that each is compared with the
    NEIGHBOURS that are most like it, so that in a crowd of copies every picture has some of them, not all.
    """
    first: dict[bytes, int] = {}
    of_first = [first.setdefault(thumbnail, row) for row, thumbnail in enumerate(thumbnails)]
    described = _described(list(first), np.array(list(first.values()), np.int64))
    shows = set(described.rows.tolist())
    same = [NearCopy(before, row) for row, before in enumerate(of_first) if before != row and before in shows]
    return sorted([*same, *_copies(described)])


def _described(thumbnails: Sequence[bytes], rows: Rows) -> Described:
    every = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE, SIDE)
    parts = [_part(every[start : start + AT_ONCE]) for start in range(0, max(len(every), 1), AT_ONCE)]
    kept = np.flatnonzero(np.concatenate([shows for shows, _, _ in parts]))
    whole, middle = joined([whole for _, whole, _ in parts]), joined([middle for _, _, middle in parts])
    return Described(rows[kept], every[kept], whole, middle)


def _part(thumbnails: Thumbnails) -> tuple[NDArray[np.bool_], Waves, Waves]:
    pictures = working(thumbnails)
    shows = ~is_flat(pictures)
    return shows, waves(pictures[shows]), waves(pictures[shows], of_middle=True)


def _copies(described: Described) -> list[NearCopy]:
    if not len(described.rows):
        return []
    candidates = _candidates(described)

    def compare(start: int) -> list[NearCopy]:
        return _compared(described, candidates.part(start))

    with ThreadPoolExecutor(cpu_count() or 1) as threads:
        return [copy for part in threads.map(compare, range(0, len(candidates.rows), AT_ONCE)) for copy in part]


def _candidates(described: Described) -> Candidates:
    """Each pair once. A picture that was cropped is found by the other's middle."""
    searches = [nearest(lookers, described.whole, NEIGHBOURS) for lookers in (described.whole, described.middle)]
    crowd = np.max([_of_crowd(neighbours.likeness) for neighbours in searches], axis=0)
    crowd[~np.isfinite(crowd)] = 1.0  # of too few to tell
    likeness = np.concatenate([neighbours.likeness for neighbours in searches], axis=1)
    rows, ranks = np.nonzero(likeness > LEAST_LIKENESS)
    places = np.concatenate([neighbours.places for neighbours in searches], axis=1)[rows, ranks]
    near = np.maximum(crowd[rows], crowd[places])
    stands_out = 1 - near > STANDS_OUT * (1 - likeness[rows, ranks])
    first, second = np.minimum(rows, places), np.maximum(rows, places)
    order = np.lexsort((~stands_out, second, first))
    first, second, stands_out = first[order], second[order], stands_out[order]
    is_new = np.diff(first, prepend=-1).astype(bool) | np.diff(second, prepend=-1).astype(bool)
    return Candidates(first[is_new], second[is_new], stands_out[is_new])


def _of_crowd(likeness: Floats) -> Floats:
    last: Floats = np.partition(likeness, NEIGHBOURS - CROWD, axis=1)[:, NEIGHBOURS - CROWD]
    return last


def _compared(described: Described, pairs: Candidates) -> list[NearCopy]:
    rows, places = pairs.rows, pairs.places
    turned = (described.whole.odd[rows] * described.whole.odd[places]).sum(axis=1)
    first, second = working(described.thumbnails[rows]), working(described.thumbnails[places])
    is_mirrored, limit = turned < 0, np.where(pairs.stands_out, ALIKE_APART, ALIKE)
    second[is_mirrored] = second[is_mirrored, :, ::-1]
    far, moved = unlikeness(first, second)
    unsure = np.flatnonzero((far >= limit) & (np.abs(turned) < UNSURE))
    if unsure.size:
        other_way, moved_so = unlikeness(first[unsure], second[unsure, :, ::-1])
        is_nearer = other_way < far[unsure]
        better = unsure[is_nearer]
        far[better], moved[better] = other_way[is_nearer], moved_so[is_nearer]
        is_mirrored[better] = ~is_mirrored[better]
    return [
        NearCopy(
            int(described.rows[rows[at]]),
            int(described.rows[places[at]]),
            bool(is_mirrored[at]),
            bool(moved[at] > CROPPED),
        )
        for at in np.flatnonzero(far < limit)
    ]
