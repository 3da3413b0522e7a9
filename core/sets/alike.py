"""Which pictures show the same, or the same but for how they were stored, their light and size, a crop or a mirror.

Near copies are what either of two searches calls so: by 24 x 24 grey levels however one was altered, and by 8 x 8,
which knows pale and noisy pictures again that were stored anew, where grain is all that there is in detail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.pictures.coarse import SIDE, coarse_pairs
from core.pictures.likeness import NearCopy, near_copies
from core.pictures.looks import Look

Ties = dict[int, list[Hashable]]
Pair = tuple[int, int]
LIGHT = 1.5
"""Grey levels on average: what storing a picture again does not change."""
STORED_AGAIN = "stored again"


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


def picture_ties(looks: Sequence[Look], with_altered: bool = True) -> Ties:
    """What ties each picture to those that show the same, and to its near copies; without altered ones to those that
    were near copies before crops, mirrored pictures and others of other contrast were. One that can't be opened has no
    tie; pictures of one shade, which all look alike, are near copies of none."""
    pairs = sorted(alterations(looks)) if with_altered else _coarse(looks)
    ties: Ties = {place: [] if look.problem else [("shows", look.shown)] for place, look in enumerate(looks)}
    for place, other in pairs:
        pair = ("near", place, other)
        ties[place].append(pair)
        ties[other].append(pair)
    return ties


def alterations(looks: Sequence[Look]) -> dict[Pair, str]:
    """Places of near copies by either search, lower first, and how one of the two was made of the other."""
    drawn = _drawn(looks)
    copies = near_copies([looks[place].thumbnail for place in drawn])
    altered = {
        (drawn[copy.row], drawn[copy.other]): _alteration(copy, looks[drawn[copy.row]], looks[drawn[copy.other]])
        for copy in copies
    }
    return dict.fromkeys(_coarse(looks, is_strict=True), STORED_AGAIN) | altered


def _coarse(looks: Sequence[Look], is_strict: bool = False) -> list[Pair]:
    drawn = _drawn(looks)
    joined = b"".join(looks[place].coarse for place in drawn)
    pairs = coarse_pairs(np.frombuffer(joined, np.uint8).reshape(-1, SIDE * SIDE), is_strict)
    return [(drawn[row], drawn[other]) for row, other in pairs]


def _alteration(copy: NearCopy, look: Look, other: Look) -> str:
    """What one picture is of the other, in a word or two: the most that was done to it."""
    if copy.is_mirrored:
        return "mirrored"
    if copy.is_cropped:
        return "cropped"
    if look.size != other.size:
        return "resized"
    shades = [np.frombuffer(each.thumbnail, np.uint8).astype(float) for each in (look, other)]
    has_other_light = max(abs(np.mean(shades[0]) - np.mean(shades[1])), abs(np.std(shades[0]) - np.std(shades[1])))
    return "of other brightness or contrast" if has_other_light > LIGHT else STORED_AGAIN


def _drawn(looks: Sequence[Look]) -> list[int]:
    return [place for place, look in enumerate(looks) if not look.problem and not look.is_blank]


@dataclass
class Seen:
    """Looks at pictures, and what ties them, which is looked for once however many ask."""

    looks: Sequence[Look]

    @cached_property
    def ties(self) -> Ties:
        return picture_ties(self.looks)


def members(ties: Mapping[int, Iterable[Hashable]]) -> dict[Hashable, list[int]]:
    """The places of each tie, of those that tie several."""
    places_of: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, named in ties.items():
        for tie in named:
            places_of[tie].append(place)
    return {tie: places for tie, places in places_of.items() if len(places) > 1}


def is_near(tie: Hashable) -> bool:
    """Whether what ties two pictures is that they are almost the same, not that they are."""
    return isinstance(tie, tuple) and tie[0] == "near"


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
