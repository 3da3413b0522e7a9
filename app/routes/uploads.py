"""Pictures of an upload that nobody has kept yet, for those who may see it: small ones, of those that have a copy."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.context import Studio
from app.routes.answers import Number
from app.routes.images import FRESH
from core.records.access import NotAllowed
from core.records.mended import copy_thumbnail


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

    return routes
