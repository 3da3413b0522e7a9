"""Boxes that somebody drew: what is refused in words, and what they say of the case's labels."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from core.case import NO_FINDING, Box, Task
from core.errors import SettingsError
from core.sets.drawn_boxes import MOST_BOXES, checked_boxes, labels_with_boxes

SIZE = (200, 100)
LABELS = ("dark cell", "light cell")
DARK, LIGHT = Box("dark cell", 0.1, 0.2, 0.5, 0.6), Box("light cell", 0.5, 0.5, 1.0, 1.0)
MULTI = Task(answers=LABELS, kind="multi")
SINGLE = Task(answers=LABELS)
PRESENCE = Task(answers=("dark cell", NO_FINDING))


def sent(*boxes: Box, **changed: Any) -> list[dict[str, Any]]:
    return [asdict(box) | changed for box in boxes]


def test_what_was_drawn_comes_back_to_the_last_digit() -> None:
    assert checked_boxes(sent(DARK, LIGHT), SIZE, LABELS, ()) == (DARK, LIGHT)
    assert checked_boxes([], SIZE, LABELS, (DARK,)) == ()
    whole = Box("dark cell", 0, 0, 1, 1)
    assert checked_boxes(sent(whole), SIZE, LABELS, ()) == (whole,)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (None, "sent as a list"),
        ("x", "sent as a list"),
        ({}, "sent as a list"),
        ([5], "Box 1 is no"),
        ([{"label": 5}], "Box 1 is no"),
        (sent(DARK, LIGHT, left=None), "Box 1 has a side that is no number"),
        (sent(DARK, left=True), "no number"),
        (sent(DARK, left="0.1"), "no number"),
        (sent(DARK, right=float("nan")), "no number"),
        (sent(DARK, right=float("inf")), "no number"),
        (sent(DARK, right=10**400), "no number"),
        (sent(DARK, label="scratch"), r"Box 1 \(scratch\) has a label that the set does not have\. .*dark cell, light"),
        (sent(DARK, right=0.05), "ends before it begins"),
        (sent(DARK, bottom=0.1), "ends before it begins"),
        (sent(DARK, left=-0.001), "outside of the picture"),
        (sent(DARK, bottom=1.001), "outside of the picture"),
        (sent(DARK, right=0.1), "less than 2 pixels"),
        (sent(DARK, right=0.1 + 1.9 / 200), "less than 2 pixels"),
        (sent(DARK, bottom=0.2 + 1.9 / 100), "less than 2 pixels"),
        (sent(*[DARK] * (MOST_BOXES + 1)), "may have 1,000 boxes, and these are 1,001"),
    ],
)
def test_what_is_no_box_of_the_picture_is_refused_in_words(drawn: object, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        checked_boxes(drawn, SIZE, LABELS, ())


def test_two_pixels_are_enough_and_a_sliver_of_a_picture_has_no_more() -> None:
    two = replace(DARK, right=0.1 + 2 / 200, bottom=0.2 + 2 / 100)
    assert checked_boxes(sent(two), SIZE, LABELS, ()) == (two,)
    whole = Box("dark cell", 0, 0, 1, 0.5)
    assert checked_boxes(sent(whole), (1, 100), LABELS, ()) == (whole,)


def test_what_a_case_has_may_stay_whatever_it_is() -> None:
    odd = Box("scratch", 0.5, 0.5, 0.5001, 0.5001)
    assert checked_boxes(sent(odd, DARK), SIZE, LABELS, {odd}) == (odd, DARK)
    with pytest.raises(SettingsError, match="scratch"):
        checked_boxes(sent(replace(odd, right=0.9)), SIZE, LABELS, {odd})


@pytest.mark.parametrize(
    ("task", "labels", "before", "after", "expected"),
    [
        (MULTI, ("dark cell",), (DARK,), (DARK, LIGHT), LABELS),
        (MULTI, LABELS, (DARK, LIGHT), (LIGHT,), ("light cell",)),
        (MULTI, ("dark cell",), (DARK,), (), ()),
        (MULTI, LABELS, (DARK,), (replace(DARK, right=0.9),), LABELS),
        (MULTI, ("light cell",), (), (DARK,), LABELS),
        (MULTI, (), (DARK,), (DARK, DARK), ()),
        (MULTI, ("dark cell",), (), (replace(DARK, label="artefact"),), ("dark cell",)),
        (Task(answers=(*LABELS, NO_FINDING), kind="multi"), (NO_FINDING,), (), (DARK,), ("dark cell",)),
        (Task(answers=(*LABELS, NO_FINDING), kind="multi"), ("dark cell",), (DARK,), (), (NO_FINDING,)),
        (SINGLE, ("dark cell",), (DARK,), (replace(DARK, label="light cell"),), ("light cell",)),
        (SINGLE, ("dark cell",), (), (DARK,), ("dark cell",)),
        (SINGLE, ("dark cell",), (DARK,), (), ("dark cell",)),
        (PRESENCE, (NO_FINDING,), (), (DARK,), ("dark cell",)),
        (PRESENCE, ("dark cell",), (DARK,), (), (NO_FINDING,)),
    ],
)
def test_labels_follow_what_came_and_what_went(
    task: Task, labels: tuple[str, ...], before: tuple[Box, ...], after: tuple[Box, ...], expected: tuple[str, ...]
) -> None:
    assert labels_with_boxes(labels, before, after, task) == expected


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [((DARK,), (DARK, LIGHT), r"these boxes are of 2 \(dark cell, light cell\)"), ((), (LIGHT,), "this one's is dark")],
)
def test_a_case_of_one_label_is_not_given_another_by_the_way(
    before: tuple[Box, ...], after: tuple[Box, ...], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        labels_with_boxes(("dark cell",), before, after, SINGLE)
