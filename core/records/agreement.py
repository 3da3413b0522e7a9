"""How far people agree with each other and with the models, what they see differently, and what it comes to.

Kappa is Cohen's, over what each would have the label be (or that the case should go); whoever is unsure said nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import SettingsError
from core.kappa import cohen
from core.records.access import Who
from core.records.audit import note
from core.records.database import Database
from core.records.reviews import allowed_review
from core.records.standing import standing, take_turns
from core.records.suspects import SuspectView, views
from core.records.tables import Person, Review, Suspect, Verdict
from core.records.verdicts import VerdictView, checked, verdict, view

MODELS = "the models"
WEIGHTS = {"sure": 1.0, "fairly": 2 / 3, "guess": 1 / 3}
"""What a person's verdict counts for in a consensus."""
MOST_SHOWN = 500

Outcome = tuple[str, str]
"""An action with the label that comes of it: ("keep", given), ("change", label), ("exclude", "")."""


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
    """People with each other, and each of them with what the models suggest."""

    pairs: tuple[Pair, ...]
    models: tuple[Pair, ...]


@dataclass(frozen=True)
class Consensus:
    """What all verdicts on a case come to, and the share of the weight that stands behind it."""

    action: str
    label: str
    certainty: float


def agreement(db: Database, who: Who, review_id: int) -> Agreement:
    """Of a blind review, the cases that enough people have decided on."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        said = _by_person(known(session, review))
        suggested = _suggested(session, review_id, {rank for ranks in said.values() for rank in ranks})
        names = dict(session.execute(select(Person.id, Person.name).where(Person.id.in_(list(said)))).all())
    people = sorted(said, key=lambda one: names[one])
    pairs = [_pair(names[a], names[b], said[a], said[b]) for a, b in combinations(people, 2)]
    models = [_pair(names[one], MODELS, _labels(said[one]), suggested) for one in people]
    return Agreement(tuple(one for one in pairs if one.n), tuple(one for one in models if one.n))


def disputed(db: Database, who: Who, review_id: int) -> list[SuspectView]:
    """What somebody has to settle, the most suspect first."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        asked = select(Suspect.rank).where(Suspect.review_id == review_id, Suspect.is_disputed)
        ranks = session.scalars(asked.order_by(Suspect.rank).limit(MOST_SHOWN)).all()
        return views(session, who, review, ranks)


def settle(
    db: Database, who: Who, review_id: int, rank: int, action: str, label: str = "", why: str = ""
) -> VerdictView:
    """The last word on a case, by a researcher or an admin; a later one takes its place. What people said stays."""
    if action == "unsure":
        raise SettingsError("A case can't be settled as unsure. Keep the label, change it, or exclude the case.")
    with db.session() as session:
        review = allowed_review(session, who, review_id, "work")
        label = checked(review, action, label)
        suspect = take_turns(session, who, review_id, [rank])[rank]
        if not suspect.is_disputed and suspect.settled is None:
            raise SettingsError(
                "Nobody sees this case differently, so there is nothing to settle. Decide on it instead."
            )
        made = verdict(review, suspect, who, secrets.token_hex(8), action, label, why, is_settlement=True)
        session.add(made)
        session.flush()
        suspect.settled, suspect.is_disputed = made.id, False
        told = f"{review.name}, {suspect.name}"
        note(session, who, "settle", review.project_id, told, review=review_id, rank=rank, decision=made.action)
        return view(made, who.name)


def consensus(db: Database, who: Who, review_id: int) -> dict[int, Consensus]:
    """{rank: what the verdicts come to}, for every case that people decided on (see `weighed`)."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        said = known(session, review)
        suggested = _suggested(session, review_id, set(said))
        weight = model_weight(said, suggested)
    return {rank: weighed(verdicts, suggested[rank], weight) for rank, verdicts in said.items()}


def weighed(verdicts: Sequence[Verdict], suggested: str, model: float) -> Consensus:
    """A vote by weight: each person's verdict counts 1 where sure, 2/3 where fairly sure, 1/3 where it is a guess.

    The models are one more reader, who votes for the label that they suggest with the weight `model`, and only where
    a person named that label too: a label that no person chose can't win. Whoever is unsure votes for nothing.
    The certainty is the winner's share of all weight, that of the unsure included; of equals the earlier vote wins.
    """
    votes: dict[Outcome, float] = {}
    whole = 0.0
    for one in verdicts:
        whole += WEIGHTS[one.confidence]
        if (said := outcome(one)) is not None:
            votes[said] = votes.get(said, 0.0) + WEIGHTS[one.confidence]
    for said in votes:
        votes[said] += model if said[1] == suggested else 0.0
    whole += model if any(label == suggested for _, label in votes) else 0.0
    if not votes:
        return Consensus("unsure", "", 0.0)
    best = max(votes, key=lambda said: votes[said])
    return Consensus(best[0], best[1] if best[0] == "change" else "", votes[best] / whole)


def model_weight(said: Mapping[int, Sequence[Verdict]], suggested: Mapping[int, str]) -> float:
    """The lower end of the interval of kappa between the models and the people of this review, never below 0.

    So models count for as much as they are known to agree with people on these cases: nothing while that is unsure.
    """
    pairs = [(label, suggested[rank]) for ranks in _by_person(said).values() for rank, label in _labels(ranks).items()]
    return max(0.0, cohen([one for one, _ in pairs], [other for _, other in pairs]).low or 0.0)


def outcome(one: Verdict) -> Outcome | None:
    """What a verdict would make of the case; None where the person is unsure."""
    made = {"keep": ("keep", one.given), "change": ("change", one.label), "exclude": ("exclude", "")}
    return made.get(one.action)


def known(session: Session, review: Review) -> dict[int, list[Verdict]]:
    """{rank: the verdicts that stand}; of a blind review only where enough people have decided."""
    found = standing(session, review.id)
    enough = review.readers if review.is_blind else 1
    return {rank: verdicts for rank, verdicts in sorted(found.items()) if len(verdicts) >= enough}


def _by_person(said: Mapping[int, Sequence[Verdict]]) -> dict[int, dict[int, Outcome]]:
    """{person: {rank: outcome}}, without what people are unsure about."""
    found: dict[int, dict[int, Outcome]] = {}
    for rank, verdicts in said.items():
        for one in verdicts:
            if (made := outcome(one)) is not None:
                found.setdefault(one.person_id, {})[rank] = made
    return found


def _labels(ranks: Mapping[int, Outcome]) -> dict[int, str]:
    """The labels only: models can't say that a case should go."""
    return {rank: label for rank, (action, label) in ranks.items() if action != "exclude"}


def _suggested(session: Session, review_id: int, ranks: set[int]) -> dict[int, str]:
    asked = select(Suspect.rank, Suspect.suggested).where(Suspect.review_id == review_id, Suspect.deciders > 0)
    return {rank: label for rank, label in session.execute(asked) if rank in ranks}


def _pair(first: str, second: str, one: Mapping[int, Hashable], other: Mapping[int, Hashable]) -> Pair:
    both = sorted(one.keys() & other.keys())
    found = cohen([one[rank] for rank in both], [other[rank] for rank in both])
    return Pair(first, second, found.n, found.observed, found.kappa, found.low, found.high)
