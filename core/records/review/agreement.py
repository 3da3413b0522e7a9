"""How far people agree with each other and with the models, what they see differently, and what it comes to.

Kappa is Cohen's, over what each would have the label be (or that the case should go); whoever is unsure said nothing.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.util import AliasedClass

from core.errors import SettingsError
from core.records.access import Who
from core.records.audit import note
from core.records.database import Database
from core.records.labels import Names
from core.records.review.queue import SuspectView, views
from core.records.review.reviews import allowed_review, has_first_look
from core.records.review.standing import Voice, decided, is_its, standing, take_turns
from core.records.review.verdicts import VerdictView, checked, first_looks, may_know, verdict, view
from core.records.tables import Person, Review, Standing, Suspect, Verdict
from core.statistics.kappa import Kappa, cohen

MODELS = "the models"
SET, OWN_LAST = "the set's labels", "own last word"
WEIGHTS = {"sure": 1.0, "fairly": 2 / 3, "guess": 1 / 3}
"""What a person's verdict counts for in a consensus."""
MOST_SHOWN = 500

Labelled = tuple[Names | None, Names | None]
"""What two readers would have the labels be."""
Outcome = tuple[str, Names | None]
"""An action with the labels that come of it: ("keep", given), ("change", labels), ("exclude", None)."""


@dataclass(frozen=True)
class Pair:
    """Two readers on the cases that both decided on; None where a figure is undefined."""

    first: str
    second: str
    n: int
    observed: float | None
    kappa: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """People with each other, and each of them with what the models suggest. Of blind first looks: with the labels that
    the set has, with the models, and with what the same person says now."""

    pairs: tuple[Pair, ...]
    models: tuple[Pair, ...]
    first_looks: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Consensus:
    """What all verdicts on a case come to, and the share of the weight that stands behind it."""

    action: str
    labels: Names | None
    certainty: float


def agreement(db: Database, who: Who, review_id: int) -> Agreement:
    """Of a blind review, the cases that enough people have decided on."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        pairs, models = _between(session, review), with_models(session, review)
        looks = first_look_counts(session, review) if has_first_look(review) else {}
        names = dict(session.execute(select(Person.id, Person.name)).all())
    people = [_pair(sorted(names[person] for person in both), cohen(cases)) for both, cases in pairs.items()]
    suggested = [_pair((names[person], MODELS), cohen(cases)) for person, cases in models.items()]
    first = [_pair((f"{names[person]}, first look", other), cohen(cases)) for (person, other), cases in looks.items()]
    return Agreement(
        _in_order(people), _in_order(suggested), first_looks=tuple(sorted(first, key=lambda pair: pair.first))
    )


def _in_order(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: (pair.first, pair.second)))


def disputed(db: Database, who: Who, review_id: int) -> list[SuspectView]:
    """What somebody has to settle, the most suspect first."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        disputed_ranks = select(Suspect.rank).where(
            Suspect.review_id == review_id, Suspect.is_disputed, may_know(session, who, review)
        )
        ranks = session.scalars(disputed_ranks.order_by(Suspect.rank).limit(MOST_SHOWN)).all()
        return views(session, who, review, ranks)


def settle(
    db: Database, who: Who, review_id: int, rank: int, action: str, labels: Sequence[str] | None = None, why: str = ""
) -> VerdictView:
    """The last word on a case, by a researcher or an admin; a later one takes its place. What people said stays."""
    if action == "unsure":
        raise SettingsError("A case can't be settled as unsure. Keep the label, change it, or exclude the case.")
    with db.session() as session:
        review = allowed_review(session, who, review_id, "work")
        answers = checked(review, action, labels)
        suspect = take_turns(session, who, review_id, [rank])[rank]
        itself = (Suspect.review_id == review_id, Suspect.rank == rank)
        if session.scalar(select(Suspect.rank).where(*itself, may_know(session, who, review))) is None:
            raise SettingsError(
                "Give your own verdict on this case first: what others said of it is hidden until then."
            )
        if not suspect.is_disputed and suspect.settled is None:
            raise SettingsError(
                "Nobody sees this case differently, so there is nothing to settle. Decide on it instead."
            )
        made = verdict(review, suspect, who, secrets.token_hex(8), action, answers, why, is_settlement=True)
        session.add(made)
        session.flush()
        suspect.settled, suspect.is_disputed = made.id, False
        subject = f"{review.name}, {suspect.name}"
        note(session, who, "settle", review.project_id, subject, review=review_id, rank=rank, decision=made.action)
        return view(made, who.name)


def consensus(db: Database, who: Who, review_id: int) -> dict[int, Consensus]:
    """{rank: what the verdicts come to}, for every case that people decided on (see `weighed`)."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        voices, weight = decided_voices(session, review), model_weight(with_models(session, review))
        is_decided = (Suspect.review_id == review_id, Suspect.deciders > 0, may_know(session, who, review))
        suggested = dict(session.execute(select(Suspect.rank, Suspect.suggested).where(*is_decided)).all())
    return {rank: weighed(voices[rank], suggested[rank], weight) for rank in voices if rank in suggested}


def weighed(verdicts: Sequence[Voice], suggested: Names, model: float) -> Consensus:
    """A vote by weight: each person's verdict counts 1 where sure, 2/3 where fairly sure, 1/3 where it is a guess.

    The models are one more reader, who votes for the label that they suggest with the weight `model`, and only where
    a person named that label too: a label that no person chose can't win. Whoever is unsure votes for nothing.
    The certainty is the winner's share of all weight, that of the unsure included; of equals the earlier vote wins.
    """
    votes: dict[Outcome, float] = {}
    whole = 0.0
    for voice in verdicts:
        whole += WEIGHTS[voice.confidence]
        if (vote := outcome(voice)) is not None:
            votes[vote] = votes.get(vote, 0.0) + WEIGHTS[voice.confidence]
    for vote in votes:
        votes[vote] += model if vote[1] == suggested else 0.0
    whole += model if any(labels == suggested for _, labels in votes) else 0.0
    if not votes:
        return Consensus("unsure", None, 0.0)
    best = max(votes, key=lambda vote: votes[vote])
    return Consensus(best[0], best[1] if best[0] == "change" else None, votes[best] / whole)


def model_weight(models: Mapping[int, Mapping[Labelled, int]]) -> float:
    """The lower end of the interval of kappa between the models and the people of this review, never below 0.

    So models count for as much as they are known to agree with people on these cases: nothing while that is unsure.
    """
    together = Counter[Labelled]()
    for cases in models.values():
        together.update(cases)
    return max(0.0, cohen(together).low or 0.0)


def with_models(session: Session, review: Review) -> dict[int, dict[Labelled, int]]:
    """{person: {(their labels, the models'): on how many cases}}; models can't say that a case should go."""
    labels = _labels(Verdict)
    query = (
        select(Standing.person_id, labels, Suspect.suggested, func.count())
        .join(Verdict, Verdict.id == Standing.verdict_id)
        .join(Suspect, is_its(Standing))
        .where(Standing.review_id == review.id, Verdict.action.not_in(("unsure", "exclude")), decided(review))
        .group_by(Standing.person_id, labels, Suspect.suggested)
    )
    counts: dict[int, dict[Labelled, int]] = {}
    for person, labels_given, suggested, times in session.execute(query):
        counts.setdefault(person, {})[labels_given, suggested] = times
    return counts


def first_look_counts(session: Session, review: Review) -> dict[tuple[int, str], Counter[tuple[Outcome, Outcome]]]:
    """{(person, beside what): {(what the first look makes of the case, what that makes of it): on how many cases}}."""
    first, last = aliased(Verdict), aliased(Verdict)
    query = (
        select(
            first.person_id, first.action, _labels(first), first.given, Suspect.suggested, last.action, _labels(last)
        )
        .join(Suspect, and_(Suspect.review_id == first.review_id, Suspect.rank == first.rank))
        .outerjoin(
            Standing,
            and_(
                Standing.review_id == first.review_id,
                Standing.rank == first.rank,
                Standing.person_id == first.person_id,
            ),
        )
        .outerjoin(last, last.id == Standing.verdict_id)
        .where(first.id.in_(first_looks(review.id)), first.action != "unsure")
    )
    counts: dict[tuple[int, str], Counter[tuple[Outcome, Outcome]]] = {}
    for person, action, labels, given, suggested, last_action, last_labels in session.execute(query):
        look = _made(action, labels)
        beside: dict[str, Outcome] = {}
        if action != "exclude":
            beside = {SET: ("label", given), MODELS: ("label", suggested)}
        if last_action not in (None, "unsure"):
            beside[OWN_LAST] = _made(last_action, last_labels)
        for name, other in beside.items():
            counts.setdefault((person, name), Counter())[look, other] += 1
    return counts


def _made(action: str, labels: Names | None) -> Outcome:
    return ("exclude", None) if action == "exclude" else ("label", labels)


def outcome(voice: Voice) -> Outcome | None:
    """What a verdict would make of the case; None where the person is unsure."""
    made: dict[str, Outcome] = {"keep": ("keep", voice.given), "change": ("change", voice.labels)}
    return (made | {"exclude": ("exclude", None)}).get(voice.action)


def decided_voices(session: Session, review: Review, *claims: ColumnElement[bool]) -> dict[int, list[Voice]]:
    """{rank: the verdicts that stand}, by rank; of a blind review only where enough people have decided."""
    return dict(sorted(standing(session, review.id, decided(review), *claims).items()))


def _between(session: Session, review: Review) -> dict[tuple[int, int], dict[tuple[Outcome, Outcome], int]]:
    """{two people: {what both would make of a case: on how many}}, counted where the verdicts are."""
    firsts, seconds = aliased(Standing), aliased(Standing)
    first_verdict, second_verdict = aliased(Verdict), aliased(Verdict)
    is_later = seconds.person_id - firsts.person_id > 0  # by which SQLite looks for the rank, not through all people
    is_both = and_(seconds.review_id == firsts.review_id, seconds.rank == firsts.rank, is_later)
    people = (firsts.person_id, seconds.person_id)
    outcomes = (first_verdict.action, _labels(first_verdict), second_verdict.action, _labels(second_verdict))
    neither_is_unsure = (first_verdict.action != "unsure", second_verdict.action != "unsure")
    query = (
        select(*people, *outcomes, func.count())
        .select_from(firsts)
        .join(seconds, is_both)
        .join(first_verdict, first_verdict.id == firsts.verdict_id)
        .join(second_verdict, second_verdict.id == seconds.verdict_id)
        .join(Suspect, is_its(firsts))
        .where(firsts.review_id == review.id, *neither_is_unsure, decided(review))
        .group_by(*people, *outcomes)
    )
    counts: dict[tuple[int, int], dict[tuple[Outcome, Outcome], int]] = {}
    for first, second, action, labels, other_action, other_labels, times in session.execute(query):
        counts.setdefault((first, second), {})[(action, labels), (other_action, other_labels)] = times
    return counts


def _labels(row: type[Verdict] | AliasedClass[Verdict]) -> ColumnElement[Names | None]:
    """The labels that a verdict makes of the case; none where it should go."""
    return case((row.action == "keep", row.given), else_=row.labels)


def _pair(names: Sequence[str], kappa: Kappa) -> Pair:
    return Pair(names[0], names[1], kappa.n, kappa.observed, kappa.kappa, kappa.low, kappa.high)
