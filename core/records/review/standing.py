"""What stands of all that people decided: one verdict a person and case, kept beside the rows that are only added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import Session, aliased

from core.errors import SettingsError
from core.records.access import NOT_THERE, NotAllowed, Who
from core.records.labels import Names
from core.records.tables import AuditedCase, Person, Review, Standing, Suspect, Verdict


class Voice(NamedTuple):
    """What agreement and corrections need of a verdict: a review may have tens of thousands, so no more is loaded."""

    rank: int
    person_id: int
    action: str
    given: Names
    labels: Names | None
    confidence: str
    why: str


def take_turns(session: Session, who: Who, review_id: int, ranks: Iterable[int]) -> dict[int, Suspect]:
    """The suspects of these ranks, locked: presses of one person, and on one case, come one after the other.

    The review before its suspects, as whoever erases it: each waits for the other, and never both.
    """
    session.scalar(select(Person.id).where(Person.id == who.id).with_for_update(key_share=True))
    its_own = select(Review.id).where(Review.id == review_id).with_for_update(read=True, key_share=True)
    if session.scalar(its_own) is None:
        raise NotAllowed(NOT_THERE)
    wanted = sorted(set(ranks))
    query = select(Suspect).where(Suspect.review_id == review_id, Suspect.rank.in_(wanted))
    suspects = {suspect.rank: suspect for suspect in session.scalars(query.order_by(Suspect.rank).with_for_update())}
    missing = [rank for rank in wanted if rank not in suspects]
    if missing:
        raise SettingsError(f"This review has no case at rank {missing[0]}. Open the queue again.")
    return suspects


def stands(session: Session, review: Review, verdicts: Iterable[Verdict], suspects: dict[int, Suspect]) -> None:
    """From now on these verdicts stand for their persons."""
    for verdict in verdicts:
        about = suspects[verdict.rank]
        session.merge(
            Standing(
                review_id=review.id,
                person_id=verdict.person_id,
                rank=verdict.rank,
                action=verdict.action,
                verdict_id=verdict.id,
                places=about.places,
                split=about.split,
                flags=about.flags,
            )
        )
    _count(session, review, suspects)


def stands_again(session: Session, review: Review, who: Who, suspects: dict[int, Suspect]) -> None:
    """After verdicts were taken back: what the person had decided before stands, or nothing."""
    back = aliased(Verdict)
    own = select(Verdict).where(
        Verdict.review_id == review.id,
        Verdict.person_id == who.id,
        Verdict.rank.in_(list(suspects)),
        Verdict.action != "undo",
        ~Verdict.is_settlement,
        ~select(back.id).where(back.takes_back == Verdict.id).exists(),
    )
    before = {verdict.rank: verdict for verdict in session.scalars(own.order_by(Verdict.id))}
    for rank in suspects.keys() - before.keys():
        if (gone := session.get(Standing, (review.id, who.id, rank))) is not None:
            session.delete(gone)
    stands(session, review, before.values(), suspects)


def standing(session: Session, review_id: int, *claims: ColumnElement[bool]) -> dict[int, list[Voice]]:
    """{rank: the verdicts that stand, in the order in which they were made}, of suspects of which this is so."""
    query = voices().join(Standing, Standing.verdict_id == Verdict.id).where(Standing.review_id == review_id)
    by_rank: dict[int, list[Voice]] = {}
    for row in session.execute(query.join(Suspect, is_its(Standing)).where(*claims).order_by(Verdict.id)):
        by_rank.setdefault(row.rank, []).append(Voice._make(row))
    return by_rank


def voices() -> Select[int, int, str, Names, Names | None, str, str]:
    """What makes voices of verdicts."""
    row = Verdict
    return select(row.rank, row.person_id, row.action, row.given, row.labels, row.confidence, row.why)


def is_its(row: type[Standing] | type[Verdict]) -> ColumnElement[bool]:
    """Of suspects: that this row is about it."""
    return and_(Suspect.review_id == row.review_id, Suspect.rank == row.rank)


def may_see(review: Review, who: Who) -> ColumnElement[bool]:
    """Of verdicts joined with their suspects: one's own, and others' once as many have decided as are asked to."""
    if not review.is_blind:
        return true()
    return or_(Verdict.person_id == who.id, Suspect.deciders >= review.readers)


def is_disputed(verdicts: Sequence[Voice], readers: int) -> bool:
    """Whether somebody has to settle it: people differ, or all who were asked are unsure."""
    outcomes = {(verdict.action, verdict.labels) for verdict in verdicts}
    return len(outcomes) > 1 or (len(verdicts) >= readers and outcomes == {("unsure", None)})


def decided(review: Review) -> ColumnElement[bool]:
    """Of suspects: that a decision on them may be known to everybody."""
    return Suspect.deciders >= (review.readers if review.is_blind else 1)


def mine(review_id: int, who: Who) -> ColumnElement[bool]:
    """Of suspects: that the person has decided on them."""
    key = (Standing.review_id == review_id, Standing.person_id == who.id, Standing.rank == Suspect.rank)
    return select(Standing.rank).where(*key).correlate(Suspect).exists()


def is_audited(review_id: int) -> ColumnElement[bool]:
    """Of suspects: that the review's audit drew them."""
    key = (AuditedCase.review_id == review_id, AuditedCase.rank == Suspect.rank)
    return select(AuditedCase.rank).where(*key).correlate(Suspect).exists()


def _count(session: Session, review: Review, suspects: dict[int, Suspect]) -> None:
    session.flush()
    standing_voices = standing(session, review.id, Standing.rank.in_(list(suspects)))
    for rank, suspect in suspects.items():
        verdicts = standing_voices.get(rank, [])
        suspect.deciders = len(verdicts)
        suspect.is_disputed = suspect.settled is None and is_disputed(verdicts, review.readers)
