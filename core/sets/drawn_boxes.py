"""Boxes as somebody draws them on a case: what is refused, and what they say of the case's labels."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from core.case import NO_FINDING, Box, Task
from core.errors import SettingsError

MOST_BOXES = 1000
LEAST_PIXELS = 2
ROUNDING = 1e-6
"""Of a pixel: sides are fractions, and come back from them a little off."""
SIDES = ("left", "top", "right", "bottom")
RULE = (
    "What a box shows is on the picture. A box of a label that the case does not have gives it that label in the next "
    "version, and a label goes with its last box."
)
RULE_OF_ONE = (
    "A case of this set has one label. Where that is what its boxes show, it changes with them in the next version; "
    "boxes of two labels are refused."
)
FIRST = (
    "No case of this set has a box yet. Only cases that are drawn on count as looked at: of all others nothing is "
    "learned or measured about where things are."
)


def checked_boxes(
    drawn: object, size: tuple[int, int], labels: Sequence[str], kept: Collection[Box]
) -> tuple[Box, ...]:
    """What was sent as the boxes of a picture of this size, or a SettingsError. Boxes that it has already may stay as
    they are, whatever they are."""
    if not isinstance(drawn, list | tuple):
        raise SettingsError(
            "Boxes are sent as a list of {label, left, top, right, bottom}, an empty one where there is none."
        )
    most = max(MOST_BOXES, len(kept))
    if len(drawn) > most:
        raise SettingsError(f"A case may have {most:,} boxes, and these are {len(drawn):,}. Delete some.")
    boxes = tuple(_read(box, number) for number, box in enumerate(drawn, start=1))
    for number, box in enumerate(boxes, start=1):
        if box not in kept:
            _refuse_misfit(box, number, size, labels)
    return boxes


def labels_with_boxes(
    labels: Iterable[str], before: Iterable[Box], after: Iterable[Box], task: Task
) -> tuple[str, ...]:
    """A case's labels once its boxes are others: those of new kinds of boxes come, those of gone kinds go.

    Where a case has one label, it follows only if it was what the boxes showed; else a SettingsError.
    """
    given = tuple(labels)
    shown_before, shown = (set(task.in_order(box.label for box in boxes)) for boxes in (before, after))
    come, gone = shown - shown_before, shown_before - shown
    if task.kind == "multi":
        left = (set(given) | come) - gone - ({NO_FINDING} if come else set())
        return task.in_order(left) or task.in_order([NO_FINDING] if gone else given)
    if not shown and gone.issuperset(given):
        return task.in_order([NO_FINDING]) or given
    if not come or shown == set(given):
        return given
    if len(shown) > 1:
        names = ", ".join(task.in_order(shown))
        raise SettingsError(
            f"A case of this set has one label, and these boxes are of {len(shown)} ({names}). "
            "Keep those of one label, or make a set whose cases may have several."
        )
    if not shown_before.issuperset(given) and given != (NO_FINDING,):
        raise SettingsError(
            f"A case of this set has one label, and this one's is {', '.join(given)}: a box of "
            f"{', '.join(task.in_order(come))} does not go with it. Choose the case's label for the box, or change the "
            "label on the page Review first."
        )
    return task.in_order(shown)


def rule_for(task: Task, is_boxed: bool) -> str:
    """What boxes mean for labels, in words, and in a set without any (`is_boxed`) what the first one means for all."""
    rule = RULE if task.kind == "multi" else RULE_OF_ONE
    return rule if is_boxed else f"{rule} {FIRST}"


def _read(drawn: object, number: int) -> Box:
    if not isinstance(drawn, Mapping) or not isinstance(drawn.get("label"), str):
        raise SettingsError(f"Box {number} is no {{label, left, top, right, bottom}}. Send it as one.")
    sides = [_number(drawn.get(side)) for side in SIDES]
    if not all(map(math.isfinite, sides)):
        raise SettingsError(f"Box {number} has a side that is no number. Send fractions of the picture, 0 to 1.")
    return Box(drawn["label"], *sides)


def _number(side: object) -> float:
    if isinstance(side, bool) or not isinstance(side, int | float):
        return math.nan
    try:
        return float(side)
    except OverflowError:
        return math.inf


def _refuse_misfit(box: Box, number: int, size: tuple[int, int], labels: Sequence[str]) -> None:
    place = f"Box {number} ({box.label[:100]})"
    if box.label not in labels:
        raise SettingsError(f"{place} has a label that the set does not have. Choose one of {', '.join(labels)}.")
    if box.right < box.left or box.bottom < box.top:
        raise SettingsError(f"{place} ends before it begins. Draw it from its upper left to its lower right corner.")
    if min(box.left, box.top) < 0 or max(box.right, box.bottom) > 1:
        raise SettingsError(f"{place} lies outside of the picture. Sides are fractions of it, 0 to 1.")
    sides = ((box.right - box.left, size[0]), (box.bottom - box.top, size[1]))
    for share, pixels in sides:
        if share * pixels < min(LEAST_PIXELS, pixels) - ROUNDING:
            raise SettingsError(f"{place} is less than {LEAST_PIXELS} pixels wide or high. Make it larger.")
