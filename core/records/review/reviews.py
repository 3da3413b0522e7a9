"""Label reviews as people begin and watch them: a search through a version's labels, then decisions on what it found.

What a search found is taken in by `searched`; suspects, verdicts, agreement and corrections have modules of their own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from core import catalog
from core.errors import RunError, SettingsError
from core.records import jobs
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.numbers import new_number
from core.records.payloads import Suspects
from core.records.place import Place
from core.records.progress import Progress
from core.records.runs import runs
from core.records.sets.versions import allowed_version, hold_living
from core.records.tables import Person, Review, Version
from core.records.wake import send

USUAL: dict[str, Any] = {**catalog.USUAL, "tsm": [catalog.USUAL["tsm"]], "preset": "balanced"}
"""What a search works with where neither settings nor a run say otherwise: the starter's balanced TSM."""


@dataclass(frozen=True)
class SourceView:
    """Where evidence comes from."""

    name: str
    title: str
    about: str


@dataclass(frozen=True)
class ReviewView:
    """A review and how far its search is. The index says how many labels models doubt, hard cases among them."""

    id: int
    project_id: int
    name: str
    set_id: int
    set: str
    version_id: int
    version: int
    run_id: int | None
    job_id: int
    state: str
    progress: Progress
    error: str | None
    fault_id: str | None
    cases: int
    index: float | None
    sources: tuple[SourceView, ...]
    answers: tuple[str, ...]
    kind: str
    readers: int
    is_blind: bool
    is_archived: bool
    created: datetime
    person: str
    person_id: int | None

    @property
    def has_first_look(self) -> bool:
        return has_first_look(self)


def queue_review(
    db: Database,
    place: Place,
    who: Who,
    version_id: int,
    *,
    run_id: int | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "",
    readers: int = 1,
    is_blind: bool = True,
    has_first_look: bool = False,
) -> ReviewView:
    """Queues a search through a version's labels: with a run file's values, or all that a finished run knows.

    `readers` people are to decide on each case. In a blind review nobody sees another's verdict on a case, nor that
    there is one, before so many have decided; one reader alone has nothing to be blind to but the case's label and
    what the models say of it, which are hidden until the reader has looked where `has_first_look`.
    """
    if readers not in (1, 2):
        raise SettingsError(f"{readers} people can't be asked to decide on each case. Choose 1 or 2.")
    if has_first_look and readers != 1:
        raise SettingsError("A blind first look is for one reader. Choose one reader, or a blind review by two.")
    values = {**USUAL, **(settings or {})}
    runs.refuse_unknown(values)
    if run_id is not None:
        values = _settings_of_run(db, who, run_id, version_id)
    with db.session() as session:
        version = allowed_version(session, who, version_id, "work")
        hold_living(session, version_id)
        project_id, named = version.image_set.project_id, name.strip() or version.image_set.name
        job = jobs.enqueue(session, who, project_id, Suspects)
        review = Review(
            id=new_number(session, Review),
            project_id=project_id,
            person_id=who.id,
            version_id=version_id,
            run_id=run_id,
            job_id=job.id,
            name=named[:255],
            key=secrets.token_hex(6),
            settings={**values, "images": str(place.versions / version.hash)},
            readers=readers,
            is_blind=has_first_look if readers == 1 else is_blind,
            cases=version.cases,
        )
        session.add(review)
        session.flush()
        job.payload = Suspects(name=f"labels of {named}", review=review.id).plain()
        note(session, who, "queue review", project_id, review.name, review=review.id, version=version_id, run=run_id)
    send(place, Suspects.queue, review.job_id)
    return _allowed_view(db, who, review.id)


def has_first_look(review: Review | ReviewView) -> bool:
    """Whether a reader looks at each case before its label and the models' view are shown: where one alone is blind."""
    return review.is_blind and review.readers == 1


def reviews(db: Database, who: Who, project_id: int, with_archived: bool = False) -> list[ReviewView]:
    """The newest first."""
    allow(who, project_id)
    wanted = _with_person().where(Review.project_id == project_id)
    if not with_archived:
        wanted = wanted.where(Review.archived.is_(None))
    with db.reading() as session:
        rows = session.execute(wanted.order_by(Review.id.desc()))
        return [_view(row, person) for row, person in rows]


def review(db: Database, who: Who, review_id: int) -> ReviewView:
    return _allowed_view(db, who, review_id)


def review_of_job(db: Database, job_id: int) -> Review:
    """For the worker, which may see everything."""
    with db.reading() as session:
        return session.scalars(_whole().where(Review.job_id == job_id)).one()


def allowed_review(session: Session, who: Who, review_id: int, action: str = "look") -> Review:
    """The review, where the person may do this in its project."""
    review = session.scalar(_whole().where(Review.id == review_id))
    if review is None:
        raise NotAllowed(NOT_THERE)
    allow(who, review.project_id, action)
    return review


def _settings_of_run(db: Database, who: Who, run_id: int, version_id: int) -> dict[str, Any]:
    run = runs.run(db, who, run_id)
    if run.state != "done":
        raise RunError(
            f"“{run.name}” is not finished, so its readers can't be asked. Wait for its end, or leave it out."
        )
    if run.version_id != version_id:
        raise RunError(
            f"“{run.name}” was tuned on version {run.version} of {run.set}, and another one is to be looked through. "
            "Choose that version, or leave the run out."
        )
    return run.settings


def _allowed_view(db: Database, who: Who, review_id: int) -> ReviewView:
    with db.reading() as session:
        row = session.execute(_with_person().where(Review.id == review_id)).one_or_none()
    if row is None:
        raise NotAllowed(NOT_THERE)
    allow(who, row[0].project_id)
    return _view(*row)


def _whole() -> Select[Review]:
    return select(Review).options(joinedload(Review.version).joinedload(Version.image_set))


def _with_person() -> Select[Review, str | None]:
    loaded = (joinedload(Review.job), joinedload(Review.version).joinedload(Version.image_set))
    return select(Review, Person.name).outerjoin(Person, Person.id == Review.person_id).options(*loaded)


def _view(review: Review, person: str | None) -> ReviewView:
    job, version = review.job, review.version
    return ReviewView(
        id=review.id,
        project_id=review.project_id,
        name=review.name,
        set_id=version.set_id,
        set=version.image_set.name,
        version_id=version.id,
        version=version.number,
        run_id=review.run_id,
        job_id=job.id,
        state=job.state,
        progress=job.how_far,
        error=job.error,
        fault_id=job.fault_id,
        cases=review.cases,
        index=review.estimated,
        sources=tuple(SourceView(**source) for source in review.sources),
        answers=tuple(version.task["answers"]),
        kind=version.task["kind"],
        readers=review.readers,
        is_blind=review.is_blind,
        is_archived=review.archived is not None,
        created=review.created,
        person=person or "",
        person_id=review.person_id,
    )
