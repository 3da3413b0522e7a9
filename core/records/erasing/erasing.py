"""Erasing for good: a run with its files and with all that was asked of it, by whoever began it and by admins of its
project, and a person's account, by admins.

What depends on it is named first. A receipt stays in the audit log, which nobody can change: names that stand there
stay.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.errors import DataError, RunError
from core.pictures.store import open_store
from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit, permit_owner
from core.records.accounts.people import (
    account,
    administering,
    as_they_are_now,
    erased_name,
    keep_project_admins,
    keep_somebody,
)
from core.records.audit import note, record
from core.records.database import Database
from core.records.erasing.leftovers import ERASED, REST, own_files, write_rest, zip_keys
from core.records.erasing.remains import picture_keys, pictures_in_use
from core.records.payloads import Ask, Export, Find, Plug, Probe
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.seeds import alike
from core.records.tables import (
    UNDER_WAY,
    Artifact,
    Attempt,
    BoxCorrection,
    Correction,
    Invitation,
    Job,
    LabelAudit,
    Membership,
    Project,
    Review,
    Run,
    SignIn,
    Verdict,
    Version,
)

OF_A_RUN = (Ask.kind, Find.kind, Probe.kind, Export.kind)
WORDS = {Ask.kind: "question", Find.kind: "search", Probe.kind: "probing", Export.kind: "zip to take away"}
log = logging.getLogger("vitask.erasing")


@dataclass(frozen=True)
class Erasure:
    """What erasing something does, in words: what goes with it, and what stays."""

    name: str
    goes: tuple[str, ...]
    stays: tuple[str, ...]


@dataclass(frozen=True)
class _Files:
    """What lies on the disk and in the store of something that is erased."""

    key: str
    exports: tuple[int, ...]
    kept: tuple[str, ...]
    pictures: tuple[str, ...]

    @property
    def stored(self) -> tuple[str, ...]:
        return (*self.kept, *zip_keys(self.exports), *picture_keys(self.pictures))


def erasable_runs(db: Database, who: Who) -> list[tuple[str, int]]:
    """All of the admin's projects, the newest first, as they are chosen from."""
    permit(who, "manage")
    every = select(Run.id, Run.name, Project.name.label("project")).join(Project, Project.id == Run.project_id)
    with db.reading() as session:
        rows = session.execute(every.where(Run.project_id.in_(who.projects)).order_by(Run.id.desc()))
        return [(f"{row.id} · {row.name} ({row.project})", row.id) for row in rows]


def run_erasure(db: Database, who: Who, run_id: int) -> Erasure:
    view = runs.run(db, who, run_id)
    others = [run for run in alike(db, who, view) if run.id != run_id]
    with db.reading() as session:
        run = _allowed_run(session, who, run_id)
        dependents = _jobs_of(session, run)
        counts = [(WORDS[kind], sum(job.kind == kind for job in dependents)) for kind in OF_A_RUN]
        copies = session.scalar(select(func.count()).where(Run.copy_of == run_id)) or 0
        reviews = session.scalar(select(func.count()).where(Review.run_id == run_id)) or 0
        plugged = len(_plugged(session, run))
        pictures = len(_own_pictures(session, dependents))
    goes = [
        "its folder with readings, figures, adapters and checkpoints, its curves, its log and its settings",
        *(["its note and its tags"] if view.note or view.tags else []),
        *(["its index, in which Find looks for cases"] if view.is_searchable and view.state == "done" else []),
        *counted(counts),
        *counted([("picture that was brought to be asked about", pictures)]),
        "addresses that lead to it, or to its cases on Compare: nothing is there any more",
    ]
    stays = [
        *counted([("copy", copies)], "copies", "without the way back to it"),
        *counted([("search through labels", reviews)], "searches through labels", "with what was found and decided"),
        *counted([("run", plugged)], "runs", "that took its VLM and its adapters: none of them can be resumed"),
        *counted([("run", len(others))], "runs", "of other seeds: together they are told without it"),
        "the image set that it was tuned on",
        "its name in the audit log",
    ]
    return Erasure(run.name, tuple(goes), tuple(stays))


def erase_run(db: Database, place: Place, who: Who, run_id: int) -> None:
    """Rows first, all or none; then the files. What can't be removed is told."""
    with _aside(place) as set_aside, db.session() as session:
        acting = as_they_are_now(session, who)
        run = _allowed_run(session, acting, run_id)
        dependents = _jobs_of(session, run)
        _refuse_under_way(session, run, dependents)
        files = _files_of(session, run, dependents)
        session.execute(delete(Run).where(Run.id == run.id))
        session.execute(delete(Job).where(Job.id.in_([run.job_id, *(job.id for job in dependents)])))
        note(
            session,
            acting,
            "erase run",
            run.project_id,
            run.name,
            run=run.id,
            jobs=len(dependents),
            files=len(files.stored),
        )
        set_aside(files)
    _remove(db, place, who, run, files)


def person_erasure(db: Database, who: Who, name: str) -> Erasure:
    permit(who, "manage")
    with db.reading() as session:
        person = account(session, name)
        kinds = (
            (Run, "run"),
            (Version, "version of a set"),
            (Verdict, "verdict"),
            (BoxCorrection, "correction of boxes"),
            (LabelAudit, "audit of labels"),
        )
        counts = [
            (word, session.scalar(select(func.count()).where(kind.person_id == person.id)) or 0) for kind, word in kinds
        ]
    goes = (
        "the name, the password, the role and the memberships",
        "all sessions and links, and failed tries to sign in",
    )
    stays = (
        *counted(counts, None, f"under “{erased_name(person.id)}”"),
        "the name in the audit log, in tables that were taken away and in the notes that others wrote",
    )
    return Erasure(person.name, goes, stays)


def erase_person(db: Database, who: Who, name: str) -> str:
    """Returns what the person's work is signed with from now on."""
    with db.session() as session:
        acting = administering(session, who)
        person = account(session, name)
        session.refresh(person, with_for_update=True)  # before the link, as whoever accepts it
        keep_somebody(session, person)
        keep_project_admins(session, acting, person)
        for mine in (SignIn, Invitation, Membership):
            session.execute(delete(mine).where(mine.person_id == person.id))
        session.execute(delete(Attempt).where(Attempt.name == person.name))
        session.execute(update(Correction).where(Correction.who == person.name).values(who=erased_name(person.id)))
        note(session, acting, "erase person", subject=person.name, person=person.id)
        person.name, person.password_hash, person.is_active = erased_name(person.id), None, False
        person.role, person.seen = "reader", None
        return person.name


def _allowed_run(session: Session, who: Who, run_id: int) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise NotAllowed(NOT_THERE)
    allow(who, run.project_id, "work")
    permit_owner(who, run.person_id, "erase")
    return run


def _jobs_of(session: Session, run: Run) -> Sequence[Job]:
    """What was asked of a run, or made of it to be taken away."""
    of_run = (Job.project_id == run.project_id, Job.kind.in_(OF_A_RUN), Job.payload["run"].as_integer() == run.id)
    return session.scalars(select(Job).where(*of_run)).all()


def _plugged(session: Session, run: Run) -> list[str]:
    """States of the runs that were made of this one with another TSM."""
    of_run = (Job.project_id == run.project_id, Job.kind == Plug.kind, Job.payload["of"].as_integer() == run.id)
    return list(session.scalars(select(Job.state).where(*of_run)))


def _refuse_under_way(session: Session, run: Run, dependents: Sequence[Job]) -> None:
    job = session.get_one(Job, run.job_id, with_for_update=True, populate_existing=True)
    searches = select(Job.state).join(Review, Review.job_id == Job.id).where(Review.run_id == run.id)
    states = [job.state, *(each.state for each in dependents), *_plugged(session, run), *session.scalars(searches)]
    if any(state in UNDER_WAY for state in states):
        raise RunError(
            f"“{run.name}”, or something that is made of it, waits or is carried out. Stop that or wait for its end, "
            "then erase it."
        )


def _own_pictures(session: Session, dependents: Iterable[Job]) -> list[str]:
    """Pictures that were brought for these questions, and that nothing else names."""
    brought = {
        job.payload["image"] for job in dependents if job.kind in (Ask.kind, Find.kind) and job.payload.get("image")
    }
    return sorted(brought - pictures_in_use(session, brought, [job.id for job in dependents]))


def _files_of(session: Session, run: Run, dependents: Sequence[Job]) -> _Files:
    exports = tuple(job.id for job in dependents if job.kind == Export.kind)
    shared = [
        f"runs/{run.key}/{path}" for path in session.scalars(select(Artifact.path).where(Artifact.run_id == run.id))
    ]
    return _Files(run.key, exports, tuple(shared), tuple(_own_pictures(session, dependents)))


@contextmanager
def _aside(place: Place) -> Iterator[Callable[[_Files], None]]:
    """Gives a run's folder the name by which the sweep knows it; its own again where the rows are kept after all."""
    renamed: list[tuple[Path, Path]] = []

    def set_aside(files: _Files) -> None:
        folder, gone = place.runs / files.key, place.runs / f"{ERASED}{files.key}"
        folder.mkdir(parents=True, exist_ok=True)  # where another machine has it, for what is noted in it
        folder.rename(gone)
        renamed.append((folder, gone))
        write_rest(gone, files.exports, files.kept, files.pictures)

    try:
        yield set_aside
    except BaseException:
        for folder, gone in renamed:
            (gone / REST).unlink(missing_ok=True)
            gone.rename(folder)
        raise


def _remove(db: Database, place: Place, who: Who, run: Run, files: _Files) -> None:
    """From the disk and from the store."""
    store = open_store(place.store)
    left = []
    for path in own_files(place, files.key, files.exports):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            log.exception("A file of run %d could not be removed", run.id)
            left.append(path.name)
    for key in files.stored:
        try:
            store.remove(key)
        except DataError:
            log.exception("A file of run %d could not be removed", run.id)
            left.append(key)
    folder = place.runs / f"{ERASED}{files.key}"
    try:
        if not left:  # else the note in it says what the sweep is to remove
            shutil.rmtree(folder)
    except OSError:
        log.exception("The folder of run %d could not be removed", run.id)
        left.append(folder.name)
    if left:
        record(db, who, "erase left files", run.project_id, run.name)
        raise RunError(
            f"“{run.name}” is erased, but {len(left)} of its files could not be removed: {', '.join(left[:5])}. The "
            "log says why. The studio tries again every hour."
        )


def counted(counts: Iterable[tuple[str, int]], several: str | None = None, more: str = "") -> list[str]:
    """“3 questions”; nothing of what there is none of."""
    return [
        " ".join(filter(None, (f"{number:,}", word if number == 1 else several or _several(word), more)))
        for word, number in counts
        if number
    ]


def _several(word: str) -> str:
    """Of a noun with what belongs to it: “zips to take away”, “searches”."""
    noun, _, rest = word.partition(" ")
    plural = f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
    return f"{plural} {rest}".rstrip()
