"""What differs between two versions of a set, and a next version that is as an earlier one was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.records import audit, tables
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets.versions import SetError, allowed_version, version_folder, write_version
from core.records.tables import Version
from core.sets.version import read_version

UNLABELLED, UNDIVIDED = "no label", "no split"


@dataclass(frozen=True)
class Changed:
    """A case that both versions have, and how something of it was called before and after."""

    case: str
    before: str
    after: str


@dataclass(frozen=True)
class VersionChanges:
    """From one version to another, by the names of cases. `task` holds the fields that differ, before and after."""

    before: int
    after: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    relabelled: tuple[Changed, ...]
    moved: tuple[Changed, ...]
    of_other_patients: tuple[Changed, ...]
    redrawn: tuple[str, ...]
    """Those whose picture, boxes, mask, text or columns are others."""
    task: Mapping[str, tuple[Any, Any]]

    @property
    def is_none(self) -> bool:
        changed = (self.added, self.removed, self.relabelled, self.moved, self.of_other_patients, self.redrawn)
        return not any(changed) and not self.task

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Row:
    digest: str
    labels: tuple[str, ...]
    split: str | None
    patient: str | None
    more: Mapping[str, Any]


def version_changes(db: Database, who: Who, before_id: int, after_id: int) -> VersionChanges:
    """Of two versions of one set."""
    with db.reading() as session:
        before, after = (allowed_version(session, who, version_id) for version_id in (before_id, after_id))
        if before.set_id != after.set_id:
            raise SetError("These are versions of two sets, whose cases have nothing to do with each other.")
        return _compared(before, after, _rows(session, before), _rows(session, after))


def bring_back_version(db: Database, place: Place, who: Who, version_id: int) -> Version:
    """The next version of a set, which holds what an earlier one held. Nothing is deleted."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id, "work")
        newest = session.scalars(
            select(Version).where(Version.set_id == version.set_id).order_by(Version.number.desc()).limit(1)
        ).one()
    if newest.id == version.id:
        raise SetError(f"Version {version.number} is the newest already. Choose an earlier one.")
    return write_as(db, place, who, version, version, f"as version {version.number} was", "bring back version")


def write_as(db: Database, place: Place, who: Who, version: Version, earlier: Version, note: str, act: str) -> Version:
    """The next version of a set, made from one, which holds what an earlier one held; the audit log names the act."""
    project_id = version.image_set.project_id
    made = write_version(
        db,
        place,
        read_version(version_folder(place, earlier), place.store),
        who=who,
        project_id=project_id,
        set_id=version.set_id,
        note=note,
        made_from=version.id,
        cases_of=earlier.id,
    )
    with db.session() as session:
        subject = f"{version.image_set.name}, version {version.number}"
        audit.note(session, who, act, project_id, subject, version=made.id)
    return made


def _rows(session: Session, version: Version) -> dict[str, _Row]:
    row = tables.Case
    wanted = select(row.name, row.digest, row.labels, row.split, row.patient, row.more)
    of_version = wanted.where(row.version_id == version.id).order_by(row.number)
    return {
        name: _Row(digest, tuple(labels), split, patient, more)
        for name, digest, labels, split, patient, more in session.execute(of_version)
    }


def _compared(before: Version, after: Version, old: Mapping[str, _Row], new: Mapping[str, _Row]) -> VersionChanges:
    both = [(name, old[name], new[name]) for name in new if name in old]
    return VersionChanges(
        before.number,
        after.number,
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        tuple(
            Changed(name, ", ".join(was.labels) or UNLABELLED, ", ".join(now.labels) or UNLABELLED)
            for name, was, now in both
            if set(was.labels) != set(now.labels)
        ),
        tuple(
            Changed(name, was.split or UNDIVIDED, now.split or UNDIVIDED)
            for name, was, now in both
            if was.split != now.split
        ),
        tuple(
            Changed(name, was.patient or "", now.patient or "") for name, was, now in both if was.patient != now.patient
        ),
        tuple(name for name, was, now in both if was.digest != now.digest or was.more != now.more),
        {
            field: (before.task.get(field), after.task.get(field))
            for field in dict.fromkeys((*before.task, *after.task))
            if before.task.get(field) != after.task.get(field)
        },
    )


def in_words(changes: VersionChanges) -> list[str]:
    """A line for each kind of change, with how many cases it is about."""
    if changes.is_none:
        return ["Nothing differs."]
    counted = (
        (changes.added, "added"),
        (changes.removed, "removed"),
        (changes.relabelled, "with other labels"),
        (changes.moved, "in another split"),
        (changes.of_other_patients, "of another patient"),
        (changes.redrawn, "with another picture, boxes, mask, text or columns"),
    )
    lines = [f"{len(cases):,} {words}" for cases, words in counted if cases]
    return [*lines, *(f"task: {field} is {now!r}, was {was!r}" for field, (was, now) in changes.task.items())]
