"""What is looked at before a studio begins on a place, and told in a sentence where it can't; nothing is changed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import inspect, text

from core.errors import CoreError, is_full
from core.pictures.store import open_store
from core.records.database import Database, DatabaseError, open_database
from core.records.place import Place

LEAST_BYTES = 50_000_000
COPIES, COPIES_KEPT = "copies", 3
WORK = ("people", "image_sets", "runs")


class StartError(CoreError):
    """A place on which no studio can begin as it is."""


def open_sound(place: Place, seconds: float = 30) -> Database:
    """The database, answering and up to date; or why it can't be, in a sentence."""
    refuse_unwritable(place.data)
    database = open_database(place)
    refuse_damaged(database)
    try:
        _refuse_emptied(place, database, seconds)
        if database.is_behind():
            keep_copy(database, place.data / COPIES)
        database.upgrade()
    except BaseException:
        database.dispose()
        raise
    return database


def refuse_unwritable(folder: Path) -> None:
    """Writes something there, since only that tells for certain."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**16))
            probe.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        if not is_full(error):
            raise StartError(
                f"The data folder {folder} can't be written ({error.strerror}). Make it writable, or choose another "
                "with --data."
            ) from None
        free = 0
    if free < LEAST_BYTES:
        raise StartError(
            f"The disk of the data folder {folder} is full: {free / 1e6:.0f} MB are free, and the studio needs "
            f"{LEAST_BYTES / 1e6:.0f} MB to begin. Free some space, or choose another folder with --data."
        )


def refuse_damaged(database: Database) -> None:
    """Reads the whole file once; a server looks after its own."""
    if not database.is_sqlite or is_missing(database):
        return
    file = str(database.url.database)
    try:
        opened = sqlite3.connect(file, timeout=10)
        try:
            verdict = str(opened.execute("pragma quick_check(1)").fetchone()[0])
        finally:
            opened.close()
    except sqlite3.Error as error:
        if "locked" in str(error):
            return
        verdict = str(error)
    if verdict != "ok":
        raise DatabaseError(
            f"The database {file} is damaged ({verdict.splitlines()[0]}). Bring a backup back with "
            "“vitask restore FROM --replace”. Nothing was changed."
        )


def is_missing(database: Database) -> bool:
    """Whether there is no file yet, or an empty one."""
    if not database.is_sqlite:
        return False
    file = Path(str(database.url.database))
    return not file.is_file() or file.stat().st_size == 0


def is_without_work(database: Database) -> bool:
    """Whether nobody has ever done anything there: no tables, or no row of a person, a set or a run."""
    if is_missing(database):
        return True
    with database.snapshot() as connection:
        there = set(inspect(connection).get_table_names())
        return not any(name in there and connection.scalar(text(f"select 1 from {name} limit 1")) for name in WORK)


def left_beside(place: Place) -> list[str]:
    """Folders beside the database that hold something of people's work."""
    names = [name for name in ("runs", "versions") if any((place.data / name).glob("*"))]
    store = open_store(place.store)
    return names + (["store"] if store.is_local and any(Path(store.url).glob("*")) else [])


def keep_copy(database: Database, folder: Path) -> Path:
    """The rows before a migration, which `vitask restore` takes; the oldest copies go."""
    from core.records.backup import keep_records

    target = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-before-migration"
    keep_records(database, target)
    for old in sorted(folder.glob("*-before-migration"))[:-COPIES_KEPT]:
        shutil.rmtree(old)
    return target


def _refuse_emptied(place: Place, database: Database, seconds: float) -> None:
    beside = left_beside(place)
    if not (beside and is_missing(database)):  # asking a file that is not there would make it
        database.wait(seconds)
        if not beside or not is_without_work(database):
            return
    where = database.url.render_as_string(hide_password=True)
    raise StartError(
        f"The database {where} is empty, but {' and '.join(beside)} of a studio lie in {place.data}. Put its database "
        "back or bring a backup back with “vitask restore FROM --replace”, or choose another folder with --data. "
        "Nothing was changed."
    )
