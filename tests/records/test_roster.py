"""What admins see and change of people and projects holds at once, and leaves somebody who can change it back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from core.records.accounts import invitations, people, roster, throttle
from core.records.accounts.people import NotAllowed, PeopleError, SignInError, TooManyTries, Who
from core.records.accounts.roster import PersonView
from core.records.accounts.throttle import FREE_AT_NAME
from core.records.database import Database
from core.records.erasing import erasing
from core.records.tables import Audit, now

PASSWORD = "six herons over a pier"
NEW = "another long one"
HERE = "10.0.0.1"


@pytest.fixture
def ann(database: Database, who: Who) -> Who:
    """The first account, an admin."""
    return people.add_person(database, "ann", PASSWORD, "admin")


@pytest.fixture
def bob(database: Database, ann: Who) -> Who:
    return people.add_person(database, "bob", PASSWORD, "researcher", ann.projects)


def row_of(database: Database, who: Who, name: str) -> PersonView:
    return next(person for person in roster.roster(database, who) if person.name == name)


def test_admins_see_everybody_with_their_own_projects_by_name(database: Database, ann: Who, bob: Who) -> None:
    people.add_project(database, people.local(database), "Elsewhere")
    other = people.local(database).projects[-1]
    people.add_member(database, people.local(database), other, "bob")
    invitations.invite(database, ann, "cara", "reader")
    people.sign_in(database, "bob", PASSWORD, HERE)
    people.add_person(database, "dan", PASSWORD, "admin")
    people.deactivate(database, "dan", ann)
    seen = {person.name: person for person in roster.roster(database, ann)}
    assert list(seen) == ["ann", "bob", "cara", "dan"]
    assert [person.state for person in seen.values()] == ["active", "active", "invited", "deactivated"]
    assert seen["bob"].projects == ((ann.projects[0], "My project"),) and seen["bob"].elsewhere == 1
    assert (seen["bob"].sessions, seen["ann"].sessions) == (1, 0)
    assert seen["cara"].link_until is not None and seen["bob"].link_until is None
    projects = roster.project_list(database, ann)
    assert [(project.name, project.members) for project in projects] == [("My project", ("ann", "bob"))]


def test_a_role_holds_from_the_next_request_on(database: Database, ann: Who, bob: Who) -> None:
    token = people.sign_in(database, "bob", PASSWORD, HERE)
    roster.set_role(database, ann, "bob", "reader")
    now = people.who(database, token)
    assert now is not None and now.role == "reader" and not now.may("work")


def test_a_membership_that_was_taken_away_is_gone_at_once(database: Database, ann: Who, bob: Who) -> None:
    token = people.sign_in(database, "bob", PASSWORD, HERE)
    roster.remove_member(database, ann, ann.projects[0], "bob")
    now = people.who(database, token)
    assert now is not None and now.projects == ()
    noted = len(people_acts(database))
    roster.remove_member(database, ann, ann.projects[0], "bob")
    assert len(people_acts(database)) == noted, "nothing was done, so nothing is noted"


def people_acts(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Audit.action).order_by(Audit.id)))


def test_a_reactivated_person_signs_in_with_the_password_from_before(database: Database, ann: Who, bob: Who) -> None:
    token = people.sign_in(database, "bob", PASSWORD, HERE)
    people.deactivate(database, "bob", ann)
    with pytest.raises(SignInError):
        people.sign_in(database, "bob", PASSWORD, HERE)
    roster.reactivate(database, ann, "bob")
    assert people.who(database, token) is None, "the sessions from before stay ended"
    assert people.sign_in(database, "bob", PASSWORD, HERE)


def test_the_last_admin_is_not_demoted(database: Database, ann: Who, bob: Who) -> None:
    invitations.invite(database, ann, "cara", "admin")
    with pytest.raises(PeopleError, match="ann is the last admin"):
        roster.set_role(database, ann, "ann", "researcher")
    roster.set_role(database, ann, "bob", "admin")
    roster.set_role(database, ann, "ann", "researcher")
    with pytest.raises(NotAllowed):
        roster.set_role(database, ann, "bob", "reader")


@pytest.mark.parametrize("how", ["demote", "deactivate", "both"])
def test_two_admins_who_remove_each_other_do_not_both_succeed(database: Database, ann: Who, how: str) -> None:
    """The second is no admin any more by the time that it is their turn."""
    eve = people.add_person(database, "eve", PASSWORD, "admin")
    people.add_person(database, "third", PASSWORD, "admin")
    acts: dict[str, Callable[[Who, str], None]] = {
        "demote": lambda acting, name: roster.set_role(database, acting, name, "reader"),
        "deactivate": lambda acting, name: people.deactivate(database, name, acting),
    }
    first, second = (acts["demote"], acts["deactivate"]) if how == "both" else (acts[how], acts[how])

    def act(number: int) -> bool:
        try:
            (first if number else second)(*((ann, "eve") if number else (eve, "ann")))
        except (PeopleError, NotAllowed):
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(act, range(2))) == 1
    states = {person.name: (person.state, person.role) for person in roster.roster(database, people.local(database))}
    assert sum(states[name] == ("active", "admin") for name in ("ann", "eve")) == 1


def test_who_was_demoted_meanwhile_changes_nobody(database: Database, ann: Who, bob: Who) -> None:
    """What the gate knew of somebody when the request began is asked again where it matters."""
    eve = people.add_person(database, "eve", PASSWORD, "admin", ann.projects)
    roster.set_role(database, ann, "eve", "researcher")
    project = ann.projects[0]
    acts: tuple[Callable[[], object], ...] = (
        lambda: people.add_person(database, "new", PASSWORD, "reader", who=eve),
        lambda: people.set_password(database, "bob", NEW, eve),
        lambda: people.deactivate(database, "bob", eve),
        lambda: people.add_project(database, eve, "New"),
        lambda: people.add_member(database, eve, project, "bob"),
        lambda: invitations.invite(database, eve, "new", "reader"),
        lambda: invitations.renew(database, eve, "bob"),
        lambda: roster.set_role(database, eve, "eve", "admin"),
        lambda: roster.reactivate(database, eve, "bob"),
        lambda: roster.remove_member(database, eve, project, "bob"),
        lambda: roster.rename_project(database, eve, project, "New"),
        lambda: roster.sign_out_everywhere(database, eve, "bob"),
        lambda: roster.roster(database, eve),
        lambda: roster.project_list(database, eve),
    )
    before = people_acts(database)
    for act in acts:
        with pytest.raises(NotAllowed):
            act()
    assert people_acts(database) == before


def test_an_admin_changes_members_of_their_own_projects_only(database: Database, ann: Who, bob: Who) -> None:
    other = people.add_project(database, people.local(database), "Elsewhere")
    for project in (other, 9999):
        for act in (roster.remove_member, people.add_member, roster.rename_project):
            with pytest.raises(NotAllowed, match="nothing here that you can see"):
                act(database, ann, project, "bob")


def test_a_project_keeps_an_admin(database: Database, ann: Who, bob: Who) -> None:
    with pytest.raises(PeopleError, match="ann is the last admin in the project “My project”"):
        roster.remove_member(database, ann, ann.projects[0], "ann")
    people.add_person(database, "eve", PASSWORD, "admin", ann.projects)
    roster.remove_member(database, ann, ann.projects[0], "ann")


@pytest.mark.parametrize("how", ["deactivate", "demote", "demote with projects", "erase"])
def test_nobody_leaves_a_project_without_an_admin(database: Database, ann: Who, bob: Who, how: str) -> None:
    cara = people.add_person(database, "cara", PASSWORD, "admin")
    alone = people.add_project(database, cara, "Alone")
    people.add_member(database, people.local(database), ann.projects[0], "cara")
    acts: dict[str, Callable[[Who], object]] = {
        "deactivate": lambda who: people.deactivate(database, "cara", who),
        "demote": lambda who: roster.set_role(database, who, "cara", "reader"),
        "demote with projects": lambda who: roster.change(database, who, "cara", "reader", ann.projects),
        "erase": lambda who: erasing.erase_person(database, who, "cara"),
    }
    with pytest.raises(PeopleError, match=r"cara is the last admin in a project that you are not in.*Ask"):
        acts[how](ann)
    with pytest.raises(PeopleError, match=r"cara is the last admin in the project “Alone”.*Add another"):
        acts[how](people.local(database))
    people.add_member(database, people.local(database), alone, "ann")
    acts[how](ann)


def test_a_project_gets_another_name_unless_it_is_taken(database: Database, ann: Who) -> None:
    number = people.add_project(database, ann, "Lungs")
    ann = people.person(database, ann.id)
    for name in ("My project", " ", "x" * 256, "a\nb"):
        with pytest.raises(PeopleError):
            roster.rename_project(database, ann, number, name)
    roster.rename_project(database, ann, number, "Chests ")
    assert (number, "Chests") in people.projects_of(database, ann)


def test_people_see_and_end_their_own_sessions(database: Database, ann: Who, bob: Who) -> None:
    here = people.sign_in(database, "bob", PASSWORD, HERE, "Firefox")
    there, third = (people.sign_in(database, "bob", PASSWORD, f"10.0.0.{number}") for number in (2, 3))
    listed = roster.own_sessions(database, bob, here)
    assert {session.address for session in listed} == {HERE, "10.0.0.2", "10.0.0.3"}
    (own,) = [session for session in listed if session.is_this]
    assert (own.address, own.browser) == (HERE, "Firefox") and own.seen is not None
    other = next(session.id for session in listed if session.address == "10.0.0.2")
    roster.end_session(database, bob, other)
    assert people.who(database, there) is None and people.who(database, third) is not None
    assert roster.end_other_sessions(database, bob, here) == 1
    assert people.who(database, third) is None and people.who(database, here) is not None


def test_nobody_ends_somebody_elses_session_by_its_number(database: Database, ann: Who, bob: Who) -> None:
    token = people.sign_in(database, "ann", PASSWORD, HERE)
    (session,) = roster.own_sessions(database, ann, token)
    for wrong in (session.id, session.id[:3], "", "%", "_" * 16, "x" * 16):
        with pytest.raises(NotAllowed):
            roster.end_session(database, bob, wrong)
    assert people.who(database, token) is not None
    with pytest.raises(NotAllowed):
        roster.sessions_of(database, bob, "ann")


def test_an_admin_signs_somebody_out_everywhere(database: Database, ann: Who, bob: Who) -> None:
    token = people.sign_in(database, "bob", PASSWORD, HERE)
    assert [session.address for session in roster.sessions_of(database, ann, "bob")] == [HERE]
    roster.sign_out_everywhere(database, ann, "bob")
    assert people.who(database, token) is None
    assert people.sign_in(database, "bob", PASSWORD, HERE)


def test_ones_own_password_takes_the_old_one_and_ends_the_other_sessions(
    database: Database, ann: Who, bob: Who
) -> None:
    here, there = (people.sign_in(database, "bob", PASSWORD, HERE) for _ in range(2))
    link = invitations.renew(database, ann, "bob")
    with pytest.raises(SignInError, match="not your password"):
        roster.change_password(database, bob, "not the old one", NEW, HERE, here)
    with pytest.raises(PeopleError, match="at least 10 characters"):
        roster.change_password(database, bob, PASSWORD, "short", HERE, here)
    assert people.who(database, there) is not None, "a refused change leaves all as it was"
    roster.change_password(database, bob, PASSWORD, NEW, HERE, here)
    assert people.who(database, here) is not None and people.who(database, there) is None
    with pytest.raises(SignInError):
        invitations.accept(database, link, PASSWORD, HERE)
    assert people.sign_in(database, "bob", NEW, HERE)


def test_guessing_at_the_old_password_is_slowed_down(
    database: Database, ann: Who, bob: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(throttle, "now", lambda: moment)
    token = people.sign_in(database, "bob", PASSWORD, HERE)
    for number in range(FREE_AT_NAME):
        with pytest.raises(SignInError, match="not your password"):
            roster.change_password(database, bob, f"guess {number}", NEW, HERE, token)
    with pytest.raises(TooManyTries):
        roster.change_password(database, bob, PASSWORD, NEW, HERE, token)


def test_the_person_at_the_keyboard_has_no_password_to_change(database: Database, who: Who) -> None:
    with pytest.raises(SignInError):
        roster.change_password(database, who, "", NEW, HERE, "")
    assert not people.has_accounts(database)
