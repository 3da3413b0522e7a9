"""Whether the studio lives and whether it can work, for programs; and its figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from app.context import Studio
from app.health import free_bytes, of_database
from core.records import jobs
from core.records.runs.latency import reading_latency
from core.records.tables import JOB_STATES, QUEUES

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @routes.get("/ready")
    def ready() -> JSONResponse:
        """The database is there, and as this version needs it."""
        sign = of_database(studio)
        return JSONResponse({"ready": sign.is_well, "database": sign.text}, 200 if sign.is_well else 503)

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
        yield GaugeMetricFamily("vitask_disk_free_bytes", "Room for data.", free_bytes(self.studio))

    def _latency(self) -> Metric:
        """From a question's arrival to its answer."""
        latency = reading_latency(self.studio.database, BUCKETS)
        family = HistogramMetricFamily("vitask_reading_seconds", "From a question to the models' answers.")
        buckets = [(str(bound), count) for bound, count in zip(BUCKETS, latency.within, strict=True)]
        family.add_metric([], [*buckets, ("+Inf", latency.count)], latency.seconds)
        return family
