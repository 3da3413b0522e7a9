"""The cases that are looked over: of every split, from one or several sets, and which of their pictures are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.case import ImageSet
from core.errors import DataError
from core.events import PicturesSeen, Report
from core.pictures.looks import look_at_all
from core.runs.runfile import Run
from core.sets.alike import Alike, alike
from core.sets.joint import Item, JointSet, opened_sets, shared_answers
from core.sets.split import assign, limit

TOLD_EVERY = 500


@dataclass(frozen=True)
class Gathered:
    """The cases of all sets in one row, and where each stands in its whole set."""

    joint_set: JointSet
    items: tuple[Item, ...]
    numbers: NDArray[np.int64]

    def rows(self, number: int) -> NDArray[np.int64]:
        """Where the cases of one set stand."""
        return np.flatnonzero([item.set == number for item in self.items])

    def relabelled(self, labels: Sequence[tuple[str, ...]]) -> Gathered:
        """The same cases under other labels."""
        items = tuple(
            replace(item, case=replace(item.case, labels=named)) for item, named in zip(self.items, labels, strict=True)
        )
        cases = [tuple(item.case for item in items if item.set == number) for number in range(len(self.joint_set.sets))]
        sets = tuple(image_set.with_cases(own) for image_set, own in zip(self.joint_set.sets, cases, strict=True))
        return Gathered(JointSet(sets), items, self.numbers)

    def answers(self, number: int) -> range:
        """Which answers of all sets are one set's own."""
        return shared_answers(self.joint_set.tasks)[number]


def gather(run: Run) -> Gathered:
    """Opens every set; splits matter only where the run takes some cases of each."""
    wanted = run.settings
    whole = opened_sets(wanted.images, wanted.task)
    sets = [
        image_set.with_cases(limit(assign(image_set.cases, wanted.split, wanted.seed), wanted.limit, wanted.seed))
        if wanted.limit
        else image_set
        for image_set in whole
    ]
    items = tuple(Item(number, case) for number, image_set in enumerate(sets) for case in image_set.cases)
    numbers = [place for image_set, taken in zip(whole, sets, strict=True) for place in _places(image_set, taken)]
    return Gathered(JointSet(tuple(sets)), items, np.array(numbers, dtype=np.int64))


def _places(whole: ImageSet, taken: ImageSet) -> list[int]:
    place = {case.id: number for number, case in enumerate(whole.cases)}
    return [place[case.id] for case in taken.cases]


def copies(gathered: Gathered, report: Report) -> Alike:
    """Every picture is opened once, so that one that can't be read is told of before anything is trained."""

    def progress(done: int, whole: int) -> None:
        if done % TOLD_EVERY == 0 or done == whole:
            report(PicturesSeen(done=done, whole=whole))

    looks = look_at_all([item.case.pixels for item in gathered.items], progress)
    unreadable = [look.problem for look in looks if look.problem]
    if unreadable:
        raise DataError(unreadable[0] + (f" ({len(unreadable) - 1} more.)" if len(unreadable) > 1 else ""))
    return alike(looks)


def with_train(joint_set: JointSet) -> JointSet:
    """The same sets with every case to be learned from, which is where a new TSM looks for the size of pictures."""
    return JointSet(
        tuple(
            image_set.with_cases(replace(case, split="train") for case in image_set.cases)
            for image_set in joint_set.sets
        )
    )
