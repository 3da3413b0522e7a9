"""People sign in with a password that nobody can guess at leisure, and see their own projects."""

# ruff: noqa: RUF001 (letters that look alike)
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from core.records import audit
from core.records.accounts import people, sessions, throttle
from core.records.accounts.passwords import weakness
from core.records.accounts.people import NotAllowed, PeopleError, SignInError, TooManyTries, Who, allow
from core.records.database import Database
from core.records.names import alike
from core.records.roles import ROLES
from core.records.tables import Attempt, Person, SignIn, now

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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "now", clock.now)
    return clock


class Clock:
    """Goes on only when it is told to."""

    def __init__(self) -> None:
        self.at = now()

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def fail(database: Database, name: str, address: str) -> None:
    with pytest.raises(SignInError, match="don't fit together"):
        people.sign_in(database, name, "wrong password", address)


def test_each_failure_after_the_fifth_doubles_the_wait_also_for_the_right_password(
    database: Database, ann: Who, clock: Clock
) -> None:
    for _ in range(throttle.FREE_AT_NAME):
        fail(database, "ann", "10.0.0.1")
    for seconds in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        with pytest.raises(TooManyTries, match=f"Try again in {seconds} seconds") as refused:
            people.sign_in(database, "ann", PASSWORD, "10.0.0.1")
        assert refused.value.seconds == seconds
        clock.wait(seconds)
        fail(database, "ann", "10.0.0.1")
    clock.wait(300)
    assert people.sign_in(database, "ann", PASSWORD, "10.0.0.1")
    assert people.sign_in(database, "ann", PASSWORD, "10.0.0.1"), "and that clears it"


def test_guessing_elsewhere_keeps_nobody_out(database: Database, ann: Who, clock: Clock) -> None:
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        for _ in range(throttle.FREE_AT_NAME):
            fail(database, "ann", address)
    assert people.sign_in(database, "ann", PASSWORD, "10.0.0.9")
    with pytest.raises(TooManyTries):
        people.sign_in(database, "ann", PASSWORD, "10.0.0.1")


def test_one_address_that_tries_many_names_is_slowed_down(database: Database, ann: Who, clock: Clock) -> None:
    for number in range(throttle.FREE_AT_ADDRESS):
        fail(database, f"nobody {number}", "2001:db8::1")
    for seconds, many in ((1, 5), (2, 5), (4, 5), (8, 5), (16, 5), (32, 5), (60, 3)):
        for number in range(many):
            with pytest.raises(TooManyTries) as refused:
                people.sign_in(database, f"nobody {seconds} {number}", PASSWORD, "2001:db8::ffff:2")
            assert refused.value.seconds == seconds
            clock.wait(seconds)
            fail(database, f"nobody {seconds} {number}", "2001:db8::1")
    assert people.sign_in(database, "ann", PASSWORD, "2001:db8:0:1::1"), "another network is not meant"


def test_a_success_does_not_clear_what_its_address_did_to_others(database: Database, ann: Who, clock: Clock) -> None:
    for number in range(throttle.FREE_AT_ADDRESS - 1):
        fail(database, f"nobody {number}", "10.0.0.1")
    assert people.sign_in(database, "ann", PASSWORD, "10.0.0.1")
    fail(database, "nobody else", "10.0.0.1")
    with pytest.raises(TooManyTries):
        people.sign_in(database, "ann", PASSWORD, "10.0.0.1")


def test_tries_are_forgotten_after_their_time(database: Database, ann: Who, clock: Clock) -> None:
    for number in range(30):
        fail(database, f"nobody {number}", f"10.0.0.{number}")
    clock.wait(throttle.WINDOW.total_seconds() + 60)
    fail(database, "ann", "10.0.0.1")
    with database.reading() as session:
        assert len(session.scalars(select(Attempt)).all()) == 1


def test_tries_at_the_same_moment_count_too(database: Database, ann: Who) -> None:
    def guess(number: int) -> str:
        try:
            return people.sign_in(database, "ann", f"guess number {number}", "10.0.0.1")
        except SignInError as error:
            return str(error)

    with ThreadPoolExecutor(12) as threads:
        messages = list(threads.map(guess, range(12)))
    assert sum("don't fit together" in message for message in messages) <= throttle.FREE_AT_NAME


def test_an_unknown_name_costs_as_much_work_as_a_known_one(
    database: Database, ann: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does a person who may not sign in any more."""
    people.add_person(database, "first", PASSWORD, "admin")
    people.deactivate(database, "ann")
    checked: list[str] = []
    hasher = people._hasher()

    class Counted:
        def verify(self, hashed: str, password: str) -> bool:
            checked.append(hashed.rpartition("$")[0].rpartition("$")[0])
            return hasher.verify(hashed, password)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    monkeypatch.setattr(people, "_hasher", Counted)
    for name in ("first", "ann", "nobody", "local"):
        fail(database, name, "127.0.0.1")
    assert len(checked) == 4 and len(set(checked)) == 1, "each is checked once, against a hash of the same cost"


def test_a_success_clears_the_tries_before_it(database: Database, ann: Who) -> None:
    for _ in range(3):
        for _ in range(throttle.FREE_AT_NAME - 1):
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
        people.add_person(database, "first", PASSWORD, "admin")
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
    assert [person.name for person in people.people(database, who)] == ["ann", "local"]


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
    assert [entry.subject for entry in audit.entries(database, mine, other, "UPLOAD")] == ["scans.zip"]
    assert [entry.details for entry in audit.entries(database, mine, text="cells_1")] == [{"files": 2}]
    assert audit.entries(database, mine, text="cells%") == []
    with pytest.raises(NotAllowed):
        audit.entries(database, Who(5, "eve", "admin", (other,)), mine.projects[0])


def test_the_last_admin_and_the_last_account_stay(database: Database, who: Who) -> None:
    people.add_person(database, "ann", PASSWORD, "admin")
    with pytest.raises(PeopleError, match=r"ann is the last account.*vitask person add NAME --role admin"):
        people.deactivate(database, "ann", who)
    people.add_person(database, "bob", PASSWORD, "researcher")
    with pytest.raises(PeopleError, match="ann is the last admin"):
        people.deactivate(database, "ann", who)
    people.deactivate(database, "bob", who)
    people.add_person(database, "eve", PASSWORD, "admin", who.projects)
    people.deactivate(database, "ann", who)
    assert people.sign_in(database, "eve", PASSWORD, "127.0.0.1")


def test_a_studio_whose_accounts_are_all_inactive_stays_closed(database: Database, ann: Who) -> None:
    """As the version before this one let it come to: nobody gets in, least of all without an account."""
    token = people.sign_in(database, "ann", PASSWORD, "127.0.0.1")
    with database.session() as session:
        session.execute(update(Person).where(Person.name == "ann").values(is_active=False))
    assert people.has_accounts(database) and people.who(database, token) is None
    with pytest.raises(SignInError):
        people.enter(database, sessions.new_ticket(database))
    with pytest.raises(SignInError, match="has accounts"):
        people.admit(database)


def test_two_admins_who_deactivate_each_other_do_not_both_succeed(database: Database, who: Who) -> None:
    for name in ("ann", "eve"):
        people.add_person(database, name, PASSWORD, "admin")

    def deactivate(name: str) -> bool:
        try:
            people.deactivate(database, name)
        except PeopleError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(deactivate, ("ann", "eve"))) == 1


WEAK = (
    "password123 passwordpassword Password2024! p4ssw0rd2026 1234567890 0987654321 abcdefghij qwertyuiop "
    "qwertzuiop123 "
    "1qaz2wsx3edc aaaaaaaaaa abababababab abc123abc123 aaaaabbbbb annaanna2026 Anna.1234567 "
    "vitaskstudio Vitask-Studio-1 "
    "letmein2026!! changeme12345 iloveyou!!!! correcthorsebatterystaple administrator1 "
    "1111122222 hospital2026 asdfghjkl1"
)


@pytest.mark.parametrize("password", [*WEAK.split(), "kW#8zkW#8z", "x#7#x77#x#7x", "anna anna anna", "short"])
def test_a_password_that_is_guessed_soon_is_refused(password: str) -> None:
    assert weakness(password, "anna")


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "a long password",
        "six herons over a pier",
        "kTr8#mPq2vXz",
        "Fahrradklingel im Mai",
        "密码很长而且难猜的一句话吧",
    ],
)
def test_a_password_of_some_thought_is_taken(password: str) -> None:
    assert weakness(password, "anna") is None


def test_nobody_gets_a_weak_password(database: Database, ann: Who) -> None:
    for do in (
        lambda: people.add_person(database, "bob", "password123", "reader"),
        lambda: people.set_password(database, "ann", "ann.ann.2026"),
    ):
        with pytest.raises(PeopleError, match="Choose several words"):
            do()


ALIKE = ("Anna", "ANNA", "аnnа", "ａｎｎａ", "Αnna", "anna ")
UNSEEN = ("an\u200bna", "anna\u00ad", "\u202eanna", "an\nna", "anna\u3164", "a\ufe0fnna", "anna\U000e0041", "an\0na")
MIXED = ("bоris", "Βarbara", "микаel")


@pytest.mark.parametrize("name", [*ALIKE, *UNSEEN, *MIXED, "", "  ", "x" * 101])
def test_a_name_that_could_be_taken_for_another_is_refused(database: Database, name: str) -> None:
    people.add_person(database, "anna", PASSWORD, "admin")
    with pytest.raises(PeopleError):
        people.add_person(database, name, PASSWORD, "reader")
    assert [person.name for person in people.people(database, people.local(database))] == ["anna", "local"]


@pytest.mark.parametrize(
    ("taken", "name"),
    [("Iris", "lris"), ("сора", "copa"), ("Bernard", "Bemard"), ("user 0", "user o"), ("Iocal", "local")],
)
def test_letters_that_look_alike_are_told(taken: str, name: str) -> None:
    assert alike(name, [taken]) == taken


@pytest.mark.parametrize("name", ["Ann", "Jana", "Иван", "Ελένη", "José", "山田 太郎", "O'Brien", "reader 1", "Alia"])
def test_names_of_people_are_taken(database: Database, name: str) -> None:
    for taken in ("anna", "Alla", "reader 2"):
        people.add_person(database, taken, PASSWORD, "admin")
    assert people.add_person(database, name, PASSWORD, "reader").name == name


def test_a_password_that_is_replaced_while_it_is_checked_lets_nobody_in(
    database: Database, ann: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = people.fits

    def slowly(person: Person | None, password: str) -> bool:
        is_right = fits(person, password)
        people.set_password(database, "ann", "another six herons over a pier")
        return is_right

    monkeypatch.setattr(people, "fits", slowly)
    with pytest.raises(SignInError):
        people.sign_in(database, "ann", PASSWORD, "192.0.2.1")
    with database.reading() as session:
        assert session.scalars(select(SignIn)).all() == []


@pytest.mark.parametrize("name", ["ann\0", "\ud800"])
def test_a_name_that_no_database_can_hold_is_nobodys(database: Database, ann: Who, name: str) -> None:
    with pytest.raises(SignInError, match="don't fit together"):
        people.sign_in(database, name, PASSWORD, "192.0.2.1")
