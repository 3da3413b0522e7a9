"""The door in front of Gradio: what pages need of it passes, in the name of the person who asks; the rest is not there.

Each person has sessions, events, uploads and files of the own. A session's name gets the person's number before it
reaches Gradio, so that another person's can't be named; a payload is looked at before Gradio reads the files it names.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import gradio as gr
from fastapi.responses import JSONResponse, RedirectResponse, Response
from gradio.block_function import BlockFunction
from gradio_client.utils import construct_args
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.context import MENDABLE, NO_ROOM, ONE_MOMENT
from app.entrance import payloads
from app.entrance.arrivals import Arrivals, StudioBlocks
from app.entrance.payloads import PayloadError
from app.entrance.trouble import BUSY, FULL, RETRY
from core.records.access import Who

API = "/gradio_api/"
READ = re.compile(
    r"(info|openapi\.json|app_id|user|login_check|startup-events|theme\.css|queue/status|queue/data|upload_progress)/?"
    r"|heartbeat/[^/]+|call/(v2/)?[^/]+/[^/]+|file=.*",
    re.DOTALL,
)
SENT = re.compile(r"(run|api|call|call/v2)/[^/]+/?|queue/join|cancel|reset/?|upload")
"""All that pages and programs need below `/gradio_api/`."""
LISTS = ("info", "openapi.json")
"""Where the API names are listed."""
CLOSED = ("/monitoring", "/login", "/logout")
"""Doors of Gradio outside of it that this studio has its own for."""
MOST_BYTES = 8_000_000
"""Of one payload. Files come by another way."""
SESSION = re.compile(r"[\w.-]{1,64}")
FIELDS = ("session_hash", "fn_index", "trigger_id", "event_data")
CODES = {MENDABLE: 422, "Error": 422, ONE_MOMENT: BUSY, NO_ROOM: FULL}
"""By the title of a notice. "Error" is Gradio's own, of a value that an input refuses."""
NOT_THERE = "There is nothing here, or it is not yours."


NO_PROJECT = "/account"
"""Where somebody is led who is in no project: every other page would be empty."""


@dataclass(frozen=True)
class Rule:
    """Who may open a page: whose role allows `needs`, and, `in_project`, who is in a project at all."""

    needs: str
    in_project: bool


class Door:
    """Stands behind the gate, which says who asks. `rules` are those of pages, by their paths."""

    def __init__(self, app: ASGIApp, blocks: StudioBlocks, arrivals: Arrivals, rules: Mapping[str, Rule]) -> None:
        self.app = app
        self.blocks = blocks
        self.arrivals = arrivals
        self.rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            if (led := self._led_elsewhere(scope)) is not None:
                await led(scope, receive, send)
                return
            passed = await self._passed(scope, receive, send)
        except PayloadError as error:
            await JSONResponse({"detail": str(error), "error": str(error)}, 422)(scope, receive, send)
            return
        if passed is None:
            await JSONResponse({"detail": NOT_THERE}, 404)(scope, receive, send)
        else:
            await self.app(scope, *passed)

    def _led_elsewhere(self, scope: Scope) -> Response | None:
        """What somebody gets in place of a page that is not for them: as if there were none, or the way to a project.

        A page's plan, which its script fetches, is the page.
        """
        path, who = scope["path"].strip("/"), scope.get("who")
        is_plan = path == "config"
        if is_plan:
            path = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("page", "").strip("/")
        rule = self.rules.get(path)
        if rule is None or who is None:
            return None
        if not who.may(rule.needs):
            return JSONResponse({"detail": NOT_THERE}, 404)
        is_led = rule.in_project and not who.projects and not is_plan and scope["method"] in ("GET", "HEAD")
        return RedirectResponse(NO_PROJECT, 303) if is_led else None

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send] | None:
        """With what the request goes on; None where there is no such door."""
        path, method, query = scope["path"], scope["method"], dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if path.startswith(CLOSED) or "deep_link" in query:
            return None
        if not path.startswith(API):
            return receive, send
        way = path.removeprefix(API)
        person = scope.get("person")
        if person is None or not (READ if method in ("GET", "HEAD") else SENT).fullmatch(way):
            return None
        for name in ("session_hash", "upload_id"):
            if name in query:
                scope["query_string"] = urlencode(query | {name: own_name(person, query[name])}).encode()
        if way == "upload":
            return receive, self._keeping(scope, send)
        if method == "POST":
            return await self._sent(scope, way, receive), _with_its_code(scope, send)
        if way.strip("/") in LISTS and (closed := self._closed_names(scope["who"])):
            return receive, _without(scope, send, closed)
        return (receive, send) if self._may_read(scope, person, way) else None

    def _closed_names(self, who: Who) -> set[str]:
        """API names of pages that are not for this person."""
        events = (event for event in self.blocks.fns.values() if event.fn is not None and event.api_name)
        ruled = ((str(event.api_name), self.rules.get(event.page)) for event in events)
        return {name for name, rule in ruled if rule is not None and not who.may(rule.needs)}

    def _may_read(self, scope: Scope, person: int, way: str) -> bool:
        kind, _, rest = way.partition("/")
        if kind == "heartbeat":
            go_to(scope, f"heartbeat/{own_name(person, rest)}")
        if kind == "call":
            return self._is_own_event(person, rest.rpartition("/")[2])
        if way.startswith("file="):
            try:
                go_to(scope, f"file={self.arrivals.own(person, way.removeprefix('file='))}")
            except PayloadError:
                return False
        return True

    async def _sent(self, scope: Scope, way: str, receive: Receive) -> Receive:
        person: int = scope["person"]
        body = payloads.parsed(await _read(receive))
        if not isinstance(body, dict):
            raise PayloadError('What was sent is no object. Send one with the values under "data".')
        kind, _, name = way.strip("/").rpartition("/")
        if name == "cancel":
            body = self._cancelled(person, body)
        elif name != "reset":
            if kind == "call/v2":
                body = {"data": self._by_name(name, body)}
                go_to(scope, f"call/{name}")
            is_named = body.get("fn_index") is None and kind != "queue"
            event = self._event(name if is_named else body.get("fn_index"), scope["who"])
            body = self._payload(person, event, body, is_kept=kind in ("call", "call/v2"))
        return _again(scope, json.dumps(body).encode(), receive)

    def _payload(self, person: int, event: BlockFunction, body: dict[str, Any], is_kept: bool) -> dict[str, Any]:
        """Only what is known of a payload, checked."""
        data = body.get("data")
        if not isinstance(data, list):
            raise PayloadError('The values are missing. Send them as a list under "data".')
        kept = {name: body[name] for name in FIELDS if body.get(name) is not None}
        payloads.refuse_references(kept)
        if is_kept or "session_hash" in kept:
            kept["session_hash"] = own_name(person, kept.get("session_hash") or secrets.token_hex(16))
        if not isinstance(kept.get("trigger_id", 0), int):
            raise PayloadError('"trigger_id" must be a number.')
        return kept | {"data": payloads.admitted(event, data, lambda path: self.arrivals.own(person, path))}

    def _event(self, name: object, who: Who) -> BlockFunction:
        """By its API name or its number. Those of a page that is not for this person are not there."""
        for number, event in self.blocks.fns.items():
            if event.fn is not None and name in (event.api_name, number) and not isinstance(name, bool):
                rule = self.rules.get(event.page)
                if rule is None or who.may(rule.needs):
                    return event
        raise PayloadError(f"There is no API name or event {json.dumps(name)[:100]}. Those that there are: {API}info.")

    def _by_name(self, name: str, given: dict[str, Any]) -> list[Any]:
        endpoint = self.blocks.get_api_info()["named_endpoints"].get(f"/{name}")
        if endpoint is None:
            raise PayloadError(f"There is no API name {json.dumps(name)[:100]}. Those that there are: {API}info.")
        try:
            values: list[Any] = construct_args(endpoint["parameters"], (), given)
        except (TypeError, ValueError) as error:
            raise PayloadError(str(error)) from None
        return values

    def _cancelled(self, person: int, body: dict[str, Any]) -> dict[str, Any]:
        event, number = body.get("event_id"), body.get("fn_index")
        if not isinstance(event, str) or not isinstance(number, int) or not self._is_own_event(person, event):
            raise PayloadError("There is no such event, or it has ended, or it is not yours.")
        return {"session_hash": own_name(person, body.get("session_hash")), "fn_index": number, "event_id": event}

    def _is_own_event(self, person: int, event_id: str) -> bool:
        queue = self.blocks._queue
        running = queue.event_ids_to_events.get(event_id)
        sessions = (
            [running.session_hash]
            if running
            else [name for name, events in list(queue.pending_event_ids_session.items()) if event_id in events]
        )
        return any(name.startswith(f"{person}.") for name in sessions)

    def _keeping(self, scope: Scope, send: Send) -> Send:
        """Remembers whose the files are before the person can name them."""
        MutableHeaders(scope=scope)["accept-encoding"] = "identity"
        person, status, answer = scope["person"], 0, b""

        async def sending(message: Message) -> None:
            nonlocal status, answer
            status = message.get("status", status)
            answer += message.get("body", b"")
            if message["type"] == "http.response.body" and not message.get("more_body") and status == 200:
                self.arrivals.keep(person, json.loads(answer))
            await send(message)

        return sending


def own_name(person: int, given: Any) -> str:
    """A session's or an upload's name among those of one person."""
    if not isinstance(given, str) or not SESSION.fullmatch(given):
        raise PayloadError("The name of a session must be letters, digits, dots and dashes, at most 64.")
    return f"{person}.{given}"


def go_to(scope: Scope, way: str) -> None:
    scope["path"] = API + way
    scope["raw_path"] = scope["path"].encode()


def _without(scope: Scope, send: Send, closed: set[str]) -> Send:
    """A list of API names without some of them."""
    MutableHeaders(scope=scope)["accept-encoding"] = "identity"
    begun: list[Message] = []
    body = bytearray()

    async def sending(message: Message) -> None:
        if message["type"] != "http.response.body":
            begun.append(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        sent = bytes(body)
        if begun[-1].get("status") == 200:
            listed = json.loads(sent)
            for names in (listed.get("named_endpoints", {}), listed.get("paths", {})):
                for name in [name for name in names if closed.intersection(name.split("/"))]:
                    del names[name]
            sent = json.dumps(listed).encode()
            MutableHeaders(scope=begun[-1])["content-length"] = str(len(sent))
        for kept in begun:
            await send(kept)
        await send({"type": "http.response.body", "body": sent})

    return sending


def _with_its_code(scope: Scope, send: Send) -> Send:
    """Gradio says 500 of every error, also of those that a person can mend and of those that pass."""
    refusals: list[gr.Error] = []
    scope["refusals"] = refusals

    async def sending(message: Message) -> None:
        if refusals and message.get("status") == 500:
            code = CODES.get(refusals[-1].title, 500)
            message["status"] = code
            if code == BUSY:
                MutableHeaders(scope=message).update(RETRY)
        await send(message)

    return sending


async def _read(receive: Receive) -> bytes:
    body, is_more = b"", True
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise PayloadError(
                f"More than {MOST_BYTES // 1_000_000} MB were sent. Files are uploaded, not sent as text."
            )
    return body


def _again(scope: Scope, body: bytes, receive: Receive) -> Receive:
    """The checked payload in the place of the one that came."""
    headers = MutableHeaders(scope=scope)
    headers["content-type"], headers["content-length"] = "application/json", str(len(body))
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving
