"""What the queue of the page Review asks and sends: a few cases ahead, and each press with an id of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from app.context import Studio
from app.pages.review import card
from app.pages.review.words import progress_line
from core.errors import CoreError
from core.records.access import NotAllowed, Who
from core.records.review import queue, reviews, verdicts
from core.records.review.queue import Filter

MOST_AHEAD = 10
Text = Annotated[str, Field(max_length=255)]


class Where(BaseModel):
    """Which cases are asked for."""

    state: Text = "open"
    label: Text = ""
    split: Text = ""
    source: Text = ""
    text: Text = ""

    def filter(self) -> Filter:
        return Filter(**self.model_dump())


class Asked(BaseModel):
    """What the browser wants to have ready: so many cases of a kind after this rank."""

    where: Where = Where()
    after: int = Field(0, ge=0)
    many: int = Field(1, ge=0, le=MOST_AHEAD)


class Undone(BaseModel):
    """The press that takes the last one back. `person` is who the page was opened for."""

    key: str = Field(min_length=8, max_length=64)
    person: int


class Pressed(Undone, Asked):
    """A verdict on a case, or on several near-identical ones."""

    ranks: list[int] = Field(min_length=1, max_length=1000)
    action: str
    label: Text = ""
    why: str = Field("", max_length=2000)
    confidence: str = "sure"
    seconds: float | None = Field(None, ge=0)


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/reviews/{review_id}", tags=["review"])
    db = studio.database

    @routes.get("/cases")
    def cases(
        request: Request,
        review_id: int,
        where: Annotated[Where, Query()],
        after: Annotated[int, Query(ge=0)] = 0,
        many: Annotated[int, Query(ge=1, le=MOST_AHEAD)] = 1,
        back: bool = False,
    ) -> Response:
        """The next cases of a kind after a rank, or the one before it."""
        asked = Asked(where=where, after=after, many=many)
        return _told(studio, request, lambda who: ahead(studio, who, review_id, asked, back))

    @routes.get("/progress")
    def progress(request: Request, review_id: int, where: Annotated[Where, Query()]) -> Response:
        """How far the person is. Counted apart, so that no key waits for it."""

        def told(who: Who) -> dict[str, Any]:
            return {"progress": progress_line(queue.progress(db, who, review_id, where.filter()))}

        return _told(studio, request, told)

    @routes.get("/cases/{rank}")
    def case(request: Request, review_id: int, rank: int) -> Response:
        """One case, with everybody's verdicts as far as they may be seen."""

        def told(who: Who) -> dict[str, Any]:
            found = queue.suspect(db, who, review_id, rank)
            return card.card(reviews.review(db, who, review_id), found, verdicts.history(db, who, review_id, rank))

        return _told(studio, request, told)

    @routes.get("/cases/{rank}/group")
    def group(request: Request, review_id: int, rank: int) -> Response:
        """The near-identical pictures, to be ticked."""

        def told(who: Who) -> dict[str, Any]:
            found = queue.group(db, who, review_id, rank)
            return {"shown": card.batch(reviews.review(db, who, review_id), found, rank)}

        return _told(studio, request, told)

    @routes.post("/verdicts")
    def decide(request: Request, review_id: int, press: Pressed) -> Response:
        """Keeps a verdict; what was kept before under the same key counts once. Answers with what comes next."""

        def told(who: Who) -> dict[str, Any]:
            _same(who, press)
            verdicts.decide(
                db,
                who,
                review_id,
                press.ranks,
                press.action,
                press.label,
                press.why,
                press.confidence,
                press.seconds,
                press.key,
            )
            return ahead(studio, who, review_id, press)

        return _told(studio, request, told)

    @routes.post("/undo")
    def undo(request: Request, review_id: int, press: Undone) -> Response:
        """Takes the person's last press back; the row of it stays, and another says so."""

        def told(who: Who) -> dict[str, Any]:
            _same(who, press)
            return {"ranks": verdicts.undo(db, who, review_id, press.key)}

        return _told(studio, request, told)

    return routes


class AnotherPerson(CoreError):
    """Somebody else signed in meanwhile: a press must never get another person's name."""


def ahead(studio: Studio, who: Who, review_id: int, asked: Asked, is_back: bool = False) -> dict[str, Any]:
    """Cards of the next cases, and what to say where there are no more."""
    db, where, after = studio.database, asked.where.filter(), asked.after
    view = reviews.review(db, who, review_id)
    found: list[dict[str, Any]] = []
    while len(found) < asked.many:
        one = queue.next_suspect(db, who, review_id, where, after, is_back)
        if one is None:
            break
        found.append(card.card(view, one))
        after = one.rank
    if len(found) == asked.many:
        return {"cases": found, "is_end": False, "none": ""}
    none = card.nothing_left(where, queue.progress(db, who, review_id, where))
    return {"cases": found, "is_end": True, "none": none}


def _same(who: Who, press: Undone) -> None:
    if who.id != press.person:
        raise AnotherPerson(
            f"You are signed in as {who.name} now, and these verdicts are somebody else's. They wait in this tab until "
            "that person signs in again."
        )


def _told(studio: Studio, request: Request, made: Callable[[Who], dict[str, Any]]) -> Response:
    fresh = {"Cache-Control": "no-store"}
    try:
        return JSONResponse(made(studio.who(request)), headers=fresh)
    except AnotherPerson as error:
        return JSONResponse({"detail": str(error)}, 409, fresh)
    except NotAllowed as error:
        return JSONResponse({"detail": str(error)}, 404, fresh)
    except CoreError as error:
        return JSONResponse({"detail": str(error)}, 400, fresh)
