"""How long people waited for answers, counted by the database: a studio in use has more questions than fit a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, case, extract, func, select

from core.records.database import Database
from core.records.tables import Job

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Latency:
    """From questions' arrival to their answers: how many took at most each bound, how many there are, their sum."""

    within: tuple[int, ...]
    count: int
    seconds: float


def reading_latency(db: Database, bounds_seconds: Sequence[float]) -> Latency:
    took = _seconds_taken(db.is_sqlite)
    within = [func.sum(case((took <= bound, 1), else_=0)) for bound in bounds_seconds]
    finished = (Job.queue == "read", Job.state == "done", Job.ended.is_not(None))
    with db.reading() as session:
        count, seconds, *counted = session.execute(select(func.count(), func.sum(took), *within).where(*finished)).one()
    return Latency(tuple(number or 0 for number in counted), count, float(seconds or 0))


def _seconds_taken(is_sqlite: bool) -> ColumnElement[Any]:
    if is_sqlite:  # which keeps times as text; days are told to the millisecond
        days: ColumnElement[Any] = func.julianday(Job.ended, type_=Float) - func.julianday(Job.created, type_=Float)
        return func.round(days * SECONDS_A_DAY, 3, type_=Float)
    return extract("epoch", Job.ended - Job.created)
