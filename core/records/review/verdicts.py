"""Verdicts: what people decide on suspects. Rows are only added; an undo is a row that names what it takes back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import Session, aliased

from core.case import Task
from core.errors import SettingsError
from core.records.access import Who
from core.records.database import Database
from core.records.labels import Names
from core.records.review.reviews import allowed_review, has_first_look
from core.records.review.standing import is_its, may_see, stands, stands_again, take_turns
from core.records.tables import ACTIONS, CONFIDENCES, Person, Review, Suspect, Verdict

MOST_AT_ONCE = 1000
LONGEST_WHY = 10_000


@dataclass(frozen=True)
class VerdictView:
    """A verdict, or (`action` is "undo") a row that takes one back."""

    id: int
    rank: int
    person_id: int
    person: str
    action: str
    given: Names
    labels: Names | None
    why: str
    confidence: str
    seconds: float | None
    is_settlement: bool
    takes_back: int | None
    at: datetime


def first_looks(review_id: int) -> Select[int]:
    """The ids of the verdicts that people gave first on each case, also where they took them back: what a first look
    shows can't be forgotten."""
    is_look = (Verdict.review_id == review_id, Verdict.action != "undo", ~Verdict.is_settlement)
    return select(func.min(Verdict.id)).where(*is_look).group_by(Verdict.person_id, Verdict.rank)


COLUMNS = [Person.name if field.name == "person" else getattr(Verdict, field.name) for field in fields(VerdictView)]
"""What a view is made of: whole rows of tens of thousands of verdicts take four times as long to load."""


def decide(
    db: Database,
    who: Who,
    review_id: int,
    ranks: Sequence[int],
    action: str,
    labels: Sequence[str] | None = None,
    why: str = "",
    confidence: str = "sure",
    seconds: float | None = None,
    key: str = "",
) -> list[VerdictView]:
    """One press: the same decision on one or several cases. With the key of an earlier press, that one's verdicts.

    A change names all labels that the case is to have, none of them for no finding; where it has these, it is kept.
    """
    if not 0 < len(set(ranks)) <= MOST_AT_ONCE:
        raise SettingsError(f"A verdict is on 1 to {MOST_AT_ONCE:,} cases, and this one is on {len(set(ranks)):,}.")
    if confidence not in CONFIDENCES:
        raise SettingsError(f'"{confidence}" is not how sure one can be. Choose one of {", ".join(CONFIDENCES)}.')
    with db.session() as session:
        review = allowed_review(session, who, review_id, "review")
        answers = checked(review, action, labels)
        suspects = take_turns(session, who, review_id, ranks)
        if key and (kept := _pressed(session, who, review, key)):
            return views(kept, who.name)
        _refuse_without_look(session, who, review, action, sorted(suspects))
        press = key or secrets.token_hex(8)
        made = [
            verdict(review, suspects[rank], who, press, action, answers, why, confidence=confidence, seconds=seconds)
            for rank in sorted(suspects)
        ]
        session.add_all(made)
        session.flush()
        stands(session, review, made, suspects)
        return views(made, who.name)


def undo(db: Database, who: Who, review_id: int, key: str = "") -> list[int]:
    """Takes the person's last press back that is not taken back yet; the ranks that it was on, none where it is none.

    With the key of an earlier undo, that one's ranks.
    """
    with db.session() as session:
        review = allowed_review(session, who, review_id, "review")
        take_turns(session, who, review_id, ())
        if key and (kept := _pressed(session, who, review, key)):
            return [verdict.rank for verdict in kept]
        last = _last_press(session, who, review)
        suspects = take_turns(session, who, review_id, [verdict.rank for verdict in last])
        press = key or secrets.token_hex(8)
        session.add_all(
            Verdict(
                review_id=review_id,
                rank=verdict.rank,
                person_id=who.id,
                key=press,
                action="undo",
                given=verdict.given,
                takes_back=verdict.id,
            )
            for verdict in last
        )
        session.flush()
        stands_again(session, review, who, suspects)
        return sorted(suspects)


def history(db: Database, who: Who, review_id: int, rank: int | None = None) -> list[VerdictView]:
    """Every row that the person may see, oldest first: of one case, or of the whole review."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        query = select(*COLUMNS).join(Person, Person.id == Verdict.person_id).join(Suspect, is_its(Verdict))
        is_open = (may_see(review, who), may_know(session, who, review))
        query = query.where(Verdict.review_id == review_id, *is_open).order_by(Verdict.id)
        rows = session.execute(query if rank is None else query.where(Verdict.rank == rank))
        return [VerdictView(*row) for row in rows]


def verdict(
    review: Review,
    suspect: Suspect,
    who: Who,
    key: str,
    action: str,
    labels: Names | None,
    why: str,
    *,
    confidence: str = "sure",
    seconds: float | None = None,
    is_settlement: bool = False,
) -> Verdict:
    is_kept = action == "change" and labels == suspect.given
    return Verdict(
        review_id=review.id,
        rank=suspect.rank,
        person_id=who.id,
        key=key,
        action="keep" if is_kept else action,
        is_settlement=is_settlement,
        given=suspect.given,
        labels=None if is_kept else labels,
        why=why.strip()[:LONGEST_WHY],
        confidence=confidence,
        seconds=seconds,
    )


def checked(review: Review, action: str, labels: Sequence[str] | None) -> Names | None:
    """The labels in the order of the task, or a SettingsError where this is no verdict."""
    if action not in ACTIONS:
        raise SettingsError(f'"{action}" is not a verdict. Choose one of {", ".join(ACTIONS)}.')
    if action != "change":
        return None
    task = Task.parse(review.version.task, "task")
    of = "any number of them, as a list" if task.kind == "multi" else "one of them, as a list"
    choose = f"Choose {of}: {', '.join(task.answers)}."
    if labels is None:
        raise SettingsError(f"A change names the new labels, and this one names none. {choose}")
    for name in labels:
        if name not in task.answers:
            raise SettingsError(
                f'A label can\'t be changed to "{name}", which is not among the answers of this set. {choose}'
            )
    if task.kind != "multi" and len(labels) != 1:
        raise SettingsError(f"A case of this set has one label, and this verdict gives it {len(labels)}. {choose}")
    return task.in_order(labels)


def views(verdicts: Sequence[Verdict], person: str) -> list[VerdictView]:
    return [view(verdict, person) for verdict in verdicts]


def view(verdict: Verdict, person: str) -> VerdictView:
    return VerdictView(
        verdict.id,
        verdict.rank,
        verdict.person_id,
        person,
        verdict.action,
        verdict.given,
        verdict.labels,
        verdict.why,
        verdict.confidence,
        verdict.seconds,
        verdict.is_settlement,
        verdict.takes_back,
        verdict.at,
    )


def looked_at(session: Session, who: Who, review: Review, ranks: Sequence[int]) -> set[int]:
    """Those of the ranks on which the person has decided before, also where that was taken back."""
    own = select(Verdict.rank).where(Verdict.review_id == review.id, Verdict.person_id == who.id)
    return set(session.scalars(own.where(Verdict.rank.in_(ranks))))


def may_know(session: Session, who: Who, review: Review) -> ColumnElement[bool]:
    """Of suspects: that the person may know what others said of it, and with that its label. Before a first look they
    may not; whoever settles and makes the next version, and reads nothing here, may."""
    if not has_first_look(review):
        return true()
    own = (Verdict.review_id == review.id, Verdict.person_id == who.id)
    if who.may("work") and session.scalar(select(Verdict.id).where(*own, ~Verdict.is_settlement).limit(1)) is None:
        return true()
    return has_looked(review, who)


def has_looked(review: Review, who: Who) -> ColumnElement[bool]:
    """Of suspects: that the person has decided on it before, also where that was taken back."""
    own = (Verdict.review_id == review.id, Verdict.person_id == who.id, Verdict.rank == Suspect.rank)
    return select(Verdict.id).where(*own).correlate(Suspect).exists()


def _refuse_without_look(session: Session, who: Who, review: Review, action: str, ranks: Sequence[int]) -> None:
    """A label that is hidden can't be kept, and a first look is at one case."""
    if not has_first_look(review) or looked_at(session, who, review, ranks).issuperset(ranks):
        return
    if action == "keep":
        raise SettingsError(
            "The label is hidden until you have looked. Say which label you see, or that you are unsure."
        )
    if len(ranks) > 1:
        raise SettingsError("Each case of this review is looked at by itself first. Decide on one at a time.")


def _pressed(session: Session, who: Who, review: Review, key: str) -> list[Verdict]:
    """What a press left that came before under this key."""
    pressed = select(Verdict).where(Verdict.person_id == who.id, Verdict.key == key).order_by(Verdict.rank)
    verdicts = list(session.scalars(pressed))
    if verdicts and verdicts[0].review_id != review.id:
        raise SettingsError("This key belongs to a press in another review. Send each press with a key of its own.")
    return verdicts


def _last_press(session: Session, who: Who, review: Review) -> list[Verdict]:
    back = aliased(Verdict)
    own = select(Verdict).where(
        Verdict.review_id == review.id,
        Verdict.person_id == who.id,
        Verdict.action != "undo",
        ~Verdict.is_settlement,
        ~select(back.id).where(back.takes_back == Verdict.id).exists(),
    )
    last = session.scalar(own.order_by(Verdict.id.desc()).limit(1))
    return [] if last is None else _pressed(session, who, review, last.key)  # which is taken back as a whole or not
