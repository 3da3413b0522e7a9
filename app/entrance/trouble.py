"""What routes answer where the database is held by somebody or the disk is full: words and a code, no fault of ours."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from core.errors import IS_FULL, is_full
from core.records.database import DatabaseError, DatabaseFull

BUSY, FULL = 503, 507
RETRY = {"Retry-After": "5"}


def add_answers(app: FastAPI) -> None:
    app.add_exception_handler(DatabaseError, _database)
    app.add_exception_handler(OSError, _disk)


def answer(error: DatabaseError) -> JSONResponse:
    if isinstance(error, DatabaseFull):
        return JSONResponse({"detail": str(error)}, FULL)
    return JSONResponse({"detail": str(error)}, BUSY, RETRY)


def _database(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DatabaseError)
    return answer(error)


def _disk(request: Request, error: Exception) -> JSONResponse:
    if not is_full(error):
        raise error
    return JSONResponse({"detail": IS_FULL}, FULL)
