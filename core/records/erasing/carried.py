"""What people decided about a version goes on with the one that takes its place when some of its cases are erased.

Reviews keep the ranks of what is left: verdicts are only ever added, and name their suspect by its rank.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from core.records.erasing.erased_rows import folders_of, with_leave, without_leave
from core.records.tables import (
    AuditedCase,
    BoxCorrection,
    Correction,
    Ground,
    LabelAudit,
    Review,
    Standing,
    Suspect,
    Verdict,
    Version,
)

AT_ONCE = 500
Name = TypeVar("Name", int, str)


@dataclass(frozen=True)
class Renumbered:
    """The cases of a version that has another in its place: where each is there, and by what names the rest went."""

    version_id: int
    places: Mapping[int, int]
    """Numbers in the next version by those in this one; of cases that were erased none."""
    erased: frozenset[str]


def carry_on(session: Session, old: Renumbered, new: Version) -> list[str]:
    """Moves what was decided to the next version, without the cases that are erased. Returns the folders of reviews:
    what a search left there names all cases, and its rows are all that is needed of it."""
    reviews = session.scalars(select(Review).where(Review.version_id == old.version_id).with_for_update()).all()
    for review in reviews:
        gone = _ranks_gone(session, review.id, old)
        _take_suspects(session, review.id, gone)
        _renumber(session, review.id, old.places)
        review.version_id, review.cases = new.id, review.cases - len(gone)
    for names in _parts(sorted(old.erased)):
        session.execute(delete(Correction).where(Correction.version_id == old.version_id, Correction.name.in_(names)))
    session.execute(update(Correction).where(Correction.version_id == old.version_id).values(version_id=new.id))
    return folders_of(reviews)


def take_boxes(session: Session, versions: Sequence[int], names: Collection[str]) -> None:
    """Corrections of the boxes of these cases. Others stay: a set's newest version is corrected by all of them."""
    with_leave(session, "version", versions)
    for some in _parts(sorted(names)):
        of_cases = (BoxCorrection.version_id.in_(versions), BoxCorrection.name.in_(some))
        session.execute(delete(BoxCorrection).where(*of_cases))
    without_leave(session)


def verdicts_about(session: Session, versions: Collection[int], names: Collection[str]) -> int:
    """How many decisions on these cases there are, undone ones too."""
    is_its = (Verdict.review_id == Suspect.review_id) & (Verdict.rank == Suspect.rank)
    of_versions = select(func.count(Verdict.id)).join(Suspect, is_its).join(Review, Review.id == Suspect.review_id)
    wanted = of_versions.where(Review.version_id.in_(versions))
    return sum(session.scalar(wanted.where(Suspect.name.in_(some))) or 0 for some in _parts(sorted(names)))


def _ranks_gone(session: Session, review_id: int, old: Renumbered) -> list[int]:
    of_review = select(Suspect.rank, Suspect.number).where(Suspect.review_id == review_id)
    return [rank for rank, number in session.execute(of_review) if number not in old.places]


def _take_suspects(session: Session, review_id: int, ranks: Sequence[int]) -> None:
    """With their verdicts. An audit that drew one of them goes whole: without it nothing can be reckoned from it."""
    with_leave(session, "review", [review_id])
    if any(session.scalar(_audited(review_id, some)) for some in _parts(ranks)):
        for audited in (AuditedCase, LabelAudit):
            session.execute(delete(audited).where(audited.review_id == review_id))
    for some in _parts(ranks):
        for table in (Standing, Suspect, Ground, Verdict):
            session.execute(delete(table).where(table.review_id == review_id, table.rank.in_(some)))
    without_leave(session)


def _audited(review_id: int, ranks: Sequence[int]) -> Select[int]:
    of_ranks = (AuditedCase.review_id == review_id, AuditedCase.rank.in_(ranks))
    return select(AuditedCase.rank).where(*of_ranks).limit(1)


def _renumber(session: Session, review_id: int, places: Mapping[int, int]) -> None:
    """Suspects, and the neighbours that speak for and against them."""
    suspects = session.execute(select(Suspect.rank, Suspect.number).where(Suspect.review_id == review_id)).all()
    moved = [
        {"review_id": review_id, "rank": rank, "number": places[number]}
        for rank, number in suspects
        if places[number] != number
    ]
    if moved:
        session.execute(update(Suspect), moved)
    for ground in session.scalars(select(Ground).where(Ground.review_id == review_id)):
        near = [[places[number], alike] for number, alike in ground.neighbours if number in places]
        if near != ground.neighbours:
            ground.neighbours = near
    session.flush()


def _parts(names: Sequence[Name]) -> list[Sequence[Name]]:
    return [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
