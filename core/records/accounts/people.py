"""People, their projects, and signing in. What they may do is in `access`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from core.errors import CoreError
from core.records.access import NotAllowed as NotAllowed
from core.records.access import Who as Who
from core.records.access import allow as allow
from core.records.access import as_who
from core.records.access import permit as permit
from core.records.accounts.passwords import weakness
from core.records.accounts.sessions import SignInError as SignInError
from core.records.accounts.sessions import any_account, begin, end, spend
from core.records.accounts.sessions import has_accounts as has_accounts
from core.records.accounts.sessions import who as who
from core.records.accounts.throttle import TooManyTries as TooManyTries
from core.records.accounts.throttle import count, forget
from core.records.audit import note, write
from core.records.database import Database
from core.records.names import alike, fault
from core.records.roles import ROLES
from core.records.tables import Attempt, Audit, Invitation, Membership, Person, Project, SignIn

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LOCAL = "local"
FIRST_PROJECT = "My project"
LONGEST_PROJECT = 255
ERASED = "erased person"
PEOPLE_LOCK = 7_214_003
"""Any number of our own: on PostgreSQL one transaction at a time changes who may do what."""


class PeopleError(CoreError):
    """A person or project that can't be made or changed as asked."""


def local(db: Database) -> Who:
    """The person at the keyboard of a studio without accounts; made with a first project where there is nobody."""
    with db.reading() as session:  # takes no lock where all is there
        person = session.scalar(select(Person).where(Person.name == LOCAL))
        projects = set(session.scalars(select(Project.id)))
        if person is not None and projects and projects <= set(joined := as_who(session, person).projects):
            return Who(person.id, person.name, person.role, joined)
    return _made_local(db)


def _made_local(db: Database) -> Who:
    with db.session() as session:
        person = session.scalar(select(Person).where(Person.name == LOCAL))
        if person is None:
            person = Person(name=LOCAL, role="admin")
            session.add(person)
            session.flush()
        if session.scalar(select(Project.id).limit(1)) is None:
            project_row(session, FIRST_PROJECT)
        join(session, person.id, session.scalars(select(Project.id)).all())
        return as_who(session, person)


def add_person(
    db: Database,
    name: str,
    password: str,
    role: str,
    projects: Iterable[int] = (),
    who: Who | None = None,
    new_projects: Sequence[str] = (),
) -> Who:
    """A new account, and projects of these names with it: all of it or nothing.

    The first account sees every project there is, since somebody has to; others only those given.
    """
    refuse_role(role)
    if who is not None:
        permit(who, "manage")
    hashed_password = hashed(password, name)
    with db.session() as session:
        acting = None if who is None else administering(session, who)
        is_first = not any_account(session)
        person = new_person(session, name, role)
        person.password_hash = hashed_password
        made = [new_project(session, acting or as_who(session, person), project) for project in new_projects]
        join(session, person.id, session.scalars(select(Project.id)) if is_first else [*projects, *made])
        added = as_who(session, person)
        note(session, who or added, "add person", subject=person.name, role=role)
        return added


def administering(session: Session, who: Who) -> Who:
    """The admin as the records have them now: of two who take each other's role away the second is refused."""
    current = as_they_are_now(session, who)
    permit(current, "manage")
    return current


def as_they_are_now(session: Session, who: Who) -> Who:
    """Whoever acts, with the role and the projects that the records have now.

    Until the transaction ends nobody else changes who may do what.
    """
    if session.get_bind().dialect.name != "sqlite":  # there, whoever writes is the only one anyway
        session.execute(text("select pg_advisory_xact_lock(:number)"), {"number": PEOPLE_LOCK})
    person = session.get(Person, who.id, populate_existing=True)
    if person is None or not person.is_active:
        raise NotAllowed("Your account was deactivated meanwhile, so nothing was changed. Ask another admin.")
    return as_who(session, person)


def new_person(session: Session, name: str, role: str) -> Person:
    """Without a password."""
    refuse_name(session, name.strip())
    person = Person(name=name.strip(), role=role)
    session.add(person)
    session.flush()
    return person


def new_project(session: Session, who: Who, name: str) -> int:
    """Who makes it is its first member."""
    refuse_project_name(session, name.strip())
    project = project_row(session, name.strip())
    join(session, who.id, [project.id])
    note(session, who, "add project", project.id, project.name)
    return project.id


def project_row(session: Session, name: str) -> Project:
    """With a number that no project ever had: SQLite would give that of one that was erased, and with it to its members
    what the audit log says of the other."""
    project = Project(name=name)
    if session.get_bind().dialect.name == "sqlite":
        numbers = (session.scalar(select(func.max(column))) or 0 for column in (Project.id, Audit.project_id))
        project.id = max(numbers) + 1
    session.add(project)
    session.flush()
    return project


def refuse_project_name(session: Session, name: str) -> None:
    if not 1 <= len(name) <= LONGEST_PROJECT or not name.isprintable():
        raise PeopleError(f"A project's name has 1 to {LONGEST_PROJECT} characters that can be seen. Choose another.")
    if session.scalar(select(Project.id).where(Project.name == name)):
        raise PeopleError(f'A project needs a name of its own, and "{name}" is taken. Choose another.')


def refuse_role(role: str) -> None:
    if role not in ROLES:
        raise PeopleError(f'There is no role "{role}". Choose one of {", ".join(ROLES)}.')


def set_password(db: Database, name: str, password: str, who: Who | None = None) -> None:
    """Also ends the sessions that were begun with the old one."""
    if who is not None and who.name != name:
        permit(who, "manage")
    hashed_password = hashed(password, name)
    with db.session() as session:
        if who is not None and who.name != name:
            administering(session, who)
        person = account(session, name)
        person.password_hash = hashed_password
        session.execute(delete(Invitation).where(Invitation.person_id == person.id))
        end_sessions(session, person, who, "set password")


def deactivate(db: Database, name: str, who: Who | None = None) -> None:
    """The person can't sign in any more, and is signed out everywhere; what they did stays."""
    with db.session() as session:
        acting = None if who is None else administering(session, who)
        person = account(session, name)
        keep_somebody(session, person)
        keep_project_admins(session, acting, person)
        person.is_active = False
        session.execute(delete(Invitation).where(Invitation.person_id == person.id))
        end_sessions(session, person, who, "deactivate person")


def people(db: Database, who: Who) -> list[Person]:
    permit(who, "manage")
    with db.reading() as session:
        return list(session.scalars(select(Person).order_by(Person.name)))


def person(db: Database, person_id: int) -> Who:
    """Somebody by number, as a worker needs it to act on their behalf."""
    with db.reading() as session:
        person = session.get(Person, person_id)
        if person is None or not person.is_active:
            raise NotAllowed("The person who asked for this has no account any more. Ask again as somebody else.")
        return as_who(session, person)


def add_project(db: Database, who: Who, name: str) -> int:
    """A new project; who makes it is its first member."""
    with db.session() as session:
        return new_project(session, administering(session, who), name)


def add_member(db: Database, who: Who, project_id: int, name: str) -> None:
    with db.session() as session:
        allow(administering(session, who), project_id, "manage")
        join(session, account(session, name).id, [project_id])
        note(session, who, "add member", project_id, name)


def projects_of(db: Database, who: Who) -> list[tuple[int, str]]:
    with db.reading() as session:
        joined = select(Project.id, Project.name).where(Project.id.in_(who.projects)).order_by(Project.name)
        return [(row.id, row.name) for row in session.execute(joined)]


def sign_in(db: Database, name: str, password: str, address: str, browser: str = "") -> str:
    """A token for the browser to keep. Throttled by name and by address; unknown names take as long as known ones."""
    name = name.encode("utf-8", "replace").decode().replace("\0", "?")  # which every database can be asked for
    attempt = count(db, name, address)
    with db.reading() as session:
        person = session.scalar(select(Person).where(Person.name == name, Person.is_active))
    is_right = fits(person, password)
    with db.session() as session:
        # Read anew: while the password was checked, which takes its time, the person may have been deactivated, or been
        # given another password, with which the sessions of this one ended.
        checked = person
        person = session.get(Person, person.id, with_for_update=True) if person is not None and is_right else None
        if person and checked and person.is_active and person.password_hash == checked.password_hash:
            session.execute(delete(Attempt).where(forget(attempt, name, address)))
            note(session, as_who(session, person), "sign in", address=address)
            return begin(session, person.id, address, browser)
        _note_failure(session, name, address)
    raise SignInError("Name and password don't fit together. Check both and try again.")


def _note_failure(session: Session, name: str, address: str) -> None:
    """A name that nobody has is not written down: it may be a password that went into the wrong field."""
    person = session.scalar(select(Person).where(Person.name == name))
    write(
        session,
        person.id if person else None,
        name if person else "unknown",
        "failed sign-in",
        details={"address": address},
    )


def enter(db: Database, ticket: str, is_own: bool = True) -> str:
    """A session's token for the ticket of a studio without accounts. The ticket is dead whether or not this works."""
    person = local(db)
    with db.session() as session:
        is_good = spend(session, ticket) and not any_account(session)
        if is_good and is_own:
            note(session, person, "sign in", by="ticket")
            return begin(session, person.id)
        write(session, None, "unknown", "failed sign-in", details={"by": "ticket"})
    if is_good:
        raise SignInError(
            "Another user of this computer opened this address, and the studio has no accounts to tell people apart. "
            "Whoever runs it makes some with “vitask person add NAME --role admin”."
        )
    raise SignInError("This address has let a browser in already, or is too old. Get another with “vitask open”.")


def admit(db: Database) -> str:
    """A session's token for a program of whoever may read the records, where there are no accounts."""
    if has_accounts(db):
        raise SignInError("This studio has accounts: a program gets its token from POST /sign-in, as a person does.")
    person = local(db)
    with db.session() as session:
        note(session, person, "sign in", by="vitask open --token")
        return begin(session, person.id)


def sign_out(db: Database, token: str) -> None:
    leaving = who(db, token)
    with db.session() as session:
        end(session, token)
        if leaving is not None:
            note(session, leaving, "sign out")


def account(session: Session, name: str) -> Person:
    """Somebody with an account, or who was invited to one; not the person at the keyboard, who is whoever has the
    shell."""
    person = session.scalar(select(Person).where(Person.name == name))
    if person is None or person.name in (LOCAL, erased_name(person.id)):
        raise PeopleError(f'There is no person called "{name}". Check the name.')
    return person


def join(session: Session, person_id: int, projects: Iterable[int]) -> None:
    joined = set(session.scalars(select(Membership.project_id).where(Membership.person_id == person_id)))
    new = [{"project_id": project, "person_id": person_id} for project in projects if project not in joined]
    if new:
        session.execute(insert(Membership), new)


def end_sessions(session: Session, person: Person, who: Who | None, action: str) -> None:
    session.execute(delete(SignIn).where(SignIn.person_id == person.id))
    note(session, who or as_who(session, person), action, subject=person.name)


def keep_somebody(session: Session, person: Person) -> None:
    """Refuses to take away the last admin, or the last account: nobody could let anybody in any more."""
    if person.password_hash is None or not person.is_active:
        return
    active = select(Person).where(Person.password_hash.is_not(None), Person.is_active).with_for_update()
    others = [other for other in session.scalars(active) if other.id != person.id]
    if not others or (person.role == "admin" and all(other.role != "admin" for other in others)):
        raise PeopleError(
            f"{person.name} is the last {'admin' if others else 'account'}, so nobody could add people any more. "
            "Add an admin first with “vitask person add NAME --role admin”."
        )


def keep_project_admins(
    session: Session, acting: Who | None, person: Person, projects: Iterable[int] | None = None
) -> None:
    """Refuses to take away the last admin of a project: nobody could add people to it any more by any page.

    Of all projects of the person, or of those given. One that the acting admin is not in is not named.
    """
    joined = set(as_who(session, person).projects)
    came = (Person.role == "admin", Person.is_active, Person.password_hash.is_not(None))
    admins = select(Membership.project_id, Person.id).join(Person, Person.id == Membership.person_id).where(*came)
    of_project: dict[int, set[int]] = {}
    for project_id, admin_id in session.execute(admins.where(Membership.project_id.in_(joined))):
        of_project.setdefault(project_id, set()).add(admin_id)
    wanted = joined if projects is None else joined & set(projects)
    left = sorted(number for number in wanted if of_project.get(number) == {person.id})
    if not left:
        return
    named = [number for number in left if acting is None or number in acting.projects]
    if not named:
        raise PeopleError(
            f"{person.name} is the last admin in a project that you are not in, so nobody could add people to it any "
            "more. Ask for another admin in it first: its members know it, or whoever runs the studio."
        )
    title = session.scalar(select(Project.name).where(Project.id == named[0]))
    raise PeopleError(
        f"{person.name} is the last admin in the project “{title}”, so nobody could add people to it any more. Add "
        "another admin to it first."
    )


def erased_name(person_id: int) -> str:
    """What somebody is called whose account was erased; nobody else gets such a name."""
    return f"{ERASED} {person_id}"


def refuse_name(session: Session, name: str) -> None:
    if wrong := fault(name):
        raise PeopleError(wrong)
    if name.casefold().startswith(ERASED):
        raise PeopleError(f'Names that begin with "{ERASED}" are those of people who were erased. Choose another name.')
    if other := alike(name, session.scalars(select(Person.name))):
        like = "is a person called" if other == name else "is a person whose name looks like this one:"
        raise PeopleError(f'There {like} "{other}"{" already" if other == name else ""}. Choose another name.')


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def hashed(password: str, name: str) -> str:
    if wrong := weakness(password, name):
        raise PeopleError(wrong)
    return _hasher().hash(password)


def fits(person: Person | None, password: str) -> bool:
    from argon2.exceptions import VerifyMismatchError

    hashed = person.password_hash if person else None
    try:
        _hasher().verify(hashed or _nobodys_hash(), password[:1000])
    except VerifyMismatchError:
        return False
    return hashed is not None
