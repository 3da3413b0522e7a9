"""Which image contradicts a case: that of its partner, a case of the same set with another answer (docs/method.md).

Partners are drawn for a whole step, from seed, stage and step alone. However the step is cut into micro-batches and
spread over processes, its cases have the same ones. Two cases that contradict each other are each other's partners as
far as that goes: side by side in one micro-batch they cost a few tokens of text, and no further image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.draw import generator

Answer = tuple[int, ...]
"""As tokens. Of several labels the whole list is the answer: another list is another answer."""
Pair = tuple[int, int | None]
"""A case's place in the run, and its partner's; None where all of its set say the same."""


@dataclass(frozen=True)
class Pool:
    """The training cases of a run by their places, each with the number of its set and its answer."""

    answered: Mapping[int, tuple[int, Answer]]

    @cached_property
    def _by_answer(self) -> dict[int, dict[Answer, list[int]]]:
        """The places of each set, by answer."""
        sets: dict[int, dict[Answer, list[int]]] = {}
        for place, (number, answer) in self.answered.items():
            sets.setdefault(number, {}).setdefault(answer, []).append(place)
        return sets

    def pairs(self, step: Sequence[int], *key: int | str) -> list[Pair]:
        """The cases of a step, each with its partner, in an order in which those stand side by side.

        Circles of cases around one image follow each other, and a circle of an odd number comes after all others:
        parts of a few cases cut through as few of them as can be.
        """
        circles: list[list[Pair]] = []
        for number in sorted({self.answered[place][0] for place in step}):
            groups, random = self._groups(number, step), generator(*key, number)
            if len(groups) == 1:
                circles.append(self._with_guest(number, groups[0], random))
            else:
                circles += _circles([groups[int(group)] for group in random.permutation(len(groups))])
        return [pair for circle in sorted(circles, key=lambda pairs: (len(pairs) % 2, -len(pairs))) for pair in circle]

    def _groups(self, number: int, step: Sequence[int]) -> list[list[int]]:
        """The cases of one set in a step, those of an answer together."""
        groups: dict[Answer, list[int]] = {}
        for place in step:
            own, answer = self.answered[place]
            if own == number:
                groups.setdefault(answer, []).append(place)
        return list(groups.values())

    def _with_guest(self, number: int, places: Sequence[int], random: np.random.Generator) -> list[Pair]:
        """Cases that say the same in a step where nobody of their set contradicts them: one of the set's other training
        cases is the partner of all of them, so that no more than one further image is looked at."""
        answer = self.answered[places[0]][1]
        by_answer = self._by_answer[number]
        contradicting = [place for other in by_answer if other != answer for place in by_answer[other]]
        partner = contradicting[int(random.integers(len(contradicting)))] if contradicting else None
        return [(place, partner) for place in places]


def _circles(groups: Sequence[list[int]]) -> list[list[Pair]]:
    """Two cases of different groups that are each other's partners, with those left over whose partner one of them is.

    All stand in a row, group after group, and the first half meets the second: no group reaches from a place to the one
    half a row further, unless it holds more than half of all. Such a group is the whole first part, and its cases
    beyond the length of the second part share partners with those before: by twos, which are seldom cut apart.
    """
    cases = sum(map(len, groups))
    by_size = sorted(groups, key=lambda group: 2 * len(group) <= cases)
    row = [place for group in by_size for place in group]
    half = max(len(by_size[0]), (cases + 1) // 2)
    first, second = row[:half], row[half:]
    circles: list[list[Pair]] = [
        [(place, partner), (partner, place)] for place, partner in zip(first, second, strict=False)
    ]
    for number, place in enumerate(first[len(second) :]):
        shared = -1 - number // 2 % len(second)  # the last is half a row away from the one left over of an odd number
        circles[shared].append((place, second[shared]))
    return circles


def paired_share(pairs: Sequence[Pair]) -> float:
    """How many of some cases have a partner."""
    return sum(partner is not None for _, partner in pairs) / len(pairs)
