"""The gate in front of every page, API name, picture and download: nobody unknown gets past it."""

from __future__ import annotations

import logging
import secrets
import time
from urllib.parse import quote, urlsplit

from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.context import HOST, NotSignedIn, Studio
from app.entrance.policy import headers_of
from app.entrance.trouble import answer
from core.records.access import Who
from core.records.database import DatabaseError, DatabaseFailure

OPEN = (
    "/sign-in",
    "/invited",
    "/health",
    "/ready",
    "/favicon.ico",
    "/robots.txt",
    "/theme.css",
    "/look/sign-in.css",
    "/look/invited.js",
)
OPEN_BELOW = ("/assets/", "/static/", "/svelte/")
"""The front end's own files, alike in every installation."""
STREAMS = ("/gradio_api/queue/data", "/gradio_api/heartbeat/", "/gradio_api/call/")
"""Answers that stay open."""
SECONDS_BETWEEN_LOOKS = 2.0
"""How long an open answer goes on before it is asked again whether the person is still signed in."""
log = logging.getLogger("vitask.app")


class Gate:
    """Refuses whoever is not signed in, and what another site's page asks for in a person's name."""

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app = app
        self.studio = studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        sending = _with(headers_of(scope), send)
        refused = await self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, sending)
        elif scope["path"].startswith(STREAMS):
            await self.app(scope, receive, self._while_signed_in(scope, sending))
        else:
            await self.app(scope, receive, sending)

    def _while_signed_in(self, scope: Scope, send: Send) -> Send:
        """Ends an answer that stays open when the session has ended in which it was asked for."""
        looked, is_over = time.monotonic(), False

        async def sending(message: Message) -> None:
            nonlocal looked, is_over
            if is_over:
                return
            if message["type"] == "http.response.body" and time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS:
                looked, is_over = time.monotonic(), not await self._is_signed_in(scope)
                message = {"type": "http.response.body", "body": b"", "more_body": False} if is_over else message
            await send(message)

        return sending

    async def _is_signed_in(self, scope: Scope) -> bool:
        """Whether it is still the same person; also yes where the database doesn't say."""
        try:
            person: int = scope["person"]
            return (await run_in_threadpool(self._who, scope)).id == person
        except NotSignedIn:
            return False
        except (DatabaseError, DatabaseFailure):
            return True

    def _who(self, scope: Scope) -> Who:
        client = scope["client"][0] if scope.get("client") else ""
        return self.studio.who_has({name.lower(): value for name, value in Headers(scope=scope).items()}, client)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) > 1 or not all(map(HOST.fullmatch, hosts)):
            return JSONResponse({"detail": "The address that was asked for can't be read. Check it."}, 400)
        if scope["type"] == "websocket" or is_foreign(scope.get("method", "GET"), headers):
            return JSONResponse({"detail": "Asked from another site. Open the studio itself."}, 403)
        path = scope["path"]
        if path in OPEN or path.startswith(OPEN_BELOW):
            return None
        try:
            scope["who"] = await run_in_threadpool(self._who, scope)
            scope["person"], scope["looked_up"] = scope["who"].id, time.monotonic()
        except NotSignedIn as error:
            return turned_away(headers, path, str(error))
        except DatabaseError as error:
            return answer(error)
        except DatabaseFailure:
            fault = secrets.token_hex(4)
            log.exception("The database is away (%s)", fault)
            return JSONResponse({"detail": "The database does not answer. Try again in a moment.", "id": fault}, 503)
        return None


def is_foreign(method: str, headers: Headers) -> bool:
    """Whether a page of another site makes the browser ask for something that may change things."""
    origin = headers.get("origin")
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    if origin is None:
        return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def turned_away(headers: Headers, path: str, why: str) -> Response:
    """A person is led to the sign-in page; a program is told."""
    if "text/html" in headers.get("accept", "") and not path.startswith(("/gradio_api/", "/images/")):
        return RedirectResponse(f"/sign-in?next={quote(path, safe='/')}", 303)
    return JSONResponse({"detail": why}, 401)


def _with(always: dict[str, str], send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in always.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
