"""How long a search will take, from how long the like of it took in this studio."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.records.access import Who
from core.records.database import Database
from core.records.review.reviews import USUAL
from core.records.runs import runs
from core.records.sets.versions import allowed_version
from core.records.tables import Job, Review

NEWEST = 10
"""So many earlier searches are looked at: a machine may have become another since."""


@dataclass(frozen=True)
class Expected:
    """`seconds` for the whole search, by so many earlier ones with the same settings."""

    seconds: float
    searches: int


def expected(db: Database, who: Who, version_id: int, run_id: int | None = None) -> Expected | None:
    """None where no search with these settings has come to its end here, uninterrupted."""
    wanted = _without_images(USUAL if run_id is None else runs.run(db, who, run_id).settings)
    with db.reading() as session:
        cases = allowed_version(session, who, version_id).cases
        is_whole = (Job.state == "done", Job.claims == 1, Review.cases > 0)
        ended = select(Review.settings, Review.cases, Job.started, Job.ended).join(Job, Job.id == Review.job_id)
        rows = session.execute(ended.where(*is_whole).order_by(Review.id.desc())).all()
    seconds_a_case = [
        (row.ended - row.started).total_seconds() / row.cases
        for row in rows
        if row.ended and row.started and _without_images(row.settings) == wanted
    ][:NEWEST]
    if not seconds_a_case:
        return None
    return Expected(statistics.median(seconds_a_case) * cases, len(seconds_a_case))


def _without_images(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "images"}
