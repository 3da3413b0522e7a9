"""What a page's own script is answered as JSON: what was asked for, or one sentence on why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import JSONResponse, Response

from app.context import Studio
from app.visit import Json, Visit
from core.errors import CoreError
from core.records.access import NotAllowed, Who

FRESH = {"Cache-Control": "no-store"}
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]
"""Of a row, in an address: no database has larger ones."""


class AnotherPerson(CoreError):
    """Somebody else signed in meanwhile: what was sent must never get another person's name."""


def refuse_another(who: Who, person: int) -> None:
    """Where the page was opened for another person than the one who is signed in now."""
    if who.id != person:
        raise AnotherPerson(
            f"You are signed in as {who.name} now, and what this tab holds is somebody else's. It waits here until "
            "that person signs in again."
        )


def answered(studio: Studio, request: Request, made: Callable[[Visit], Json]) -> Response:
    try:
        return JSONResponse(made(Visit.of(studio, request)), headers=FRESH)
    except AnotherPerson as error:
        return _refusal(409, error)
    except NotAllowed as error:
        return _refusal(404, error)
    except CoreError as error:
        return _refusal(400, error)


def _refusal(status: int, error: CoreError) -> Response:
    """It may quote what was sent, which need not be text: half of a pair of surrogates can't be written."""
    return JSONResponse({"detail": str(error).encode(errors="replace").decode()}, status, FRESH)
