"""What people do with runs that are there: another name, a note, tags, away into the archive and back.

Whoever may start runs in a project writes notes and tags on all of its runs. Whoever began a run, and admins, name it
and put it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from core.errors import RunError, SettingsError
from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit_owner
from core.records.audit import note
from core.records.database import Database
from core.records.runs.runs import RunView
from core.records.tables import UNDER_WAY, Job, Run, RunTag, now

LONGEST_NAME, LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 255, 10_000, 30, 12


@dataclass(frozen=True)
class Rights:
    """What a person may do with a run that they see."""

    write: bool
    """Its note and its tags."""
    settle: bool
    """Its name, whether it is archived, and whether it is there at all."""


def rights(who: Who, run: RunView) -> Rights:
    write = run.project_id in who.projects and who.may("work")
    return Rights(write, write and (run.person_id == who.id or who.may("manage")))


def rename(db: Database, who: Who, run_id: int, name: str) -> None:
    """Where it was named before, in the audit log and in zips, the old name stays."""
    name = written_name(name)
    with db.session() as session:
        run = _settled(session, who, run_id, "rename")
        if run.name != name:
            note(session, who, "rename run", run.project_id, name, run=run.id, before=run.name)
            run.name = name


def archive(db: Database, who: Who, run_id: int) -> None:
    """Out of the lists; nothing is lost, and it opens by its number as before."""
    with db.session() as session:
        run = _settled(session, who, run_id, "archive")
        job = session.get_one(Job, run.job_id, with_for_update=True)
        if job.state in UNDER_WAY:
            raise RunError(f"“{run.name}” waits or runs. Stop it or wait for its end, then archive it.")
        if run.archived is None:
            run.archived = now()
            note(session, who, "archive run", run.project_id, run.name, run=run.id)


def bring_back(db: Database, who: Who, run_id: int) -> None:
    """From the archive into the lists."""
    with db.session() as session:
        run = _settled(session, who, run_id, "bring back")
        if run.archived is not None:
            run.archived = None
            note(session, who, "bring back run", run.project_id, run.name, run=run.id)


def write_note(db: Database, who: Who, run_id: int, text: str) -> None:
    """Markdown; empty takes the note away. The log keeps that it was written and not what: it may name patients."""
    text = written_note(text)
    with db.session() as session:
        run = _written_on(session, who, run_id)
        if run.note != text:
            run.note = text
            note(session, who, "write note on run", run.project_id, run.name, run=run.id, characters=len(text))


def set_tags(db: Database, who: Who, run_id: int, tags: Sequence[str]) -> tuple[str, ...]:
    """These and no others; returns them as they are kept."""
    kept = written_tags(tags)
    with db.session() as session:
        run = _written_on(session, who, run_id)
        session.execute(delete(RunTag).where(RunTag.run_id == run.id))
        session.add_all([RunTag(run_id=run.id, tag=tag) for tag in kept])
        note(session, who, "tag run", run.project_id, run.name, run=run.id, tags=list(kept))
    return kept


def written_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise SettingsError(f"The name of a run has 1 to {LONGEST_NAME} characters. Give another one.")
    if not name.isprintable():
        raise SettingsError("This name holds characters that nobody sees. Type it anew, without them.")
    return name


def written_note(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise SettingsError(f"A note has up to {LONGEST_NOTE:,} characters, and this one {len(text):,}. Shorten it.")
    if "\0" in text:
        raise SettingsError("This note holds characters that can't be kept. Type it anew, without them.")
    return text


def written_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """In small letters, each of them once, in their order."""
    kept = dict.fromkeys(" ".join(tag.split()).casefold() for tag in tags)
    for tag in kept:
        if not 1 <= len(tag) <= LONGEST_TAG or "," in tag or not tag.isprintable():
            raise SettingsError(f'"{tag[:100]}" is no tag: those have 1 to {LONGEST_TAG} characters and no comma.')
    if len(kept) > MOST_TAGS:
        raise SettingsError(f"A run has up to {MOST_TAGS} tags, and these are {len(kept)}. Leave some out.")
    return tuple(sorted(kept))


def _settled(session: Session, who: Who, run_id: int, verb: str) -> Run:
    """A run that is changed by its owner or an admin."""
    run = _written_on(session, who, run_id)
    permit_owner(who, run.person_id, verb)
    return run


def _written_on(session: Session, who: Who, run_id: int) -> Run:
    run = session.get(Run, run_id, with_for_update=True)
    if run is None:
        raise NotAllowed(NOT_THERE)
    allow(who, run.project_id, "work")
    return run
