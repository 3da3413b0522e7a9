"""A finished run to take away, as a zip that a worker makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError
from core.pictures.store import open_store
from core.records import jobs, payloads
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.outcomes import Exported, outcome
from core.records.tables import Job
from core.records.wake import send

SHOWN = 50


@dataclass(frozen=True)
class Export:
    """How far an export is, and what came of it once it is there."""

    job_id: int
    is_merged: bool
    state: str
    text: str
    outcome: Exported | None
    error: str | None


def queue_export(db: Database, place: Place, who: Who, run_id: int, is_merged: bool = False) -> int:
    """Queues a zip of a run: adapter, connector, TSM, labels, preprocessing, merged on demand; returns the job."""
    run = runs.run(db, who, run_id)
    if run.state != "done":
        raise RunError(f"“{run.name}” is not finished, so there is nothing to take away yet. Wait for its end.")
    with db.session() as session:
        job = jobs.enqueue(session, who, run.project_id, payloads.Export(run=run.id, merge=is_merged))
        note(session, who, "export run", run.project_id, run.name, run=run.id, merge=is_merged)
    send(place, job.queue, job.id)
    return job.id


def exports(db: Database, who: Who, run_id: int) -> list[Export]:
    """The newest exports of a run, newest first."""
    return [_export(job) for job in runs.newest_jobs(db, who, run_id, payloads.Export, SHOWN)]


def export_file(db: Database, place: Place, who: Who, job_id: int) -> Path:
    """The zip on this machine, fetched from the store where another one made it."""
    with db.reading() as session:
        job = session.get(Job, job_id)
    if job is None or job.kind != payloads.Export.kind:
        raise NotAllowed(NOT_THERE)
    allow(who, job.project_id)
    if job.state != "done":
        raise RunError("This export is not finished. Wait for its end, or ask for it again.")
    zipped = export_path(place, job_id)
    if not zipped.is_file():
        open_store(place.store).fetch(f"exports/{zipped.name}", zipped)
    return zipped


def export_path(place: Place, job_id: int) -> Path:
    return place.data / "exports" / f"{job_id}.zip"


def keep_export(place: Place, job_id: int) -> None:
    """Shares the zip with the other machines, where there are any."""
    store = open_store(place.store)
    if not store.is_local:
        store.send(zipped := export_path(place, job_id), f"exports/{zipped.name}")


def _export(job: Job) -> Export:
    return Export(
        job_id=job.id,
        is_merged=payloads.Export.parse(job.payload, "payload").merge,
        state=job.state,
        text=job.how_far.text or "",
        outcome=outcome(job, Exported),
        error=job.error,
    )
