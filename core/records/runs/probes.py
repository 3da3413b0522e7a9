"""Probing a finished run: asked for by a person, done by a worker, kept with the run and in the job's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import RunError
from core.records import jobs, payloads
from core.records.access import Who
from core.records.audit import note
from core.records.database import Database
from core.records.place import Place
from core.records.progress import Progress
from core.records.runs import runs
from core.records.runs.outcomes import Probed, outcome
from core.records.tables import UNDER_WAY
from core.records.wake import send

SHOWN = 10


@dataclass(frozen=True)
class Probing:
    """How far a probing is, and what came of it once it is done."""

    job_id: int
    state: str
    wish: str
    progress: Progress
    outcome: Probed | None
    error: str | None


def queue_probing(db: Database, place: Place, who: Who, run_id: int, cases: int) -> int:
    """Has a finished run's readers probed on so many test cases; returns the job."""
    run = runs.run(db, who, run_id)
    if run.state != "done":
        raise RunError(f"“{run.name}” is not finished, so its readers can't be probed yet. Wait for its end.")
    runs.refuse_erased(run)
    payload = payloads.Probe.parse({"run": run.id, "cases": cases, "name": f"Probes of {run.name}"}, "")
    with db.session() as session:
        job = jobs.enqueue(session, who, run.project_id, payload)
        note(session, who, "probe run", run.project_id, run.name, run=run.id, cases=cases)
    send(place, job.queue, job.id)
    return job.id


def probings(db: Database, who: Who, run_id: int) -> list[Probing]:
    """The newest of a run, newest first."""
    newest = runs.newest_jobs(db, who, run_id, payloads.Probe, SHOWN)
    return [Probing(job.id, job.state, job.wish, job.how_far, outcome(job, Probed), job.error) for job in newest]


def newest_probes(db: Database, who: Who, run_id: int) -> Mapping[str, Any] | None:
    """What the newest probing that came to its end says; None where there is none."""
    return next((each.outcome.probes for each in probings(db, who, run_id) if each.outcome is not None), None)


def cancel_probings(db: Database, who: Who, run_id: int) -> None:
    """Ends whatever probings of a run wait or are carried out; what earlier ones found stays."""
    every = runs.newest_jobs(db, who, run_id, payloads.Probe, most=None)
    under_way = [job for job in every if job.state in UNDER_WAY]
    if not under_way:
        raise RunError("No probing of this run waits or is carried out, so there is nothing to cancel.")
    for job in under_way:
        jobs.wish(db, who, job.id, "cancel")
