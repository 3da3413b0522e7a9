"""Pictures of cases, for those who may see their project. An address names a version and a number, never a file."""

from __future__ import annotations

from io import BytesIO

from fastapi import APIRouter, Query, Request, Response
from PIL import Image

from app.context import Studio
from core.records import sets
from core.records.access import NotAllowed

FRESH = {"Cache-Control": "private, no-cache"}
"""A browser may keep a picture, but asks each time: whoever uses it next may not be allowed to see it."""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(tags=["images"])

    @routes.get("/images/{version_id}/{number}")
    def image(
        request: Request,
        version_id: int,
        number: int,
        size: str = Query("full", pattern="^(full|thumb|[0-9]{2,4})$"),
    ) -> Response:
        """The picture as the models get it (`full`), a thumbnail, or resized to so many pixels a side."""
        who = studio.who(request)
        try:
            found = sets.case(studio.database, who, version_id, number)
            tag = f'"{found.digest[:32]}-{size}"'
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers={**FRESH, "ETag": tag})
            content, media = sets.image(
                studio.database, studio.place, who, version_id, number, size if size == "thumb" else "full"
            )
        except NotAllowed as error:
            return Response(str(error), 404, media_type="text/plain")
        if size.isdigit():
            content, media = as_seen(content, int(size)), "image/png"
        return Response(content, media_type=media, headers={**FRESH, "ETag": tag})

    return routes


def as_seen(content: bytes, side: int) -> bytes:
    """A picture squeezed into the square that a model reads."""
    kept = BytesIO()
    with Image.open(BytesIO(content)) as picture:
        picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC).save(kept, "PNG")
    return kept.getvalue()
