"""What must not be divided when a set is dealt to folds: a patient's cases, and pictures that are alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.case import Case
from core.pictures.likeness import near_pairs
from core.pictures.looks import Look
from core.sets.split import Group, classes, of_patient, tied


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
    """Groups of two and more pictures that show the same, or the same but for brightness and size."""
    ties: dict[int, list[Hashable]] = {place: [look.shown] for place, look in enumerate(looks)}
    thumbnails = np.frombuffer(b"".join(look.thumbnail for look in looks), dtype=np.uint8).reshape(len(looks), -1)
    for place, other in near_pairs(thumbnails):
        ties[place].append((place, other))
        ties[other].append((place, other))
    return Alike(tuple(tuple(group) for group in tied(ties) if len(group) > 1))


def together(cases: Sequence[Case], copies: Alike) -> list[Group]:
    """What must not be divided: patients, and pictures that are alike."""
    numbers = copies.numbers(len(cases))
    ties: dict[int, list[Hashable]] = {place: of_patient(case) for place, case in enumerate(cases)}
    for place, number in enumerate(numbers.tolist()):
        ties[place] += [("alike", number)] if number >= 0 else []
    return [Group(tuple(group), classes(cases, group)) for group in tied(ties)]


def numbered(groups: Sequence[Group]) -> NDArray[np.int64]:
    """The number of every case's group."""
    number_of = np.empty(sum(len(group.places) for group in groups), dtype=np.int64)
    for number, group in enumerate(groups):
        number_of[list(group.places)] = number
    return number_of
