"""What the cells of a manifest say. A DataError's message is a clause, to be put after "Row 3 of labels.csv"."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from core.case import NO_FINDING, Box, Split
from core.errors import DataError
from core.layouts.splits import NAMES, split_named
from core.layouts.table import value

ON = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
SIDES = ("left", "top", "right", "bottom")
SEPARATORS = ";|"


def labels_cell(labels: Sequence[str], kind: str) -> str:
    """A cell that is read as just these labels: a JSON list, or for a case's only label its bare name if that will do.

    Names may hold commas, quotes and separators, so joining them would not tell where one ends.
    """
    if kind != "multi" and len(labels) == 1 and listed_labels(labels[0], SEPARATORS) == (labels[0],):
        return labels[0]
    return json.dumps(list(labels), ensure_ascii=False)


def boxes_cell(boxes: Sequence[Box]) -> str:
    """A cell that `drawn_boxes` reads as just these; empty where there is none."""
    return json.dumps([vars(box) for box in boxes], ensure_ascii=False) if boxes else ""


def json_labels(cell: str) -> tuple[str, ...] | None:
    """The names of a JSON list, as they stand in it; None where the cell is anything else."""
    if not cell.lstrip().startswith("["):
        return None
    try:
        names = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    is_list = all(isinstance(name, str) and name.strip() for name in names)
    return tuple(dict.fromkeys(names)) if is_list else None


def listed_labels(cell: str, separators: str) -> tuple[str, ...]:
    """The labels in a cell, each once: a JSON list, or names between separators; with none of these the cell is one."""
    if (names := json_labels(cell)) is not None:
        return names
    parts = re.split(f"[{re.escape(separators)}]", cell) if separators else [cell]
    return tuple(dict.fromkeys(name for part in parts if (name := " ".join(value(part).split()))))


def marked_labels(row: Mapping[str, str], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold a 1 in this row."""
    for column in columns:
        if value(row[column]).casefold() not in ON:
            raise DataError(f'has "{row[column]}" in the label column "{column}", which takes 0 or 1. Correct it.')
    return tuple(column for column in columns if ON[value(row[column]).casefold()])


def without_no_finding(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels of a multi case, for which "no finding" means that there are none."""
    return tuple(name for name in labels if name.casefold() != NO_FINDING)


def named_split(cell: str) -> Split | None:
    """The split that a cell names, none where it is empty."""
    name = value(cell)
    split = split_named(name)
    if name and not split:
        raise DataError(f'has the split "{name}". Known: {", ".join(NAMES)}. Correct it, or leave all splits empty.')
    return split


def drawn_boxes(cell: str) -> tuple[Box, ...]:
    """Boxes from JSON: [{"label": "nucleus", "left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.6}]."""
    try:
        boxes = tuple(_box(drawn) for drawn in json.loads(cell)) if value(cell) else ()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            f"has boxes that can't be read ({type(error).__name__}: {error}). Expected a JSON list of "
            "{label, left, top, right, bottom}, where the sides are fractions of the picture's width and height."
        ) from None
    return boxes


def _box(drawn: Mapping[str, object]) -> Box:
    left, top, right, bottom = (float(str(drawn[side])) for side in SIDES)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"left {left}, top {top}, right {right}, bottom {bottom} is no box from 0 to 1")
    return Box(str(drawn["label"]), left, top, right, bottom)
