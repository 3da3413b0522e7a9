"""Other names for sets and reviews, and taking them out of the lists, from which they can be brought back.

By whoever made them, or an admin. Runs, reviews and addresses name both by number, and so lose nothing.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.review.reviews import ReviewView
from core.records.sets.set_names import SetError, refuse_set_name
from core.records.sets.sets import SetView
from core.records.tables import ImageSet, Job, Project, Review, Version, now

LONGEST = 255


def may_change(who: Who, project_id: int, owner_id: int | None) -> bool:
    """Whether the person may rename and archive what this owner made in the project."""
    return project_id in who.projects and who.may("work") and (who.id == owner_id or who.may("manage"))


def may_change_set(who: Who, image_set: SetView) -> bool:
    return may_change(who, image_set.project_id, image_set.person_id)


def may_change_review(who: Who, review: ReviewView) -> bool:
    return may_change(who, review.project_id, review.person_id)


def rename_set(db: Database, who: Who, set_id: int, name: str) -> None:
    with db.session() as session:
        row = _own_set(session, who, set_id)
        before, wanted = row.name, name.strip()
        if wanted == before:
            return
        session.get(Project, row.project_id, with_for_update=True)  # of two who want one name, one gets it
        refuse_set_name(session, row.project_id, wanted)
        row.name = wanted
        note(session, who, "rename set", row.project_id, wanted, set=row.id, before=before)


def archive_set(db: Database, who: Who, set_id: int) -> None:
    _put_set_away(db, who, set_id, now())


def bring_back_set(db: Database, who: Who, set_id: int) -> None:
    _put_set_away(db, who, set_id, None)


def rename_review(db: Database, who: Who, review_id: int, name: str) -> None:
    with db.session() as session:
        row = _own_review(session, who, review_id)
        before, wanted = row.name, name.strip()
        if not 1 <= len(wanted) <= LONGEST or not wanted.isprintable():
            raise SetError(f"A review's name has 1 to {LONGEST} characters that can be seen. Choose another.")
        if wanted == before:
            return
        job = session.get_one(Job, row.job_id)
        row.name, job.payload = wanted, {**job.payload, "name": f"labels of {wanted}"}
        note(session, who, "rename review", row.project_id, wanted, review=row.id, before=before)


def archive_review(db: Database, who: Who, review_id: int) -> None:
    _put_review_away(db, who, review_id, now())


def bring_back_review(db: Database, who: Who, review_id: int) -> None:
    _put_review_away(db, who, review_id, None)


def _put_set_away(db: Database, who: Who, set_id: int, since: datetime | None) -> None:
    with db.session() as session:
        row = _own_set(session, who, set_id)
        if (row.archived is None) != (since is None):
            row.archived = since
            note(session, who, _action(since, "set"), row.project_id, row.name, set=row.id)


def _put_review_away(db: Database, who: Who, review_id: int, since: datetime | None) -> None:
    with db.session() as session:
        row = _own_review(session, who, review_id)
        if (row.archived is None) != (since is None):
            row.archived = since
            note(session, who, _action(since, "review"), row.project_id, row.name, review=row.id)


def _action(since: datetime | None, what: str) -> str:
    return f"bring back {what}" if since is None else f"archive {what}"


def _own_set(session: Session, who: Who, set_id: int) -> ImageSet:
    row = session.get(ImageSet, set_id, with_for_update=True)
    if row is None or row.erased is not None:
        raise NotAllowed(NOT_THERE)
    first = select(Version.person_id).where(Version.set_id == set_id).order_by(Version.number).limit(1)
    _refuse_others(who, row.project_id, session.scalar(first), "image set")
    return row


def _own_review(session: Session, who: Who, review_id: int) -> Review:
    row = session.get(Review, review_id, with_for_update=True)
    if row is None:
        raise NotAllowed(NOT_THERE)
    _refuse_others(who, row.project_id, row.person_id, "review")
    return row


def _refuse_others(who: Who, project_id: int, owner_id: int | None, what: str) -> None:
    allow(who, project_id, "work")
    if not may_change(who, project_id, owner_id):
        raise NotAllowed(f"Somebody else made this {what}. Ask them, or an admin of the project, to do this.")
