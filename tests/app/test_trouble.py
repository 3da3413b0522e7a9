"""A database that somebody holds and a disk without room: pages and routes that only look go on, and words are told."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from app.context import notice
from core.errors import IS_FULL
from core.records import database as records
from core.records import jobs
from core.records.accounts import people
from core.records.database import Database, DatabaseBusy, DatabaseError, DatabaseFull
from core.records.sets import sets
from tests.app.furnished import Furnished, blocks_of, browsing, furnish
from tests.app.test_ticks import call, events


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def browser(room: Furnished) -> Iterator[TestClient]:
    with browsing(room.studio) as browser:
        yield browser


@pytest.fixture
def held(room: Furnished) -> Iterator[None]:
    """Somebody writes, and does not come to an end."""
    people.local(room.studio.database)
    other = sqlite3.connect(room.studio.place.data / "studio.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@pytest.fixture
def impatient(room: Furnished, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser at a studio where nobody waits for the database: what others hold is refused at once."""
    monkeypatch.setattr(records, "BUSY_SECONDS", 0)
    with browsing(room.studio) as browser:
        yield browser


@pytest.fixture
def refused() -> Iterator[list[str]]:
    """What was asked of the database and not done."""
    statements: list[str] = []

    def note(context: ExceptionContext) -> None:
        statements.append(str(context.statement))

    event.listen(Engine, "handle_error", note)
    yield statements
    event.remove(Engine, "handle_error", note)


def test_ready_and_home_answer_while_somebody_writes_and_wait_for_nobody(
    refused: list[str], impatient: TestClient, held: None
) -> None:
    answer = impatient.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    of_home = [number for number, wired in blocks_of(impatient.app).fns.items() if wired.page == ""]
    walked = {**events(impatient.app, "load"), **events(impatient.app, "tick")}
    shown = [(number, data) for number, data in walked.values() if number in of_home]
    assert len(shown) >= 2
    for number, data in shown:
        answer = call(impatient, number, data)
        assert answer.status_code == 200, answer.text
    assert refused == []


def test_a_database_that_is_held_is_no_fault_of_ours(
    room: Furnished, held: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BUSY_SECONDS", 0)
    url = room.studio.database.url.render_as_string(hide_password=False)
    impatient = Database(url)
    with pytest.raises(DatabaseBusy, match=r"database is locked.*try again in a moment") as busy:
        jobs.log(impatient, 1, ["a line"])
    impatient.dispose()
    assert "database is locked" in str(notice(busy.value))


def full() -> list[Exception]:
    return [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        OperationalError("insert", {}, Exception("database or disk is full")),
    ]


@pytest.mark.parametrize("error", full(), ids=lambda error: type(error).__name__)
def test_a_full_disk_is_told_as_one(error: Exception) -> None:
    assert IS_FULL in str(notice(error))


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("database or disk is full", DatabaseFull),
        ("database is locked", DatabaseBusy),
        ("attempt to write a readonly database", DatabaseError),
        ("database disk image is malformed", DatabaseError),
    ],
)
def test_what_a_database_says_of_its_surroundings_becomes_words(
    room: Furnished, told: str, kind: type[DatabaseError]
) -> None:
    for opened in (room.studio.database.session, room.studio.database.reading):
        with pytest.raises(kind), opened():
            raise OperationalError("insert", {}, Exception(told))


@pytest.mark.parametrize(
    ("error", "code"),
    [(full()[0], 507), (DatabaseFull(IS_FULL), 507), (DatabaseBusy("The database is busy."), 503)],
)
def test_routes_answer_with_a_code_and_words(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise error

    monkeypatch.setattr(jobs, "log_lines", fail)
    answer = browser.get("/downloads/jobs/1/log.txt")
    assert (answer.status_code, answer.json()["detail"]) == (code, IS_FULL if code == 507 else str(error))
    assert answer.headers.get("Retry-After") == ("5" if code == 503 else None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DatabaseBusy("The database is busy."), 503),
        (DatabaseFull(IS_FULL), 507),
        (full()[0], 507),
        (KeyError("x"), 500),
    ],
)
def test_an_api_name_answers_with_a_code_and_words(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise error

    monkeypatch.setattr(sets, "versions", fail)
    answer = browser.post("/gradio_api/run/versions", json={"data": [1]})
    assert answer.status_code == code
    assert answer.headers.get("Retry-After") == ("5" if code == 503 else None)
    assert (IS_FULL if code == 507 else "our fault" if code == 500 else str(error)) in answer.json()["error"]


def test_the_log_on_the_page_goes_on_where_the_oldest_lines_went(
    room: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_LINES", 100)
    database, who = room.studio.database, room.who
    shown = jobs.log_lines(database, who, 1)[-1].number
    for start in range(0, 1000, 50):
        jobs.log(database, 1, [f"line {start + place}" for place in range(50)])
        followed = jobs.log_lines(database, who, 1, after=shown)
        assert [line.text for line in followed] == [f"line {start + place}" for place in range(50)]
        shown = followed[-1].number
    kept = jobs.log_lines(database, who, 1, most=10_000)
    assert len(kept) == 100 and kept[-1].text == "line 999"
