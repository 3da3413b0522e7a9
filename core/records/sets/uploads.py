"""What people bring: files that wait in a folder of their own until they are checked, added, or thrown away."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from core.checks.mending import MENDING
from core.deid.tray import Tray
from core.errors import CoreError
from core.records import jobs
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.payloads import Add, Check, Fetch
from core.records.place import Place
from core.records.progress import Progress
from core.records.tables import UNDER_WAY, Job, Person, Upload
from core.records.wake import send

CHECK, TRAY = ".check", "tray"


class UploadError(CoreError):
    """Files that can't be taken, or an upload that is not in a state to do this."""


@dataclass(frozen=True)
class UploadView:
    """An upload and how far what is done with it is. `error` says what is wrong with it, in words for a person."""

    id: int
    project_id: int
    name: str
    size: int
    state: str
    options: dict[str, Any]
    report: dict[str, Any] | None
    job_id: int | None
    job_state: str | None
    progress: Progress
    error: str | None
    person: str
    created: datetime


def new_upload(
    db: Database, place: Place, who: Who, project_id: int, files: Sequence[Path] | Path, name: str
) -> Upload:
    """Takes files over by moving them; their bytes never pass through memory. Several make a folder."""
    allow(who, project_id, "work")
    given = [files] if isinstance(files, Path) else list(files)
    if not given or not name.strip():
        raise UploadError("An upload needs a name and at least one file. Choose a zip, an npz, or a table with images.")
    missing = [path for path in given if not path.exists()]
    if missing:
        raise UploadError(f'"{missing[0].name}" has not arrived. Upload it again.')
    key = secrets.token_hex(8)
    with db.session() as session:
        upload = Upload(project_id=project_id, person_id=who.id, name=name.strip()[:255], key=key)
        session.add(upload)
        session.flush()
        note(session, who, "upload", project_id, in_the_log(upload), files=len(given))
    folder = place.uploads / key
    folder.mkdir(parents=True)
    for path in given:
        shutil.move(path, _free(folder / (path.name if path.name != CHECK else "check")))
    with db.session() as session:
        upload = session.get_one(Upload, upload.id)
        upload.size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return upload


def check_folder(place: Place, upload: Upload) -> Path:
    """What its check keeps beside its files, and what goes with them: looks, the list of what can't be used."""
    return place.uploads / upload.key / CHECK


def tray_folder(place: Place, upload: Upload) -> Path:
    """Where pictures of it wait for a person (`core/deid/tray.py`)."""
    return check_folder(place, upload) / TRAY


def upload_path(place: Place, upload: Upload) -> Path:
    """What a format is asked to read: the file where there is one, else the folder."""
    folder = place.uploads / upload.key
    inside = [path for path in folder.iterdir() if path.name != CHECK] if folder.is_dir() else []
    return inside[0] if len(inside) == 1 else folder


def upload(db: Database, who: Who, upload_id: int) -> Upload:
    with db.reading() as session:
        return _allowed(session, who, upload_id, "look")


def request_check(db: Database, place: Place, who: Who, upload_id: int, options: dict[str, Any]) -> int:
    """Has the upload checked, read as `options` say (task, columns); returns the job."""
    return _request(db, place, who, upload_id, lambda number: Check(upload=number, options=options))


def decide(db: Database, who: Who, upload_id: int, mending: dict[str, Any]) -> None:
    """Keeps what somebody decided about an upload (a `Mending`), for the next check and for adding it."""
    with db.session() as session:
        row = _allowed(session, who, upload_id, "work")
        if row.state != "checked":
            raise UploadError(f"“{row.name}” is not checked, or is kept already. Reload the page.")
        row.options = {**row.options, MENDING: mending}


def request_add(
    db: Database, place: Place, who: Who, upload_id: int, set_name: str, task: dict[str, Any], options: dict[str, Any]
) -> int:
    """Has the upload added to a set, which is made where there is none of that name; returns the job."""
    if not set_name.strip():
        raise UploadError("The image set needs a name. Give one, like “blood cells”.")
    name = set_name.strip()[:255]
    stop_where_pictures_wait(place, upload(db, who, upload_id))
    return _request(
        db, place, who, upload_id, lambda number: Add(upload=number, options=options, set_name=name, task=task)
    )


def request_fetch(db: Database, place: Place, who: Who, project_id: int, name: str, size: int) -> int:
    """Has a MedMNIST set fetched and brought in like any other upload; returns the job."""
    with db.session() as session:
        job = jobs.enqueue(session, who, project_id, Fetch(name=name, size=size))
    send(place, job.queue, job.id)
    return job.id


def set_upload(db: Database, upload_id: int, state: str, report: dict[str, Any] | None = None) -> None:
    """What a worker found: checked with a report, added, or refused."""
    with db.session() as session:
        upload = session.get_one(Upload, upload_id)
        upload.state = state
        if report is not None:
            upload.report = report


def discard_upload(db: Database, place: Place, who: Who, upload_id: int) -> None:
    """Removes the files at once; what was added to a set from them stays."""
    with db.session() as session:
        upload = _allowed(session, who, upload_id, "work")
        job_id, key = upload.job_id, upload.key
        note(session, who, "discard upload", upload.project_id, in_the_log(upload))
        session.delete(upload)
        session.flush()
        forget_jobs(session)
    if job_id is not None:
        with suppress(jobs.JobError, NotAllowed):  # it has ended, or ends by itself: its files are gone
            jobs.wish(db, who, job_id, "cancel")
    shutil.rmtree(place.uploads / key, ignore_errors=True)


def forget_jobs(session: Session) -> None:
    """What was asked, found and printed of uploads that are gone, but for what made a version."""
    of_none = Job.payload["upload"].as_integer().not_in(select(Upload.id))
    is_without_version = or_(Job.kind == Check.kind, Job.result["version"].as_integer().is_(None))
    ended = (Job.kind.in_((Check.kind, Add.kind)), Job.state.not_in(UNDER_WAY))
    session.execute(delete(Job).where(*ended, of_none, is_without_version))


def uploads(db: Database, who: Who, project_id: int) -> list[UploadView]:
    """The newest first."""
    allow(who, project_id)
    with_jobs = (
        select(Upload, Job, Person.name)
        .outerjoin(Job, Job.id == Upload.job_id)
        .outerjoin(Person, Person.id == Upload.person_id)
        .where(Upload.project_id == project_id)
        .order_by(Upload.id.desc())
    )
    with db.reading() as session:
        return [_view(*row) for row in session.execute(with_jobs)]


def _request(db: Database, place: Place, who: Who, upload_id: int, ask: Callable[[int], Check]) -> int:
    """What is asked is made of an upload that is there: a number of none would not even fit a payload."""
    with db.session() as session:
        upload = _allowed(session, who, upload_id, "work", is_locked=True)
        payload = ask(upload.id)
        before = session.get(Job, upload.job_id) if upload.job_id else None
        # A check that has told its report may take a moment more to end.
        is_told = before is not None and before.kind == Check.kind and upload.state == "checked"
        if before is not None and before.state in UNDER_WAY and not is_told:
            raise UploadError(f"“{upload.name}” is being looked at already. Wait for that to end.")
        job = jobs.enqueue(session, who, upload.project_id, payload)
        upload.job_id, upload.options = job.id, payload.options
        upload.state = "adding" if isinstance(payload, Add) else "checking"
        more = payload.model_dump(mode="json", include={"set_name", "task"})
        note(session, who, f"{payload.kind} upload", upload.project_id, in_the_log(upload), **more)
    send(place, job.queue, job.id)
    return job.id


def in_the_log(upload: Upload) -> str:
    """By its number: what files are called may be whose they are, and the log never forgets."""
    return f"upload {upload.id}"


def stop_where_pictures_wait(place: Place, upload: Upload) -> None:
    """An UploadError where a person has to look at some of it first."""
    tray = Tray(tray_folder(place, upload))
    count = len(tray.waiting()) + len(tray.decisions)
    if count:
        pictures = "One picture waits" if count == 1 else f"{count:,} pictures wait"
        raise UploadError(f"{pictures} for a look. Release, mask or reject every one, and have the upload checked.")


def _allowed(session: Session, who: Who, upload_id: int, action: str, is_locked: bool = False) -> Upload:
    upload = session.get(Upload, upload_id, with_for_update=is_locked or None)
    if upload is None:
        raise NotAllowed(NOT_THERE)
    allow(who, upload.project_id, action)
    return upload


def _view(upload: Upload, job: Job | None, person: str | None) -> UploadView:
    return UploadView(
        upload.id,
        upload.project_id,
        upload.name,
        upload.size,
        upload.state,
        upload.options,
        upload.report,
        upload.job_id,
        job.state if job else None,
        job.how_far if job else Progress(),
        job.error if job else None,
        person or "",
        upload.created,
    )


def _free(path: Path) -> Path:
    """The path, or one with a number where there is a file of that name already."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
    return free
