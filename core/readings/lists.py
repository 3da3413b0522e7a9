"""Several labels a case: which lists of them a model is asked, and what the lists come to.

Beginnings of lists are asked in the order of their own probability without the end token, each with every label that
may follow. What may still come is bounded from above by how likely the beginnings that were not made longer go on, so
it is known how much of all lists was read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate, combinations

from core.case import Task

EVERY_LIST = 6
"""Of as many labels every list is asked at once: 64."""
EXACT = 10
"""Of as many the search goes on until what it leaves is nothing, or until every list was asked: 1,024."""
LEFT_OF_FEW, LEFT = 5e-7, 1e-3
"""Of what all lists that were asked make up together, that may go on into others: up to as many labels, and beyond."""
MOST_LISTS = 2**EXACT
TIMES_LABELS = 8
"""As many times the labels, where that is more."""
LISTS_A_ROUND = 128
LARGEST_POWER = 700.0
"""Of e, that a number can still hold."""

Names = tuple[str, ...]


@dataclass(frozen=True)
class Listed:
    """A list of labels that was asked, in logarithms: how likely it is as a whole, and as the beginning of longer
    ones, which they can't exceed together."""

    score: float
    goes_on: float


@dataclass
class ListSearch:
    """The lists of one case: what was asked, and what is to be asked next."""

    task: Task
    lists: dict[Names, Listed] = field(default_factory=dict)

    def following(self, names: Names) -> list[Names]:
        """The list made longer by each label that may follow, in the task's own order."""
        answers = self.task.answers
        place = answers.index(names[-1]) + 1 if names else 0
        return [(*names, name) for name in answers[place:]]

    def to_ask(self) -> list[Names]:
        """First every list of few labels, else none and each label alone. Then the likeliest beginnings, each with all
        that may follow, until the others hardly go on: nothing that is asked could be left out."""
        if not self.lists:
            longest = len(self.task.answers) if len(self.task.answers) <= EVERY_LIST else 1
            return [names for length in range(longest + 1) for names in combinations(self.task.answers, length)]
        whole, unended = sum(self._shares().values()), self._unended()
        beginnings = sorted(unended, key=lambda names: unended[names])
        left_without = dict(zip(beginnings, accumulate(unended[names] for names in beginnings), strict=True))
        least = whole * (LEFT_OF_FEW if len(self.task.answers) <= EXACT else LEFT)
        room = max(MOST_LISTS, TIMES_LABELS * len(self.task.answers)) - len(self.lists)
        chosen: list[Names] = []
        for names in reversed(beginnings):
            longer = self.following(names)
            more = len(chosen) + len(longer)
            if left_without[names] <= least or more > room or (chosen and more > LISTS_A_ROUND):
                break
            chosen += longer
        return chosen

    def marginals(self) -> tuple[float, ...]:
        """Of every label the share of the lists that name it."""
        shares = self._shares()
        whole = sum(shares.values())
        return tuple(
            sum(share for names, share in shares.items() if name in names) / whole for name in self.task.answers
        )

    def explored(self) -> float:
        """The least share that the asked lists can have of the probability of all lists."""
        whole = sum(self._shares().values())
        return whole / (whole + sum(self._unended().values()))

    def _shares(self) -> dict[Names, float]:
        """How likely each list is, beside the likeliest: by themselves all may be as good as impossible."""
        highest = self._highest()
        return {names: math.exp(listed.score - highest) for names, listed in self.lists.items()}

    def _unended(self) -> dict[Names, float]:
        """The beginnings that were not made longer, and how likely they go on, beside the likeliest list."""
        highest = self._highest()
        return {
            names: math.exp(min(listed.goes_on - highest, LARGEST_POWER))
            for names, listed in self.lists.items()
            if names and (longer := self.following(names)) and longer[0] not in self.lists
        }

    def _highest(self) -> float:
        return max(listed.score for listed in self.lists.values())
