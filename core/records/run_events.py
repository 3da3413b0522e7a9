"""What a run tells while it goes on, from the lines of its events.jsonl into rows. Telling it twice is harmless."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.records.database import Database
from core.records.tables import Event, Run, Stage

Line = str | Mapping[str, Any]


def take_events(db: Database, run_id: int, first_number: int, lines: Sequence[Line]) -> None:
    """Rows for lines that begin at `first_number` of the file; a line that was broken off counts and is left out."""
    rows = list(_rows(run_id, first_number, lines))
    if not rows:
        return
    with db.session() as session:
        dialect = sqlite if db.is_sqlite else postgresql
        session.execute(dialect.insert(Event).on_conflict_do_nothing(), rows)
        _take_stages(session, run_id, rows)


def set_metrics(db: Database, run_id: int, metrics: dict[str, Any]) -> None:
    with db.session() as session:
        session.get_one(Run, run_id).metrics = metrics


def set_settings(db: Database, run_id: int, settings: dict[str, Any]) -> None:
    """The settings as the engine filled them in; where its images lie on that machine is left out."""
    with db.session() as session:
        run = session.get_one(Run, run_id)
        run.settings = {**settings, "images": run.settings["images"]}


def _rows(run_id: int, first_number: int, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=first_number):
        body = _body(line)
        if body is not None:
            stage, step = body.get("stage"), body.get("step")
            kind = str(body["kind"])
            yield {"run_id": run_id, "number": number, "kind": kind, "stage": stage, "step": step, "body": body}


def _body(line: Line) -> dict[str, Any] | None:
    try:
        body = json.loads(line) if isinstance(line, str) else dict(line)
    except ValueError:
        return None
    return body if isinstance(body, dict) and "kind" in body else None


def _take_stages(session: Session, run_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    known = {one.name: one for one in session.scalars(select(Stage).where(Stage.run_id == run_id))}
    for row in rows:
        name, body = row["stage"], row["body"]
        if not name:
            continue
        if name not in known:
            known[name] = Stage(run_id=run_id, name=name, number=len(known))
            session.add(known[name])
        stage = known[name]
        if row["kind"] == "step":
            stage.step, stage.steps = body["step"], body["steps"]
        elif row["kind"] == "stage":
            stage.step = stage.steps = body["steps"]
            stage.best, stage.best_step = body.get("best"), body.get("best_step")
