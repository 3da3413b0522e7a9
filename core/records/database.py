"""The door to the records: SQLite in one file, or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from core.errors import IS_FULL, CoreError, is_full
from core.records.place import Place

DatabaseFailure = DBAPIError
"""What the database itself raises where it is nobody's to mend: it went away, or the program asked it wrongly."""
BUSY_SECONDS = 10
UPGRADE_SECONDS = 120
"""As long is waited for another process that upgrades, which may have a large database to make anew."""
PRAGMAS = ("synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON")
"""Of SQLite. What is deleted is overwritten, not only let go: it may be what somebody wanted erased."""
UPGRADE_LOCK = 7_214_001  # any number of our own: two processes that upgrade at once take turns


class DatabaseError(CoreError):
    """The database can't be reached, or is not what this version of the studio needs."""


class DatabaseBusy(DatabaseError):
    """Somebody else has written for longer than anybody waits."""


class DatabaseFull(DatabaseError):
    """There is no room for what was to be written."""


class Database:
    """Opens when it is first used, and anew in every process: a fork never shares a connection."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        self._engine: Engine | None = None
        self._process = 0

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def engine(self) -> Engine:
        if self._engine is not None and self._process != os.getpid():
            self._engine.dispose(close=False)
            self._engine = None
        if self._engine is None:
            self._engine = _sqlite(self.url) if self.is_sqlite else create_engine(self.url, pool_pre_ping=True)
            self._process = os.getpid()
        return self._engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end, or rolled back. On SQLite the only one at a time."""
        with _in_words(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads, and waits for nobody."""
        engine = self.engine.execution_options(only_reads=True)
        with _in_words(), Session(engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose(close=self._process == os.getpid())
            self._engine = None

    def empty_journal(self) -> None:
        """SQLite's journal, which holds what was deleted until it is written through. Waits for nobody: where somebody
        reads, the next one empties it."""
        if self.is_sqlite:
            with self.engine.execution_options(only_reads=True).connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA busy_timeout=0")
                try:
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS}000")

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one moment of the whole database, and waits for nobody."""
        more = {"only_reads": True} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with _in_words(), self.engine.execution_options(**more).connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction that may make and drop tables."""
        with (
            _in_words(),
            self.engine.connect() as connection,
            _altering(connection, self.is_sqlite),
            connection.begin(),
        ):
            if not self.is_sqlite:
                connection.execute(text("select pg_advisory_xact_lock(:number)"), {"number": UPGRADE_LOCK})
            yield connection

    def upgrade(self) -> None:
        """Brings the tables to what this version of the studio needs."""
        self._migrate("upgrade", "head")

    def revisions(self) -> set[str]:
        """Every state of the tables that this version knows."""
        from alembic.script import ScriptDirectory

        return {script.revision for script in ScriptDirectory.from_config(self.migrations()).walk_revisions()}

    def revision_of(self, connection: Connection) -> str:
        """The state that the tables are in; empty where there are none."""
        from alembic.migration import MigrationContext

        return MigrationContext.configure(connection).get_current_revision() or ""

    def is_behind(self) -> bool:
        """Whether an upgrade would change tables that are there; a DatabaseError where they are of a newer version."""
        with self.snapshot() as connection:
            revision = self.revision_of(connection)
        self._refuse_newer(revision)
        return bool(revision) and not self.is_current()

    def downgrade(self, revision: str) -> None:
        self._migrate("downgrade", revision)

    def is_current(self) -> bool:
        from alembic.migration import MigrationContext

        with _in_words(), self.engine.execution_options(only_reads=True).connect() as connection:
            return set(MigrationContext.configure(connection).get_current_heads()) == self._heads

    @cached_property
    def _heads(self) -> set[str]:
        """The state that this version needs. Found once: Home asks for it every few seconds."""
        from alembic.script import ScriptDirectory

        return set(ScriptDirectory.from_config(self.migrations()).get_heads())

    def wait(self, seconds: float) -> None:
        """Returns when the database answers; a DatabaseError where it does not in time."""
        end = time.monotonic() + seconds
        while True:
            try:
                with self.reading() as session:
                    session.scalar(select(1))
                return
            except (OperationalError, DatabaseBusy) as error:
                if time.monotonic() > end:
                    where = self.url.render_as_string(hide_password=True)
                    why = error.orig if isinstance(error, OperationalError) else error
                    raise DatabaseError(
                        f"The database {where} does not answer ({why}). Start it, or correct VITASK_DATABASE."
                    ) from None
                time.sleep(min(0.2, seconds / 10))

    def migrations(self) -> Any:
        """Alembic's configuration, made from the folder that lies beside the packages."""
        from alembic.config import Config

        spec = find_spec("migrations")
        installed = next(iter(spec.submodule_search_locations or ()), None) if spec else None
        folder = Path(installed) if installed else Path(__file__).resolve().parents[2] / "migrations"
        config = Config(folder / "alembic.ini")
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        return config

    def migrate(self, connection: Connection, direction: str, revision: str) -> None:
        """Within a transaction of `changing`."""
        from alembic import command

        self._refuse_newer(self.revision_of(connection))
        config = self.migrations()
        config.attributes["connection"] = connection
        getattr(command, direction)(config, revision)

    def _migrate(self, direction: str, revision: str) -> None:
        with self.changing() as connection:
            self.migrate(connection, direction, revision)

    def _refuse_newer(self, revision: str) -> None:
        if revision and revision not in self.revisions():
            raise DatabaseError(
                f"The database was made by a newer version of the studio (its tables are at {revision}, which this "
                "version does not know). Install the newer version, or choose another --data. Nothing was changed."
            )


def open_database(place: Place) -> Database:
    return Database(place.database)


def has_broken_off(error: BaseException) -> bool:
    """Whether the connection to the database broke off: it may be back in a moment."""
    return isinstance(error, DatabaseFailure) and error.connection_invalidated


@contextmanager
def _in_words() -> Iterator[None]:
    """Says in words what a database says of its surroundings, where that is nobody's fault in the program."""
    try:
        yield
    except DBAPIError as error:
        words = str(error.orig)
        if is_full(error):
            raise DatabaseFull(IS_FULL) from error
        if "database is locked" in words or "database table is locked" in words:
            raise DatabaseBusy(
                "The database is busy: another program has held it for too long (database is locked). Nothing was "
                "changed: try again in a moment, and close programs that have the file open."
            ) from error
        if "readonly database" in words:
            raise DatabaseError(
                "The database can't be written (it is read-only). Make its file and folder writable, and try again."
            ) from error
        if "malformed" in words or "is not a database" in words:
            raise DatabaseError(
                f"The database is damaged ({words}). Stop the studio and bring a copy back with “vitask restore”."
            ) from error
        raise


def _sqlite(url: Any) -> Engine:
    engine = create_engine(url, pool_size=20, max_overflow=60, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = None  # transactions begin below, where it is known of which kind
        _wait_for(connection, BUSY_SECONDS)
        _write_ahead(connection)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail where another wrote in between; this one waits.
        only_reads = connection.get_execution_options().get("only_reads", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


def _wait_for(connection: Any, seconds: float) -> None:
    """How long whoever writes is waited for from now on."""
    connection.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")


def _write_ahead(connection: Any) -> None:
    """Of a new file SQLite changes the kind of its journal at once or not at all: it is this process that waits while
    another has the file open."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextmanager
def _altering(connection: Connection, is_sqlite: bool) -> Iterator[None]:
    """SQLite alters a table by making it anew; with foreign keys on, dropping the old one would empty others."""
    raw: Any = connection.connection.driver_connection
    if is_sqlite:
        raw.execute("PRAGMA foreign_keys=OFF")
        _wait_for(raw, UPGRADE_SECONDS)
    try:
        yield
    finally:
        if is_sqlite:
            raw.execute("PRAGMA foreign_keys=ON")
            _wait_for(raw, BUSY_SECONDS)
