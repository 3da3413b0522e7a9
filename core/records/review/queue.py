"""The queue of a review: one suspect after another, whatever is filtered, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from core.errors import SettingsError
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.labels import Names, has_label, names_label
from core.records.review.reviews import allowed_review, has_first_look
from core.records.review.standing import decided, is_audited, is_its, may_see, mine
from core.records.review.verdicts import VerdictView, has_looked, looked_at, view
from core.records.sets.versions import UNDIVIDED
from core.records.tables import Case, Ground, Person, Review, Standing, Suspect, Verdict

State = Literal["open", "mine", "decided", "disputed", "audit", "all"]
STATES: tuple[State, ...] = get_args(State)
AGAINST = 0.5
"""A source with this much evidence speaks against a label."""
MOST_ALIKE = 1000
NOWHERE = -1
"""In place of a case's number in its set, by which many sets are sorted label by label."""

Row = type[Suspect] | type[Standing]


@dataclass(frozen=True)
class Filter:
    """Which suspects are asked for. `label` is among the given ones, `suggested` among those that the models suggest;
    `source` names one that speaks against the given ones.

    state: open (not decided by me), mine, decided (by anyone, as far as I may know), disputed, audit (drawn by it and
    not decided by me), all.
    """

    label: str = ""
    split: str = ""
    source: str = ""
    state: str = "open"
    text: str = ""
    suggested: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A labelled case near a suspect, of another patient."""

    number: int
    name: str
    labels: Names
    similarity: float


@dataclass(frozen=True)
class SuspectView:
    """A suspect with its evidence, and the verdicts on it that the person may see."""

    rank: int
    number: int
    name: str
    given: Names
    suggested: Names
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
    is_veiled: bool = False
    """The person has not looked at it yet and is to look first: all that tells its label is left out."""


@dataclass(frozen=True)
class ReviewProgress:
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
        ranks = []
        for rank, fits in _queues(review, who, where, db.is_sqlite):
            fitting = select(rank).where(*fits, rank < after if is_back else rank > after)
            ranks.append(session.scalar(fitting.order_by(rank.desc() if is_back else rank).limit(1)))
        nearest = [rank for rank in ranks if rank is not None]
        if not nearest:
            return None
        return veiled(session, who, review, views(session, who, review, [max(nearest) if is_back else min(nearest)]))[0]


def suspect(db: Database, who: Who, review_id: int, rank: int) -> SuspectView:
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        shown = veiled(session, who, review, views(session, who, review, [rank]))
    if not shown:
        raise NotAllowed(f"This review has no case at rank {rank}. Go back to its queue.")
    return shown[0]


def place_of(db: Database, who: Who, review_id: int, rank: int) -> tuple[int, int]:
    """The version and the number of the case at this rank, whose picture is shown also before a first look."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        number = session.scalar(select(Suspect.number).where(Suspect.review_id == review_id, Suspect.rank == rank))
    if number is None:
        raise NotAllowed(f"This review has no case at rank {rank}. Go back to its queue.")
    return review.version_id, number


def group(db: Database, who: Who, review_id: int, rank: int) -> list[SuspectView]:
    """The near-identical pictures of this one, itself included, the most suspect first."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        if has_first_look(review):
            raise SettingsError("Each case of this review is looked at by itself first, so none are decided together.")
        key = Suspect.review_id == review_id
        number = session.scalar(select(Suspect.alike).where(key, Suspect.rank == rank))
        if number is None:
            return views(session, who, review, [rank])
        alike = select(Suspect.rank).where(key, Suspect.alike == number).order_by(Suspect.rank).limit(MOST_ALIKE)
        return views(session, who, review, session.scalars(alike).all())


def progress(db: Database, who: Who, review_id: int, where: Filter) -> ReviewProgress:
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        own = (Standing.review_id == review_id, Standing.person_id == who.id)
        rows = session.execute(select(Standing.action, func.count()).where(*own).group_by(Standing.action))
        actions = dict(rows.all())

        def count(which: Filter) -> int:
            return _count(session, review, who, which, db.is_sqlite)

        return ReviewProgress(
            mine=sum(actions.values()),
            decided=count(Filter(state="decided")),
            disputed=count(Filter(state="disputed")),
            cases=review.cases,
            matching=count(where),
            actions=actions,
        )


def views(session: Session, who: Who, review: Review, ranks: Sequence[int]) -> list[SuspectView]:
    """Suspects with all that is shown of them, by rank; ranks that are not there are left out."""
    query = (
        select(Suspect, Ground, Case.digest)
        .join(Ground, and_(Ground.review_id == Suspect.review_id, Ground.rank == Suspect.rank))
        .join(Case, and_(Case.version_id == review.version_id, Case.number == Suspect.number))
        .where(Suspect.review_id == review.id, Suspect.rank.in_(ranks))
        .order_by(Suspect.rank)
    )
    rows = session.execute(query).all()
    near = _named(session, review, {number for row in rows for number, _ in row[1].neighbours})
    sizes = _sizes(session, review, {row[0].alike for row in rows if row[0].alike is not None})
    verdicts_by_rank = _verdicts(session, who, review, [row[0].rank for row in rows])
    shown = []
    for suspect, ground, digest in rows:
        verdicts = verdicts_by_rank.get(suspect.rank, [])
        own = next((row for row in verdicts if row.person_id == who.id), None)
        shown.append(
            SuspectView(
                rank=suspect.rank,
                number=suspect.number,
                name=suspect.name,
                given=suspect.given,
                suggested=suspect.suggested,
                score=suspect.score,
                why=ground.why,
                evidence=ground.evidence,
                probabilities=tuple(ground.probabilities),
                neighbours=tuple(Neighbour(n, *near[n], alike) for n, alike in ground.neighbours if n in near),
                group=suspect.alike,
                group_size=sizes.get(suspect.alike, 1),
                split=suspect.split,
                patient=suspect.patient,
                digest=digest,
                mine=own,
                others=tuple(row for row in verdicts if row is not own),
            )
        )
    return shown


def veiled(session: Session, who: Who, review: Review, shown: Sequence[SuspectView]) -> list[SuspectView]:
    """Those on which the person has not pressed any key yet, without what tells their labels, where a first look is
    asked for. A file's name and its place in the set often tell it too. Whoever took a verdict back has seen the label
    all the same."""
    if not has_first_look(review):
        return list(shown)
    seen = looked_at(session, who, review, [suspect.rank for suspect in shown])
    return [suspect if suspect.rank in seen else _veiled(suspect) for suspect in shown]


def _veiled(suspect: SuspectView) -> SuspectView:
    return replace(
        suspect,
        number=NOWHERE,
        name="",
        digest="",
        given=(),
        suggested=(),
        score=0.0,
        why="",
        evidence={},
        probabilities=(),
        neighbours=(),
        group=None,
        group_size=1,
        others=(),
        is_veiled=True,
    )


def _fits(review: Review, who: Who, where: Filter, row: Row, is_sqlite: bool) -> list[ColumnElement[bool]]:
    """What a filter asks of a suspect itself, or of a verdict that repeats it, whoever looks."""
    fits: list[ColumnElement[bool]] = [row.review_id == review.id]
    if where.label:
        fits.append(has_label(row.places, where.label, review.version.task))
    if has_first_look(review) and (where.label or where.suggested or where.source):
        raise SettingsError("Labels and evidence are hidden until you have looked, so cases can't be chosen by them.")
    if where.suggested:
        suggested = names_label(Suspect.suggested, where.suggested)
        fits.append(suggested if row is Suspect else _suspects(suggested))
    if where.split:
        fits.append(row.split.is_(None) if where.split == UNDIVIDED else row.split == where.split)
    if where.source:
        fits.append(row.flags.bitwise_and(_bit(review, where.source)) != 0)
    if where.text:
        fits.append(_names(review, who, row, where.text, is_sqlite))
    return fits


def _names(review: Review, who: Who, row: Row, text: str, is_sqlite: bool) -> ColumnElement[bool]:
    """A text in name or patient, whatever its case; not in a name that is hidden before a first look."""
    # SQLite's LIKE takes no notice of case, and is twice as quick without being told.
    in_name, in_patient = (
        (column.contains if is_sqlite else column.icontains)(text, autoescape=True)
        for column in (Suspect.name, Suspect.patient)
    )
    named = or_(and_(in_name, has_looked(review, who)) if has_first_look(review) else in_name, in_patient)
    return named if row is Suspect else _suspects(named)


def _suspects(claim: ColumnElement[bool]) -> ColumnElement[bool]:
    """Of a verdict that stands: that this is so of its suspect."""
    return select(Suspect.rank).where(is_its(Standing), claim).correlate(Standing).exists()


def _bit(review: Review, source: str) -> int:
    names = [about["name"] for about in review.sources]
    if source not in names:
        raise SettingsError(f'"{source}" is not a source of evidence here. Choose one of {", ".join(names)}.')
    return 1 << names.index(source)


def _queues(review: Review, who: Who, where: Filter, is_sqlite: bool) -> list[tuple[Any, list[ColumnElement[bool]]]]:
    """Where the ranks that fit are found: columns and conditions, which have no rank in common.

    What people decided is looked for where it stands, since there is less of that than of suspects.
    """
    suspects, verdicts = (_fits(review, who, where, row, is_sqlite) for row in (Suspect, Standing))
    own = [*verdicts, Standing.person_id == who.id]
    if where.state == "mine":
        return [(Standing.rank, own)]
    if where.state == "open":
        suspects.append(~mine(review.id, who))
    elif where.state == "audit":
        suspects += [is_audited(review.id), ~mine(review.id, who)]
    elif where.state == "disputed":
        suspects.append(Suspect.is_disputed == true())
    elif where.state == "decided":
        among_them = Suspect.rank + 0  # by which SQLite looks through the few decided ones, not through all by rank
        queues = [(among_them, [*suspects, decided(review)])]
        return [*queues, (Standing.rank, [*own, _suspects(~decided(review))])] if review.is_blind else queues
    elif where.state != "all":
        raise SettingsError(f'"{where.state}" is not a state of the queue. Choose one of {", ".join(STATES)}.')
    return [(Suspect.rank, suspects)]


def _count(session: Session, review: Review, who: Who, where: Filter, is_sqlite: bool) -> int:
    """How many fit. Those that are open are what is left of all, unless names have to be looked at anyway."""
    if where.state == "open" and not where.text:
        every, taken = (replace(where, state=state) for state in ("all", "mine"))
        return _count(session, review, who, every, is_sqlite) - _count(session, review, who, taken, is_sqlite)
    if where == Filter(state="all"):
        return review.cases
    queues = _queues(review, who, where, is_sqlite)
    return sum(session.scalar(select(func.count(rank)).where(*fits)) or 0 for rank, fits in queues)


def _named(session: Session, review: Review, numbers: set[int]) -> dict[int, tuple[str, Names]]:
    query = select(Case.number, Case.name, Case.labels)
    rows = session.execute(query.where(Case.version_id == review.version_id, Case.number.in_(numbers)))
    return {number: (name, labels) for number, name, labels in rows}


def _sizes(session: Session, review: Review, numbers: set[int | None]) -> dict[int | None, int]:
    query = select(Suspect.alike, func.count()).where(Suspect.review_id == review.id, Suspect.alike.in_(numbers))
    return dict(session.execute(query.group_by(Suspect.alike)).all()) if numbers else {}


def _verdicts(session: Session, who: Who, review: Review, ranks: Sequence[int]) -> dict[int, list[VerdictView]]:
    """The verdicts that stand on these and may be seen, in the order in which they were made."""
    is_standing = Standing.verdict_id == Verdict.id
    query = select(Verdict, Person.name).join(Standing, is_standing).join(Person, Person.id == Verdict.person_id)
    query = query.join(Suspect, is_its(Verdict)).where(Standing.review_id == review.id, Standing.rank.in_(ranks))
    by_rank: dict[int, list[VerdictView]] = {}
    for verdict, person in session.execute(query.where(may_see(review, who)).order_by(Verdict.id)):
        by_rank.setdefault(verdict.rank, []).append(view(verdict, person))
    return by_rank
