"""What the queue of the page Review asks and sends: a few cases ahead, and each press with an id of its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from app.context import Studio
from app.pages.review import card
from app.pages.review.acts import undo_verdict
from app.pages.review.words import progress_line
from app.routes.answers import Number, answered, refuse_another
from app.visit import Json, Visit
from core.pictures.levels import has_levels
from core.records.review import queue, reviews, verdicts
from core.records.review.queue import Filter, SuspectView
from core.records.review.reviews import ReviewView
from core.records.runs import finding, runs
from core.records.runs.finding import Alike
from core.records.runs.runs import RunView
from core.records.sets import sets

MOST_AHEAD = 10
MOST_LABELS = 10_000
LONGEST_LABEL = 10_000
Text = Annotated[str, Field(max_length=255)]
Label = Annotated[str, Field(max_length=LONGEST_LABEL)]


class Where(BaseModel):
    """Which cases are asked for."""

    state: Text = "open"
    label: Label = ""
    split: Text = ""
    source: Text = ""
    text: Text = ""
    suggested: Label = ""

    def filter(self) -> Filter:
        return Filter(**self.model_dump())


class Wanted(BaseModel):
    """What the browser wants to have ready: so many cases of a kind after this rank."""

    where: Where = Where()
    after: int = Field(0, ge=0)
    many: int = Field(1, ge=0, le=MOST_AHEAD)


class Undone(BaseModel):
    """The press that takes the last one back. `person` is who the page was opened for."""

    key: str = Field(min_length=8, max_length=64)
    person: int


class Pressed(Undone, Wanted):
    """A verdict on a case, or on several near-identical ones."""

    ranks: list[int] = Field(min_length=1, max_length=1000)
    action: str
    labels: list[Label] | None = Field(None, max_length=MOST_LABELS)
    why: str = Field("", max_length=2000)
    confidence: str = "sure"
    seconds: float | None = Field(None, ge=0)


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/reviews/{review_id}", tags=["review"])
    add_cases(routes, studio)
    add_presses(routes, studio)
    return routes


def add_cases(routes: APIRouter, studio: Studio) -> None:
    """What the queue shows."""

    @routes.get("/cases")
    def cases(
        request: Request,
        review_id: Number,
        where: Annotated[Where, Query()],
        after: Annotated[int, Query(ge=0)] = 0,
        many: Annotated[int, Query(ge=1, le=MOST_AHEAD)] = 1,
        back: bool = False,
    ) -> Response:
        """The next cases of a kind after a rank, or the one before it."""
        wanted = Wanted(where=where, after=after, many=many)
        return answered(studio, request, lambda visit: ahead(visit, review_id, wanted, back))

    @routes.get("/progress")
    def progress(request: Request, review_id: Number, where: Annotated[Where, Query()]) -> Response:
        """How far the person is. Counted apart, so that no key waits for it."""

        def made(visit: Visit) -> Json:
            counts = queue.progress(visit.database, visit.who, review_id, where.filter())
            return {"progress": progress_line(counts)}

        return answered(studio, request, made)

    @routes.get("/cases/{rank}")
    def case(request: Request, review_id: Number, rank: Number) -> Response:
        """One case, with everybody's verdicts as far as they may be seen."""

        def made(visit: Visit) -> Json:
            db, who = visit.database, visit.who
            suspect, view = queue.suspect(db, who, review_id, rank), reviews.review(db, who, review_id)
            history = [] if suspect.is_veiled else verdicts.history(db, who, review_id, rank)
            alike = alike_by_run(visit, _indexed_run(visit, view), suspect)
            return card.card(view, suspect, history, alike, is_deep(visit, view, suspect))

        return answered(studio, request, made)

    @routes.get("/cases/{rank}/group")
    def group(request: Request, review_id: Number, rank: Number) -> Response:
        """The near-identical pictures, to be ticked."""

        def made(visit: Visit) -> Json:
            alike = queue.group(visit.database, visit.who, review_id, rank)
            return {"shown": card.batch(reviews.review(visit.database, visit.who, review_id), alike, rank)}

        return answered(studio, request, made)


def add_presses(routes: APIRouter, studio: Studio) -> None:
    """What a key does."""

    @routes.post("/verdicts")
    def decide(request: Request, review_id: Number, press: Pressed) -> Response:
        """Keeps a verdict; what was kept before under the same key counts once. Answers with what comes next."""
        return answered(studio, request, lambda visit: pressed(visit, review_id, press))

    @routes.post("/undo")
    def undo(request: Request, review_id: Number, press: Undone) -> Response:
        """Takes the person's last press back; the row of it stays, and another says so."""

        def made(visit: Visit) -> Json:
            refuse_another(visit.who, press.person)
            return {"ranks": undo_verdict(visit, review_id, press.key)}

        return answered(studio, request, made)


def pressed(visit: Visit, review_id: int, press: Pressed) -> Json:
    refuse_another(visit.who, press.person)
    given = (press.ranks, press.action, press.labels, press.why, press.confidence, press.seconds, press.key)
    verdicts.decide(visit.database, visit.who, review_id, *given)
    return ahead(visit, review_id, press)


def ahead(visit: Visit, review_id: int, wanted: Wanted, is_back: bool = False) -> Json:
    """Cards of the next cases, and what to say where there are no more."""
    db, who, where, after = visit.database, visit.who, wanted.where.filter(), wanted.after
    view = reviews.review(db, who, review_id)
    run, cards = _indexed_run(visit, view), list[Json]()
    while len(cards) < wanted.many:
        suspect = queue.next_suspect(db, who, review_id, where, after, is_back)
        if suspect is None:
            break
        alike = alike_by_run(visit, run, suspect)
        cards.append(card.card(view, suspect, alike=alike, is_deep=is_deep(visit, view, suspect)))
        after = suspect.rank
    if len(cards) == wanted.many:
        return {"cases": cards, "is_end": False}
    none = card.nothing_left(where, queue.progress(db, who, review_id, where))
    return {"cases": cards, "is_end": True, "none": none}


def is_deep(visit: Visit, view: ReviewView, suspect: SuspectView) -> bool:
    """Whether the case's picture is a deep one. A veiled suspect does not tell which picture it has."""
    digest = suspect.digest
    if not digest:
        place = queue.place_of(visit.database, visit.who, view.id, suspect.rank)
        digest = sets.case(visit.database, visit.who, *place).digest
    return has_levels(visit.place.store, digest)


def _indexed_run(visit: Visit, view: ReviewView) -> RunView | None:
    """The run with whose help labels were looked through, where cases are found in it."""
    run = None if view.run_id is None else runs.run(visit.database, visit.who, view.run_id)
    return run if run is not None and run.is_searchable else None


def alike_by_run(visit: Visit, run: RunView | None, suspect: SuspectView) -> Alike | None:
    """The nearest labelled cases of other patients by the run's index."""
    if run is None or suspect.is_veiled:
        return None
    return finding.alike(visit.database, visit.place, visit.who, run, suspect.name, card.MOST_NEIGHBOURS)
