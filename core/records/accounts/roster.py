"""Who is in the studio and in which projects, as admins see and change it; everybody's own sessions and password."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.records.access import NOT_THERE, NotAllowed, Who, allow, as_who, permit
from core.records.accounts.people import (
    LOCAL,
    PeopleError,
    account,
    administering,
    end_sessions,
    erased_name,
    fits,
    hashed,
    join,
    keep_project_admins,
    keep_somebody,
    refuse_project_name,
    refuse_role,
)
from core.records.accounts.sessions import SignInError, hash_of
from core.records.accounts.throttle import count, forget
from core.records.audit import note
from core.records.database import Database
from core.records.tables import Attempt, Invitation, Membership, Person, Project, SignIn, now

SESSION_ID = 16
"""So much of a token's hash names its session: enough to tell them apart, and nothing that opens a door."""


@dataclass(frozen=True)
class PersonView:
    """A person as admins see them. `state`: active, invited (no password yet), deactivated."""

    id: int
    name: str
    role: str
    state: str
    projects: tuple[tuple[int, str], ...]
    """Those in which the admin is, too."""
    elsewhere: int
    """How many others."""
    created: datetime
    seen: datetime | None
    sessions: int
    link_until: datetime | None
    """Until when the link is good that was made last."""


@dataclass(frozen=True)
class SessionView:
    """Where somebody is signed in."""

    id: str
    created: datetime
    seen: datetime | None
    address: str
    browser: str
    is_this: bool


@dataclass(frozen=True)
class ProjectView:
    id: int
    name: str
    members: tuple[str, ...]


def roster(db: Database, who: Who) -> list[PersonView]:
    """Everybody but the person at the keyboard and who was erased, by name."""
    with db.reading() as session:
        acting = _current(session, who)
        names: dict[int, str] = {row.id: row.name for row in session.execute(select(Project.id, Project.name))}
        joined: defaultdict[int, list[int]] = defaultdict(list)
        for membership in session.scalars(select(Membership)):
            joined[membership.person_id].append(membership.project_id)
        counted = select(SignIn.person_id, func.count().label("many")).where(SignIn.expires > now())
        sessions = {row.person_id: row.many for row in session.execute(counted.group_by(SignIn.person_id))}
        good = select(Invitation.person_id, Invitation.expires).where(Invitation.expires > now())
        links = {row.person_id: row.expires for row in session.execute(good)}
        everybody = session.scalars(select(Person).where(Person.name != LOCAL).order_by(Person.name)).all()
    return [
        _view(
            person,
            tuple((number, names[number]) for number in joined[person.id] if number in acting.projects),
            len(joined[person.id]),
            sessions.get(person.id, 0),
            links.get(person.id),
        )
        for person in everybody
        if person.name != erased_name(person.id)
    ]


def _view(
    person: Person, projects: tuple[tuple[int, str], ...], joined: int, sessions: int, link_until: datetime | None
) -> PersonView:
    state = "active" if person.is_active and person.password_hash else "invited"
    return PersonView(
        person.id,
        person.name,
        person.role,
        state if person.is_active else "deactivated",
        tuple(sorted(projects, key=lambda project: project[1])),
        joined - len(projects),
        person.created,
        person.seen,
        sessions,
        link_until,
    )


def project_list(db: Database, who: Who) -> list[ProjectView]:
    """The admin's projects with their members."""
    with db.reading() as session:
        acting = _current(session, who)
        members: defaultdict[int, list[str]] = defaultdict(list)
        named = select(Membership.project_id, Person.name).join(Person, Person.id == Membership.person_id)
        for project_id, name in session.execute(named.where(Person.name != LOCAL).order_by(Person.name)):
            members[project_id].append(name)
        own = select(Project).where(Project.id.in_(acting.projects)).order_by(Project.name)
        return [ProjectView(project.id, project.name, tuple(members[project.id])) for project in session.scalars(own)]


def set_role(db: Database, who: Who, name: str, role: str) -> None:
    """Holds from the next request on, also in sessions that are open."""
    with db.session() as session:
        acting = administering(session, who)
        _give_role(session, acting, account(session, name), role)


def change(db: Database, who: Who, name: str, role: str, projects: Iterable[int]) -> None:
    """Role and projects together: all of it or nothing. Projects that the admin is not in stay as they are."""
    wanted = set(projects)
    with db.session() as session:
        acting = administering(session, who)
        if not wanted <= set(acting.projects):
            raise NotAllowed(NOT_THERE)
        person = account(session, name)
        joined = set(as_who(session, person).projects) & set(acting.projects)
        for project_id in sorted(joined - wanted):
            _leave(session, acting, project_id, person)
        for project_id in sorted(wanted - joined):
            join(session, person.id, [project_id])
            note(session, acting, "add member", project_id, person.name)
        _give_role(session, acting, person, role)


def reactivate(db: Database, who: Who, name: str) -> None:
    """The person may sign in again, with the password from before."""
    with db.session() as session:
        acting = administering(session, who)
        person = account(session, name)
        person.is_active = True
        note(session, acting, "reactivate person", subject=person.name)


def remove_member(db: Database, who: Who, project_id: int, name: str) -> None:
    """The person sees nothing of the project from the next request on; what they did there stays."""
    with db.session() as session:
        acting = administering(session, who)
        allow(acting, project_id, "manage")
        person = account(session, name)
        _leave(session, acting, project_id, person)


def rename_project(db: Database, who: Who, project_id: int, name: str) -> None:
    with db.session() as session:
        acting = administering(session, who)
        allow(acting, project_id, "manage")
        project = session.get_one(Project, project_id)
        before = project.name
        if name.strip() != before:
            refuse_project_name(session, name.strip())
            project.name = name.strip()
            note(session, acting, "rename project", project_id, project.name, before=before)


def sign_out_everywhere(db: Database, who: Who, name: str) -> None:
    """An admin ends all sessions of somebody."""
    with db.session() as session:
        acting = administering(session, who)
        end_sessions(session, account(session, name), acting, "end sessions")


def own_sessions(db: Database, who: Who, token: str = "") -> list[SessionView]:
    """Where the person is signed in, the newest first; `token` is that of the session that asks."""
    return _sessions(db, who.id, token)


def sessions_of(db: Database, who: Who, name: str) -> list[SessionView]:
    """The same of somebody else, for an admin."""
    permit(who, "manage")
    with db.reading() as session:
        person_id = account(session, name).id
    return _sessions(db, person_id, "")


def end_session(db: Database, who: Who, session_id: str) -> None:
    """One of the person's own."""
    if len(session_id) != SESSION_ID or not session_id.isalnum():
        raise NotAllowed(NOT_THERE)
    with db.session() as session:
        own = delete(SignIn).where(SignIn.person_id == who.id, SignIn.token_hash.startswith(session_id))
        if session.execute(own.returning(SignIn.token_hash)).first() is None:
            raise NotAllowed(NOT_THERE)
        note(session, who, "end session")


def end_other_sessions(db: Database, who: Who, token: str) -> int:
    """All of the person's own but the one that asks; how many there were."""
    with db.session() as session:
        others = delete(SignIn).where(SignIn.person_id == who.id, SignIn.token_hash != hash_of(token))
        ended = len(session.execute(others.returning(SignIn.token_hash)).all())
        note(session, who, "end other sessions", ended=ended)
        return ended


def change_password(db: Database, who: Who, old: str, new: str, address: str, token: str) -> None:
    """One's own, by whoever knows the old one; guessing is slowed down as at the door. Ends the other sessions."""
    attempt = count(db, who.name, address)
    with db.reading() as session:
        person = session.get(Person, who.id)
    if not fits(person, old):
        with db.session() as session:
            note(session, who, "failed change of password", address=address)
        raise SignInError("That is not your password so far. Type it again.")
    hashed_password = hashed(new, who.name)
    with db.session() as session:
        session.execute(delete(Attempt).where(forget(attempt, who.name, address)))
        mine = (Person.id == who.id, Person.is_active, Person.password_hash == (person.password_hash if person else ""))
        changed = update(Person).where(*mine).values(password_hash=hashed_password)
        if session.execute(changed.returning(Person.id)).first() is None:
            raise PeopleError("Your password was changed elsewhere meanwhile, so it stays as it is. Sign in again.")
        session.execute(delete(SignIn).where(SignIn.person_id == who.id, SignIn.token_hash != hash_of(token)))
        session.execute(delete(Invitation).where(Invitation.person_id == who.id))
        note(session, who, "change password")


def _give_role(session: Session, acting: Who, person: Person, role: str) -> None:
    refuse_role(role)
    if person.role == "admin" and role != "admin":
        keep_somebody(session, person)
        keep_project_admins(session, acting, person)
    before, person.role = person.role, role
    if before != role:
        note(session, acting, "set role", subject=person.name, role=role, before=before)


def _leave(session: Session, acting: Who, project_id: int, person: Person) -> None:
    keep_project_admins(session, acting, person, [project_id])
    left = delete(Membership).where(Membership.project_id == project_id, Membership.person_id == person.id)
    if session.execute(left.returning(Membership.person_id)).first() is not None:
        note(session, acting, "remove member", project_id, person.name)


def _sessions(db: Database, person_id: int, token: str) -> list[SessionView]:
    open_sessions = select(SignIn).where(SignIn.person_id == person_id, SignIn.expires > now())
    with db.reading() as session:
        rows = session.scalars(open_sessions.order_by(SignIn.created.desc())).all()
    return [
        SessionView(
            row.token_hash[:SESSION_ID],
            row.created,
            row.seen,
            row.address or "",
            row.browser or "",
            row.token_hash == hash_of(token),
        )
        for row in rows
    ]


def _current(session: Session, who: Who) -> Who:
    """The admin as the records have them now."""
    person = session.get(Person, who.id)
    if person is None or not person.is_active:
        raise NotAllowed(NOT_THERE)
    current = as_who(session, person)
    permit(current, "manage")
    return current
