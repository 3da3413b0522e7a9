"""How tests get into a studio without accounts: by the token of a program, or by the address that a person opens."""

from __future__ import annotations

from typing import Any

from core.records.accounts import people, sessions
from core.records.database import Database
from core.records.tables import SignIn, now

TOKEN = "of a program of the tests"
LET_IN = {"authorization": f"Bearer {TOKEN}"}
"""The headers of a program that `let_in` has let in."""


def let_in(database: Database) -> None:
    """From now on LET_IN is good in this studio."""
    person = people.local(database)
    with database.session() as session:
        session.merge(SignIn(token_hash=sessions.hash_of(TOKEN), person_id=person.id, expires=now() + sessions.SESSION))


def open_door(page: Any, address: str, database: Database) -> None:
    """A browser's page, let in as a person lets it in."""
    page.goto(sessions.way_in(database, address))
    assert "token" not in page.url
