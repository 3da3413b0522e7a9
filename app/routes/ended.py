"""What every page asks every few seconds while it is looked at: which of the person's runs have ended since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.context import Studio
from app.routes.answers import answered
from app.visit import Json, Visit
from core.records.runs.ended_runs import ended_since
from core.records.tables import now

LONGEST = timedelta(days=1)
"""Of what ended longer ago nobody is told."""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(tags=["runs"])

    @routes.get("/ended-runs")
    def ended(request: Request, since: Annotated[float, Query(ge=0, le=1e11)] = 0) -> Response:
        """`since` is what was answered as `now` the last time; without it nothing has ended since."""
        return answered(studio, request, lambda visit: told_since(visit, since))

    return routes


def told_since(visit: Visit, since: float) -> Json:
    moment = now()
    runs = []
    if since:
        earliest = (moment - LONGEST).timestamp()
        after = datetime.fromtimestamp(max(since, earliest), moment.tzinfo)
        runs = ended_since(visit.database, visit.who, after)
    return {
        "now": moment.timestamp(),
        "runs": [{"id": run.id, "words": run.words, "is_well": run.state == "done"} for run in runs],
    }
