"""Who is let in: a browser or a program holds a token, and the records hold its hash.

With accounts a session begins with a password (`people.sign_in`). Without accounts it begins with a ticket: a token
that is good once, which only somebody who may read the studio's records can make (`people.enter`).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, aliased

from core.errors import CoreError
from core.records.access import Who, as_who
from core.records.database import Database
from core.records.tables import Person, SignIn, Ticket, now

SESSION = timedelta(days=7)
TICKET = timedelta(hours=12)
LONGEST_TEXT = 255


class SignInError(CoreError):
    """A name and password, or a ticket, that was not accepted; or too many tries."""


def has_accounts(db: Database) -> bool:
    """Whether there ever was an account: a studio that had one never again lets people in without."""
    with db.reading() as session:
        return any_account(session)


def any_account(session: Session) -> bool:
    return session.scalar(select(Person.id).where(Person.password_hash.is_not(None)).limit(1)) is not None


def who(db: Database, token: str) -> Who | None:
    """Whose token this is, while it is good. That of a studio without accounts ends with its first account."""
    account = aliased(Person)
    is_open = ~select(account.id).where(account.password_hash.is_not(None)).exists()
    holder = (
        select(Person)
        .join(SignIn)
        .where(SignIn.token_hash == hash_of(token), SignIn.expires > now(), Person.is_active)
        .where(or_(Person.password_hash.is_not(None), is_open))
    )
    with db.reading() as session:
        person = session.scalar(holder)
        return None if person is None else as_who(session, person)


def begin(session: Session, person_id: int, address: str = "", browser: str = "") -> str:
    """A new session's token. From where and with what it was begun is kept, so that people know their sessions."""
    token = secrets.token_urlsafe(32)
    session.execute(delete(SignIn).where(SignIn.expires < now()))
    begun = SignIn(token_hash=hash_of(token), person_id=person_id, expires=now() + SESSION, seen=now())
    begun.address, begun.browser = address[:LONGEST_TEXT], browser[:LONGEST_TEXT]
    session.add(begun)
    session.execute(update(Person).where(Person.id == person_id).values(seen=now()))
    return token


def end(session: Session, token: str) -> None:
    session.execute(delete(SignIn).where(SignIn.token_hash == hash_of(token)))


def new_ticket(db: Database) -> str:
    ticket = secrets.token_urlsafe(32)
    with db.session() as session:
        session.execute(delete(Ticket).where(Ticket.expires < now()))
        session.add(Ticket(token_hash=hash_of(ticket), expires=now() + TICKET))
    return ticket


def spend(session: Session, ticket: str) -> bool:
    """Whether the ticket was good; it is not any more. Of several who come at once with the same, one is let in."""
    spent = delete(Ticket).where(Ticket.token_hash == hash_of(ticket), Ticket.expires > now())
    return session.execute(spent.returning(Ticket.token_hash)).first() is not None


def way_in(db: Database, address: str) -> str:
    """What to open in a browser: with accounts the studio itself, else an address that lets one browser in, once."""
    return address if has_accounts(db) else f"{address}/sign-in?token={new_ticket(db)}"


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
