"""Whether the studio lives, whether it can work, and its figures for Prometheus."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.context import Studio
from core.errors import CoreError
from core.records import jobs
from core.records.tables import JOB_STATES, QUEUES, Job, now

LITTLE_ROOM_BYTES = 2_000_000_000
SILENT = timedelta(seconds=60)
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Sign:
    """One thing to know about the studio's health. `is_needed` where nothing works without it."""

    name: str
    is_well: bool
    text: str
    is_needed: bool = True


def signs(studio: Studio) -> list[Sign]:
    """Database, queue, workers and room on the disk, in words for a person."""
    database = _database(studio)
    return [database, _queue(studio), *([_workers(studio)] if database.is_well else []), _room(studio)]


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @routes.get("/ready")
    def ready() -> JSONResponse:
        """The database is there, and as this version needs it."""
        found = _database(studio)
        return JSONResponse({"ready": found.is_well, "database": found.text}, 200 if found.is_well else 503)

    @routes.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Queue length, running jobs, failures and reading latency."""
        registry = CollectorRegistry()
        registry.register(_Figures(studio))
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


class _Figures:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        counts = jobs.counts(self.studio.database)
        by_state = GaugeMetricFamily("vitask_jobs", "Jobs by queue and state.", labels=["queue", "state"])
        failures = CounterMetricFamily("vitask_job_failures", "Jobs that failed.", labels=["queue"])
        for queue in QUEUES:
            for state in JOB_STATES:
                by_state.add_metric([queue, state], counts.get((queue, state), 0))
            failures.add_metric([queue], counts.get((queue, "failed"), 0))
        yield by_state
        yield failures
        yield self._latency()
        yield GaugeMetricFamily("vitask_disk_free_bytes", "Room for data.", _free(self.studio))

    def _latency(self) -> Metric:
        """From a question's arrival to its answer."""
        asked = select(Job.created, Job.ended).where(Job.queue == "read", Job.state == "done", Job.ended.is_not(None))
        with self.studio.database.reading() as session:
            took = [(ended - created).total_seconds() for created, ended in session.execute(asked) if ended]
        family = HistogramMetricFamily("vitask_reading_seconds", "From a question to the models' answers.")
        buckets = [(str(most), sum(one <= most for one in took)) for most in BUCKETS]
        family.add_metric([], [*buckets, ("+Inf", len(took))], sum(took))
        return family


def _database(studio: Studio) -> Sign:
    try:
        is_current = studio.database.is_current()
    except CoreError as error:
        return Sign("Database", False, str(error))
    except (DBAPIError, OSError):
        return Sign("Database", False, "does not answer")
    return Sign("Database", is_current, "ready" if is_current else "is of another version; run its migrations")


def _queue(studio: Studio) -> Sign:
    import redis

    if studio.place.redis is None:
        return Sign("Queue", False, "no Redis is configured; jobs wait until workers look by themselves", False)
    begun = time.monotonic()
    try:
        server = redis.Redis.from_url(studio.place.redis, socket_connect_timeout=0.5, socket_timeout=0.5)
        with server:
            server.ping()
    except (redis.RedisError, OSError):
        return Sign("Queue", False, "does not answer; jobs wait and none is lost", False)
    return Sign("Queue", True, f"answers in {1000 * (time.monotonic() - begun):.0f} ms", False)


def _workers(studio: Studio) -> Sign:
    """Whether somebody takes what waits: nobody has to have a list of workers for that."""
    counts = jobs.counts(studio.database)
    running = sum(number for (_, state), number in counts.items() if state == "running")
    since = now() - SILENT
    with studio.database.reading() as session:
        busy = set(session.scalars(select(Job.queue).where((Job.state == "running") | (Job.ended > since))))
        late = set(session.scalars(select(Job.queue).where(Job.state == "waiting", Job.created < since)))
    stuck = [queue for queue in late - busy if not jobs.queue_state(studio.database, queue).is_paused]
    if stuck:
        return Sign("Workers", False, f"nobody takes what waits in {', '.join(sorted(stuck))}; start a worker", False)
    return Sign("Workers", True, f"{running} at work" if running else "idle", False)


def _room(studio: Studio) -> Sign:
    free = _free(studio)
    is_well = free > LITTLE_ROOM_BYTES
    told = f"{free / 1e9:,.0f} GB free" if is_well else f"only {free / 1e9:.1f} GB free; make room"
    return Sign("Disk", is_well, told, False)


def _free(studio: Studio) -> int:
    return shutil.disk_usage(studio.place.data).free
