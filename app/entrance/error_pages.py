"""What a person reads where an address leads nowhere or something failed; programs get their JSON as it was."""

from __future__ import annotations

import json
import logging
import secrets
from html import escape
from http import HTTPStatus

from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.context import Studio
from app.entrance.door import NOT_THERE
from app.entrance.policy import NEVER_A_PAGE, headers_of
from app.entrance.signin import page
from app.entrance.trouble import BUSY, FULL

LOOK_COOKIE = "vitask_look"
LOOKS = ("light", "dark")
MOST_WORDS = 1000
STYLED = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Where an answer may do nothing at all, its error page may still look like the studio."""
INSIDE = """<h2>{heading}</h2><p class="wrong">{words}</p>
<p class="quiet">{advice}</p><a class="way" href="/">Home</a>"""
OLD_LINK = "The address may be mistyped, the link old, or what it led to erased."
TRY_AGAIN = "Nothing of what was kept is lost. Try again in a moment; if it stays so, tell whoever runs the studio."
GO_BACK = "Go back and try it another way, or begin at Home."
OUR_FAULT = "This is our fault, not yours."
CAN_NOT_BE_READ = "The studio can't make sense of what was asked for."
log = logging.getLogger("vitask.app")


class ErrorPages:
    """Stands in front of the gate: what it or anything behind it refuses is put in words on a page."""

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app = app
        self.studio = studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_for_a_person(scope):
            await self.app(scope, receive, send)
            return
        refusal: Message | None = None
        body, is_begun = bytearray(), False

        async def sending(message: Message) -> None:
            nonlocal refusal, is_begun
            if message["type"] == "http.response.start" and is_bare_refusal(message):
                refusal = message
            elif refusal is not None:
                body.extend(message.get("body", b""))
            else:
                is_begun = True
                await send(message)

        fault = ""
        try:
            await self.app(scope, receive, sending)
        except Exception:
            if is_begun:
                raise
            fault = secrets.token_hex(4)
            log.exception("A page failed (%s)", fault)
            refusal = {"type": "http.response.start", "status": 500, "headers": []}
        if refusal is not None:
            words = self.studio.place.without_paths(words_of(bytes(body)))
            await self._tell(scope, send, refusal, words, fault)

    async def _tell(self, scope: Scope, send: Send, refusal: Message, words: str, fault: str) -> None:
        """In the refusal's place, with its status and its headers."""
        shown = error_page(refusal["status"], words, fault, look_of(scope))
        headers = MutableHeaders(scope=refusal)
        for name in ("content-encoding", "content-disposition"):
            del headers[name]
        for name, value in headers_of(scope).items():
            headers.setdefault(name, value)
        headers.update(shown.headers)
        if scope["path"].startswith(NEVER_A_PAGE):
            headers["content-security-policy"] = STYLED
        await send(refusal)
        await send({"type": "http.response.body", "body": shown.body})


def is_for_a_person(scope: Scope) -> bool:
    """Whether a browser asks for something to show as a page."""
    return scope["method"] != "HEAD" and "text/html" in Headers(scope=scope).get("accept", "")


def is_bare_refusal(start: Message) -> bool:
    return start["status"] >= 400 and not Headers(scope=start).get("content-type", "").startswith("text/html")


def words_of(body: bytes) -> str:
    """The sentence in an answer that was made for programs; nothing where there is none for people."""
    text = body.decode("utf-8", "replace").strip()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = text
    sentence = answer.get("detail") if isinstance(answer, dict) else answer
    if not isinstance(sentence, str) or sentence in {status.phrase for status in HTTPStatus}:
        return ""
    return sentence[:MOST_WORDS]


def error_page(status: int, words: str, fault: str, look: str) -> HTMLResponse:
    if status in (404, 405):
        heading, words, advice = "This page is not there", words or NOT_THERE, OLD_LINK
    elif status < 500:
        heading, words, advice = "This was refused", words or CAN_NOT_BE_READ, GO_BACK
    elif status in (BUSY, FULL):
        heading, words, advice = "The studio can't answer just now", words or OUR_FAULT, TRY_AGAIN
    else:
        where = f" The studio's log says more under the id {fault}." if fault else ""
        heading, words, advice = "Something went wrong", OUR_FAULT + where, TRY_AGAIN
    inside = INSIDE.format(heading=escape(heading), words=escape(words), advice=escape(advice))
    return page(inside, status, title=heading, look=look)


def look_of(scope: Scope) -> str:
    """Light or dark as the person chose in the studio; empty where the system decides."""
    look = cookie_parser(Headers(scope=scope).get("cookie", "")).get(LOOK_COOKIE, "")
    return look if look in LOOKS else ""
