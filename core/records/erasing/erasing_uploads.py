"""Uploads that hold a patient or a case that is erased, beside those that the erased versions were made of.

Sure of it is the studio where the check listed such a patient or picture, where a file has the bytes of such a picture,
and where the patient's name stands in files that no check could list. Where only something is called the same, it is
told and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.pictures.kept_looks import read_looks
from core.pictures.store import key_of, open_store
from core.records.access import Who
from core.records.database import Database
from core.records.erasing.chosen_cases import Chosen, Holding
from core.records.erasing.erased_rows import take_uploads
from core.records.erasing.remains import Files
from core.records.place import Place
from core.records.sets.mended import LOOKS, OF_A_CHECK, Listed, listed_cases
from core.records.sets.uploads import check_folder
from core.records.sets.versions import SetError
from core.records.tables import UNDER_WAY, Job, Project, Upload, Version
from core.runs.forgotten import Gone
from core.sets.files_about import Sought, search
from core.sets.names_in_text import NamesInText


@dataclass(frozen=True)
class Held:
    """An upload that holds them (`is_sure`), or of which nobody can tell: something is called the same, or it is looked
    at just now. Where its check listed them: how many of its cases are theirs, and others'."""

    upload: Upload
    project: str
    is_sure: bool
    theirs: int = 0
    others: int = 0
    is_busy: bool = False
    """Whether it is being looked at or added just now."""

    def words(self) -> str:
        """“upload 3 “b.zip” (not added): 2 of its 40 cases are theirs”"""
        state = "" if self.upload.state == "added" else " (not added)"
        whose = ", whose its other cases are is not known" if self.is_sure else ""
        if self.theirs:
            whose = f": {self.theirs:,} of its {self.theirs + self.others:,} cases are theirs"
        return f"upload {self.upload.id} “{self.upload.name}”{state}{whose}"


@dataclass(frozen=True)
class HeldUploads:
    """Of the projects of the admin, by what becomes of them."""

    going: tuple[Held, ...]
    staying: tuple[Held, ...]


def held_uploads(db: Database, place: Place, who: Who, chosen: Chosen, holding: Holding, gone: Gone) -> HeldUploads:
    """Reads what was brought, so it takes as long as there is much of it."""
    own = holding.row.project_id
    with db.reading() as session:
        uploads = _uploads(session, who, holding)
    sizes = _sizes(place, gone) if uploads else {}
    every = [held for upload in uploads if (held := _held(place, gone, sizes, *upload)) is not None]
    projects = {"": [own], "-but-uploads": [], "-and-uploads": who.projects}[chosen.uploads]
    going = [held for held in every if held.is_sure and held.upload.project_id in projects]
    return HeldUploads(tuple(going), tuple(held for held in every if held not in going))


def refuse_busy(held: HeldUploads) -> None:
    if busy := next((each.upload for each in held.going if each.is_busy), None):
        raise SetError(
            f"Upload {busy.id}, which holds them too, is being looked at or added just now. Wait for its end, or "
            "cancel it, then erase."
        )


def take_held(session: Session, held: HeldUploads) -> Files:
    """A SetError where somebody began to check or add one of them meanwhile."""
    numbers = [each.upload.id for each in held.going]
    locked = session.execute(select(Upload.job_id).where(Upload.id.in_(numbers)).with_for_update())
    jobs = select(Job).where(Job.id.in_([number for (number,) in locked])).with_for_update()
    if any(job.state in UNDER_WAY for job in session.scalars(jobs)):
        raise SetError("An upload that holds them too began to be looked at meanwhile. Wait for its end, then erase.")
    return take_uploads(session, numbers)


def _uploads(session: Session, who: Who, holding: Holding) -> list[tuple[Upload, str, bool]]:
    """Of all of the admin's projects, with the project's name and whether a job is at it. Not those that the erased
    versions were made of, which go in any case, nor those that are another set's by now."""
    added = select(Upload.id).join(Job, Job.id == Upload.job_id)
    added = added.join(Version, Version.id == Job.result["version"].as_integer()).where(Upload.state == "added")
    of_others = added.where(Version.set_id != holding.row.id, Version.erased.is_(None))
    rows = session.execute(
        select(Upload, Project.name, Job.state)
        .join(Project, Project.id == Upload.project_id)
        .outerjoin(Job, Job.id == Upload.job_id)
        .where(Upload.project_id.in_(who.projects), Upload.id.not_in({*holding.depends.uploads}))
        .where(Upload.id.not_in(of_others))
        .order_by(Upload.id)
    )
    return [(upload, title, state in UNDER_WAY) for upload, title, state in rows]


def _held(place: Place, gone: Gone, sizes: dict[str, int], upload: Upload, project: str, is_busy: bool) -> Held | None:
    folder = check_folder(place, upload)
    listed = listed_cases(place, upload)
    theirs = [row for row in listed if row.patient in gone.patients or row.shown in gone.telling]
    if theirs:
        return Held(upload, project, True, len(theirs), len(listed) - len(theirs), is_busy)
    if not listed and any(look.shown in gone.telling for look in read_looks(folder / LOOKS).looks.values()):
        return Held(upload, project, True, is_busy=is_busy)
    hit = search(place.uploads / upload.key, Sought(sizes, NamesInText((), gone.patients)), OF_A_CHECK)
    if hit == "picture" or (hit == "name" and not listed):
        return Held(upload, project, True, is_busy=is_busy)
    is_named = hit is not None or is_busy or _is_called_so(upload, listed, gone)
    return Held(upload, project, False, is_busy=is_busy) if is_named else None


def _is_called_so(upload: Upload, listed: Sequence[Listed], gone: Gone) -> bool:
    """A case of the same name may be another's: files are called alike everywhere."""
    return any(row.case in gone.cases for row in listed) or gone.is_named_in(
        [upload.name, upload.options, upload.report]
    )


def _sizes(place: Place, gone: Gone) -> dict[str, int]:
    store = open_store(place.store)
    return {digest: size for digest in gone.pictures if (size := store.size(key_of(digest)))}
