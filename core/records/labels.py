"""How rows keep labels: their names as a list, and beside it what filters look for in an index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, TypeDecorator, false, or_, type_coerce

from core.case import NO_FINDING

Names = tuple[str, ...]
BARE = ","
"""The places of no label."""


class Labels(TypeDecorator[Names]):
    """Names as a JSON list, in the order of the task's answers: rows with the same labels hold the same text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Any) -> str | None:
        return None if value is None else json.dumps(list(value), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Any) -> Names | None:
        return None if value is None else tuple(json.loads(value))


def places_of(labels: Sequence[str], answers: Sequence[str]) -> str:
    """Where the labels stand among a version's answers: `,0,3,`.

    Indexed in place of the names, which may be too long for an index, and of which one may hold another.
    """
    return BARE + "".join(f"{place}," for place, answer in enumerate(answers) if answer in labels)


def has_label(places: SQLColumnExpression[str], label: str, task: Mapping[str, Any]) -> ColumnElement[bool]:
    """Of a row: that it has this label, or none at all where it is asked for `no finding`."""
    wanted = places_of([label], task["answers"])
    is_bare = places == BARE
    if wanted == BARE:
        return is_bare if label == NO_FINDING else false()
    if task["kind"] != "multi":
        return places == wanted
    return or_(places.contains(wanted), is_bare) if label == NO_FINDING else places.contains(wanted)


def names_label(names: SQLColumnExpression[Names], label: str) -> ColumnElement[bool]:
    """The same of labels that are kept as names alone, which no index knows."""
    if label == NO_FINDING:
        return or_(names == (), names == (NO_FINDING,))
    return type_coerce(names, Text).contains(json.dumps(label, ensure_ascii=False), autoescape=True)
