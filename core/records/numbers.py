"""Numbers that nothing ever had. SQLite would give a new row that of the last one that was erased: what waits in a
browser for an erased review, or an old address, would reach another one."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.records.tables import Audit, ImageSet, Review, Run, Version

Numbered = type[Run] | type[Review] | type[ImageSet] | type[Version]

MADE: dict[Numbered, tuple[str, tuple[str, ...]]] = {
    Run: ("run", ("queue run", "plug", "erase run")),
    Review: ("review", ("queue review", "erase review")),
    ImageSet: ("set", ("new version", "edit task", "erase set", "erase version")),
    Version: ("version", ("new version", "edit task", "erase version")),
}
"""Under which name the audit log, from which nothing goes, has their numbers, and where."""


def new_number(session: Session, table: Numbered) -> int | None:
    """For a new row; None where the database itself gives no number twice."""
    if session.get_bind().dialect.name != "sqlite":
        return None
    name, actions = MADE[table]
    written = select(func.max(Audit.details[name].as_integer())).where(Audit.action.in_(actions))
    return max(session.scalar(select(func.max(table.id))) or 0, session.scalar(written) or 0) + 1
