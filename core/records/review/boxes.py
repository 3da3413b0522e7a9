"""Boxes that people correct on cases. Rows are only added; the newest of a case stands until a version follows it.

A correction is known by the set, the case's name and its picture, and is always of the newest version: it still stands
when another version comes in between, unless that one brings boxes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.case import NO_FINDING, Box, Task
from core.errors import CoreError, SettingsError
from core.pictures.pixels import size_of
from core.pictures.store import open_store
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.labels import Names
from core.records.place import Place
from core.records.sets.versions import allowed_version, version_folder
from core.records.tables import BoxCorrection, Case, ImageSet, Person, Version
from core.sets.drawn_boxes import checked_boxes, labels_with_boxes
from core.sets.version import box_labels

Boxes = tuple[Box, ...]
LONGEST_WHY = 10_000
NAMES_AT_ONCE = 500


class ChangedMeanwhile(CoreError):
    """Somebody else corrected the case since it was opened: neither is written over the other unasked."""


@dataclass(frozen=True)
class Standing:
    """A case's boxes in the set's newest version (`given`), and as they stand. `correction` is the row that they stand
    by, 0 where nobody corrected them since; `labels` are those that the next version gives the case."""

    version_id: int
    number: int
    name: str
    digest: str
    task: Task
    given: Boxes
    boxes: Boxes
    given_labels: Names
    labels: Names
    correction: int
    person: str
    at: datetime | None


@dataclass(frozen=True)
class BoxesView:
    """One correction."""

    id: int
    person_id: int
    person: str
    given: Boxes
    boxes: Boxes
    why: str
    at: datetime


@dataclass(frozen=True)
class Redrawn:
    """A case of the newest version whose boxes the next one changes."""

    number: int
    name: str
    split: str | None
    given: Boxes
    boxes: Boxes
    given_labels: Names
    labels: Names
    who: str
    why: str
    at: datetime


def correct_boxes(
    db: Database, place: Place, who: Who, version_id: int, number: int, drawn: object, after: int, why: str = ""
) -> Standing:
    """Keeps all boxes that a case is to have. `after` is the correction that they were drawn after (0: none); where
    others came since, a ChangedMeanwhile. What changes nothing adds no row."""
    with db.reading() as session:
        version, before = _standing_in_newest(session, who, version_id, number, "review")
    labels = labels_of_boxes(place, version)
    size = size_of(open_store(place.store).get(before.digest), before.name)
    boxes = checked_boxes(drawn, size, labels, {*before.given, *before.boxes})
    labels_with_boxes(before.given_labels, before.given, boxes, before.task)  # refuses what no version could follow
    with db.session() as session:
        _take_turns(session, version.set_id)
        version, stands = _standing_in_newest(session, who, version_id, number, "review")
        if boxes == stands.boxes:
            return stands
        _refuse_changed(stands, after, boxes_of(_case(session, version_id, number)))
        key = {"set_id": version.set_id, "version_id": version.id, "name": stands.name, "digest": stands.digest}
        plain = {"given": _to_plain(stands.given), "boxes": _to_plain(boxes)}
        session.add(BoxCorrection(**key, **plain, person_id=who.id, why=why.strip()[:LONGEST_WHY]))
        subject = f"{version.image_set.name}, version {version.number}: {stands.name}"
        counts = {"boxes": len(boxes), "before": len(stands.boxes)}
        note(session, who, "correct boxes", version.image_set.project_id, subject, **counts)
        session.flush()
        return _standing(session, version, stands.number)


def standing_boxes(db: Database, who: Who, version_id: int, number: int) -> Standing:
    """As they stand in the set's newest version, whichever version the case was chosen in."""
    with db.reading() as session:
        return _standing_in_newest(session, who, version_id, number, "look")[1]


def corrections_of_boxes(db: Database, who: Who, version_id: int, number: int) -> list[BoxesView]:
    """All that was ever corrected of a case, oldest first, whichever version it was opened in."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id)
        case = _case(session, version_id, number)
        query = select(BoxCorrection, Person.name).join(Person, Person.id == BoxCorrection.person_id)
        mine = query.where(BoxCorrection.set_id == version.set_id, BoxCorrection.name == case.name)
        return [
            BoxesView(row.id, row.person_id, name, _from_plain(row.given), _from_plain(row.boxes), row.why, row.at)
            for row, name in session.execute(mine.order_by(BoxCorrection.id))
        ]


def redrawn_cases(db: Database, who: Who, set_id: int) -> list[Redrawn]:
    """What the next version of a set would change of boxes, by number."""
    with db.reading() as session:
        image_set = session.get(ImageSet, set_id)
        if image_set is None or image_set.erased is not None:
            raise NotAllowed(NOT_THERE)
        allow(who, image_set.project_id)
        return redrawn_in(session, newest_version(session, set_id))


def redrawn_in(session: Session, newest: Version) -> list[Redrawn]:
    """The same within a transaction."""
    task, redrawn = Task.parse(newest.task, "task"), []
    by_name = _corrections(session, newest.set_id)
    names = dict(session.execute(select(Person.id, Person.name)).all()) if by_name else {}
    every_name = list(by_name)
    for start in range(0, len(every_name), NAMES_AT_ONCE):
        some = Case.name.in_(every_name[start : start + NAMES_AT_ONCE])
        for case in session.scalars(select(Case).where(Case.version_id == newest.id, some)):
            stands = _stands(case, by_name[case.name])
            given, boxes = boxes_of(case), _from_plain(stands.boxes) if stands else ()
            if stands is None or boxes == given:
                continue
            labels = _labels_then(case.labels, given, boxes, task)
            of_case = (case.number, case.name, case.split, given, boxes, case.labels, labels)
            redrawn.append(Redrawn(*of_case, names[stands.person_id], stands.why, stands.at))
    return sorted(redrawn, key=lambda case: case.number)


def place_in_newest(db: Database, who: Who, version_id: int, number: int) -> tuple[int, int] | None:
    """Version and number of the same case in the set's newest version; None where it has left the set."""
    with db.reading() as session:
        newest, case = _in_newest(session, allowed_version(session, who, version_id), number)
        return None if case is None else (newest.id, case.number)


def labels_of_boxes(place: Place, version: Version) -> Names:
    """What a box of the set may be called: its answers, and whatever its boxes are called already."""
    answers = (answer for answer in version.task["answers"] if answer != NO_FINDING)
    return tuple(dict.fromkeys([*answers, *_used_labels(version_folder(place, version))]))


def is_boxed(place: Place, version: Version) -> bool:
    """Whether any case has a box."""
    return bool(_used_labels(version_folder(place, version)))


def newest_version(session: Session, set_id: int) -> Version:
    living = (Version.set_id == set_id, Version.erased.is_(None))
    of_set = select(Version).where(*living).options(joinedload(Version.image_set))
    return session.scalars(of_set.order_by(Version.number.desc()).limit(1)).one()


def boxes_of(case: Case) -> Boxes:
    return _from_plain(case.more.get("boxes") or ())


@lru_cache(maxsize=32)
def _used_labels(folder: Path) -> Names:
    """A version never changes."""
    return box_labels(folder)


def _in_newest(session: Session, version: Version, number: int) -> tuple[Version, Case | None]:
    """The set's newest version, and in it the case of the same name and picture."""
    newest, case = newest_version(session, version.set_id), _case(session, version.id, number)
    if newest.id == version.id:
        return newest, case
    same = (Case.version_id == newest.id, Case.name == case.name, Case.digest == case.digest)
    return newest, session.scalars(select(Case).where(*same).limit(1)).first()


def _standing_in_newest(
    session: Session, who: Who, version_id: int, number: int, action: str
) -> tuple[Version, Standing]:
    version = allowed_version(session, who, version_id, action)
    newest, case = _in_newest(session, version, number)
    if case is None:
        raise SettingsError(
            f"This case is not in version {newest.number} of {newest.image_set.name}, which is the newest. Boxes are "
            "corrected for the next version: choose a case that is still in the set."
        )
    return newest, _standing(session, newest, case.number)


def _refuse_changed(stands: Standing, after: int, opened: Boxes) -> None:
    """Where other boxes stand than those that were opened."""
    if stands.correction != after or (not after and opened != stands.given):
        cause = f"{stands.person} corrected the boxes of" if stands.person else "The newest version has other boxes on"
        raise ChangedMeanwhile(
            f"{cause} “{stands.name}” since you opened it. Yours are not kept yet: look at what is there now, or put "
            "yours in its place."
        )


def _take_turns(session: Session, set_id: int) -> None:
    """Corrections of one set come one after the other."""
    session.scalar(select(ImageSet.id).where(ImageSet.id == set_id).with_for_update(key_share=True))


def _standing(session: Session, version: Version, number: int) -> Standing:
    case = _case(session, version.id, number)
    task, given = Task.parse(version.task, "task"), boxes_of(case)
    stands = _stands(case, _corrections(session, version.set_id, case.name).get(case.name, []))
    boxes = given if stands is None else _from_plain(stands.boxes)
    person = None if stands is None else session.scalar(select(Person.name).where(Person.id == stands.person_id))
    return Standing(
        version_id=version.id,
        number=number,
        name=case.name,
        digest=case.digest,
        task=task,
        given=given,
        boxes=boxes,
        given_labels=case.labels,
        labels=_labels_then(case.labels, given, boxes, task),
        correction=0 if stands is None else stands.id,
        person=person or "",
        at=None if stands is None else stands.at,
    )


def _labels_then(labels: Names, given: Boxes, boxes: Boxes, task: Task) -> Names:
    """Those of now where a verdict came in between that they don't go with: whoever makes the version is told."""
    try:
        return labels_with_boxes(labels, given, boxes, task)
    except SettingsError:
        return labels


def _corrections(session: Session, set_id: int, name: str | None = None) -> Mapping[str, list[BoxCorrection]]:
    """{case: its corrections, oldest first}"""
    of_set = select(BoxCorrection).where(BoxCorrection.set_id == set_id).order_by(BoxCorrection.id)
    by_name: dict[str, list[BoxCorrection]] = {}
    for row in session.scalars(of_set if name is None else of_set.where(BoxCorrection.name == name)):
        by_name.setdefault(row.name, []).append(row)
    return by_name


def _stands(case: Case, corrections: Sequence[BoxCorrection]) -> BoxCorrection | None:
    """The newest of a case, if its boxes in the version are any that they were on the way to it: boxes from elsewhere
    were brought by somebody who knew of none of these."""
    on_this = [row for row in corrections if row.digest == case.digest]
    boxes = _to_plain(boxes_of(case))
    is_on_the_way = any(boxes in (row.given, row.boxes) for row in on_this)
    return on_this[-1] if is_on_the_way else None


def _case(session: Session, version_id: int, number: int) -> Case:
    case = session.get(Case, (version_id, number))
    if case is None:
        raise NotAllowed(f"This version has no case {number}. Go back to the set.")
    return case


def _to_plain(boxes: Iterable[Box]) -> list[dict[str, Any]]:
    return [asdict(box) for box in boxes]


def _from_plain(boxes: Iterable[Mapping[str, Any]]) -> Boxes:
    return tuple(Box(**box) for box in boxes)
