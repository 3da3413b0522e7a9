"""Pictures of cases, for those who may see their project. An address names a version and a number, never a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app.context import Studio
from app.routes.answers import Number
from core.errors import DataError, MissingError
from core.limits import limits
from core.machine.aside import BusyError
from core.records.access import NotAllowed, Who
from core.records.review import queue
from core.records.sets import sets
from core.records.sets.openings import Openings

FRESH = {"Cache-Control": "private, no-cache"}
"""A browser may keep a picture, but asks each time: whoever uses it next may not be allowed to see it."""
SMALLEST_SIDE = 16
LEVELS = "levels"


def router(studio: Studio) -> APIRouter:
    openings = Openings(studio.database)

    @asynccontextmanager
    async def counting(app: object) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(openings.close_quietly, is_last=True)

    routes = APIRouter(tags=["images"], lifespan=counting)

    @routes.get("/images/{version_id}/{number}")
    def image(
        request: Request,
        version_id: Number,
        number: Number,
        size: str = Query("full", pattern="^(full|thumb|[0-9]{2,4})$"),
    ) -> Response:
        """The picture as the models get it (`full`), a thumbnail, or resized to so many pixels a side."""
        return drawn(request, lambda who: (version_id, number), size)

    @routes.get("/images/{version_id}/{number}/levels")
    def levels(request: Request, version_id: Number, number: Number) -> Response:
        """All bits of a picture that has more than 8, for the viewer (core/pictures/levels)."""
        return drawn(request, lambda who: (version_id, number), LEVELS)

    @routes.get("/reviews/{review_id}/cases/{rank}/picture")
    def suspect(request: Request, review_id: Number, rank: Number) -> Response:
        """The picture of a review's case. The address does not tell its place in the set: many are sorted by label."""
        return drawn(request, lambda who: queue.place_of(studio.database, who, review_id, rank), "full")

    @routes.get("/reviews/{review_id}/cases/{rank}/levels")
    def levels_of_suspect(request: Request, review_id: Number, rank: Number) -> Response:
        """The same of its levels."""
        return drawn(request, lambda who: queue.place_of(studio.database, who, review_id, rank), LEVELS)

    def drawn(request: Request, place_for: Callable[[Who], tuple[int, int]], size: str) -> Response:
        if size.isdigit() and not SMALLEST_SIDE <= int(size) <= limits().shown_side:
            refusal = f"A picture is shown with {SMALLEST_SIDE} to {limits().shown_side} pixels a side, not {size}."
            return Response(refusal, 422, media_type="text/plain")
        who = studio.who(request)
        try:
            version_id, number = place_for(who)
            case = sets.case(studio.database, who, version_id, number)
            openings.add(who, version_id, number, size == "thumb")
            kept = FRESH | {"ETag": f'"{case.digest[:32]}-{size}"'}
            if request.headers.get("if-none-match") == kept["ETag"]:
                return Response(status_code=304, headers=kept)
            if size == LEVELS:
                content, media = sets.levels(studio.place, case.digest)
                return Response(content, media_type=media, headers=kept | {"Content-Encoding": "gzip"})
            content, media = sets.image(studio.database, studio.place, who, version_id, number, size)
        except NotAllowed as error:
            return Response(str(error), 404, media_type="text/plain")
        except BusyError as error:
            return Response(str(error), 503, {"Retry-After": "5"}, media_type="text/plain")
        except DataError as error:
            code = 404 if isinstance(error, MissingError) else 422
            return Response(studio.place.without_paths(str(error)), code, media_type="text/plain")
        return Response(content, media_type=media, headers=kept)

    return routes
