"""What splits and sets have in common is counted, and told where it is nothing or was not looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.case import Case, Split
from core.pictures.looks import look_at_all
from core.sets.alike import Seen
from core.sets.joint import Item
from core.sets.overlap import overlap as overlap_of
from tests.sets.test_learned_from import Black, Broken, Drawn

NOBODY = "A patient (by the names that the sets give) in more than one split: not looked for, since no case names its"


def item(number: int, split: Split | None, patient: str | None = None, set_number: int = 0, brighter: int = 0) -> Item:
    return Item(set_number, Case(f"{number}.png", Drawn(number, brighter), ("a",), split, patient))


FIVE: tuple[Split, ...] = ("train", "train", "val", "test", "test")
APART = [item(number, split) for number, split in enumerate(FIVE)]


def overlap(items: Sequence[Item]) -> list[str]:
    return overlap_of(items, Seen(look_at_all([each.case.pixels for each in items])))


def test_that_nothing_was_found_or_not_looked_for_is_told() -> None:
    assert overlap(APART) == [
        "The same picture in more than one split: none found.",
        "Almost the same picture in more than one split: none found.",
        f"{NOBODY} patient.",
    ]


def test_copies_near_copies_and_patients_in_several_splits_are_counted() -> None:
    more = [
        item(0, "test"),
        item(0, "train"),
        item(1, "val", brighter=6),
        item(20, "train", "A"),
        item(21, "test", "A"),
        item(22, "test", "A"),
        item(23, "train", "B"),
        item(24, "train", "B"),
        item(3, None),
    ]
    assert overlap([*APART, *more]) == [
        "The same picture in more than one split: 3 cases, 1 of them test cases.",
        "Almost the same picture in more than one split: 2 cases, 0 of them test cases.",
        "A patient (by the names that the sets give) in more than one split: 3 cases, 2 of them test cases.",
    ]


def test_of_several_sets_what_they_share_is_told_too() -> None:
    joint = [*APART, item(0, "train", set_number=1), item(50, "test", "A", 1), item(51, "test", "A", 0)]
    assert overlap(joint)[3:] == [
        "The same picture in more than one of the sets: 2 cases, 0 of them test cases.",
        "Almost the same picture in more than one of the sets: none found.",
        "A patient (by the names that the sets give) in more than one of the sets: 2 cases, 2 of them test cases.",
    ]


def test_what_can_not_be_opened_is_told_and_pictures_of_one_shade_are_no_near_copies() -> None:
    odd = [replace(APART[0], case=replace(APART[0].case, pixels=pixels, split=split)) for pixels, split in ODD]
    sentences = overlap([*APART, *odd])
    assert sentences[:2] == overlap(APART)[:2]
    assert sentences[-1] == "Not looked at: 2 pictures that can't be opened."


ODD: list[tuple[Drawn | Black, Split]] = [
    (Black(8), "train"),
    (Black(9), "test"),
    (Broken(60), "train"),
    (Broken(60), "test"),
]
