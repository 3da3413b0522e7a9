"""The first start's sample: asked for once in the life of a studio, drawn by a worker."""

from __future__ import annotations

from sqlalchemy import select

from core.records import jobs
from core.records.access import Who, allow
from core.records.database import Database
from core.records.payloads import Draw
from core.records.place import Place
from core.records.tables import Job, Run
from core.records.wake import send


def request_sample(db: Database, place: Place, who: Who) -> int | None:
    """Has the sample drawn, once in the life of a studio and only while it holds no run; returns the job."""
    with db.session() as session:
        is_requested = session.scalar(select(Job.id).where(Job.kind == Draw.kind).limit(1))
        if is_requested or session.scalar(select(Run.id).limit(1)) or not who.projects:
            return None
        job = jobs.enqueue(session, who, who.projects[0], Draw())
    send(place, job.queue, job.id)
    return job.id


def sample_request(db: Database, who: Who, project_id: int) -> Job | None:
    """The newest job of a project that draws the sample."""
    allow(who, project_id)
    newest = select(Job).where(Job.project_id == project_id, Job.kind == Draw.kind).order_by(Job.id.desc()).limit(1)
    with db.reading() as session:
        return session.scalar(newest)
