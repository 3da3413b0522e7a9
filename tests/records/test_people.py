"""People sign in with a password that nobody can guess at leisure, and see their own projects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from core.records import audit, people
from core.records.database import Database
from core.records.people import NotAllowed, PeopleError, SignInError, Who, allow
from core.records.tables import ROLES, Attempt, Person, SignIn, now

PASSWORD = "correct horse battery"


@pytest.fixture
def ann(database: Database, who: Who) -> Who:
    return people.add_person(database, "ann", PASSWORD, "researcher")


def test_the_first_start_makes_a_person_with_a_project_and_the_second_nothing(database: Database) -> None:
    first = people.local(database)
    assert (first.name, first.role) == ("local", "admin")
    assert people.projects_of(database, first) == [(first.projects[0], "My project")]
    assert people.local(database) == first
    assert not people.has_accounts(database)


def test_the_first_account_sees_what_there_is_and_later_ones_only_what_they_are_given(
    database: Database, who: Who
) -> None:
    first = people.add_person(database, "ann", PASSWORD, "admin")
    second = people.add_person(database, "bob", PASSWORD, "researcher")
    assert first.projects == who.projects and second.projects == ()
    people.add_member(database, first, first.projects[0], "bob")
    assert people.projects_of(database, people.person(database, second.id)) == [(who.projects[0], "My project")]


def test_a_token_stands_for_the_person_until_they_sign_out(database: Database, ann: Who) -> None:
    assert people.has_accounts(database)
    token = people.sign_in(database, "ann", PASSWORD, "127.0.0.1")
    assert people.who(database, token) == ann
    assert people.who(database, token + "x") is None
    people.sign_out(database, token)
    assert people.who(database, token) is None


def test_neither_passwords_nor_tokens_are_kept(database: Database, ann: Who) -> None:
    token = people.sign_in(database, "ann", PASSWORD, "127.0.0.1")
    with database.reading() as session:
        kept = session.scalars(select(Person.password_hash).where(Person.name == "ann")).one()
        session_row = session.scalars(select(SignIn)).one()
    assert kept and kept.startswith("$argon2id$") and PASSWORD not in kept
    assert token != session_row.token_hash and len(session_row.token_hash) == 64


def test_an_old_token_is_no_good(database: Database, ann: Who) -> None:
    token = people.sign_in(database, "ann", PASSWORD, "127.0.0.1")
    with database.session() as session:
        session.execute(update(SignIn).values(expires=now() - timedelta(seconds=1)))
    assert people.who(database, token) is None


def test_the_sixth_try_at_a_name_has_to_wait_even_with_the_right_password(database: Database, ann: Who) -> None:
    for _ in range(people.MOST_OF_NAME):
        with pytest.raises(SignInError, match="don't fit together"):
            people.sign_in(database, "ann", "wrong password", "127.0.0.1")
    with pytest.raises(SignInError, match=r"Too many tries\. Try again in 15 minutes\."):
        people.sign_in(database, "ann", PASSWORD, "127.0.0.2")
    with database.session() as session:
        session.execute(update(Attempt).values(at=now() - timedelta(minutes=16)))
    assert people.sign_in(database, "ann", PASSWORD, "127.0.0.2")


def test_many_names_from_one_address_are_slowed_down(
    database: Database, ann: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MOST_OF_ADDRESS", 4)
    for number in range(4):
        with pytest.raises(SignInError, match="don't fit together"):
            people.sign_in(database, f"nobody {number}", "wrong password", "127.0.0.1")
    with pytest.raises(SignInError, match="Too many tries"):
        people.sign_in(database, "ann", PASSWORD, "127.0.0.1")
    assert people.sign_in(database, "ann", PASSWORD, "127.0.0.2")


def test_tries_at_the_same_moment_count_too(database: Database, ann: Who) -> None:
    def guess(number: int) -> str:
        try:
            return people.sign_in(database, "ann", f"guess number {number}", f"10.0.0.{number}")
        except SignInError as error:
            return str(error)

    with ThreadPoolExecutor(12) as threads:
        told = list(threads.map(guess, range(12)))
    assert sum("don't fit together" in one for one in told) <= people.MOST_OF_NAME


def test_a_success_clears_the_tries_before_it(database: Database, ann: Who) -> None:
    for _ in range(3):
        for _ in range(people.MOST_OF_NAME - 1):
            with pytest.raises(SignInError, match="don't fit together"):
                people.sign_in(database, "ann", "wrong password", "127.0.0.1")
        assert people.sign_in(database, "ann", PASSWORD, "127.0.0.1")


def test_nobody_signs_in_without_a_password_of_their_own(database: Database, who: Who, ann: Who) -> None:
    for name in ("local", "nobody"):
        with pytest.raises(SignInError, match="don't fit together"):
            people.sign_in(database, name, PASSWORD, "127.0.0.1")


@pytest.mark.parametrize("how", ["deactivate", "password"])
def test_a_changed_account_ends_its_sessions(database: Database, ann: Who, how: str) -> None:
    token = people.sign_in(database, "ann", PASSWORD, "127.0.0.1")
    if how == "deactivate":
        people.deactivate(database, "ann")
        assert people.has_accounts(database), "a studio that had accounts never opens again to whoever comes"
        with pytest.raises(NotAllowed, match="no account any more"):
            people.person(database, ann.id)
    else:
        people.set_password(database, "ann", "another long one")
        assert people.sign_in(database, "ann", "another long one", "127.0.0.1")
    assert people.who(database, token) is None
    with pytest.raises(SignInError):
        people.sign_in(database, "ann", PASSWORD, "127.0.0.1")


def test_what_can_not_be_made_is_told(database: Database, ann: Who) -> None:
    with pytest.raises(PeopleError, match=r'There is a person called "ann" already'):
        people.add_person(database, "ann", PASSWORD, "reader")
    with pytest.raises(PeopleError, match="at least 10 characters"):
        people.add_person(database, "bob", "short", "reader")
    with pytest.raises(PeopleError, match=r'no role "boss"\. Choose one of admin'):
        people.add_person(database, "bob", PASSWORD, "boss")
    with pytest.raises(PeopleError, match=r'no person called "bob"'):
        people.deactivate(database, "bob")


def test_only_an_admin_manages_people_and_projects(database: Database, who: Who, ann: Who) -> None:
    for do in (
        lambda: people.people(database, ann),
        lambda: people.add_project(database, ann, "Mine"),
        lambda: people.add_member(database, ann, ann.projects[0], "ann"),
        lambda: people.add_person(database, "bob", PASSWORD, "admin", who=ann),
        lambda: people.deactivate(database, "local", who=ann),
        lambda: people.set_password(database, "local", PASSWORD, who=ann),
        lambda: audit.entries(database, ann),
    ):
        with pytest.raises(NotAllowed):
            do()
    assert [one.name for one in people.people(database, who)] == ["ann", "local"]


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("look", set(ROLES)),
        ("review", {"reviewer", "researcher", "admin"}),
        ("work", {"researcher", "admin"}),
        ("manage", {"admin"}),
    ],
)
def test_roles_may_do_what_they_are_for_in_their_own_projects(action: str, roles: set[str]) -> None:
    for role in ROLES:
        person = Who(1, "ann", role, (7,))
        assert person.may(action) == (role in roles)
        with pytest.raises(NotAllowed):
            allow(person, 8, action)
        if role in roles:
            allow(person, 7, action)
        else:
            with pytest.raises(NotAllowed, match=f"As {role} you may not"):
                allow(person, 7, action)


def test_the_audit_log_is_searched_and_keeps_to_projects(database: Database, who: Who) -> None:
    other = people.add_project(database, who, "Elsewhere")
    mine = people.local(database)
    with database.session() as session:
        audit.note(session, mine, "upload", mine.projects[0], "cells_1.zip", files=2)
        audit.note(session, mine, "upload", other, "scans.zip")
    assert [one.subject for one in audit.entries(database, mine, other, "UPLOAD")] == ["scans.zip"]
    assert [one.details for one in audit.entries(database, mine, text="cells_1")] == [{"files": 2}]
    assert audit.entries(database, mine, text="cells%") == []
    with pytest.raises(NotAllowed):
        audit.entries(database, Who(5, "eve", "admin", (other,)), mine.projects[0])
