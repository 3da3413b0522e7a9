"""Figures for Prometheus: asked for every few seconds, so they must not take longer the longer a studio is used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, insert

from app.context import Studio
from app.routes import health
from core.records.accounts import people
from core.records.place import Place
from core.records.tables import JOB_STATES, QUEUES, Job
from tests.migrated import new_records

ARRIVED = datetime(2026, 11, 1, tzinfo=UTC)
TOOK = (0.05, 0.1, 0.3, 2.5, 7.0, 61.0)
"""Seconds, some of them just at the edge of a bucket, which still holds them."""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    place = Place.at(tmp_path / "data")
    database = new_records(place)
    yield Studio(place, database)
    database.dispose()


def answered(studio: Studio, took: tuple[float, ...]) -> None:
    """Questions that came at one moment and were answered after so many seconds."""
    project = people.local(studio.database).projects[0]
    usual = {"queue": "read", "kind": "ask", "project_id": project, "created": ARRIVED}
    with studio.database.session() as session:
        rows = [{**usual, "state": "done", "ended": ARRIVED + timedelta(seconds=seconds)} for seconds in took]
        session.execute(insert(Job), [*rows, {**usual, "state": "failed", "ended": ARRIVED + timedelta(seconds=1)}])


def scraped(studio: Studio) -> list[str]:
    app = FastAPI()
    app.include_router(health.router(studio))
    return TestClient(app).get("/metrics").text.splitlines()


def test_the_latency_of_readings_is_told_in_buckets(studio: Studio) -> None:
    answered(studio, TOOK)
    lines = scraped(studio)
    within = [line.rpartition(" ")[2] for line in lines if line.startswith("vitask_reading_seconds_bucket")]
    assert within == [f"{count}.0" for count in (2, 2, 3, 3, 4, 4, 5, 5, 5, 6)]
    assert "vitask_reading_seconds_count 6.0" in lines
    (total,) = [line.rpartition(" ")[2] for line in lines if line.startswith("vitask_reading_seconds_sum")]
    assert float(total) == pytest.approx(sum(TOOK), abs=0.01)


def test_a_scrape_loads_no_more_rows_where_more_questions_were_answered(studio: Studio) -> None:
    answered(studio, (0.2,) * 500)
    asked: list[tuple[str, Any]] = []

    def keep(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))

    event.listen(studio.database.engine, "before_cursor_execute", keep)
    scraped(studio)
    event.remove(studio.database.engine, "before_cursor_execute", keep)
    with studio.database.snapshot() as connection:
        loaded = [len(connection.exec_driver_sql(*each).all()) for each in asked if each[0].startswith("SELECT")]
    assert len(loaded) >= 2
    assert max(loaded) <= len(QUEUES) * len(JOB_STATES)
