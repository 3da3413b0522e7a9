"""What the editor of boxes asks and sends: how the boxes of a case stand, and how they are to be (viewer/editor)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from app.context import Studio
from app.pages.image_sets.boxes import sheet
from app.routes.answers import Number, answered, refuse_another
from app.visit import Json, Visit
from core.records.review import boxes
from core.records.review.boxes import ChangedMeanwhile

MOST_SENT = 100_000


class Redrawn(BaseModel):
    """All boxes of a case, drawn after a correction (0: none). `person` is who the page was opened for."""

    boxes: list[Any] = Field(max_length=MOST_SENT)
    after: int = Field(ge=0)
    person: int


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/boxes/{version_id}/{number}", tags=["boxes"])

    @routes.get("")
    def standing(request: Request, version_id: Number, number: Number) -> Response:
        """How the boxes of a case stand, and what they may be called."""

        def made(visit: Visit) -> Json:
            return sheet(visit, boxes.standing_boxes(visit.database, visit.who, version_id, number))

        return answered(studio, request, made)

    @routes.post("")
    def correct(request: Request, version_id: Number, number: Number, redrawn: Redrawn) -> Response:
        """Keeps them. Where others stand by now nothing is kept, and the answer is these, and under "changed" why."""

        def made(visit: Visit) -> Json:
            refuse_another(visit.who, redrawn.person)
            of_case = (visit.who, version_id, number)
            try:
                stands = boxes.correct_boxes(visit.database, visit.place, *of_case, redrawn.boxes, redrawn.after)
            except ChangedMeanwhile as error:
                return {"changed": str(error), **sheet(visit, boxes.standing_boxes(visit.database, *of_case))}
            return sheet(visit, stands)

        return answered(studio, request, made)

    return routes
