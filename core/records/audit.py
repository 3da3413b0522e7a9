"""Who did what and when: written in the same transaction as what was done, and never changed.

Each row's hash covers its content and the hash of the row before it, so that nobody changes or removes one without
breaking the chain. What ends the chain is kept beside the database as well: a tail that was cut off is missed there.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, insert, or_, select, text
from sqlalchemy.orm import Session

from core.errors import CoreError
from core.records.access import Who, allow, permit
from core.records.database import Database
from core.records.place import Place
from core.records.tables import Audit, now

PAGE = 100
BEGINNING = ""
"""What the first row has in place of the hash of the one before it."""
CHAIN_LOCK = 7_214_002
"""Any number of our own: on PostgreSQL one transaction at a time adds to the chain."""
MOST_FAULTS = 20
NOTES = "notes of the audit"


class AuditError(CoreError):
    """A log that is not as it was written."""


def note(
    session: Session, who: Who, action: str, project_id: int | None = None, subject: str = "", **details: Any
) -> None:
    """Written when the session commits: last of all, so that nobody who holds the chain waits for anybody else."""
    write(session, who.id, who.name, action, project_id, subject, details)


def record(db: Database, who: Who, action: str, project_id: int | None, subject: str) -> None:
    """`note` for what changes nothing else in the records."""
    with db.session() as session:
        note(session, who, action, project_id, subject)


def write(
    session: Session,
    person_id: int | None,
    name: str,
    action: str,
    project_id: int | None = None,
    subject: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """`note` for what nobody did who is signed in."""
    if NOTES not in session.info:
        session.info[NOTES] = []
        event.listen(session, "before_commit", _chain)
    row = {
        "at": now(),
        "person_id": person_id,
        "who": name,
        "action": action,
        "project_id": project_id,
        "subject": subject[:1024],
        "details": json.loads(json.dumps(details or {})),
    }
    session.info[NOTES].append(row)


def hash_of(previous: str, row: dict[str, Any]) -> str:
    """Of a row's content and the one before it. Migrations hold a copy: changing this breaks every chain there is."""
    values = [row[name] for name in ("person_id", "who", "action", "project_id", "subject", "details")]
    content = json.dumps([previous, row["at"].isoformat(), *values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def entries(db: Database, who: Who, project_id: int | None = None, text: str = "", page: int = 0) -> list[Audit]:
    """The newest first. Without a project, what an admin sees: their projects, and what belongs to none."""
    if project_id is None:
        permit(who, "manage")
        wanted = select(Audit).where(or_(Audit.project_id.in_(who.projects), Audit.project_id.is_(None)))
    else:
        allow(who, project_id)
        wanted = select(Audit).where(Audit.project_id == project_id)
    if text:
        columns = (Audit.who, Audit.action, Audit.subject)
        wanted = wanted.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    with db.reading() as session:
        return list(session.scalars(wanted.order_by(Audit.at.desc(), Audit.id.desc()).offset(page * PAGE).limit(PAGE)))


def everything(db: Database, since: datetime | None, who: str | None, action: str | None, most: int) -> list[Audit]:
    """For whoever may read the records themselves: the newest rows of all projects, oldest first."""
    wanted = select(Audit).order_by(Audit.id.desc()).limit(most)
    if since is not None:
        wanted = wanted.where(Audit.at >= since)
    if who is not None:
        wanted = wanted.where(Audit.who == who)
    if action is not None:
        wanted = wanted.where(Audit.action.icontains(action, autoescape=True))
    with db.reading() as session:
        return list(session.scalars(wanted))[::-1]


@dataclass
class Verified:
    """How many rows there are, what is wrong with them in words, and whether their end was known from elsewhere."""

    rows: int = 0
    faults: list[str] = field(default_factory=list)
    has_end: bool = True


def verify(db: Database, place: Place) -> Verified:
    """Walks the whole chain, from its beginning to the end that is kept beside the database."""
    verified, previous, before = Verified(), BEGINNING, 0
    end = _kept_end(place)
    is_reached = end is None or end["rows"] == 0
    with db.reading() as session:
        for row in session.scalars(select(Audit).order_by(Audit.id).execution_options(yield_per=1000)):
            verified.rows += 1
            if row.previous != previous:
                gap = f"after row {before}" if before else "at the beginning"
                verified.faults.append(f"Rows are missing {gap}, or stand in another order: row {row.id} follows none.")
            if hash_of(row.previous, vars(row)) != row.hash:
                verified.faults.append(f"Row {row.id} ({row.at:%Y-%m-%d %H:%M}, {row.who}: {row.action}) was changed.")
            is_reached = is_reached or (end is not None and end["hash"] == row.hash)
            previous, before = row.hash, row.id
    verified.has_end = end is not None
    if not is_reached and end is not None:
        verified.faults.append(f"The end is cut off: there were {end['rows']} rows at least, and the last is gone.")
    if not verified.faults:
        keep_end(db, place)
    return verified


def keep_end(db: Database, place: Place) -> None:
    """Writes down beside the database where the chain ends now.

    Where the end that was written down last is not in the chain any more, it stays written: `verify` tells of it.
    """
    end = _kept_end(place)
    with db.reading() as session:
        last = session.execute(select(Audit.id, Audit.hash).order_by(Audit.id.desc()).limit(1)).first()
        if last is None or (end is not None and not _follows(session, end, last.id)):
            return
        rows = session.scalar(select(func.count()).select_from(Audit).where(Audit.id <= last.id))
    with tempfile.NamedTemporaryFile("w", dir=place.data, prefix=".audit-", delete=False) as draft:
        json.dump({"last": last.id, "rows": rows, "hash": last.hash}, draft)
    os.replace(draft.name, _end_file(place))


def _follows(session: Session, end: dict[str, Any], last: int) -> bool:
    """Whether the chain goes on from the kept end."""
    kept: str | None = session.scalar(select(Audit.hash).where(Audit.id == end["last"]))
    return last > int(end["last"]) and kept == str(end["hash"])


def _kept_end(place: Place) -> dict[str, Any] | None:
    file = _end_file(place)
    if not file.is_file():
        return None
    try:
        end = json.loads(file.read_text(encoding="utf-8"))
        return {"last": int(end["last"]), "rows": int(end["rows"]), "hash": str(end["hash"])}
    except (ValueError, KeyError, TypeError):
        raise AuditError(f"{file} is not what this studio wrote. Look at a backup of it, or remove it.") from None


def _end_file(place: Place) -> Path:
    return place.data / "audit.end"


def _chain(session: Session) -> None:
    """Adds what was noted to the chain, after all else that the transaction writes."""
    rows = session.info[NOTES]
    if not rows:
        return
    session.flush()
    if session.get_bind().dialect.name != "sqlite":  # there, whoever writes is the only one anyway
        session.execute(text("select pg_advisory_xact_lock(:number)"), {"number": CHAIN_LOCK})
    previous = session.scalar(select(Audit.hash).order_by(Audit.id.desc()).limit(1)) or BEGINNING
    for row in rows:
        row |= {"previous": previous, "hash": hash_of(previous, row)}
        previous = row["hash"]
        session.execute(insert(Audit).values(row))
    rows.clear()
