"""From verdicts to the next version of a set: what would change, the version itself, what differs, and the way back.

Pictures are not touched, and the version that was looked through stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.case import Case, ImageSet, Task
from core.errors import DataError
from core.records import tables
from core.records.access import Who
from core.records.agreement import Consensus, known, model_weight, outcome, weighed
from core.records.audit import note as note_down
from core.records.database import Database
from core.records.place import Place
from core.records.retraining import Gain as Gain
from core.records.retraining import Retrained as Retrained
from core.records.retraining import retrain as retrain
from core.records.retraining import retrained as retrained
from core.records.review_exports import exported as exported
from core.records.reviews import allowed_review
from core.records.standing import AT_ONCE
from core.records.tables import Correction, Person, Review, Suspect, Verdict, Version
from core.records.verdicts import labels_of
from core.records.versions import SetError, allowed_version, version_folder, write_version
from core.split import SplitSettings, assign
from core.version import read_version

CERTAIN = 0.8
"""Where people differ and nobody settled it, a majority decides if so much of the weight stands behind it."""
LONGEST_NAME = 1024


@dataclass(frozen=True)
class Change:
    """A case whose label changes, or (`action` is "exclude") that leaves the set; "add" where it comes into it."""

    number: int
    name: str
    split: str | None
    given: str
    to: str
    action: str
    who: str
    why: str


@dataclass(frozen=True)
class Decision:
    """What people made of a suspect, and who they are."""

    suspect: Suspect
    action: str
    label: str
    who: str
    why: str


def preview(db: Database, who: Who, review_id: int) -> list[Change]:
    """What `apply` would change in the newest version of the set, by the case's number in the reviewed one."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        return _changes(session, review, _newest(session, review))


def apply(db: Database, place: Place, who: Who, review_id: int, note: str = "") -> Version:
    """The newest version of the set with the review's decisions as the next one; excluded cases are not in it.

    Decided is what was settled, and what as many people as were asked say with one voice; where they differ, what a
    majority says with most of the weight of the consensus. Everything else keeps the label that it has. Cases stay in
    their splits: where the set brought none, those of the reviewed version are written down.
    """
    with db.reading() as session:
        review = allowed_review(session, who, review_id, "work")
        newest = _newest(session, review)
        changes = _changes(session, review, newest)
    if not changes:
        raise SetError(
            "The verdicts so far change nothing. Change or exclude a case first, or settle what is disputed."
        )
    base = _with_splits(read_version(version_folder(place, newest)), review)
    told = f"{note}. " if note else ""
    version = write_version(
        db,
        place,
        _corrected(base, changes),
        who=who,
        project_id=review.project_id,
        set_id=newest.set_id,
        note=f"{told}{len(changes)} corrections by the review “{review.name}” (no. {review.id})",
        made_from=newest.id,
    )
    with db.session() as session:
        for one in changes:
            values = {"action": one.action, "who": one.who[:1024], "why": one.why}
            session.merge(Correction(version_id=version.id, name=one.name, review_id=review.id, **values))
        subject = f"{review.name}: version {version.number} of {version.image_set.name}"
        note_down(session, who, "apply review", review.project_id, subject, review=review.id, changes=len(changes))
    return version


def difference(db: Database, who: Who, old_version_id: int, new_version_id: int) -> list[Change]:
    """The cases whose labels are not the same in both, and those that only one of them has; with who and why."""
    with db.reading() as session:
        for one in (old_version_id, new_version_id):
            allowed_version(session, who, one)
        before, after = (_rows(session, one) for one in (old_version_id, new_version_id))
        reasons = _reasons(session, old_version_id, new_version_id)
    found = []
    for name in (*before, *(one for one in after if one not in before)):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and old.label == new.label:
            continue
        here = old or new
        assert here is not None
        action = "exclude" if new is None else "add" if old is None else "change"
        reason = reasons.get(name)
        found.append(
            Change(
                here.number,
                name,
                here.split,
                old.label if old else "",
                new.label if new else "",
                action,
                reason.who if reason else "",
                reason.why if reason else "",
            )
        )
    return found


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
    told = f"{note}. " if note else ""
    made = write_version(
        db,
        place,
        read_version(version_folder(place, before)),
        who=who,
        project_id=version.image_set.project_id,
        set_id=version.set_id,
        note=f"{told}As version {before.number}: takes version {version.number} back",
        made_from=version.id,
    )
    with db.session() as session:
        subject = f"{version.image_set.name}, version {version.number}"
        note_down(session, who, "revert version", version.image_set.project_id, subject, version=made.id)
    return made


def decisions(session: Session, review: Review) -> list[Decision]:
    """What is decided, by rank (see `apply`)."""
    said = known(session, review)
    asked = select(Suspect).where(Suspect.review_id == review.id, (Suspect.deciders > 0) | Suspect.settled.is_not(None))
    suspects = {one.rank: one for one in session.scalars(asked.order_by(Suspect.rank))}
    settled = [one.settled for one in suspects.values() if one.settled is not None]
    last = {
        one.rank: one
        for part in _parts(settled)
        for one in session.scalars(select(Verdict).where(Verdict.id.in_(part)))
    }
    model = model_weight(said, {rank: one.suggested for rank, one in suspects.items()})
    names = dict(session.execute(select(Person.id, Person.name)).all())
    found = []
    for rank, suspect in suspects.items():
        voices = [last[rank]] if rank in last else said.get(rank, [])
        decided = last[rank] if rank in last else _agreed(review, voices, suspect.suggested, model)
        if decided is None:
            continue
        backing = [one for one in voices if (one.action, one.label) == (decided.action, decided.label)]
        who = ", ".join(dict.fromkeys(names[one.person_id] for one in backing))
        why = "; ".join(dict.fromkeys(one.why for one in backing if one.why))
        found.append(Decision(suspect, decided.action, decided.label, who, why))
    return found


def _agreed(review: Review, voices: Sequence[Verdict], suggested: str, model: float) -> Verdict | Consensus | None:
    """What people say with one voice, or a clear majority; None where it has to wait."""
    if len(voices) < review.readers or all(outcome(one) is None for one in voices):
        return None
    if len({(one.action, one.label) for one in voices}) == 1:
        return voices[0]
    found = weighed(voices, suggested, model)
    backing = sum((one.action, one.label) == (found.action, found.label) for one in voices)
    return found if backing > len(voices) / 2 and found.certainty >= CERTAIN else None


def _changes(session: Session, review: Review, newest: Version) -> list[Change]:
    """The decisions that the newest version does not follow yet."""
    made = decisions(session, review)
    labels = _labels(session, newest, [one.suspect for one in made], newest.id == review.version_id)
    found = []
    for one in made:
        suspect = one.suspect
        if (label := labels.get(suspect.name)) is None:
            continue  # it has left the set
        to = {"keep": suspect.given, "change": one.label, "exclude": ""}[one.action]
        if to != label:
            found.append(Change(suspect.number, suspect.name, suspect.split, label, to, one.action, one.who, one.why))
    return sorted(found, key=lambda one: one.number)


def _newest(session: Session, review: Review) -> Version:
    mine = select(Version).where(Version.set_id == review.version.set_id).options(joinedload(Version.image_set))
    return session.scalars(mine.order_by(Version.number.desc()).limit(1)).one()


def _labels(session: Session, version: Version, suspects: Sequence[Suspect], is_reviewed: bool) -> dict[str, str]:
    """{case: its label in a version}; in the reviewed one cases are found by their numbers, which is quicker."""
    column = tables.Case.number if is_reviewed else tables.Case.name
    wanted = [one.number if is_reviewed else one.name for one in suspects]
    found: dict[str, str] = {}
    for part in _parts(wanted):
        asked = select(tables.Case.name, tables.Case.label).where(tables.Case.version_id == version.id)
        found |= dict(session.execute(asked.where(column.in_(part))).all())
    return found


def _with_splits(image_set: ImageSet, review: Review) -> ImageSet:
    """Splits that a run would draw are drawn from the labels: they are written down before any label changes."""
    settings = SplitSettings.parse(review.settings.get("split") or {}, "split")
    try:
        return image_set.with_cases(assign(image_set.cases, settings, int(review.settings.get("seed") or 0)))
    except DataError:
        return image_set  # no run could draw any either


def _corrected(image_set: ImageSet, changes: Sequence[Change]) -> ImageSet:
    by_name = {one.name: one for one in changes}

    def cases() -> Iterator[Case]:
        for case in image_set.cases:
            change = by_name.get(case.id[:LONGEST_NAME])
            if change is None:
                yield case
            elif change.action != "exclude":
                yield replace(case, labels=_answers(change.to, image_set.task))

    return image_set.with_cases(cases())


def _answers(label: str, task: Task) -> tuple[str, ...]:
    labels = labels_of(label, task)
    if task.response(labels) != label:
        raise SetError(
            f'The newest version of the set has no answer "{label}" any more, which the review changes a label to. '
            "Add it to the answers on the page Image sets, or decide otherwise."
        )
    return labels


def _rows(session: Session, version_id: int) -> Mapping[str, tables.Case]:
    row = tables.Case
    asked = select(row.name, row.number, row.label, row.split).where(row.version_id == version_id)
    return {one.name: one for one in session.execute(asked.order_by(row.number))}  # type: ignore[misc]


def _reasons(session: Session, old_version_id: int, new_version_id: int) -> dict[str, Correction]:
    """Who corrected what on the way from one version to the other, the last word first."""
    found: dict[str, Correction] = {}
    at: int | None = new_version_id
    while at is not None and at != old_version_id:
        for one in session.scalars(select(Correction).where(Correction.version_id == at)):
            found.setdefault(one.name, one)
        at = session.scalar(select(Version.made_from).where(Version.id == at))
    return found


def _parts(wanted: Sequence[int | str]) -> Iterator[Sequence[int | str]]:
    for start in range(0, len(wanted), AT_ONCE):
        yield wanted[start : start + AT_ONCE]
