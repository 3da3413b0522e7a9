"""What a run learns from and is measured on: the cases of one or several image sets, each with its own question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from PIL import Image

from core.case import SPLITS, Case, ImageSet, Marks, Split, Task
from core.catalog import FORMATS, KEPT, every
from core.errors import DataError
from core.sets.box_words import Lengths, usual_lengths
from core.sets.open import open_set
from core.sets.responses import refuse_shared_of_new
from core.sets.split import SplitSettings, assign, limit

LOADERS = 4


@dataclass(frozen=True)
class Item:
    """A case and the number of the set that it comes from."""

    set: int
    case: Case


@dataclass(frozen=True)
class JointSet:
    sets: tuple[ImageSet, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(image_set.task for image_set in self.sets)

    @cached_property
    def marks(self) -> tuple[Marks, ...]:
        """What the training cases of each set say of places."""
        return tuple(_marks(image_set) for image_set in self.sets)

    @cached_property
    def usual_lengths(self) -> tuple[Lengths, ...]:
        """Of the boxes of each set."""
        return tuple(usual_lengths(image_set.cases) for image_set in self.sets)

    def items(self, split: Split) -> list[Item]:
        return [Item(number, case) for number, image_set in enumerate(self.sets) for case in image_set.of(split)]

    def fingerprints(self) -> dict[str, str]:
        return {image_set.name: image_set.fingerprint() for image_set in self.sets}


def _marks(image_set: ImageSet) -> Marks:
    """The set's own answers go before what else has boxes."""
    cases, answers = image_set.of("train"), image_set.task.answers
    labels = {box.label for case in cases for box in case.boxes or ()}
    boxed = (*(answer for answer in answers if answer in labels), *sorted(labels - set(answers)))
    return Marks(boxed, any(case.mask is not None for case in cases))


def shared_answers(tasks: Sequence[Task]) -> list[range]:
    """For each set, which answers of the head that all sets share are its own."""
    ends = list(accumulate((len(task.answers) for task in tasks), initial=0))
    return [range(start, end) for start, end in pairwise(ends)]


def gather(
    paths: str | Sequence[str],
    options: Mapping[str, Any],
    split: SplitSettings,
    limits: Mapping[str, int],
    seed: int,
) -> JointSet:
    """Opens every set of a run, deals its cases to splits and takes as many as are wanted."""
    sets = [
        opened.with_cases(limit(assign(opened.cases, split, seed), limits, seed))
        for opened in opened_sets(paths, options)
    ]
    for image_set in sets:
        for wanted in SPLITS:
            if not image_set.of(wanted):
                raise DataError(
                    f"{image_set.name} has no {wanted} cases. Give it some, or remove its splits to have them made."
                )
        labels = {case.labels for case in image_set.of("train")}
        if len(labels) == 1:
            only = ", ".join(labels.pop()) or "nothing"
            raise DataError(
                f'All training cases of {image_set.name} are labelled "{only}", and nothing can be learned from '
                "one answer. Give it cases with another label, or look at its splits."
            )
    return JointSet(tuple(sets))


def opened_sets(paths: str | Sequence[str], options: Mapping[str, Any]) -> list[ImageSet]:
    """The sets at some paths as they are, each under a name of its own."""
    listed = [paths] if isinstance(paths, str) else list(paths)
    if not listed:
        raise DataError("The run names no images. Give a path, or a list of them.")
    formats = every(FORMATS, KEPT)
    sets: list[ImageSet] = []
    for path in listed:
        opened = open_set(path, options, formats).stop_on_errors()
        refuse_shared_of_new(opened)
        if any(opened.name == image_set.name for image_set in sets):
            raise DataError(
                f'Two sets are called "{opened.name}", so they could not be told apart. Rename one of them.'
            )
        sets.append(opened)
    return sets


def pictures(items: Iterable[Item]) -> list[Image.Image]:
    """The pictures of some cases, read side by side."""
    with ThreadPoolExecutor(LOADERS) as pool:
        return list(pool.map(lambda item: item.case.pixels.load(), items))
