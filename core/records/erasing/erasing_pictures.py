"""Erasing a picture that somebody brought to Compare or Find, with all that was answered about it; by admins."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.errors import RunError
from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit
from core.records.accounts.people import administering
from core.records.audit import note
from core.records.database import Database
from core.records.erasing.erasing import Erasure, counted
from core.records.erasing.remains import Files, brought_copies, clear, leave, pictures_in_use
from core.records.payloads import Ask, Find
from core.records.place import Place
from core.records.tables import UNDER_WAY, Job, Person, Run


def erasable_pictures(db: Database, who: Who) -> list[tuple[str, int]]:
    """The newest first, each once in a project: with the job that asked about it first."""
    permit(who, "manage")
    image = Job.payload["image"].as_string()
    asked = select(Job, Run.name, Person.name).outerjoin(Run, Run.id == Job.payload["run"].as_integer())
    mine = (Job.project_id.in_(who.projects), Job.kind.in_((Ask.kind, Find.kind)), image != "")
    first: dict[tuple[int, str], tuple[str, int]] = {}
    with db.reading() as session:
        rows = session.execute(asked.outerjoin(Person, Person.id == Job.person_id).where(*mine).order_by(Job.id))
        for job, run, person in rows:
            if _is_brought(job):
                title = f"{_name(job.id)}: {job.created:%Y-%m-%d %H:%M}, of {run or 'a run'}, by {person or 'nobody'}"
                first.setdefault((job.project_id, job.payload["image"]), (title, job.id))
    return sorted(first.values(), key=lambda choice: -choice[1])


def picture_erasure(db: Database, who: Who, job_id: int) -> Erasure:
    with db.reading() as session:
        first = _allowed_job(session, who, job_id)
        jobs = _about_the_same(session, first)
        is_shared = bool(pictures_in_use(session, [first.payload["image"]], [job.id for job in jobs]))
        kinds = [
            (word, sum(job.kind == kind for job in jobs))
            for kind, word in ((Ask.kind, "question"), (Find.kind, "search"))
        ]
    goes = [*counted(kinds, more="about it, with what was answered")]
    stays = ["that something was asked, when and by whom, in the audit log"]
    if is_shared:
        stays.insert(0, "the picture itself: an image set or another question shows the same one")
    else:
        goes.insert(0, "the picture and its thumbnail")
    return Erasure(_name(first.id), tuple(goes), tuple(stays))


def erase_picture(db: Database, place: Place, who: Who, job_id: int) -> None:
    """The picture that this job asked about, from its whole project."""
    with db.session() as session:
        acting = administering(session, who)
        first = _allowed_job(session, acting, job_id)
        jobs, project_id, picture = _about_the_same(session, first), first.project_id, first.payload["image"]
        if any(job.state in UNDER_WAY for job in jobs):
            raise RunError("Something about this picture is still being answered. Wait for its end, then erase it.")
        session.execute(delete(Job).where(Job.id.in_([job.id for job in jobs])))
        note(session, acting, "erase picture", project_id, _name(job_id), jobs=len(jobs))
        left = leave(session, _name(job_id), Files(tuple(brought_copies(place, [picture])), pictures=(picture,)))
    clear(db, place, who, left, project_id)


def _name(job_id: int) -> str:
    return f"picture {job_id}"


def _is_brought(job: Job) -> bool:
    """Whether it is about a picture that is no case of the run's set."""
    return bool(job.payload.get("image")) and job.payload.get("case") in (None, "")


def _allowed_job(session: Session, who: Who, job_id: int) -> Job:
    job = session.get(Job, job_id)
    if job is None or job.kind not in (Ask.kind, Find.kind) or not _is_brought(job):
        raise NotAllowed(NOT_THERE)
    allow(who, job.project_id, "manage")
    return job


def _about_the_same(session: Session, first: Job) -> Sequence[Job]:
    same = (Job.payload["image"].as_string() == first.payload["image"], Job.kind.in_((Ask.kind, Find.kind)))
    jobs = session.scalars(select(Job).where(Job.project_id == first.project_id, *same))
    return [job for job in jobs if _is_brought(job)]
