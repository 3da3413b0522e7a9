"""Pictures of an upload that nobody has kept yet: small ones of those that have a copy, for those who may see it; those
that wait for a look, for those who may bring images."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.context import Studio
from app.routes.answers import Number
from app.routes.images import FRESH
from core.records.access import NotAllowed
from core.records.sets.mended import copy_thumbnail
from core.records.sets.tray import held_view


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/uploads", tags=["images"])

    @routes.get("/{upload_id}/copies/{shown}")
    def copied(request: Request, upload_id: Number, shown: str) -> Response:
        """A thumbnail that the check made, named by the hash of what the picture shows."""
        try:
            content = copy_thumbnail(studio.database, studio.place, studio.who(request), upload_id, shown)
        except NotAllowed as error:
            return Response(str(error), 404, media_type="text/plain")
        return Response(content, media_type="image/png", headers=FRESH)

    @routes.get("/{upload_id}/waiting/{number}/{view}")
    def held(request: Request, upload_id: Number, number: Number, view: Number) -> Response:
        """What there is to see of a picture that waits: a frame, or one of its windows."""
        of_upload = (studio.database, studio.place, studio.who(request), upload_id)
        try:
            content = held_view(*of_upload, number, view)
        except NotAllowed as error:
            return Response(str(error), 404, media_type="text/plain")
        return Response(content, media_type="image/png", headers=FRESH)

    return routes
