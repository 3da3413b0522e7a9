"""The gate in front of every page, API name, picture and download: nobody unknown gets past it."""

from __future__ import annotations

import logging
import secrets
from urllib.parse import quote, urlsplit

from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.context import HOST, NotSignedIn, Studio
from app.entrance.policy import headers_of
from app.entrance.trouble import answer
from core.records.database import DatabaseError, DatabaseFailure

OPEN = ("/sign-in", "/health", "/ready", "/favicon.ico", "/robots.txt", "/theme.css", "/look/sign-in.css")
OPEN_BELOW = ("/assets/", "/static/", "/svelte/")
"""The front end's own files, alike in every installation."""
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
        else:
            await self.app(scope, receive, sending)

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
        client = scope["client"][0] if scope.get("client") else ""
        headers_by_name = {name.lower(): value for name, value in headers.items()}
        try:
            scope["who"] = await run_in_threadpool(self.studio.who_has, headers_by_name, client)
            scope["person"] = scope["who"].id
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
