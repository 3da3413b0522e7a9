"""What is too much for a person, or for the disk, is not received: the bytes that were read are counted."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from app.main import create_app
from core.records.accounts import people
from core.records.roles import ROLES
from tests.app.furnished import furnish
from tests.app.test_gate import PASSWORD, Rooms

MB = 1_000_000
BOUNDARY = "of-the-test"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="x.zip"\r\n'
    "Content-Type: application/zip\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A studio with somebody of every role."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        furnished = furnish(tmp_path_factory.mktemp("room"))
        own = furnished.who.projects[0]
        for role in ROLES:
            people.add_person(furnished.studio.database, role, PASSWORD, role, [own])
        yield Rooms(cast(FastAPI, create_app(furnished.studio.place)), furnished, 0, own, own)


@pytest.fixture(autouse=True)
def arriving(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = rooms.furnished.studio.place.data / "arriving"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


def sent(rooms: Rooms, token: str, path: str, size: int, is_announced: bool) -> tuple[int, str, int]:
    """The answer's status and sentence to so many bytes, and how many of them were read before it came."""
    left, read, answers = HEAD + bytes(size) + TAIL, 0, list[dict[str, Any]]()
    headers = [(b"host", b"127.0.0.1:7860"), (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())]
    headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
    headers += [(b"content-length", str(len(left)).encode())] if is_announced else []

    async def receive() -> dict[str, Any]:
        nonlocal left, read
        piece, left = left[:MB], left[MB:]
        read += len(piece)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Any) -> None:
        answers.append(dict(message))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 7860),
        "state": {},
    }
    asyncio.run(rooms.app(scope, receive, send))
    body = b"".join(one.get("body", b"") for one in answers)
    return answers[0]["status"], body.decode(), read


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("role", ["reader", "reviewer"])
def test_of_who_brings_no_sets_no_more_than_a_picture_is_received(
    rooms: Rooms, role: str, is_announced: bool, monkeypatch: pytest.MonkeyPatch, arriving: Path
) -> None:
    monkeypatch.setenv("VITASK_LIMIT_ASKED_BYTES", str(2 * MB))
    before = set(arriving.rglob("*"))
    status, told, read = sent(rooms, rooms.token(role), "/gradio_api/upload", 40 * MB, is_announced)
    assert (status, read) == (413, 0 if is_announced else 3 * MB)
    assert f"As {role} you bring pictures to ask about" in json.loads(told)["detail"]
    assert sum(file.stat().st_size for file in set(arriving.rglob("*")) - before) <= 3 * MB
    assert sent(rooms, rooms.token(role), "/gradio_api/upload", MB, is_announced)[0] == 200
    assert sent(rooms, rooms.token("researcher"), "/gradio_api/upload", 4 * MB, is_announced)[0] == 200


@pytest.mark.parametrize("is_announced", [True, False])
def test_an_upload_that_would_fill_the_disk_is_told_before_it_is_received(
    rooms: Rooms, is_announced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2000 * MB + 5 * MB))
    status, told, read = sent(rooms, rooms.token("researcher"), "/gradio_api/upload", 40 * MB, is_announced)
    assert (status, read) == (507, 0 if is_announced else 6 * MB)
    assert json.loads(told)["detail"].startswith(
        "There is room for 5 MB on the studio's disk, and this upload is larger"
    )
    assert sent(rooms, rooms.token("researcher"), "/gradio_api/upload", MB, is_announced)[0] == 200


@pytest.mark.slow
def test_a_disk_that_fills_meanwhile_ends_an_upload(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    frees = iter([10**12, 10**9])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=next(frees, 10**9)))
    status, _, read = sent(rooms, rooms.token("researcher"), "/gradio_api/upload", 150 * MB, False)
    assert status == 507 and read < 70 * MB


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize(
    ("path", "role", "most"), [("/sign-in", "", 64_000), ("/gradio_api/queue/join", "admin", 10 * MB)]
)
def test_nothing_else_is_received_without_end(
    rooms: Rooms, path: str, role: str, most: int, is_announced: bool
) -> None:
    token = rooms.token(role) if role else ""
    status, _, read = sent(rooms, token, path, 40 * MB, is_announced)
    assert 400 <= status < 500 and read <= (0 if is_announced and not role else most + MB)
