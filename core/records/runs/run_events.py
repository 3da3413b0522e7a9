"""What a run tells while it goes on, from the lines of its events.jsonl into rows. Telling it twice is harmless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core import events
from core.records.database import Database
from core.records.tables import Event, Run, Stage

Line = str | Mapping[str, Any]


def take_events(db: Database, run_id: int, first_number: int, lines: Sequence[Line]) -> None:
    """Rows for lines that begin at `first_number` of the file; a line that was broken off counts and is left out."""
    taken = list(_rows(run_id, first_number, lines))
    if not taken:
        return
    with db.session() as session:
        dialect = sqlite if db.is_sqlite else postgresql
        session.execute(dialect.insert(Event).on_conflict_do_nothing(), [row for row, _ in taken])
        _take_stages(session, run_id, [event for _, event in taken])


def set_metrics(db: Database, run_id: int, metrics: dict[str, Any]) -> None:
    with db.session() as session:
        session.get_one(Run, run_id).metrics = metrics


def set_settings(db: Database, run_id: int, settings: dict[str, Any]) -> None:
    """The settings as the engine filled them in; where its images lie on that machine is left out."""
    with db.session() as session:
        run = session.get_one(Run, run_id)
        run.settings = {**settings, "images": run.settings["images"]}


def _rows(run_id: int, first_number: int, lines: Sequence[Line]) -> Iterator[tuple[dict[str, Any], events.Event]]:
    for number, line in enumerate(lines, start=first_number):
        event = events.parse(line)
        if event is not None:
            at = {"stage": getattr(event, "stage", None), "step": getattr(event, "step", None)}
            yield {"run_id": run_id, "number": number, "kind": event.kind, **at, "body": events.plain(event)}, event


def _take_stages(session: Session, run_id: int, taken: Iterable[events.Event]) -> None:
    stages = {stage.name: stage for stage in session.scalars(select(Stage).where(Stage.run_id == run_id))}
    for event in taken:
        if not isinstance(event, events.Step | events.Evaluation | events.StageDone):
            continue
        stage = stages.get(event.stage)
        if stage is None:
            stage = stages[event.stage] = Stage(run_id=run_id, name=event.stage, number=len(stages))
            session.add(stage)
        if isinstance(event, events.Step):
            stage.step, stage.steps = event.step, event.steps
        elif isinstance(event, events.StageDone):
            stage.step = stage.steps = event.steps
            stage.best, stage.best_step = event.best, event.best_step
