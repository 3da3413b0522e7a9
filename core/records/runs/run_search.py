"""Which runs of a project are looked for: by a text, a tag, a set; and how many there are of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from core.catalog import METHODS, find
from core.records.access import Who, allow
from core.records.database import Database
from core.records.tables import ImageSet, Job, Run, RunTag, Version

LONGEST_NUMBER = 9


@dataclass(frozen=True)
class Sought:
    """All of a project's runs, but for what is said here."""

    text: str = ""
    """In its name, in that of its set, of its method or of a tag; or its number."""
    tag: str = ""
    states: tuple[str, ...] = ()
    version_id: int | None = None
    of_sample: bool = False
    with_archived: bool = False


def conditions(project_id: int, sought: Sought) -> list[ColumnElement[bool]]:
    """Of a query that joins runs, their jobs, versions and sets."""
    wanted: list[ColumnElement[bool]] = [Run.project_id == project_id]
    if not sought.with_archived:
        wanted.append(Run.archived.is_(None))
    if sought.text.strip():
        wanted.append(_holds(sought.text.strip()))
    if sought.tag:
        wanted.append(Run.id.in_(select(RunTag.run_id).where(RunTag.tag == sought.tag)))
    if sought.states:
        wanted.append(Job.state.in_(sought.states))
    if sought.version_id is not None:
        wanted.append(Run.version_id == sought.version_id)
    if sought.of_sample:
        wanted.append(Run.is_sample.is_(True))
    return wanted


def count(db: Database, who: Who, project_id: int, sought: Sought) -> int:
    allow(who, project_id)
    joined = (
        select(func.count())
        .select_from(Run)
        .join(Version, Version.id == Run.version_id)
        .join(ImageSet, ImageSet.id == Version.set_id)
        .join(Job, Job.id == Run.job_id)
    )
    with db.reading() as session:
        return session.scalar(joined.where(*conditions(project_id, sought))) or 0


def tags(db: Database, who: Who, project_id: int) -> list[str]:
    """Those that stand on runs of the project, archived ones too."""
    allow(who, project_id)
    of_project = select(RunTag.tag).join(Run, Run.id == RunTag.run_id).where(Run.project_id == project_id)
    with db.reading() as session:
        return list(session.scalars(of_project.distinct().order_by(RunTag.tag)))


def _holds(text: str) -> ColumnElement[bool]:
    methods = [name for name in METHODS if text.casefold() in find(METHODS, name, "method").TITLE.casefold()]
    method = Run.settings["method"]["name"].as_string()
    tagged = select(RunTag.run_id).where(RunTag.tag.icontains(text, autoescape=True))
    places = [
        Run.name.icontains(text, autoescape=True),
        ImageSet.name.icontains(text, autoescape=True),
        method.icontains(text, autoescape=True),
        method.in_(methods),
        Run.id.in_(tagged),
    ]
    if text.isdecimal() and len(text) <= LONGEST_NUMBER:
        places.append(Run.id == int(text))
    return or_(*places)
