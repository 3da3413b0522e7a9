"""Both databases hold the tables that the models say, keep what is committed, and survive a fork."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select
from sqlalchemy.exc import OperationalError

from core.records.database import Database, DatabaseError, has_broken_off
from core.records.tables import Project, Table


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(Project.name)))


def add(database: Database, name: str) -> None:
    with database.session() as session:
        session.add(Project(name=name))


def test_migrations_make_exactly_the_tables_of_the_models(empty: Database) -> None:
    assert not empty.is_current()
    empty.upgrade()
    assert empty.is_current()
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []


def test_migrations_go_back_and_forward_again(empty: Database) -> None:
    empty.upgrade()
    add(empty, "kept nowhere")
    empty.downgrade("base")
    assert inspect(empty.engine).get_table_names() == ["alembic_version"]
    empty.upgrade()
    assert names(empty) == []


def test_two_processes_that_upgrade_at_once_take_turns(empty: Database) -> None:
    url = empty.url.render_as_string(hide_password=False)
    several = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda opened: opened.upgrade(), several))
    for opened in several:
        assert opened.is_current()
        opened.dispose()


def test_an_upgrade_waits_for_another_longer_than_anything_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.records.database.BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path}/records.db"
    with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None, check_same_thread=False)) as upgrading:
        upgrading.execute("PRAGMA journal_mode=WAL")
        upgrading.execute("BEGIN IMMEDIATE")
        later = Timer(1, upgrading.rollback)
        later.start()
        opened = Database(url)
        opened.upgrade()
        later.join()
    assert opened.is_current()
    with opened.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 100
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    opened.dispose()


def test_whoever_opens_a_new_file_waits_while_another_has_it(tmp_path: Path) -> None:
    """SQLite itself tells at once that it is locked where the kind of its journal is to change."""
    file = tmp_path / "records.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE there (is_it)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM there").fetchall()
        later = Timer(0.5, other.rollback)
        later.start()
        opened = Database(f"sqlite:///{file}")
        opened.wait(0)
        later.join()
        opened.dispose()


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        session.add(Project(name="half"))
        session.flush()
        raise RuntimeError
    assert names(database) == []


def test_transactions_that_read_and_then_write_do_not_fail_each_other(database: Database) -> None:
    add(database, "0")

    def append(_: int) -> None:
        with database.session() as session:
            project = session.scalars(select(Project).with_for_update()).one()
            project.name = str(int(project.name) + 1)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(append, range(80)))
    assert names(database) == ["80"]


def test_reading_waits_for_no_writer(database: Database) -> None:
    add(database, "before")
    with database.session() as session:
        session.add(Project(name="not yet"))
        session.flush()
        assert names(database) == ["before"]


def test_a_forked_process_opens_the_database_anew(database: Database) -> None:
    add(database, "parent")
    child = os.fork()
    if child == 0:
        try:
            add(database, "child")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert names(database) == ["child", "parent"]


def test_keys_to_rows_that_are_not_there_are_refused(database: Database) -> None:
    from sqlalchemy.exc import IntegrityError

    from core.records.tables import ImageSet

    with pytest.raises(IntegrityError), database.session() as session:
        session.add(ImageSet(project_id=12345, name="lost"))


def test_a_database_that_is_away_is_waited_for_and_then_named(tmp_path: Path) -> None:
    away = Database(f"sqlite:///{tmp_path / 'nowhere' / 'studio.db'}")
    with pytest.raises(DatabaseError, match=r"nowhere/studio\.db does not answer"):
        away.wait(0.2)
    (tmp_path / "nowhere").mkdir()
    away.wait(0.2)
    away.dispose()


def test_a_password_in_an_address_is_never_told() -> None:
    away = Database("postgresql://studio:geheim@127.0.0.1:1/studio")
    with pytest.raises(DatabaseError) as error:
        away.wait(0.1)
    assert "geheim" not in str(error.value)


def test_a_connection_that_broke_off_is_told_from_other_failures() -> None:
    assert has_broken_off(OperationalError("select", {}, Exception("gone"), connection_invalidated=True))
    assert not has_broken_off(OperationalError("select", {}, Exception("no such table")))
    assert not has_broken_off(ConnectionError("gone"))
