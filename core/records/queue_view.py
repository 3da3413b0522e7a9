"""The queue as people look at it: who is next, and when that may begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.records.access import Who
from core.records.database import Database
from core.records.payloads import title_of
from core.records.tables import UNDER_WAY, ImageSet, Job, Person, QueueState, Run, Version, now

RECENT = 20


@dataclass(frozen=True)
class QueueEntry:
    """A job that runs (place 0) or waits (1 is next). `name`, `run_id` and `images` are the run's where it is one."""

    job: Job
    name: str
    run_id: int | None
    images: str
    person: str
    place: int
    expected_start: datetime | None


def queue_view(db: Database, who: Who, queue: str) -> list[QueueEntry]:
    """What runs and what waits, in order; places count jobs of other projects too, which are not shown."""
    under_way = (
        select(Job, Run, ImageSet.name, Version.number, Person.name)
        .outerjoin(Run, Run.job_id == Job.id)
        .outerjoin(Version, Version.id == Run.version_id)
        .outerjoin(ImageSet, ImageSet.id == Version.set_id)
        .outerjoin(Person, Person.id == Job.person_id)
        .where(Job.queue == queue, Job.state.in_(UNDER_WAY))
        .order_by(Job.state == "waiting", Job.position, Job.id)
    )
    with db.reading() as session:
        rows = session.execute(under_way).all()
        usual = _usual_seconds(session, queue)
    running = [row[0] for row in rows if row[0].state == "running"]
    entries, place = [], 0
    for job, run, set_name, number, person in rows:
        place += job.state == "waiting"
        if job.project_id in who.projects:
            is_waiting = job.state == "waiting"
            start = _expected(running, usual, place) if is_waiting else job.started
            entries.append(
                QueueEntry(
                    job,
                    run.name if run else title_of(job.kind, job.payload) or f"{job.kind}, job {job.id}",
                    run.id if run else None,
                    f"{set_name} · version {number}" if run else "",
                    person or "",
                    place if is_waiting else 0,
                    start,
                )
            )
    return entries


def neglected_queues(db: Database, silence: timedelta) -> list[str]:
    """Those in which something waits for longer than that and nobody has taken or ended anything; no paused ones."""
    since = now() - silence
    is_paused = select(QueueState.name).where(QueueState.is_paused)
    is_busy = select(Job.queue).where((Job.state == "running") | (Job.ended > since))
    is_late = (Job.state == "waiting", Job.created < since)
    neglected = select(Job.queue).where(*is_late, Job.queue.not_in(is_busy), Job.queue.not_in(is_paused)).distinct()
    with db.reading() as session:
        return list(session.scalars(neglected.order_by(Job.queue)))


def _expected(running: Sequence[Job], usual: float | None, place: int) -> datetime | None:
    """Those ahead end one after the other on as many workers as are busy now; None where nothing is known."""
    if not running:
        return now() if place == 1 else None if usual is None else now() + timedelta(seconds=usual * (place - 1))
    left = sorted(_left(job, usual) for job in running)
    if usual is None and place > len(running):
        return None
    rounds, worker = divmod(place - 1, len(left))
    return now() + timedelta(seconds=left[worker] + rounds * (usual or 0.0))


def _left(job: Job, usual: float | None) -> float:
    if (seconds_left := job.how_far.seconds_left) is not None:
        return max(0.0, seconds_left)
    gone = (now() - job.started).total_seconds() if job.started else 0.0
    return max(0.0, (usual or 0.0) - gone)


def _usual_seconds(session: Session, queue: str) -> float | None:
    """How long the last jobs of this queue took, in the middle."""
    times = select(Job.started, Job.ended).where(Job.queue == queue, Job.state == "done").order_by(Job.id.desc())
    took = sorted((end - start).total_seconds() for start, end in session.execute(times.limit(RECENT)) if start and end)
    return took[len(took) // 2] if took else None
