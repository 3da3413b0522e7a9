"""What readers say that has a place on the picture, drawn over it: a file for each kind of statement, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec

from app.viewer import Shape
from core.readings.answer import Answer
from core.readings.reader import Reader
from core.readings.statement import Statement

REFERENCE_COLOUR = "#FFFFFF"


def overlay(answers: Mapping[Reader, Answer], references: Iterable[Statement] = ()) -> tuple[Shape, ...]:
    """What each reader said, in its colour, and over it what the set says."""
    of_readers = [
        shape
        for reader, answer in answers.items()
        for statement in answer.said
        for shape in drawn(statement, reader.colour, reader.name)
    ]
    of_references = [shape for statement in references for shape in drawn(statement, REFERENCE_COLOUR, "reference")]
    return (*of_readers, *of_references)


def drawn(statement: Statement, colour: str, whose: str) -> list[Shape]:
    """How a statement is drawn; nothing where its kind has no file here."""
    name = f"{__name__}.{statement.KIND}"
    if find_spec(name) is None:
        return []
    shapes: list[Shape] = import_module(name).draw(statement, colour, f"{whose}: {statement.words()}")
    return shapes
