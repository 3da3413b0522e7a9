"""How much of a request is received at all: by who sends it, and by the room on the disk that keeps it.

What is too much is refused by the length that it announces, before a byte of it is read; what announces none is counted
as it comes. So a person who brings no sets fills no disk, and nobody fills it to the last byte.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.context import Studio
from core.limits import limits, raised

UPLOAD = "/gradio_api/upload"
FORM_BYTES = 64_000
"""Of what people send before it is known who they are."""
PLAIN_BYTES = 10_000_000
"""Of everything else than files."""
LOOK_AGAIN_BYTES = 64_000_000


@dataclass(frozen=True)
class Allowed:
    """So many bytes, and what is answered to more: a status and a sentence."""

    most: int
    status: int
    sentence: str

    def refusal(self) -> JSONResponse:
        return JSONResponse({"detail": self.sentence}, self.status, {"Connection": "close"})


class Room:
    """Stands behind the gate, which says who asks."""

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app = app
        self.studio = studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        allowed = await run_in_threadpool(self.allowed, scope)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > allowed.most:
            await allowed.refusal()(scope, receive, send)
            return
        counted = _Counted(self, scope, receive, send, allowed)
        try:
            await self.app(scope, counted.receive, counted.send)
        except Exception:
            if not counted.is_refused:  # else whoever read it was told that its sender has gone
                raise
        if counted.is_refused:
            await counted.allowed.refusal()(scope, receive, send)

    def allowed(self, scope: Scope) -> Allowed:
        if "person" not in scope:
            return Allowed(FORM_BYTES, 413, f"More than {FORM_BYTES:,} bytes are not taken here. Send less.")
        if scope["path"].rstrip("/") != UPLOAD:
            return Allowed(PLAIN_BYTES, 413, f"More than {PLAIN_BYTES:,} bytes are not taken here. Upload a file.")
        headers = {name.lower(): value for name, value in Headers(scope=scope).items()}
        who = self.studio.who_has(headers, scope["client"][0] if scope.get("client") else "")
        if not who.may("look"):
            return Allowed(0, 403, "You may not bring files. Ask an admin for a role that may.")
        most = limits().upload_bytes if who.may("work") else limits().asked_bytes
        free = shutil.disk_usage(self.studio.place.data).free - limits().spare_bytes
        if free < most:
            return Allowed(
                max(0, free),
                507,
                f"There is room for {_size(max(0, free))} on the studio's disk, and this upload is larger. "
                "Have an admin make room, or bring a smaller one.",
            )
        if who.may("work"):
            name = "upload_bytes"
            return Allowed(most, 413, f"An upload may have {_size(most)}. Bring it in parts. {raised(name)}")
        return Allowed(
            most,
            413,
            f"As {who.role} you bring pictures to ask about, of up to {_size(most)}, and no sets: that takes a "
            "researcher or an admin.",
        )


class _Counted:
    """A request whose bytes are counted as they come."""

    def __init__(self, room: Room, scope: Scope, receive: Receive, send: Send, allowed: Allowed) -> None:
        self.room, self.scope, self.allowed = room, scope, allowed
        self.is_refused = False
        self._receive, self._send = receive, send
        self._bytes, self._looked_at = 0, 0
        self._is_begun = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes - self._looked_at > LOOK_AGAIN_BYTES:  # others fill the disk too
            now = await run_in_threadpool(self.room.allowed, self.scope)
            if now.status == 507 and now.most == 0:
                self.allowed = now
            self._looked_at = self._bytes
        if self._bytes > self.allowed.most and not self._is_begun:
            self.is_refused = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if not self.is_refused:
            self._is_begun = True
            await self._send(message)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{count / 1e6:,.0f} MB"
