"""The curves of a run: every loss, every validation figure, the meters; thinned out so that a page may ask often."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, false, or_, select
from sqlalchemy.orm import Session

from core import events
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.database import Database
from core.records.tables import Event, Run, Stage

MOST_POINTS = 400
METERS = ("learning_share", "paired_share", "images_per_second", "memory_gib")

Point = tuple[str, int, float]


def curves(db: Database, who: Who, run_id: int) -> dict[str, list[Point]]:
    """{name: [(stage, step, value)]}: "loss/van", "val/accuracy", "meter/memory_gib".

    At most 400 points each. Steps that were made again after a crash are told once, as they were last.
    """
    with db.reading() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotAllowed(NOT_THERE)
        allow(who, run.project_id)
        rows = _steps(session, run_id) + _evaluations(session, run_id)
    named: dict[str, dict[tuple[str, int], float]] = {}
    for stage, step, body in rows:
        for name, value in _values(body):
            named.setdefault(name, {})[stage, step] = value
    return {name: [(*place, value) for place, value in points.items()] for name, points in named.items()}


def _steps(session: Session, run_id: int) -> list[Any]:
    """Every so many steps of each stage, and its last."""
    stages = session.scalars(select(Stage).where(Stage.run_id == run_id)).all()
    room = MOST_POINTS // max(1, len(stages)) - 2
    kept = []
    for stage in stages:
        every = max(1, math.ceil(stage.steps / max(1, room)))
        is_kept = or_((Event.step - 1) % every == 0, Event.step == stage.step)
        kept.append(and_(Event.stage == stage.name, is_kept))
    mine = (Event.run_id == run_id, Event.kind == "step", or_(false(), *kept))
    return list(session.execute(select(Event.stage, Event.step, Event.body).where(*mine).order_by(Event.number)))


def _evaluations(session: Session, run_id: int) -> list[Any]:
    mine = (Event.run_id == run_id, Event.kind == "evaluation")
    newest = select(Event.stage, Event.step, Event.body).where(*mine).order_by(Event.number.desc())
    return list(session.execute(newest.limit(MOST_POINTS)))[::-1]


def _values(body: dict[str, Any]) -> Iterator[tuple[str, float]]:
    match events.parse(body):
        case events.Evaluation(figures=figures):
            yield from ((f"val/{name}", value) for name, value in figures.items())
        case events.Step() as step:
            yield from ((f"loss/{name}", value) for name, value in step.losses.items())
            meters = ((name, getattr(step, name)) for name in METERS)
            yield from ((f"meter/{name}", value) for name, value in meters if value is not None)
