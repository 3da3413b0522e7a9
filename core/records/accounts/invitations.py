"""Links that let somebody choose a password, once: for a new account, or in place of a password that was forgotten.

The link holds a token behind its `#`, which browsers send to no server and name in no referrer; the records hold its
hash. A newer link of the same person takes the place of the one before.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from core.records.access import NOT_THERE, NotAllowed, Who
from core.records.accounts.people import (
    PeopleError,
    account,
    administering,
    hashed,
    join,
    new_person,
    new_project,
    refuse_role,
)
from core.records.accounts.sessions import SignInError, any_account, begin, hash_of
from core.records.accounts.throttle import count, forget
from core.records.audit import note, write
from core.records.database import Database
from core.records.tables import Attempt, Invitation, Membership, Person, Project, SignIn, now

LASTS = timedelta(days=3)
PATH = "/invited"
NOBODY = ""
"""The name at which tries of links are counted, since a link tells none."""
NO_LINK = "This link was used already, or is too old, or another took its place. Ask an admin for a new one."


@dataclass(frozen=True)
class Invited:
    """Whom a link is for. `is_new`: who has no password yet."""

    name: str
    role: str
    is_new: bool


def invite(
    db: Database,
    who: Who,
    name: str,
    role: str,
    projects: Iterable[int] = (),
    new_projects: Sequence[str] = (),
) -> str:
    """A new person without a password; returns the token that lets them choose one."""
    refuse_role(role)
    with db.session() as session:
        acting = administering(session, who)
        joined = list(projects)
        if not set(joined) <= set(acting.projects):
            raise NotAllowed(NOT_THERE)
        _refuse_first(session, role)
        person = new_person(session, name, role)
        made = [new_project(session, acting, project) for project in new_projects]
        join(session, person.id, [*joined, *made])
        note(session, acting, "invite person", subject=person.name, role=role)
        return _link(session, person)


def renew(db: Database, who: Who, name: str) -> str:
    """Another link: for an account, a way to a new password; the old one is good until the link is used.

    Whoever has the link is that person: nobody makes one into projects that they are not in themselves.
    """
    with db.session() as session:
        acting = administering(session, who)
        person = account(session, name)
        session.refresh(person, with_for_update=True)  # before the link, as whoever accepts it
        if not person.is_active:
            raise PeopleError(f"{person.name} was deactivated. Reactivate the account first, then make a link.")
        beyond = select(Membership).where(
            Membership.person_id == person.id, Membership.project_id.not_in(acting.projects)
        )
        if session.scalar(beyond.limit(1)) is not None:
            raise PeopleError(
                f"{person.name} is also in a project that you are not in, and a link would lead there. Ask an admin of "
                "all of their projects, or whoever runs the studio (“vitask person link”)."
            )
        if person.password_hash is None:
            _refuse_first(session, person.role)
        note(session, acting, "renew link" if person.password_hash is None else "reset link", subject=person.name)
        return _link(session, person)


def invited(db: Database, token: str, address: str) -> Invited:
    """Whom the link is for; refused where it is good for nobody. Tries are counted as those of passwords are."""
    attempt = count(db, NOBODY, address)
    with db.session() as session:
        person = session.scalar(_holder(token))
        if person is not None:
            session.execute(delete(Attempt).where(forget(attempt, NOBODY, address)))
            return Invited(person.name, person.role, person.password_hash is None)
        write(session, None, "unknown", "failed invitation", details={"address": address})
    raise SignInError(NO_LINK)


def accept(db: Database, token: str, password: str, address: str, browser: str = "") -> str:
    """Sets the password, ends what sessions there were and begins one. Of several who come at once, one gets in."""
    holder = invited(db, token, address)
    hashed_password = hashed(password, holder.name)
    with db.session() as session:
        is_good = (Invitation.token_hash == hash_of(token), Invitation.expires > now())
        person_id = session.scalar(select(Invitation.person_id).where(*is_good))
        # The person first and then the link, as whoever deactivates or erases: in turn, and never each for the other.
        person = None if person_id is None else session.get(Person, person_id, with_for_update=True)
        spent = delete(Invitation).where(*is_good).returning(Invitation.person_id)
        if person is None or not person.is_active or session.scalar(spent) is None:
            raise SignInError(NO_LINK)
        if is_first := not any_account(session):
            _refuse_first(session, person.role)
        is_new, person.password_hash = person.password_hash is None, hashed_password
        session.execute(delete(SignIn).where(SignIn.person_id == person.id))
        if is_first:  # somebody has to see every project there is
            join(session, person.id, session.scalars(select(Project.id)))
        action = "accept invitation" if is_new else "reset password"
        write(session, person.id, person.name, action, details={"address": address})
        return begin(session, person.id, address, browser)


def _holder(token: str) -> Select[Person]:
    is_good = (Invitation.token_hash == hash_of(token), Invitation.expires > now(), Person.is_active)
    return select(Person).join(Invitation, Invitation.person_id == Person.id).where(*is_good)


def _link(session: Session, person: Person) -> str:
    token = secrets.token_urlsafe(32)
    session.execute(delete(Invitation).where((Invitation.person_id == person.id) | (Invitation.expires < now())))
    session.add(Invitation(person_id=person.id, token_hash=hash_of(token), expires=now() + LASTS))
    return token


def _refuse_first(session: Session, role: str) -> None:
    """With the first account a studio closes to whoever comes without: that has to be somebody who lets others in."""
    if role != "admin" and not any_account(session):
        raise PeopleError("This studio has no accounts yet, and the first one has to be an admin's. Invite that first.")
