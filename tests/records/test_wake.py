"""A message wakes a worker; where none can be sent nobody waits and nothing breaks."""

from __future__ import annotations

import json
import socket
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest
from kombu.utils import functional
from redis import Redis, retry
from redis.exceptions import ConnectionError as Away

from core.machine.queue_server import program
from core.records.place import Place
from core.records.wake import LOOK, TRANSPORT, send

SECONDS = 120
KNOCKS = 2
"""At a queue that is away: once, and once more at once, since a connection that was kept may have gone stale."""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def serve(port: int, folder: Path) -> Popen[bytes]:
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes"]
    process = Popen([str(program()), *options], stdout=DEVNULL, stderr=DEVNULL)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            with Redis(port=port) as client:
                client.ping()
            return process
        except Away:
            time.sleep(0.05)
    raise AssertionError("Redis did not start")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a server that is there, however slow its machine is."""
    for name in ("socket_connect_timeout", "socket_timeout"):
        monkeypatch.setitem(TRANSPORT, name, SECONDS)


@pytest.fixture
def server(port: int, tmp_path: Path) -> Iterator[Popen[bytes]]:
    process = serve(port, tmp_path)
    yield process
    process.kill()
    process.wait()


def test_without_a_queue_no_message_is_sent(tmp_path: Path) -> None:
    assert not send(Place.at(tmp_path), "tune", 1)


def test_a_queue_that_is_away_is_no_error_and_nobody_waits_for_it(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocks: list[object] = []
    waits: list[float] = []
    connect = socket.socket.connect

    def knock(door: socket.socket, address: object) -> None:
        knocks.extend([address] if address == ("127.0.0.1", port) else [])  # whatever others in this process do
        connect(door, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", knock)
    for module in (functional, retry):  # the two that try again
        monkeypatch.setattr(module, "sleep", waits.append)
    assert not send(Place.at(tmp_path, redis=f"redis://127.0.0.1:{port}/0"), "tune", 1)
    assert (0 < len(knocks) <= KNOCKS, waits) == (True, [])


@pytest.mark.usefixtures("patient")
def test_a_message_holds_a_job_number_and_nothing_else(tmp_path: Path, port: int, server: Popen[bytes]) -> None:
    assert send(Place.at(tmp_path, redis=f"redis://127.0.0.1:{port}/0"), "tune", 7)
    with Redis(port=port) as client:
        message = json.loads(client.lpop("tune") or b"{}")
    assert message["headers"]["task"] == LOOK
    assert json.loads(b64decode(message["body"]))[:2] == [[7], {}]


@pytest.mark.usefixtures("patient")
def test_sending_goes_on_when_the_queue_is_back(tmp_path: Path, port: int, server: Popen[bytes]) -> None:
    place = Place.at(tmp_path, redis=f"redis://127.0.0.1:{port}/0")
    assert send(place, "tune", 1)
    server.kill()
    server.wait()
    assert not send(place, "tune", 2)
    again = serve(port, tmp_path)
    try:
        assert send(place, "tune", 3)
    finally:
        again.kill()
        again.wait()
