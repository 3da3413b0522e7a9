"""The audit log can be added to and nothing else: whoever gets round the database is told by the chain."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from core.case import ImageSet
from core.errors import CoreError
from core.records import audit
from core.records.accounts import people
from core.records.accounts.people import SignInError, Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import openings, sets
from core.records.sets.openings import Openings
from core.records.tables import Audit, now

PASSWORD = "six herons over a pier"
OPEN_THE_DATABASE = {
    "sqlite": ("drop trigger audit_stays_on_update", "drop trigger audit_stays_on_delete"),
    "postgresql": ("alter table audit disable trigger audit_stays",),
}


def add(database: Database, who: Who, *actions: str) -> None:
    for action in actions:
        with database.session() as session:
            audit.note(session, who, action, who.projects[0], f"“{action}”", cases=3, more={"b": [1.5, None], "a": "é"})


def tamper(database: Database, *commands: str) -> None:
    """As somebody who may do everything in the database."""
    with database.engine.begin() as connection:
        for command in (*OPEN_THE_DATABASE[database.engine.dialect.name], *commands):
            connection.execute(text(command))


def rows(database: Database) -> list[Audit]:
    with database.reading() as session:
        return list(session.scalars(select(Audit).order_by(Audit.id)))


@pytest.fixture
def five(database: Database, place: Place, who: Who) -> list[int]:
    """The numbers of five rows, whose end is kept."""
    add(database, who, "one", "two", "three", "four", "five")
    assert audit.verify(database, place).faults == []
    return [row.id for row in rows(database)][-5:]


def test_an_untouched_log_is_whole_and_stays_so_when_it_grows(
    database: Database, place: Place, who: Who, five: list[int]
) -> None:
    add(database, who, "six")
    verified = audit.verify(database, place)
    assert (verified.faults, verified.has_end, verified.rows) == ([], True, len(rows(database)))


@pytest.mark.parametrize(
    "command", ["update audit set who = 'eve'", "delete from audit", "update audit set hash = 'x'"]
)
def test_the_database_refuses_to_change_or_remove_a_row(database: Database, five: list[int], command: str) -> None:
    with pytest.raises(DBAPIError, match="only ever added"), database.engine.begin() as connection:
        connection.execute(text(command))


@pytest.mark.parametrize(
    "change",
    ["who = 'eve'", "action = 'look'", "subject = ''", "details = '{}'", "project_id = 99", "person_id = null",
     "at = '2020-01-01 00:00:00'"],
)  # fmt: skip
def test_a_changed_row_is_told(database: Database, place: Place, five: list[int], change: str) -> None:
    tamper(database, f"update audit set {change} where id = {five[2]}")
    (fault,) = audit.verify(database, place).faults
    assert f"Row {five[2]} " in fault and "was changed" in fault


@pytest.mark.parametrize(
    ("gone", "where"), [([0], "missing"), ([2], "missing after row"), ([1, 2, 3], "missing after row")]
)
def test_a_removed_row_is_told(database: Database, place: Place, five: list[int], gone: list[int], where: str) -> None:
    tamper(database, f"delete from audit where id in ({', '.join(str(five[place]) for place in gone)})")
    (fault,) = audit.verify(database, place).faults
    assert where in fault


@pytest.mark.parametrize("many", [1, 3, 5])
def test_a_cut_off_tail_is_told_also_when_the_log_grew_again(
    database: Database, place: Place, who: Who, five: list[int], many: int
) -> None:
    tamper(database, f"delete from audit where id >= {five[-many]}")
    assert "cut off" in audit.verify(database, place).faults[0]
    add(database, who, "grown again")
    assert "cut off" in audit.verify(database, place).faults[0]
    audit.keep_end(database, place)
    assert "cut off" in audit.verify(database, place).faults[0], "and looking away does not help"


def test_a_row_put_between_others_is_told(database: Database, place: Place, five: list[int]) -> None:
    tamper(
        database,
        f"update audit set id = id + 1000 where id >= {five[2]}",
        f"insert into audit (id, at, who, action, subject, details, previous, hash) select {five[2]}, at, who, 'new', "
        f"subject, details, previous, hash from audit where id = {five[2] + 1000}",
    )
    assert audit.verify(database, place).faults


def test_a_kept_end_that_was_changed_is_told(database: Database, place: Place, five: list[int]) -> None:
    file = place.data / "audit.end"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(json.dumps(json.loads(file.read_text()) | {"hash": "0" * 64}))
    assert "cut off" in audit.verify(database, place).faults[0]
    file.write_text("{")
    with pytest.raises(audit.AuditError, match="not what this studio wrote"):
        audit.verify(database, place)


def test_many_who_write_at_once_make_one_chain(database: Database, place: Place, who: Who) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: add(database, who, f"a {number}", f"b {number}"), range(40)))
    verified = audit.verify(database, place)
    assert (verified.faults, len(rows(database))) == ([], 80)


def test_several_rows_of_one_transaction_follow_each_other(database: Database, place: Place, who: Who) -> None:
    with database.session() as session:
        for number in range(3):
            audit.note(session, who, f"part {number}")
    assert audit.verify(database, place).faults == []


def test_what_is_rolled_back_leaves_no_row_and_no_gap(database: Database, place: Place, who: Who) -> None:
    add(database, who, "before")
    with pytest.raises(RuntimeError), database.session() as session:
        audit.note(session, who, "never")
        session.flush()
        raise RuntimeError
    add(database, who, "after")
    assert [row.action for row in rows(database)] == ["before", "after"]
    assert audit.verify(database, place).faults == []


def test_rows_from_before_the_chain_are_chained(empty: Database, place: Place) -> None:
    empty.upgrade()
    empty.downgrade("0004")
    with empty.engine.begin() as connection:
        for number in range(3):
            connection.execute(
                text("insert into audit (at, who, action, subject, details) values (:at, 'ann', :what, 'é', :more)"),
                {"at": f"2026-01-0{number + 1} 10:00:00.5", "what": f"old {number}", "more": '{"b": 1, "a": [2.5]}'},
            )
    empty.upgrade()
    people.local(empty)
    with empty.session() as session:
        audit.write(session, None, "ann", "new")
    assert [row.action for row in rows(empty)] == ["old 0", "old 1", "old 2", "new"]
    assert audit.verify(empty, place).faults == []


def test_coming_failing_and_going_is_noted_and_nothing_that_may_be_a_password(database: Database, who: Who) -> None:
    people.add_person(database, "ann", PASSWORD, "admin")
    for name in ("ann", PASSWORD):
        with pytest.raises(SignInError):
            people.sign_in(database, name, "wrong password", "10.0.0.1")
    token = people.sign_in(database, "ann", PASSWORD, "10.0.0.1")
    people.sign_out(database, token)
    people.sign_out(database, token)
    noted = [(row.who, row.action, row.details.get("address")) for row in rows(database)[1:]]
    assert noted == [
        ("ann", "failed sign-in", "10.0.0.1"),
        ("unknown", "failed sign-in", "10.0.0.1"),
        ("ann", "sign in", "10.0.0.1"),
        ("ann", "sign out", None),
    ]
    assert not any(PASSWORD in str(vars(row)) for row in rows(database))


def test_an_address_that_lets_nobody_in_is_noted(database: Database) -> None:
    with pytest.raises(SignInError):
        people.enter(database, "x" * 43)
    assert [(row.who, row.action, row.details) for row in rows(database)] == [
        ("unknown", "failed sign-in", {"by": "ticket"})
    ]


def test_opened_cases_are_one_row_an_hour_and_lock_nobody(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    clock = [now().replace(minute=10, second=0, microsecond=0)]
    monkeypatch.setattr(openings, "now", lambda: clock[0])
    counted = Openings(database)
    counted.add(who, version.id, 1, False)
    with database.session():  # somebody writes all the while
        for number in (1, 2, 3, 3):
            counted.add(who, version.id, number, False)
        for number in range(5):
            counted.add(who, version.id, number, True)
    counted.close()
    assert opened(database) == [("open set", {"version": version.id})], "the hour is not over"
    begun: datetime = clock[0].replace(minute=0)
    clock[0] += timedelta(hours=1)
    counted.close()
    counted.close(is_last=True)
    assert opened(database)[1:] == [("opened cases", {"hour": begun.isoformat(), "cases": 3, "thumbnails": 5})]
    assert audit.verify(database, place).faults == []


def test_an_hour_of_opened_cases_is_noted_when_it_is_over_though_nobody_comes(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    clock = [now().replace(minute=10, second=0, microsecond=0)]
    waiting: list[tuple[float, Callable[[], None]]] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, call: Callable[[], None]) -> None:
            self.start = lambda: waiting.append((seconds, call))

    monkeypatch.setattr(openings, "now", lambda: clock[0])
    monkeypatch.setattr(threading, "Timer", Timer)
    Openings(database).add(who, version.id, 1, False)
    ((seconds, call),) = waiting
    assert seconds == 50 * 60 + 1
    clock[0] += timedelta(seconds=seconds)
    call()
    assert [action for action, _ in opened(database)] == ["open set", "opened cases"]


def opened(database: Database) -> list[tuple[str, dict[str, object]]]:
    return [(row.action, row.details) for row in rows(database) if row.action.startswith("open")]


def test_an_unknown_version_is_no_opening(database: Database, who: Who) -> None:
    with pytest.raises(CoreError):
        Openings(database).add(who, 999, 1, False)
