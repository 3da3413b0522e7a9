"""Another system hears that a run has ended: its name, how, and a link, and nothing else, from one address only."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from core.records import jobs
from core.records.jobs import Claimed
from core.records.runs import runs
from tests.app.furnished import Furnished, furnish
from worker import tasks, webhook
from worker.context import Hands


class Listener(HTTPServer):
    """Somebody else's system: keeps what it hears, and answers as it is to."""

    status = 200
    heard: list[tuple[str, dict[str, str]]]
    has_heard: Event
    release: Event

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hearing)
        self.heard, self.has_heard, self.release = [], Event(), Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?secret=geheim"


class Hearing(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.path, json.loads(body)))
        self.server.has_heard.set()
        if self.server.status == 0:
            self.server.release.wait()
            return
        self.send_response(self.server.status)
        if self.server.status == 307:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 120)


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def worked(room: Furnished, name: str, monkeypatch: pytest.MonkeyPatch, failing: bool = False) -> None:
    """A run of this name, carried out by a worker that has nothing to do for it."""
    database, place = room.studio.database, room.studio.place
    run_id = room.queue(name)
    hands = Hands(place, database, "tune", "tune@here:1", lambda: False)

    def tune(hands: Hands, claimed: Claimed) -> None:
        if failing:
            jobs.fail(database, claimed, "Patient 17 is not to be read.")
        else:
            jobs.finish(database, claimed, {})

    monkeypatch.setitem(tasks.KINDS, "tune", tune)
    tasks.look(hands, runs.run(database, room.who, run_id).job_id)


def test_another_system_hears_that_a_run_ended_and_no_more(
    room: Furnished, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_WEBHOOK", listener.address)
    monkeypatch.setenv("VITASK_ADDRESS", "https://studio.example/")
    worked(room, "<!channel> Second", monkeypatch)
    worked(room, "Third", monkeypatch, failing=True)
    (path, done), (_, failed) = listener.heard
    assert path == "/hook?secret=geheim"
    assert done == {
        "run": "<!channel> Second",
        "state": "done",
        "link": "https://studio.example/runs?run=2",
        "text": "Run “&lt;!channel&gt; Second” is finished. https://studio.example/runs?run=2",
    }
    assert failed["state"] == "failed" and "Patient 17" not in json.dumps(failed)


def test_nobody_hears_anything_where_no_address_was_named(
    room: Furnished, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VITASK_WEBHOOK", raising=False)
    worked(room, "Second", monkeypatch)
    assert listener.heard == []


@pytest.mark.parametrize("status", [307, 500, 0])
def test_a_system_that_refuses_leads_on_or_is_silent_keeps_no_run_and_is_logged_without_its_secret(
    room: Furnished,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    listener.status = status
    if status == 0:
        monkeypatch.setattr(webhook, "SECONDS", 0.3)
    monkeypatch.setenv("VITASK_WEBHOOK", listener.address)
    with caplog.at_level(logging.INFO, "vitask"):
        worked(room, "Second", monkeypatch)
    if status == 0:
        listener.has_heard.wait(120)  # it may have been given up on before it came to hear
    assert len(listener.heard) == 1, "no redirect is followed"
    assert runs.run(room.studio.database, room.who, 2).state == "done"
    assert "127.0.0.1 was not told that run 2 has ended" in caplog.text and "geheim" not in caplog.text


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://example.test/x", "example.test", "http:///x", "https://[x"]
)
def test_an_address_of_another_kind_is_not_used(
    room: Furnished, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    monkeypatch.setenv("VITASK_WEBHOOK", address)
    worked(room, "Second", monkeypatch)
    assert "VITASK_WEBHOOK is no address" in caplog.text and address not in caplog.text


def test_a_job_that_is_no_run_and_hands_that_lost_it_tell_nothing(
    room: Furnished, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_WEBHOOK", listener.address)
    database, run_id = room.studio.database, room.queue("Second")
    hands = Hands(room.studio.place, database, "tune", "tune@here:1", lambda: False)
    claimed = jobs.claim(database, runs.run(database, room.who, run_id).job_id, "test")
    assert claimed is not None
    webhook.announce(hands, claimed)
    jobs.finish(database, claimed, {})
    lost = Claimed(**{**vars(claimed), "claims": claimed.claims + 1})
    webhook.announce(hands, lost)
    assert listener.heard == []
    webhook.announce(hands, claimed)
    assert len(listener.heard) == 1


@pytest.mark.parametrize("answer", [b"220 mail.example ESMTP\r\n", b"HTTP/1.0 200 OK\r\n" + b"x" * 70_000])
def test_what_answers_in_no_words_of_the_web_keeps_no_worker(
    room: Furnished, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def mumble() -> None:
            caller, _ = door.accept()
            with caller:
                caller.recv(65_536)
                caller.sendall(answer)

        Thread(target=mumble, daemon=True).start()
        monkeypatch.setenv("VITASK_WEBHOOK", f"http://127.0.0.1:{door.getsockname()[1]}/geheim")
        worked(room, "Second", monkeypatch)
    assert "127.0.0.1 was not told that run 2 has ended" in caplog.text and "geheim" not in caplog.text


def test_an_address_whose_port_is_none_keeps_no_worker(
    room: Furnished, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VITASK_WEBHOOK", "http://127.0.0.1:port/geheim")
    worked(room, "Second", monkeypatch)
    assert "127.0.0.1 was not told that run 2 has ended" in caplog.text and "geheim" not in caplog.text
