"""What must not be divided when a set is dealt to folds: a patient's cases, and pictures that are alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.case import Case
from core.sets.alike import Alike, tied
from core.sets.split import Group, classes, of_patient


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
