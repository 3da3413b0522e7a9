"""An audit of a review's labels: the first suspects, and others drawn at random, on which people decide by the review's
own verdicts. Once all are decided it says how many labels are wrong, with an interval.

A review has one audit, drawn once: whoever could draw again until the number pleases would have no number.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.errors import RunError, SettingsError
from core.records.access import Who
from core.records.audit import note
from core.records.database import Database
from core.records.review.agreement import decided_voices
from core.records.review.last_word import agreed, settling_voices
from core.records.review.reviews import allowed_review
from core.records.review.standing import is_audited
from core.records.tables import AuditedCase, LabelAudit, Person, Review, Suspect
from core.statistics.sampled import Sample, Total, total

MOST_DRAWN = 100_000
LIMIT = (
    "It is as right as those who decided, and holds for this version's labels alone. Who saw a label, and what models "
    "say, before they decided may have been led by it."
)
FIRST, OTHERS = 50, 100
"""What is offered where nobody says how many."""


@dataclass(frozen=True)
class AuditView:
    """What was drawn, how far people are with it, and what it comes to once every case is decided.

    `unsure` and `differing` cases have their verdicts, and are still to be settled; of those decided `excluded` ones
    count as no wrong label.
    """

    review_id: int
    sample: Sample
    seed: int
    """By which the others were drawn: `Sample.ranks` draws them again."""
    at: datetime
    person: str
    decided: int
    unsure: int
    differing: int
    excluded: int
    wrong: int
    wrong_drawn: int
    """Of the wrong ones, those among the cases that were drawn at random."""

    @property
    def is_decided(self) -> bool:
        return self.decided == self.sample.drawn

    @property
    def without_verdict(self) -> int:
        """Cases that still wait for a look; the others that are not decided wait to be settled."""
        return self.sample.drawn - self.decided - self.unsure - self.differing

    @property
    def total(self) -> Total | None:
        """How many labels of all are wrong; None before every case is decided."""
        return total(self.sample, self.wrong - self.wrong_drawn, self.wrong_drawn) if self.is_decided else None


def draw(db: Database, who: Who, review_id: int, first: int = FIRST, others: int = OTHERS) -> AuditView:
    """The first so many suspects, and so many of the others at random; fewer where there are not so many."""
    with db.session() as session:
        review = allowed_review(session, who, review_id, "work")
        if review.job.state != "done":
            raise RunError(f"The search of “{review.name}” has not come to its end, so there is nothing to draw from.")
        session.scalar(select(Review.id).where(Review.id == review_id).with_for_update())
        if session.get(LabelAudit, review_id) is not None:
            raise SettingsError(
                f"“{review.name}” has its audit, and drawing again would let one choose the result. For another one, "
                "have the labels looked through again under Find."
            )
        sample = planned(review.cases, first, others)
        seed = secrets.randbelow(2**31)
        session.add(
            LabelAudit(
                review_id=review_id,
                person_id=who.id,
                seed=seed,
                first=sample.first,
                others=sample.others,
                cases=sample.cases,
            )
        )
        session.flush()
        # Where cases were erased, ranks are missing: what is drawn are places among those that are left.
        left = select(Suspect.rank).where(Suspect.review_id == review_id).order_by(Suspect.rank)
        ranks = session.scalars(left).all()
        rows = [(rank, False) for rank in ranks[: sample.first]]
        rows += [(ranks[place - 1], True) for place in sample.ranks(seed)]
        session.execute(
            insert(AuditedCase),
            [{"review_id": review_id, "rank": rank, "is_drawn": is_drawn} for rank, is_drawn in rows],
        )
        sizes = {"first": sample.first, "others": sample.others}
        note(session, who, "draw label audit", review.project_id, review.name, review=review_id, **sizes)
    return _there(label_audit(db, who, review_id))


def planned(cases: int, first: int, others: int) -> Sample:
    """What would be drawn, or a SettingsError where that would say nothing of the labels that are not looked at."""
    if first < 0 or others < 0 or first + others > MOST_DRAWN:
        raise SettingsError(f"An audit draws at most {MOST_DRAWN:,} cases, and no fewer than none. Change the numbers.")
    kept = min(first, cases)
    drawn = min(others, cases - kept)
    if not drawn and kept < cases:
        raise SettingsError(
            "With no case drawn at random nothing is known of the labels below the first ones. Draw at least one."
        )
    return Sample(cases, kept, drawn)


def label_audit(db: Database, who: Who, review_id: int) -> AuditView | None:
    """None where none was drawn."""
    with db.reading() as session:
        review = allowed_review(session, who, review_id)
        drawn = session.get(LabelAudit, review_id)
        if drawn is None:
            return None
        person = session.scalar(select(Person.name).where(Person.id == drawn.person_id)) or ""
        return _view(session, review, drawn, person)


def in_words(view: AuditView) -> tuple[str, ...]:
    """How far it is and what is missing, or what it comes to and what that means."""
    sample = view.sample
    drawn = f"the first {sample.first:,} suspects, and {sample.others:,} of the {sample.rest:,} others at random"
    if (wrong := view.total) is None:
        missing = [f"{view.without_verdict:,} to be decided"] * bool(view.without_verdict)
        missing += [f"{view.unsure:,} unsure"] * bool(view.unsure)
        missing += [f"{view.differing:,} seen differently"] * bool(view.differing)
        settle = " What is unsure or seen differently is settled under Agree." * bool(view.unsure or view.differing)
        return (
            f"{view.decided:,} of {sample.drawn:,} decided: {drawn}.",
            f"How many labels are wrong is told once all are: {', '.join(missing)}.{settle}",
        )
    in_first = view.wrong - view.wrong_drawn
    excluded = f" {view.excluded:,} excluded are not counted as wrong." * bool(view.excluded)
    verb = "is" if round(wrong.value) == 1 else "are"
    interval = f"95 % interval {wrong.low:,} to {wrong.high:,}"
    return (
        f"About {wrong.value:,.0f} of {sample.cases:,} labels {verb} wrong, {interval}.",
        f"All {sample.drawn:,} are decided: {in_first:,} wrong among the first {sample.first:,} suspects, and "
        f"{view.wrong_drawn:,} among {sample.others:,} drawn at random from {sample.rest:,} others.{excluded}",
        LIMIT,
    )


def plain(view: AuditView) -> dict[str, Any]:
    """For JSON; `wrong_labels` is null until every case is decided."""
    counts = {name: getattr(view, name) for name in ("decided", "unsure", "differing", "excluded")}
    sample = {name: getattr(view.sample, name) for name in ("cases", "first", "others")}
    wrong = view.total
    return {
        "review": view.review_id,
        **sample,
        "seed": view.seed,
        **counts,
        "wrong_labels": None if wrong is None else {"value": wrong.value, "low": wrong.low, "high": wrong.high},
    }


def before(sample: Sample) -> str:
    """What may be hoped for, said before anything is drawn."""
    if sample.drawn == sample.cases:
        return f"All {sample.cases:,} labels are looked at: the number is known without an interval."
    most = total(sample, 0, 0).high
    return (
        f"{sample.drawn:,} cases to decide on. If no label is wrong among the {sample.others:,} drawn at random, up to "
        f"{most:,} of the {sample.rest:,} others may still be: more of them narrow that."
    )


def _view(session: Session, review: Review, drawn: LabelAudit, person: str) -> AuditView:
    query = select(AuditedCase.rank, AuditedCase.is_drawn, Suspect.suggested)
    is_its = (Suspect.review_id == AuditedCase.review_id) & (Suspect.rank == AuditedCase.rank)
    cases = session.execute(query.join(Suspect, is_its).where(AuditedCase.review_id == review.id)).all()
    standing_voices = decided_voices(session, review, is_audited(review.id))
    settling = settling_voices(session, review)
    decided = unsure = differing = excluded = wrong = wrong_drawn = 0
    for rank, is_drawn, suggested in cases:
        heard = standing_voices.get(rank, [])
        # Models have no vote here: it is their ranking that is audited.
        word = settling.get(rank) or agreed(review, heard, suggested, model=0.0)
        if word is not None:
            decided += 1
            excluded += word.action == "exclude"
            wrong += word.action == "change"
            wrong_drawn += word.action == "change" and is_drawn
        elif len(heard) >= review.readers:
            is_unsure = all(voice.action == "unsure" for voice in heard)
            unsure += is_unsure
            differing += not is_unsure
    sample = Sample(drawn.cases, drawn.first, drawn.others)
    counts = (decided, unsure, differing, excluded, wrong, wrong_drawn)
    return AuditView(review.id, sample, drawn.seed, drawn.at, person, *counts)


def _there(view: AuditView | None) -> AuditView:
    assert view is not None, "it was drawn in this very call"
    return view
