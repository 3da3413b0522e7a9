"""Image sets as people look at them: sets, versions, pages of cases, pictures. Uploads and writing are next door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from core.case import NO_FINDING, SPLITS, Box, Task
from core.errors import DataError, MissingError
from core.machine.aside import ASIDE
from core.pictures import shown
from core.pictures.levels import packed
from core.pictures.store import key_of, open_store
from core.records import tables
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.database import Database
from core.records.labels import has_label
from core.records.place import Place
from core.records.sets import versions as writing
from core.records.sets.uploads import UploadError as UploadError
from core.records.sets.uploads import UploadView as UploadView
from core.records.sets.uploads import decide as decide
from core.records.sets.uploads import discard_upload as discard_upload
from core.records.sets.uploads import new_upload as new_upload
from core.records.sets.uploads import request_add as request_add
from core.records.sets.uploads import request_check as request_check
from core.records.sets.uploads import request_fetch as request_fetch
from core.records.sets.uploads import set_upload as set_upload
from core.records.sets.uploads import stop_where_pictures_wait as stop_where_pictures_wait
from core.records.sets.uploads import upload as upload
from core.records.sets.uploads import upload_path as upload_path
from core.records.sets.uploads import uploads as uploads
from core.records.sets.versions import UNDIVIDED as UNDIVIDED
from core.records.sets.versions import SetError as SetError
from core.records.sets.versions import version_folder as version_folder
from core.records.sets.versions import write_version as write_version
from core.records.tables import ImageSet as SetRow
from core.records.tables import Upload as Upload
from core.records.tables import Version as Version

NAME = "This picture"
"""What a picture is called where something is wrong with it: it is known by its content alone."""


@dataclass(frozen=True)
class SetView:
    """A set, its newest version, and how many there are."""

    id: int
    project_id: int
    name: str
    note: str
    created: datetime
    is_archived: bool
    person_id: int | None
    """Who made its first version: its owner."""
    versions: int
    latest: Version


@dataclass(frozen=True)
class CaseRow:
    """A case as pages show it. `columns` are the manifest's own."""

    version_id: int
    number: int
    name: str
    digest: str
    labels: tuple[str, ...]
    split: str | None
    patient: str | None
    columns: dict[str, str]
    boxes: tuple[Box, ...]
    mask: str | None
    report: str | None


@dataclass(frozen=True)
class Page:
    rows: tuple[CaseRow, ...]
    total: int


def sets(db: Database, who: Who, project_id: int, with_archived: bool = False) -> list[SetView]:
    """Those with a version, by name."""
    allow(who, project_id)
    of_project = select(SetRow).where(SetRow.project_id == project_id, SetRow.erased.is_(None))
    if not with_archived:
        of_project = of_project.where(SetRow.archived.is_(None))
    with db.reading() as session:
        rows = session.scalars(of_project.options(joinedload(SetRow.versions)).order_by(SetRow.name)).unique().all()
    return [view for row in rows if (view := _view(row)) is not None]


def image_set(db: Database, who: Who, set_id: int) -> SetView:
    """One of them, archived or not."""
    with db.reading() as session:
        row = session.get(SetRow, set_id, options=[joinedload(SetRow.versions)])
    view = None if row is None or row.erased is not None else _view(row)
    if view is None:
        raise NotAllowed(NOT_THERE)
    allow(who, view.project_id)
    return view


def _view(row: SetRow) -> SetView | None:
    living = [version for version in row.versions if version.erased is None]
    if not living:
        return None
    return SetView(
        row.id,
        row.project_id,
        row.name,
        row.note,
        row.created,
        row.archived is not None,
        row.versions[0].person_id,
        len(living),
        living[-1],
    )


def versions(db: Database, who: Who, set_id: int) -> list[Version]:
    """The newest first."""
    with db.reading() as session:
        image_set = session.get(SetRow, set_id)
        if image_set is None or image_set.erased is not None:
            raise NotAllowed(NOT_THERE)
        allow(who, image_set.project_id)
        living = (Version.set_id == set_id, Version.erased.is_(None))
        of_set = select(Version).where(*living).options(joinedload(Version.image_set))
        return list(session.scalars(of_set.order_by(Version.number.desc())))


def version(db: Database, who: Who, version_id: int) -> Version:
    with db.reading() as session:
        return writing.allowed_version(session, who, version_id)


def task_of(version: Version) -> Task:
    return Task.parse(version.task, "task")


def histogram(version: Version) -> dict[str, dict[str, int]]:
    """{split: {label: cases}}, every label in the task's order also where there are none."""
    task = task_of(version)
    bare = any(NO_FINDING in labels for labels in version.counts.values())
    names = (*task.answers, NO_FINDING) if bare else task.answers
    return {split: {name: labels.get(name, 0) for name in names} for split, labels in version.counts.items()}


def new_version_with_task(
    db: Database, place: Place, who: Who, version_id: int, task: Task | dict[str, Any], note: str = ""
) -> Version:
    """The same cases under another question; no picture is touched."""
    new_task = task if isinstance(task, Task) else Task.parse(task, "task")
    return writing.edit_task(db, place, who, version_id, new_task, note)


def cases(
    db: Database,
    who: Who,
    version_id: int,
    split: str | None = None,
    label: str | None = None,
    patient: str | None = None,
    text: str = "",
    page: int = 0,
    size: int = 24,
) -> Page:
    """A page of the cases that fit: of a split, with a label, of a patient, with a text in name or patient."""
    with db.reading() as session:
        version = writing.allowed_version(session, who, version_id)
        fits = _fitting(version, split, label, patient)
        # The numbers come from an index alone, or from one look at all names; only a page's own rows are read.
        numbers = select(tables.Case.number).where(*fits).order_by(tables.Case.number)
        first = max(0, page) * size
        if text:
            named = session.scalars(numbers.where(_names(text, db.is_sqlite))).all()
            total, on_page = len(named), named[first : first + size]
        else:
            total = _total(session, version, split, label, fits, bool(patient))
            on_page = session.scalars(numbers.offset(first).limit(size)).all()
        mine = (tables.Case.version_id == version_id, tables.Case.number.in_(on_page))
        rows = session.scalars(select(tables.Case).where(*mine).order_by(tables.Case.number))
        return Page(tuple(_row(row) for row in rows), total)


def case(db: Database, who: Who, version_id: int, number: int) -> CaseRow:
    with db.reading() as session:
        writing.allowed_version(session, who, version_id)
        return _row(_case(session, version_id, number))


def image(db: Database, place: Place, who: Who, version_id: int, number: int, size: str = "full") -> tuple[bytes, str]:
    """A picture for a browser and its media type: as the models see it, or ("thumb") a small PNG of that."""
    with db.reading() as session:
        writing.allowed_version(session, who, version_id)
        digest = _case(session, version_id, number).digest
    return picture(place, digest, size)


def picture(place: Place, digest: str, size: str = "full") -> tuple[bytes, str]:
    """The same by content, or squeezed into a square of so many pixels. Asks nobody: whoever calls has checked."""
    store = open_store(place.store)
    if size.isdigit():
        return ASIDE.run(shown.squeezed, store.get(digest), NAME, int(size))[::-1]
    if size != "thumb":
        stored = store.get(digest)
        media = shown.as_it_is(stored)
        return (stored, media) if media else ASIDE.run(shown.whole, stored, NAME)[::-1]
    key = f"thumbs/{key_of(digest)}.png"
    try:
        return store.read(key), "image/png"
    except DataError:
        media, made = ASIDE.run(shown.thumbnail, store.get(digest), NAME)
        store.write(key, made)
        if not store.exists(key_of(digest)):  # erased meanwhile, and its thumbnail perhaps before this one was written
            store.remove(key)
        return made, media


def levels(place: Place, digest: str) -> tuple[bytes, str]:
    """A deep picture's levels as the viewer reads them, gzipped, and their media type. Asks nobody."""
    media, sent = ASIDE.run(packed, open_store(place.store).get(digest), NAME)
    if not media:
        raise MissingError(f"{NAME} has but 8 bits, and no window to choose. What is shown of it is all there is.")
    return sent, media


def _fitting(version: Version, split: str | None, label: str | None, patient: str | None) -> list[ColumnElement[bool]]:
    row = tables.Case
    fits: list[ColumnElement[bool]] = [row.version_id == version.id]
    if split:
        fits.append(row.split.is_(None) if split == UNDIVIDED else row.split == split)
    if label:
        fits.append(has_label(row.places, label, version.task))
    if patient:
        fits.append(row.patient == patient)
    return fits


def _names(text: str, is_sqlite: bool) -> ColumnElement[bool]:
    """A text in name or patient, whatever its case."""
    columns = (tables.Case.name, tables.Case.patient)
    if is_sqlite:  # whose LIKE takes no notice of case, and is twice as quick without being told
        return or_(*(column.contains(text, autoescape=True) for column in columns))
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _total(
    session: Session,
    version: Version,
    split: str | None,
    label: str | None,
    fits: Sequence[ColumnElement[bool]],
    is_searched: bool,
) -> int:
    """How many fit: known with the version unless names or patients are asked for."""
    if is_searched:
        return session.scalar(select(func.count()).select_from(tables.Case).where(*fits)) or 0
    if label:
        return sum(labels.get(label, 0) for name, labels in version.counts.items() if split in (None, "", name))
    if split in SPLITS or split == UNDIVIDED:
        if version.task["kind"] != "multi":
            return sum(version.counts.get(split, {}).values())
        return session.scalar(select(func.count()).select_from(tables.Case).where(*fits)) or 0
    return 0 if split else version.cases


def _case(session: Session, version_id: int, number: int) -> tables.Case:
    case = session.get(tables.Case, (version_id, number))
    if case is None:
        raise NotAllowed(f"This version has no case {number}. Go back to the set.")
    return case


def _row(case: tables.Case) -> CaseRow:
    more = case.more
    return CaseRow(
        case.version_id,
        case.number,
        case.name,
        case.digest,
        case.labels,
        case.split,
        case.patient,
        more.get("columns", {}),
        tuple(Box(**box) for box in more.get("boxes", ())),
        more.get("mask"),
        more.get("report"),
    )
