"""The audit log as admins look through it: by person, act, time and project, a page at a time or whole as a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, or_, select

from core.errors import SettingsError
from core.layouts.safe_csv import as_csv
from core.records.access import NOT_THERE, NotAllowed, Who, permit
from core.records.audit import note
from core.records.database import Database
from core.records.tables import Audit, Project

PAGE = 100
MOST_EXPORTED = 200_000
COLUMNS = ("number", "at (UTC)", "who", "act", "project", "of what", "details", "hash")


@dataclass(frozen=True)
class Sought:
    """Which entries. A person and an act are as they stand in the log; `until` is left out."""

    person: str = ""
    act: str = ""
    project_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Entry:
    number: int
    at: datetime
    who: str
    act: str
    project: str
    subject: str
    details: str
    hash: str


@dataclass(frozen=True)
class Choices:
    """What there is in the log to choose by."""

    people: list[str]
    acts: list[str]


def moment(given: str | None) -> datetime | None:
    """A date, a time, or how long ago: 2026-11-24, 2026-11-24T09:00, 36h, 7d. In UTC where no zone is named."""
    given = (given or "").strip()
    if not given:
        return None
    try:
        if given[-1:] in ("h", "d") and given[:-1].isdecimal():
            return datetime.now(UTC) - timedelta(**{{"h": "hours", "d": "days"}[given[-1]]: int(given[:-1])})
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise SettingsError(
            f'A date or time like 2026-11-24T09:00, or 36h or 7d, was expected, not "{given[:100]}".'
        ) from None


def search(db: Database, who: Who, sought: Sought, page: int = 0) -> tuple[list[Entry], bool]:
    """The newest first, and whether there are older ones."""
    rows = _read(db, who, _wanted(who, sought).offset(page * PAGE).limit(PAGE + 1))
    return rows[:PAGE], len(rows) > PAGE


def choices(db: Database, who: Who) -> Choices:
    permit(who, "manage")
    with db.reading() as session:
        people, acts = (
            sorted(session.scalars(select(column).where(_is_seen(who)).distinct()))
            for column in (Audit.who, Audit.action)
        )
    return Choices(people, acts)


def as_table(db: Database, who: Who, sought: Sought) -> str:
    """What was sought, oldest first, as CSV whose cells are no formulas. That it was taken away is an entry too."""
    rows = _read(db, who, _wanted(who, sought).limit(MOST_EXPORTED))[::-1]
    with db.session() as session:
        note(session, who, "download audit log", sought.project_id, rows=len(rows))
    cells = (
        [row.number, row.at.isoformat(), row.who, row.act, row.project, row.subject, row.details, row.hash]
        for row in rows
    )
    return as_csv(COLUMNS, cells)


def _wanted(who: Who, sought: Sought) -> Select[Audit]:
    permit(who, "manage")
    if sought.project_id is not None and sought.project_id not in who.projects:
        raise NotAllowed(NOT_THERE)
    wanted = select(Audit).where(_is_seen(who)).order_by(Audit.id.desc())
    if sought.person:
        wanted = wanted.where(Audit.who == sought.person)
    if sought.act:
        wanted = wanted.where(Audit.action == sought.act)
    if sought.project_id is not None:
        wanted = wanted.where(Audit.project_id == sought.project_id)
    if sought.since is not None:
        wanted = wanted.where(Audit.at >= sought.since)
    return wanted if sought.until is None else wanted.where(Audit.at < sought.until)


def _is_seen(who: Who) -> ColumnElement[bool]:
    """What an admin sees: their projects, and what belongs to none."""
    return or_(Audit.project_id.in_(who.projects), Audit.project_id.is_(None))


def _read(db: Database, who: Who, wanted: Select[Audit]) -> list[Entry]:
    with db.reading() as session:
        own = select(Project.id, Project.name).where(Project.id.in_(who.projects))
        names = {row.id: row.name for row in session.execute(own)}
        return [
            Entry(
                row.id,
                row.at,
                row.who,
                row.action,
                names.get(row.project_id or 0, ""),
                row.subject,
                json.dumps(row.details, ensure_ascii=False) if row.details else "",
                row.hash,
            )
            for row in session.scalars(wanted)
        ]
