"""Who did what and when: written in the same transaction as what was done, and never changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.records.access import Who, allow, permit
from core.records.database import Database
from core.records.tables import Audit

PAGE = 100


def note(
    session: Session, who: Who, action: str, project_id: int | None = None, subject: str = "", **details: Any
) -> None:
    session.add(
        Audit(
            person_id=who.id,
            who=who.name,
            action=action,
            project_id=project_id,
            subject=subject[:1024],
            details=details,
        )
    )


def entries(db: Database, who: Who, project_id: int | None = None, text: str = "", page: int = 0) -> list[Audit]:
    """The newest first. Without a project, what an admin sees: their projects, and what belongs to none."""
    if project_id is None:
        permit(who, "manage")
        asked = select(Audit).where(or_(Audit.project_id.in_(who.projects), Audit.project_id.is_(None)))
    else:
        allow(who, project_id)
        asked = select(Audit).where(Audit.project_id == project_id)
    if text:
        columns = (Audit.who, Audit.action, Audit.subject)
        asked = asked.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    with db.reading() as session:
        return list(session.scalars(asked.order_by(Audit.at.desc(), Audit.id.desc()).offset(page * PAGE).limit(PAGE)))
