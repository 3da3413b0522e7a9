"""From verdicts and corrected boxes to the next version of a set: what would change, what differs, and the way back.

Pictures are not touched, and the version that was looked through stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from core.records import tables
from core.records.access import Who
from core.records.audit import note as note_down
from core.records.database import Database
from core.records.labels import Names
from core.records.place import Place
from core.records.review.agreement import Consensus, decided_voices, model_weight, with_models
from core.records.review.boxes import newest_version, redrawn_cases, redrawn_in
from core.records.review.exports import exported as exported
from core.records.review.exports import kinds as kinds
from core.records.review.last_word import agreed, settling_voices
from core.records.review.next_version import Change as Change
from core.records.review.next_version import Decisions, boxes_remark, make_version
from core.records.review.retraining import Gain as Gain
from core.records.review.retraining import Retrained as Retrained
from core.records.review.retraining import retrain as retrain
from core.records.review.retraining import retrained as retrained
from core.records.review.reviews import allowed_review, has_first_look
from core.records.review.standing import Voice
from core.records.review.verdicts import may_know
from core.records.sets.version_changes import write_as
from core.records.sets.versions import SetError, allowed_version
from core.records.tables import Correction, Person, Review, Standing, Suspect, Version


def preview(db: Database, who: Who, review_id: int) -> list[Change]:
    """What `apply` would change in the newest version of the set, by the case's number in the reviewed one; for those
    who may not do that, as far as they may know it."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        changes = _changes(session, review, newest_version(session, review.version.set_id))
        if who.may("work") or not has_first_look(review):
            return changes
        may_be_seen = select(Suspect.number).where(Suspect.review_id == review_id, may_know(session, who, review))
        numbers = set(session.scalars(may_be_seen))
        return [change for change in changes if change.number in numbers]


def apply(db: Database, place: Place, who: Who, review_id: int, note: str = "", *, with_boxes: bool = False) -> Version:
    """The newest version of the set with the review's decisions as the next one; excluded cases are not in it. With
    the boxes, too, that were corrected since, where that is wished.

    Decided is what was settled, and what as many people as were asked say with one voice; where they differ, what a
    majority says with most of the weight of the consensus. Everything else keeps the label that it has. Cases stay in
    their splits: where the set brought none, those of the reviewed version are written down.
    """
    with db.reading() as session:
        review = allowed_review(session, who, review_id, "work")
        newest = newest_version(session, review.version.set_id)
        changes = _changes(session, review, newest)
        gone = {change.name for change in changes if change.to is None}
        redrawn = [case for case in redrawn_in(session, newest) if case.name not in gone] if with_boxes else []
    if not changes and not redrawn:
        raise SetError(
            "The verdicts so far change nothing. Change or exclude a case first, or settle what is disputed."
        )
    remark = f"{len(changes)} corrections by the review “{review.name}” (no. {review.id})"
    if redrawn:
        remark = f"{remark}; {boxes_remark(redrawn)}"
    decided = Decisions(changes, redrawn, review.id)
    dividing = (review.settings.get("split"), int(review.settings.get("seed") or 0))
    version = make_version(db, place, who, newest, decided, f"{note}. {remark}" if note else remark, *dividing)
    with db.session() as session:
        subject = f"{review.name}: version {version.number} of {version.image_set.name}"
        counts = {"changes": len(changes), **({"boxes": len(redrawn)} if redrawn else {})}
        note_down(session, who, "apply review", review.project_id, subject, review=review.id, **counts)
    return version


def apply_boxes(db: Database, place: Place, who: Who, set_id: int, note: str = "") -> Version:
    """The newest version of a set with all boxes that were corrected since, as the next one."""
    redrawn = redrawn_cases(db, who, set_id)
    with db.reading() as session:
        newest = newest_version(session, set_id)
        allowed_version(session, who, newest.id, "work")
    if not redrawn:
        raise SetError("No boxes were corrected since the newest version. Correct those of a case first.")
    remark = boxes_remark(redrawn)
    version = make_version(db, place, who, newest, Decisions(redrawn=redrawn), f"{note}. {remark}" if note else remark)
    with db.session() as session:
        subject = f"version {version.number} of {version.image_set.name}"
        note_down(session, who, "apply boxes", version.image_set.project_id, subject, boxes=len(redrawn))
    return version


def difference(db: Database, who: Who, old_version_id: int, new_version_id: int) -> list[Change]:
    """The cases whose labels or boxes are not the same in both, and those that only one of them has; with who and
    why."""
    with db.reading() as session:
        for version_id in (old_version_id, new_version_id):
            allowed_version(session, who, version_id)
        before, after = (_rows(session, version_id) for version_id in (old_version_id, new_version_id))
        reasons = _reasons(session, old_version_id, new_version_id)
    changes = []
    for name in (*before, *(name for name in after if name not in before)):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and (old.labels, old.boxes) == (new.labels, new.boxes):
            continue
        here = old or new
        assert here is not None
        reason = reasons.get(name)
        changes.append(
            Change(
                here.number,
                name,
                here.split,
                old.labels if old else None,
                new.labels if new else None,
                _action(old, new),
                reason.who if reason else "",
                reason.why if reason else "",
                _counts(old, new),
            )
        )
    return changes


def revert(db: Database, place: Place, who: Who, version_id: int, note: str = "") -> Version:
    """A new version that holds what the one held that this was made from. Nothing is deleted."""
    with db.reading() as session:
        version = allowed_version(session, who, version_id, "work")
        if version.made_from is None:
            raise SetError(
                f"Version {version.number} of {version.image_set.name} was made from no other, so there is nothing to "
                "go back to. Choose a corrected version."
            )
        before = allowed_version(session, who, version.made_from)
    remark = f"{note}. " if note else ""
    written = f"{remark}As version {before.number}: takes version {version.number} back"
    return write_as(db, place, who, version, before, written, "revert version")


def _changes(session: Session, review: Review, newest: Version) -> list[Change]:
    """What is decided (see `apply`) and the newest version does not follow yet, by number."""
    # In the reviewed version a label that nobody wants changed is what it should be: most verdicts need no look.
    wished = [or_(Suspect.is_disputed, Standing.action.in_(("change", "exclude")))]
    standing_voices = decided_voices(session, review, *(wished if newest.id == review.version_id else []))
    settled, model = settling_voices(session, review), model_weight(with_models(session, review))
    names = dict(session.execute(select(Person.id, Person.name)).all())
    case = tables.Case
    labels = dict(session.execute(select(case.name, case.labels).where(case.version_id == newest.id)).all())
    changes = []
    for suspect in _suspects(session, review):
        voices = [settled[suspect.rank]] if suspect.rank in settled else standing_voices.get(suspect.rank, [])
        if (before := labels.get(suspect.name)) is None or not voices:
            continue  # it has left the set, or nothing is wished
        decided = settled.get(suspect.rank) or agreed(review, voices, suspect.suggested, model)
        if decided is None:
            continue
        to = {"keep": suspect.given, "change": decided.labels, "exclude": None}[decided.action]
        if to != before:
            backing = _backing(voices, decided, names)
            changes.append(Change(suspect.number, suspect.name, suspect.split, before, to, decided.action, *backing))
    return changes


def _backing(voices: Sequence[Voice], decided: Voice | Consensus, names: Mapping[int, str]) -> tuple[str, str]:
    """Who is behind a decision, and why."""
    behind = [voice for voice in voices if (voice.action, voice.labels) == (decided.action, decided.labels)]
    who = ", ".join(dict.fromkeys(names[voice.person_id] for voice in behind))
    return who, "; ".join(dict.fromkeys(voice.why for voice in behind if voice.why))


def _suspects(session: Session, review: Review) -> Sequence[Row[int, int, str, Names, Names, str | None]]:
    """Those that people decided on, by number."""
    row = Suspect
    query = select(row.rank, row.number, row.name, row.given, row.suggested, row.split)
    decided = or_(row.deciders > 0, row.settled.is_not(None))
    return session.execute(query.where(row.review_id == review.id, decided).order_by(row.number)).all()


class _CaseRow(NamedTuple):
    """What two versions are compared by; boxes as the database spells them, None where there are none."""

    name: str
    number: int
    labels: Names
    split: str | None
    boxes: str | None


def _rows(session: Session, version_id: int) -> Mapping[str, _CaseRow]:
    row = tables.Case
    columns = (row.name, row.number, row.labels, row.split, row.more["boxes"].as_string())
    query = select(*columns).where(row.version_id == version_id).order_by(row.number)
    return {case.name: case for case in map(_CaseRow._make, session.execute(query))}


def _action(old: _CaseRow | None, new: _CaseRow | None) -> str:
    if old is None or new is None:
        return "add" if old is None else "exclude"
    return "boxes" if old.labels == new.labels else "change"


def _counts(old: _CaseRow | None, new: _CaseRow | None) -> tuple[int, int] | None:
    """How many boxes a case has in either, where they are not the same."""
    if old is None or new is None or old.boxes == new.boxes:
        return None
    before, after = (len(json.loads(case.boxes or "[]")) for case in (old, new))
    return before, after


def _reasons(session: Session, old_version_id: int, new_version_id: int) -> dict[str, Correction]:
    """Who corrected what on the way from one version to the other, the last word first."""
    corrections: dict[str, Correction] = {}
    at: int | None = new_version_id
    while at is not None and at != old_version_id:
        for correction in session.scalars(select(Correction).where(Correction.version_id == at)):
            corrections.setdefault(correction.name, correction)
        at = session.scalar(select(Version.made_from).where(Version.id == at))
    return corrections
