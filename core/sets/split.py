"""Which cases are learned from, which choose the settings, and which are kept for the last word."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.case import NO_FINDING, SPLITS, Case, Split
from core.errors import DataError, SettingsError
from core.layouts.splits import split_named
from core.pictures.looks import Look, look_at_all
from core.sets.alike import Ties, picture_ties, tied
from core.settings import Settings

Part = TypeVar("Part", bound=Hashable)


class SplitSettings(Settings):
    """How a set without splits is divided."""

    val: float = Field(
        0.15, ge=0.0, le=0.45, title="Validation share", description="Part of the cases that choose the settings."
    )
    test: float = Field(
        0.15, ge=0.0, le=0.45, title="Test share", description="Part of the cases kept for the final figures."
    )
    near_copies: bool = Field(
        True,
        title="Near copies together",
        description="A picture that was stored again in another way, resized or brightened, stays in the split of the "
        "first. Off: only files that are the same do, as in runs of before this was looked for.",
    )
    altered_copies: bool = Field(
        True,
        title="Altered copies too",
        description="A crop, a mirrored picture and one of other contrast is a near copy as well. Off: only what was "
        "one in runs of before these were looked for.",
    )


NOT_LOOKED_FOR = {"near_copies": False, "altered_copies": False}
"""What settings stand for that say nothing of it."""


@dataclass(frozen=True)
class Group:
    """Cases that must stay together: one patient's, or copies of one picture."""

    places: tuple[int, ...]
    classes: Counter[str]


def as_frozen(split: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings that a run was begun with: where they say nothing of near copies, or of altered ones, nobody looked
    for any then."""
    return {**NOT_LOOKED_FOR, **split} if split else {}


def assign(
    cases: Sequence[Case], settings: SplitSettings, seed: int, looks: Sequence[Look] | None = None
) -> tuple[Case, ...]:
    """The cases, each with a split: the given ones, and what is missing carved out of the training cases.

    A patient's cases, copies and near copies of one picture stay together; classes come out in near proportion; each is
    in train. With looks at all of the pictures none is opened.
    """
    given = {case.split for case in cases}
    if given == {None}:
        cases, given = [replace(case, split="train") for case in cases], {"train"}
    _refuse_gaps(cases)
    missing: dict[Split, float] = {}
    for name, share in (("val", settings.val), ("test", settings.test)):
        split = split_named(name)
        if split and share and split not in given:
            missing[split] = share
    return _carve(cases, missing, seed, settings, looks) if missing else tuple(cases)


def _refuse_gaps(cases: Sequence[Case]) -> None:
    without = [case.id for case in cases if case.split is None]
    if without:
        raise DataError(
            f"{len(without)} of {len(cases)} cases have no split, the first is {without[0]}. "
            "Give every case train, val or test, or none of them."
        )
    if not any(case.split == "train" for case in cases):
        raise DataError("No case is in the train split, so there is nothing to learn from. Put some there.")


def _carve(
    cases: Sequence[Case],
    shares: Mapping[Split, float],
    seed: int,
    settings: SplitSettings,
    looks: Sequence[Look] | None,
) -> tuple[Case, ...]:
    carved = [place for place, case in enumerate(cases) if case.split == "train"]
    groups = in_turn(grouped(cases, carved, settings, looks), seed)
    wanted = {"train": 1.0 - sum(shares.values()), **shares}
    chosen = deal(groups, wanted)
    _cover(groups, chosen)
    splits = {place: split for group, split in zip(groups, chosen, strict=True) for place in group.places}
    return tuple(replace(case, split=splits.get(place, case.split)) for place, case in enumerate(cases))


def in_turn(groups: Iterable[Group], seed: int) -> list[Group]:
    """The groups as they are dealt: the largest first, those of one size in an order drawn by the seed."""
    drawn = list(groups)
    random.Random(seed).shuffle(drawn)
    return sorted(drawn, key=lambda group: -len(group.places))


def deal(groups: Sequence[Group], shares: Mapping[Part, float]) -> list[Part]:
    """A part for each group: greedily the one whose classes are then nearest to its share."""
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group.classes)
    room = {split: {name: share * total for name, total in totals.items()} for split, share in shares.items()}
    space = {split: share * sum(len(group.places) for group in groups) for split, share in shares.items()}
    chosen = []
    for group in groups:
        # Minimises the sum of squared gaps, each class weighing the same (the constant part is left out); of two
        # splits that a class needs alike, the emptier one takes it.
        gain = {s: sum(n * room[s][name] / totals[name] for name, n in group.classes.items()) for s in shares}
        best = max(shares, key=lambda split: (round(gain[split], 9), space[split]))
        for name, count in group.classes.items():
            room[best][name] -= count
        space[best] -= len(group.places)
        chosen.append(best)
    return chosen


def divide(groups: Sequence[Group], count: int, seed: int) -> NDArray[np.int64]:
    """The fold of every case: classes spread evenly. As many folds as groups where that is fewer than wanted."""
    if len(groups) < 2:
        raise DataError(
            "All cases belong to one patient or show one picture, so none can be read by a model that never saw it. "
            "Add cases of other patients."
        )
    folds = min(count, len(groups))
    ordered = in_turn(groups, seed)
    dealt = deal(ordered, dict.fromkeys(range(folds), 1 / folds))
    fold_of = {place: fold for group, fold in zip(ordered, dealt, strict=True) for place in group.places}
    return np.array([fold_of[place] for place in range(len(fold_of))], dtype=np.int64)


def _cover(groups: Sequence[Group], chosen: list[Split]) -> None:
    """Moves the smallest group of a class into train where the class has none there."""
    learned = {name for group, split in zip(groups, chosen, strict=True) if split == "train" for name in group.classes}
    for place in reversed(range(len(groups))):  # the groups come largest first
        if not learned.issuperset(groups[place].classes):
            chosen[place] = "train"
            learned.update(groups[place].classes)


def grouped(
    cases: Sequence[Case],
    places: Sequence[int],
    settings: SplitSettings | None = None,
    looks: Sequence[Look] | None = None,
) -> list[Group]:
    """The cases at these places, tied together by patient and by picture: by the stored bytes, and where near copies
    are looked for by what is seen on it, for which each is opened that has no look among those of all cases."""
    ties: Ties = {place: [("picture", cases[place].pixels.digest()), *of_patient(cases[place])] for place in places}
    wanted = settings or SplitSettings()
    if wanted.near_copies:
        seen = look_at_all([cases[place].pixels for place in places]) if looks is None else [looks[p] for p in places]
        of_pictures = picture_ties(seen, wanted.altered_copies).values()
        for place, of_picture in zip(places, of_pictures, strict=True):
            ties[place] += of_picture
    return [Group(tuple(group), classes(cases, group)) for group in tied(ties)]


def of_patient(case: Case) -> list[Hashable]:
    """What ties a case to others of its patient, where that is known."""
    return [("patient", case.patient)] if case.patient else []


def classes(cases: Sequence[Case], places: Iterable[int]) -> Counter[str]:
    return Counter(name for place in places for name in cases[place].labels or (NO_FINDING,))


def limit(cases: Sequence[Case], counts: Mapping[str, int], seed: int) -> tuple[Case, ...]:
    """At most so many cases of each split, drawn by class in proportion, at least one of each; the order stays."""
    unknown = [name for name in counts if name not in SPLITS]
    if unknown:
        raise SettingsError(f"limit.{unknown[0]} is not a split. Known: {', '.join(SPLITS)}.")
    kept = {place for place, case in enumerate(cases) if case.split not in counts}
    for split, count in counts.items():
        kept.update(
            _draw(cases, [place for place, case in enumerate(cases) if case.split == split], count, split, seed)
        )
    return tuple(case for place, case in enumerate(cases) if place in kept)


def _draw(cases: Sequence[Case], places: Sequence[int], count: int, split: str, seed: int) -> list[int]:
    by_class = by_rarest(cases, places)
    if count >= len(places):
        return list(places)
    if count < len(by_class):
        raise SettingsError(f"limit.{split}: {count} is fewer than the {len(by_class)} classes there. Raise it.")
    drawn = random.Random(f"{seed} {split}")
    numbers = _apportion({name: len(by_class[name]) for name in sorted(by_class)}, count)
    return [place for name, number in numbers.items() for place in drawn.sample(by_class[name], number)]


def by_rarest(cases: Sequence[Case], places: Sequence[int]) -> dict[str, list[int]]:
    """Places by class; a case of several labels is of the one that is rarest among these."""
    frequency = classes(cases, places)
    by_class: defaultdict[str, list[int]] = defaultdict(list)
    for place in places:
        names = cases[place].labels or (NO_FINDING,)
        by_class[min(names, key=lambda name: (frequency[name], name))].append(place)
    return dict(by_class)


def _apportion(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Whole numbers in proportion to the sizes, each at least one, that add up to the count."""
    numbers = dict.fromkeys(sizes, 1)
    quota = {name: count * size / sum(sizes.values()) for name, size in sizes.items()}
    for _ in range(count - len(sizes)):
        name = max(sizes, key=lambda name: (quota[name] - numbers[name], name))
        numbers[name] += 1
    return numbers
