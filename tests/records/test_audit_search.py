"""Admins find in the audit log what was done in their projects and in none, and take it away as a table."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import SettingsError
from core.records import audit, audit_search
from core.records.accounts import people
from core.records.accounts.people import NotAllowed, Who
from core.records.audit_search import PAGE, Sought, moment
from core.records.database import Database
from core.records.place import Place
from core.records.tables import now

PASSWORD = "six herons over a pier"


@pytest.fixture
def ann(database: Database, who: Who) -> Who:
    """An admin of the first project alone; there is another, in which `bob` does things."""
    ann = people.add_person(database, "ann", PASSWORD, "admin")
    people.add_project(database, who, "Elsewhere")
    there = people.local(database).projects[-1]
    bob = people.add_person(database, "bob", PASSWORD, "admin", [there])
    with database.session() as session:
        audit.note(session, ann, "upload", ann.projects[0], "=cells.zip", files=2)
        audit.note(session, bob, "upload elsewhere", there, "secret.zip")
    return ann


def acts(database: Database, who: Who, sought: Sought) -> list[tuple[str, str]]:
    return [(entry.who, entry.act) for entry in audit_search.search(database, who, sought)[0]]


def test_entries_are_found_by_person_act_project_and_time(database: Database, ann: Who) -> None:
    own = ann.projects[0]
    only = [("bob", "add person")]
    assert acts(database, ann, Sought(person="bob")) == only, "what bob did elsewhere is no business of ann's"
    assert acts(database, ann, Sought(act="upload")) == [("ann", "upload")]
    assert acts(database, ann, Sought(project_id=own)) == [("ann", "upload")]
    assert ("local", "add project") not in acts(database, ann, Sought()) and ("ann", "upload") in acts(
        database, ann, Sought()
    )
    hour = timedelta(hours=1)
    assert acts(database, ann, Sought(act="upload", since=now() - hour)) == [("ann", "upload")]
    assert acts(database, ann, Sought(act="upload", until=now() - hour)) == []
    assert acts(database, ann, Sought(act="upl%")) == []
    (entry,) = audit_search.search(database, ann, Sought(act="upload"))[0]
    assert (entry.project, entry.subject, entry.details) == ("My project", "=cells.zip", '{"files": 2}')


def test_another_project_is_told_by_nothing(database: Database, ann: Who) -> None:
    there = people.local(database).projects[-1]
    for project in (there, 9999):
        with pytest.raises(NotAllowed, match="nothing here that you can see"):
            audit_search.search(database, ann, Sought(project_id=project))
    listed = audit_search.choices(database, ann)
    assert "upload" in listed.acts and "upload elsewhere" not in listed.acts
    assert "secret" not in audit_search.as_table(database, ann, Sought())


@pytest.mark.parametrize("role", ["researcher", "reviewer", "reader"])
def test_only_admins_look_through_it(database: Database, ann: Who, role: str) -> None:
    person = people.add_person(database, role, PASSWORD, role, ann.projects)
    for look in (audit_search.search, audit_search.as_table):
        with pytest.raises(NotAllowed):
            look(database, person, Sought())
    with pytest.raises(NotAllowed):
        audit_search.choices(database, person)


def test_the_table_holds_no_formula_and_is_an_entry_itself(database: Database, place: Place, ann: Who) -> None:
    table = audit_search.as_table(database, ann, Sought(act="upload"))
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["of what"] == "'=cells.zip" and row["who"] == "ann" and len(row["hash"]) == 64
    assert acts(database, ann, Sought())[0] == ("ann", "download audit log")
    assert audit.verify(database, place).faults == []


def test_pages_are_turned_to_the_end(database: Database, ann: Who) -> None:
    with database.session() as session:
        for number in range(PAGE + 5):
            audit.note(session, ann, "count", subject=str(number))
    first, is_more = audit_search.search(database, ann, Sought(act="count"))
    second, is_still_more = audit_search.search(database, ann, Sought(act="count"), 1)
    assert (len(first), is_more, len(second), is_still_more) == (PAGE, True, 5, False)
    assert [entry.subject for entry in [*first, *second]] == [str(number) for number in reversed(range(PAGE + 5))]


def test_a_time_is_a_date_a_time_or_how_long_ago() -> None:
    assert moment(" ") is None and moment(None) is None
    assert moment("2026-11-24") == datetime(2026, 11, 24, tzinfo=UTC)
    assert moment("2026-11-24T09:00+02:00") == datetime(2026, 11, 24, 7, tzinfo=UTC)
    day = moment("1d")
    assert day is not None and timedelta(hours=23, minutes=59) < now() - day < timedelta(days=1, minutes=1)
    for wrong in ("yesterday", "7", "99999999999d", "²d", "x" * 1000, "0001-01-01T00:00+14:00"):
        with pytest.raises(SettingsError, match="date or time"):
            moment(wrong)
