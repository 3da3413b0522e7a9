"""A link lets a person choose a password once, whoever else has seen it afterwards."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, text, update

from core.records import audit
from core.records.accounts import invitations, people, roster, throttle
from core.records.accounts.people import NotAllowed, PeopleError, SignInError, TooManyTries, Who
from core.records.accounts.throttle import FREE_AT_NAME
from core.records.database import Database
from core.records.erasing import erasing
from core.records.tables import Audit, Invitation, Membership, Person, Project, SignIn, now

PASSWORD = "six herons over a pier"
HERE = "10.0.0.1"


@pytest.fixture
def ann(database: Database, who: Who) -> Who:
    """The first account, an admin."""
    return people.add_person(database, "ann", PASSWORD, "admin")


def actions(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as session:
        return [(row.who, row.action, row.subject) for row in session.scalars(select(Audit).order_by(Audit.id))]


def test_who_was_invited_chooses_a_password_and_is_in(database: Database, ann: Who) -> None:
    token = invitations.invite(database, ann, "bob", "reviewer", ann.projects)
    with pytest.raises(SignInError, match="don't fit together"):
        people.sign_in(database, "bob", "", HERE)
    assert invitations.invited(database, token, HERE) == invitations.Invited("bob", "reviewer", True)
    session = invitations.accept(database, token, "another long one", HERE, "a browser")
    bob = people.who(database, session)
    assert bob is not None and (bob.name, bob.role, bob.projects) == ("bob", "reviewer", ann.projects)
    assert people.sign_in(database, "bob", "another long one", HERE)
    assert actions(database)[-4:] == [
        ("ann", "invite person", "bob"),
        ("bob", "failed sign-in", ""),
        ("bob", "accept invitation", ""),
        ("bob", "sign in", ""),
    ]


def test_a_link_is_good_once_for_three_days_and_only_the_newest(database: Database, ann: Who) -> None:
    first = invitations.invite(database, ann, "bob", "reader")
    second = invitations.renew(database, ann, "bob")
    with pytest.raises(SignInError, match="used already, or is too old"):
        invitations.accept(database, first, PASSWORD, HERE)
    invitations.accept(database, second, PASSWORD, HERE)
    with pytest.raises(SignInError, match="used already, or is too old"):
        invitations.accept(database, second, "another long one", HERE)
    third = invitations.renew(database, ann, "bob")
    with database.session() as session:
        until = session.scalars(select(Invitation.expires)).one()
        assert timedelta(days=2, hours=23) < until - now() <= timedelta(days=3)
        session.execute(update(Invitation).values(expires=now() - timedelta(seconds=1)))
    with pytest.raises(SignInError, match="used already, or is too old"):
        invitations.accept(database, third, "another long one", HERE)


def test_nobody_makes_a_link_into_projects_that_they_are_not_in(database: Database, ann: Who) -> None:
    """An admin of one project would be an admin of the other for as long as nobody looks."""
    common, apart = (people.add_project(database, ann, name) for name in ("Common", "Apart"))
    people.add_person(database, "eve", PASSWORD, "admin", [common, apart])
    dan = people.add_person(database, "dan", PASSWORD, "admin", [common])
    with pytest.raises(PeopleError, match="a project that you are not in"):
        invitations.renew(database, dan, "eve")
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Invitation)) == 0
    roster.remove_member(database, ann, apart, "eve")
    assert invitations.renew(database, dan, "eve")


def test_the_records_hold_no_token(database: Database, ann: Who) -> None:
    token = invitations.invite(database, ann, "bob", "reader")
    with database.reading() as session:
        kept = session.scalars(select(Invitation)).one()
        assert len(kept.token_hash) == 64 and token not in kept.token_hash
        noted = " ".join(f"{row.subject} {row.details}" for row in session.scalars(select(Audit)))
    assert token not in noted and kept.token_hash not in noted
    with pytest.raises(SignInError):
        invitations.accept(database, kept.token_hash, PASSWORD, HERE)


def test_of_several_who_come_at_once_with_a_link_one_gets_in(database: Database, ann: Who) -> None:
    token = invitations.invite(database, ann, "bob", "reader")

    def come(number: int) -> bool:
        try:
            invitations.accept(database, token, f"six herons and {number} ducks", f"10.0.1.{number}")
        except SignInError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(come, range(6))) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 1


def test_a_reset_ends_the_sessions_and_the_old_password_but_not_before_it_is_used(database: Database, ann: Who) -> None:
    people.add_person(database, "bob", PASSWORD, "reader")
    before = people.sign_in(database, "bob", PASSWORD, HERE)
    token = invitations.renew(database, ann, "bob")
    assert people.who(database, before) is not None
    assert invitations.invited(database, token, HERE).is_new is False
    invitations.accept(database, token, "another long one", HERE)
    assert people.who(database, before) is None
    with pytest.raises(SignInError):
        people.sign_in(database, "bob", PASSWORD, HERE)


def test_a_weak_password_leaves_the_link_good(database: Database, ann: Who) -> None:
    token = invitations.invite(database, ann, "bob", "reader")
    for weak in ("short", "bobbobbob123"):
        with pytest.raises(PeopleError):
            invitations.accept(database, token, weak, HERE)
    assert invitations.accept(database, token, PASSWORD, HERE)


def test_deactivating_and_a_new_password_kill_the_link(database: Database, ann: Who) -> None:
    token = invitations.invite(database, ann, "bob", "reader")
    people.deactivate(database, "bob", ann)
    with pytest.raises(SignInError):
        invitations.accept(database, token, PASSWORD, HERE)
    with pytest.raises(PeopleError, match="Reactivate the account first"):
        invitations.renew(database, ann, "bob")
    roster.reactivate(database, ann, "bob")
    token = invitations.renew(database, ann, "bob")
    people.set_password(database, "bob", PASSWORD, ann)
    with pytest.raises(SignInError):
        invitations.accept(database, token, "another long one", HERE)


def test_guessing_at_links_is_slowed_down_and_noted(
    database: Database, ann: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(throttle, "now", lambda: moment)
    for number in range(FREE_AT_NAME):
        with pytest.raises(SignInError, match="used already"):
            invitations.accept(database, f"guess {number}", PASSWORD, HERE)
    with pytest.raises(TooManyTries):
        invitations.accept(database, "guess", PASSWORD, HERE)
    assert actions(database)[-1] == ("unknown", "failed invitation", "")
    token = invitations.invite(database, ann, "bob", "reader")
    assert invitations.accept(database, token, PASSWORD, "10.0.0.9"), "elsewhere nobody is kept out"


def test_a_refused_invitation_leaves_nothing(database: Database, ann: Who) -> None:
    other = people.add_project(database, people.local(database), "Elsewhere")
    for name, role, projects, new in (
        ("ann", "reader", (), ("New",)),
        ("bob", "boss", (), ("New",)),
        ("bob", "reader", (other,), ("New",)),
        ("bob", "reader", (9999,), ()),
        ("bob", "reader", (), ("New", "My project")),
        ("bob", "reader", (), ("New", " ")),
        ("b\u200bob", "reader", (), ("New",)),
    ):
        before = counts(database)
        with pytest.raises((PeopleError, NotAllowed)):
            invitations.invite(database, ann, name, role, projects, new)
        assert counts(database) == before, (name, role)


def test_a_refused_account_leaves_no_project(database: Database, ann: Who) -> None:
    before = counts(database)
    for name, password in (("ann", PASSWORD), ("bob", "short"), ("bob", PASSWORD)):
        with pytest.raises(PeopleError):
            people.add_person(database, name, password, "reader", (), ann, ("New", "My project"))
        assert counts(database) == before


def counts(database: Database) -> list[int | None]:
    with database.reading() as session:
        tables = (Person, Project, Membership, Invitation, Audit)
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def test_only_an_admin_invites(database: Database, ann: Who) -> None:
    for role in ("researcher", "reviewer", "reader"):
        person = people.add_person(database, f"some {role}", PASSWORD, role, ann.projects)
        with pytest.raises(NotAllowed):
            invitations.invite(database, person, "bob", "admin")
        with pytest.raises(NotAllowed):
            invitations.renew(database, person, "ann")


def test_the_first_account_is_an_admins_and_closes_the_studio(database: Database, who: Who) -> None:
    with pytest.raises(PeopleError, match="the first one has to be an admin's"):
        invitations.invite(database, who, "bob", "researcher")
    token = invitations.invite(database, who, "ann", "admin")
    assert not people.has_accounts(database), "until the link is used the studio stays as it is"
    session = invitations.accept(database, token, PASSWORD, HERE)
    ann = people.who(database, session)
    assert ann is not None and people.has_accounts(database)
    assert ann.projects == who.projects, "somebody has to see what there is"


def test_nobody_makes_a_link_for_the_person_at_the_keyboard(database: Database, ann: Who) -> None:
    for do in (
        lambda: invitations.renew(database, ann, people.LOCAL),
        lambda: people.set_password(database, people.LOCAL, PASSWORD, ann),
        lambda: people.deactivate(database, people.LOCAL, ann),
        lambda: roster.set_role(database, ann, people.LOCAL, "reader"),
    ):
        with pytest.raises(PeopleError, match=r'no person called "local"'):
            do()


def test_what_was_done_stays_a_whole_chain(database: Database, ann: Who, place: object) -> None:
    from core.records.place import Place

    assert isinstance(place, Place)
    invitations.accept(database, invitations.invite(database, ann, "bob", "reader"), PASSWORD, HERE)
    assert audit.verify(database, place).faults == []


@pytest.mark.parametrize("how", ["renew", "erase"])
def test_who_accepts_and_who_administers_take_person_and_link_in_one_order(
    database: Database, ann: Who, how: str
) -> None:
    """While somebody has the person and is about to take the link, an accepting browser has neither."""
    token = invitations.invite(database, ann, "bob", "reader")
    with ThreadPoolExecutor(2) as threads:
        with database.session() as session:
            bob = session.scalars(select(Person).where(Person.name == "bob").with_for_update()).one()
            accepting = threads.submit(invitations.accept, database, token, PASSWORD, HERE)
            administering = threads.submit(
                lambda: (
                    invitations.renew(database, ann, "bob")
                    if how == "renew"
                    else erasing.erase_person(database, ann, "bob")
                )
            )
            time.sleep(0.7)
            if not database.is_sqlite:  # there, nobody else writes meanwhile
                session.execute(text("set local lock_timeout = '3s'"))
            session.execute(delete(Invitation).where(Invitation.person_id == bob.id))
        with pytest.raises(SignInError, match="used already"):
            accepting.result()
        administering.result()
