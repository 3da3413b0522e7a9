"""Where Alembic finds the database and the tables: those of the process that asks, or of the environment."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from core.records.database import open_database
from core.records.place import Place
from core.records.tables import Moment, Table


def render(kind: str, thing: Any, autogen: Any) -> str | Literal[False]:
    """Migrations stand on their own: no types of ours in them, which may change later."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Moment) else False


def run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_item=render,
        render_as_batch=is_sqlite,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with open_database(Place.from_environment()).engine.begin() as opened:
        run(opened)
