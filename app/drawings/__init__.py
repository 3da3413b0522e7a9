"""What readers say that has a place on the picture, drawn over it: a file for each kind of statement, by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle

from app.viewer import Shape
from core.case import Box
from core.readings.answer import Answer
from core.readings.colours import BLUE, BROWN, GREEN, GREY, ORANGE, PINK, RED, SKY
from core.readings.reader import Reader
from core.readings.regions import Region
from core.readings.statement import Statement

REFERENCE, REFERENCE_COLOUR = "reference", "#FFFFFF"
OF_LABELS = (SKY, ORANGE, GREEN, PINK, RED, BLUE, BROWN, GREY)


def overlay(answers: Mapping[Reader, Answer], references: Iterable[Statement] = ()) -> tuple[Shape, ...]:
    """What each reader said, in its colour, and over it what the set says."""
    of_readers = [
        shape
        for reader, answer in answers.items()
        for statement in answer.said
        for shape in drawn(statement, reader.colour, reader.name)
    ]
    of_references = [shape for statement in references for shape in drawn(statement, REFERENCE_COLOUR, REFERENCE)]
    return (*of_readers, *of_references)


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each, in their order; where there are more than colours, they begin again."""
    return dict(zip(dict.fromkeys(labels), cycle(OF_LABELS), strict=False))


def boxed(boxes: Iterable[Box], colours: Mapping[str, str]) -> tuple[Shape, ...]:
    """A set's own boxes, each in the colour of its label."""
    return tuple(around(box, colours[box.label], box.label) for box in boxes)


def listed(boxes: Iterable[Box], colours: Mapping[str, str]) -> str:
    """How many boxes there are of each label, the most first, beside the colour in which they are drawn."""
    counts = Counter(box.label for box in boxes)
    square = "display:inline-block;width:10px;height:10px;border:2px solid"
    return ", ".join(
        f'<i style="{square} {colours[label]}"></i> {count} {escape(label)}' for label, count in counts.most_common()
    )


def around(box: Box | Region, colour: str, title: str) -> Shape:
    sides = {"x": box.left, "y": box.top, "width": box.right - box.left, "height": box.bottom - box.top}
    return Shape("rect", sides, colour, title)


def drawn(statement: Statement, colour: str, whose: str) -> list[Shape]:
    """How a statement of this reader, or of the reference, is drawn; nothing where its kind has no file here."""
    name = f"{__name__}.{statement.KIND}"
    if find_spec(name) is None:
        return []
    shapes: list[Shape] = import_module(name).draw(statement, colour, whose)
    return shapes
