"""Runs as they are chosen from on several pages: the newest, with the one of the address however old it is."""

from __future__ import annotations

from collections.abc import Iterable

from app.visit import Visit
from core.records.access import NotAllowed
from core.records.runs import runs
from core.records.runs.runs import RunView


def run_there(visit: Visit, run_id: int | None) -> RunView | None:
    """None where there is none of this number that the person may see."""
    try:
        return None if run_id is None else runs.run(visit.database, visit.who, run_id)
    except NotAllowed:
        return None


def newest_first(*some: Iterable[RunView]) -> list[RunView]:
    """All of them, each once."""
    return sorted({view.id: view for views in some for view in views}.values(), key=lambda view: -view.id)


def with_set(views: Iterable[RunView]) -> list[tuple[str, int]]:
    return [(f"{view.id} · {view.name} ({view.set})", view.id) for view in views]
