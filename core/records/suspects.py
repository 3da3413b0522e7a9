"""The queue of a review: one suspect after another, whatever is filtered, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, true
from sqlalchemy.orm import Session

from core.errors import SettingsError
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.reviews import allowed_review
from core.records.standing import decided, may_see, mine
from core.records.tables import Case, Ground, Person, Review, Standing, Suspect, Verdict
from core.records.verdicts import VerdictView, view
from core.records.versions import UNDIVIDED

STATES = ("open", "mine", "decided", "disputed", "all")
AGAINST = 0.5
"""A source with this much evidence speaks against a label."""
MOST_ALIKE = 1000


@dataclass(frozen=True)
class Filter:
    """Which suspects are asked for. `label` is the given one; `source` names one that speaks against it.

    state: open (not decided by me), mine, decided (by anyone, as far as I may know), disputed, all.
    """

    label: str = ""
    split: str = ""
    source: str = ""
    state: str = "open"
    text: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A labelled case near a suspect, of another patient."""

    number: int
    name: str
    label: str
    similarity: float


@dataclass(frozen=True)
class SuspectView:
    """A suspect with its evidence, and the verdicts on it that the person may see."""

    rank: int
    number: int
    name: str
    given: str
    suggested: str
    score: float
    why: str
    evidence: dict[str, float | None]
    probabilities: tuple[float, ...]
    neighbours: tuple[Neighbour, ...]
    group: int | None
    group_size: int
    split: str | None
    patient: str | None
    digest: str
    mine: VerdictView | None
    others: tuple[VerdictView, ...]


@dataclass(frozen=True)
class Progress:
    """How far a review is. `matching` suspects fit the filter; `actions` counts the person's own standing verdicts."""

    mine: int
    decided: int
    disputed: int
    cases: int
    matching: int
    actions: dict[str, int]


def next_suspect(
    db: Database, who: Who, review_id: int, where: Filter, after: int = 0, is_back: bool = False
) -> SuspectView | None:
    """The first that fits below this rank, or the last above it; None where there is none. Rank 0 is before all."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        fits = [*_fits(review, where, db.is_sqlite), _in_state(review, who, where.state)]
        beyond = Suspect.rank < after if is_back else Suspect.rank > after
        order = Suspect.rank.desc() if is_back else Suspect.rank
        rank = session.scalar(select(Suspect.rank).where(*fits, beyond).order_by(order).limit(1))
        return None if rank is None else views(session, who, review, [rank])[0]


def suspect(db: Database, who: Who, review_id: int, rank: int) -> SuspectView:
    with db.reading() as session:
        found = views(session, who, allowed_review(session, who, review_id), [rank])
    if not found:
        raise NotAllowed(f"This review has no case at rank {rank}. Go back to its queue.")
    return found[0]


def group(db: Database, who: Who, review_id: int, rank: int) -> list[SuspectView]:
    """The near-identical pictures of this one, itself included, the most suspect first."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        key = Suspect.review_id == review_id
        number = session.scalar(select(Suspect.alike).where(key, Suspect.rank == rank))
        if number is None:
            return views(session, who, review, [rank])
        asked = select(Suspect.rank).where(key, Suspect.alike == number).order_by(Suspect.rank).limit(MOST_ALIKE)
        return views(session, who, review, session.scalars(asked).all())


def progress(db: Database, who: Who, review_id: int, where: Filter) -> Progress:
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        own = (Standing.review_id == review_id, Standing.person_id == who.id)
        rows = session.execute(select(Standing.action, func.count()).where(*own).group_by(Standing.action))
        actions = dict(rows.all())
        fits = _fits(review, where, db.is_sqlite)
        counted = select(
            func.count().filter(decided(review)), func.count().filter(Suspect.is_disputed), func.count().filter(*fits)
        )
        known, disputed, matching = session.execute(counted.where(Suspect.review_id == review_id)).one()
        is_mine = and_(Suspect.review_id == Standing.review_id, Suspect.rank == Standing.rank)
        of_mine = select(func.count()).select_from(Standing).join(Suspect, is_mine).where(*own)
        known += (session.scalar(of_mine.where(~decided(review))) or 0) if review.is_blind else 0
        if where.state in ("open", "mine"):
            taken = session.scalar(of_mine.where(*fits)) or 0
            matching = taken if where.state == "mine" else matching - taken
        elif where.state != "all":
            asked = select(func.count()).select_from(Suspect).where(*fits, _in_state(review, who, where.state))
            matching = session.scalar(asked) or 0
    return Progress(sum(actions.values()), known, disputed, review.cases, matching, actions)


def views(session: Session, who: Who, review: Review, ranks: Sequence[int]) -> list[SuspectView]:
    """Suspects with all that is shown of them, by rank; ranks that are not there are left out."""
    asked = (
        select(Suspect, Ground, Case.digest)
        .join(Ground, and_(Ground.review_id == Suspect.review_id, Ground.rank == Suspect.rank))
        .join(Case, and_(Case.version_id == review.version_id, Case.number == Suspect.number))
        .where(Suspect.review_id == review.id, Suspect.rank.in_(ranks))
        .order_by(Suspect.rank)
    )
    rows = session.execute(asked).all()
    near = _named(session, review, {number for row in rows for number, _ in row[1].neighbours})
    sizes = _sizes(session, review, {row[0].alike for row in rows if row[0].alike is not None})
    said = _said(session, who, review, [row[0].rank for row in rows])
    found = []
    for one, ground, digest in rows:
        verdicts = said.get(one.rank, [])
        own = next((row for row in verdicts if row.person_id == who.id), None)
        found.append(
            SuspectView(
                rank=one.rank,
                number=one.number,
                name=one.name,
                given=one.given,
                suggested=one.suggested,
                score=one.score,
                why=ground.why,
                evidence=ground.evidence,
                probabilities=tuple(ground.probabilities),
                neighbours=tuple(Neighbour(n, *near[n], alike) for n, alike in ground.neighbours if n in near),
                group=one.alike,
                group_size=sizes.get(one.alike, 1),
                split=one.split,
                patient=one.patient,
                digest=digest,
                mine=own,
                others=tuple(row for row in verdicts if row is not own),
            )
        )
    return found


def _fits(review: Review, where: Filter, is_sqlite: bool) -> list[ColumnElement[bool]]:
    """What a filter asks of a suspect itself, whoever looks."""
    if where.state not in STATES:
        raise SettingsError(f'"{where.state}" is not a state of the queue. Choose one of {", ".join(STATES)}.')
    fits: list[ColumnElement[bool]] = [Suspect.review_id == review.id]
    if where.label and review.version.task["kind"] == "multi":
        fits.append((", " + Suspect.given + ", ").contains(f", {where.label}, ", autoescape=True))
    elif where.label:
        fits.append(Suspect.given == where.label)
    if where.split:
        fits.append(Suspect.split.is_(None) if where.split == UNDIVIDED else Suspect.split == where.split)
    if where.source:
        fits.append(Suspect.flags.bitwise_and(_bit(review, where.source)) != 0)
    if where.text:
        columns = (Suspect.name, Suspect.patient)
        # SQLite's LIKE takes no notice of case, and is twice as quick without being told.
        named = [one.contains if is_sqlite else one.icontains for one in columns]
        fits.append(or_(*(has(where.text, autoescape=True) for has in named)))
    return fits


def _bit(review: Review, source: str) -> int:
    names = [one["name"] for one in review.sources]
    if source not in names:
        raise SettingsError(f'"{source}" is not a source of evidence here. Choose one of {", ".join(names)}.')
    return 1 << names.index(source)


def _in_state(review: Review, who: Who, state: str) -> ColumnElement[bool]:
    own = mine(review.id, who)
    states: dict[str, ColumnElement[bool]] = {
        "open": not_(own),
        "mine": own,
        "decided": or_(decided(review), own) if review.is_blind else decided(review),
        "disputed": Suspect.is_disputed == true(),
        "all": Suspect.review_id == review.id,
    }
    return states[state]


def _named(session: Session, review: Review, numbers: set[int]) -> dict[int, tuple[str, str]]:
    asked = select(Case.number, Case.name, Case.label)
    rows = session.execute(asked.where(Case.version_id == review.version_id, Case.number.in_(numbers)))
    return {number: (name, label) for number, name, label in rows}


def _sizes(session: Session, review: Review, numbers: set[int | None]) -> dict[int | None, int]:
    asked = select(Suspect.alike, func.count()).where(Suspect.review_id == review.id, Suspect.alike.in_(numbers))
    return dict(session.execute(asked.group_by(Suspect.alike)).all()) if numbers else {}


def _said(session: Session, who: Who, review: Review, ranks: Sequence[int]) -> dict[int, list[VerdictView]]:
    """The verdicts that stand on these and may be seen, in the order in which they were made."""
    is_standing = Standing.verdict_id == Verdict.id
    is_its = and_(Suspect.review_id == Verdict.review_id, Suspect.rank == Verdict.rank)
    asked = select(Verdict, Person.name).join(Standing, is_standing).join(Person, Person.id == Verdict.person_id)
    asked = asked.join(Suspect, is_its).where(Standing.review_id == review.id, Standing.rank.in_(ranks))
    found: dict[int, list[VerdictView]] = {}
    for one, person in session.execute(asked.where(may_see(review, who)).order_by(Verdict.id)):
        found.setdefault(one.rank, []).append(view(one, person))
    return found
