"""Which pictures show the same, or the same but for how they were stored, their brightness and size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.pictures.likeness import SIDE, near_pairs
from core.pictures.looks import Look

Ties = dict[int, list[Hashable]]


@dataclass(frozen=True)
class Alike:
    """Which pictures are the same or almost: groups of places, and for each place what ties it to others."""

    groups: tuple[tuple[int, ...], ...]

    def numbers(self, count: int) -> NDArray[np.int64]:
        """The number of each place's group, -1 where it stands alone."""
        numbered = np.full(count, -1)
        for number, group in enumerate(self.groups):
            numbered[list(group)] = number
        return numbered


def alike(looks: Sequence[Look]) -> Alike:
    """Groups of two and more pictures that show the same, or almost."""
    return Alike(tuple(tuple(group) for group in tied(picture_ties(looks)) if len(group) > 1))


def picture_ties(looks: Sequence[Look]) -> Ties:
    """What ties each picture to those that show the same, and to its near copies. One that can't be opened has no tie;
    pictures of one shade, which all look alike, are near copies of none."""
    ties: Ties = {place: [] if look.problem else [("shows", look.shown)] for place, look in enumerate(looks)}
    drawn = [place for place, look in enumerate(looks) if not look.problem and not look.is_blank]
    joined = b"".join(looks[place].thumbnail for place in drawn)
    for row, other in near_pairs(np.frombuffer(joined, np.uint8).reshape(-1, SIDE * SIDE)):
        pair = ("near", drawn[row], drawn[other])
        ties[drawn[row]].append(pair)
        ties[drawn[other]].append(pair)
    return ties


def tied(ties: Mapping[int, Iterable[Hashable]]) -> list[list[int]]:
    """Places that share a tie, directly or through others, in order of their first."""
    root = {place: place for place in ties}

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = place = root[root[place]]
        return place

    first: dict[Hashable, int] = {}
    for place, named in ties.items():
        for tie in named:
            root[find(place)] = find(first.setdefault(tie, place))
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place in ties:
        groups[find(place)].append(place)
    return list(groups.values())
