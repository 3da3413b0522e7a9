"""Brings a backup back, into this kind of database or the other. Nothing is replaced before all of it is verified."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Connection, text

from core.machine.lock import locked
from core.pictures.store import open_store
from core.records import rows
from core.records.backup import ABOUT, CHANGING, FILES, FORMAT, RECORDS, STILL, About, BackupError, Kept, digest
from core.records.database import Database
from core.records.place import Place
from core.records.startup import is_without_work, left_beside

FUNCTIONS = (
    "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
    "where n.nspname = current_schema() and pg_get_userbyid(p.proowner) = current_user and not exists "
    "(select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
)


def restore(source: Path, database: Database, place: Place, is_replacing: bool = False) -> About:
    """The studio as it was when the backup was made. What stood there before is gone, where it may be replaced."""
    about = verified(source)
    if about.revision not in database.revisions():
        raise BackupError(
            f"{source} was made by a newer version of the studio (its tables are at {about.revision}). "
            "Install that version, then restore."
        )
    with ExitStack() as end, locked(place.data / "up.lock", "a restore"):
        if not is_replacing:
            _refuse_filled(database, place, about)
        draft = Path(end.enter_context(tempfile.TemporaryDirectory(dir=place.data, prefix=".restore-")))
        if about.has_files:
            _bring_files(source / FILES, place, draft / "new")
        if database.is_sqlite:
            _fill_file(database, source, about.revision)
        else:
            _fill_server(database, source, about.revision)
        if about.has_files:
            _swap(place, draft)
    database.upgrade()
    return about


def verified(source: Path) -> About:
    """What the backup holds, once every file of it is as it was written."""
    try:
        written = (source / ABOUT).read_text()
        is_whole = hashlib.sha256(written.encode()).hexdigest() == (source / f"{ABOUT}.sha256").read_text().strip()
        values = json.loads(written)
    except (OSError, ValueError) as error:
        raise BackupError(f"{source} is no backup ({error}). Give a folder that “vitask backup” made.") from None
    if not is_whole or values.get("format") != FORMAT:
        raise BackupError(f"{source / ABOUT} is damaged, or of another version. Take another backup.")
    about = About(**{**values, "files": tuple(Kept(**kept) for kept in values["files"])})
    for kept in about.files:
        path = source / kept.path
        if not path.is_file() or path.stat().st_size != kept.size or digest(path) != kept.sha256:
            raise BackupError(f"{path} is missing or damaged. Nothing was changed; take another backup.")
    return about


def _refuse_filled(database: Database, place: Place, about: About) -> None:
    is_filled = not is_without_work(database) or (about.has_files and left_beside(place))
    if is_filled:
        raise BackupError(
            f"There is a studio in {place.data} already, with people, sets or runs. Give an empty --data, or "
            "--replace to have all of it replaced by the backup."
        )


def _bring_files(files: Path, place: Place, new: Path) -> None:
    """Pictures into the store, where they change nothing; the rest beside its place."""
    store = open_store(place.store)
    for path in sorted((files / "store").rglob("*")):
        if path.is_file():
            store.send(path, path.relative_to(files / "store").as_posix())
    new.mkdir()
    for name in (*CHANGING, *STILL):
        if (files / name).is_dir():
            shutil.copytree(files / name, new / name)


def _swap(place: Place, draft: Path) -> None:
    old = draft / "old"
    old.mkdir()
    for name in (*CHANGING, *STILL):
        if (here := place.data / name).exists():
            here.rename(old / name)
        if (new := draft / "new" / name).exists():
            new.rename(here)


def _fill_file(database: Database, source: Path, revision: str) -> None:
    file = Path(str(database.url.database))
    draft = file.with_name(f".{file.name}.restore")
    for part in ("", "-wal", "-shm"):
        draft.with_name(draft.name + part).unlink(missing_ok=True)
    filled = Database(f"sqlite:///{draft}")
    with filled.changing() as connection:
        _fill(filled, connection, source, revision)
    filled.dispose()
    database.dispose()
    for part in ("-wal", "-shm"):
        file.with_name(file.name + part).unlink(missing_ok=True)
    draft.replace(file)


def _fill_server(database: Database, source: Path, revision: str) -> None:
    """In one transaction: where anything fails, what stood there stands."""
    with database.changing() as connection:
        others = connection.scalar(
            text("select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        )
        if others:
            raise BackupError("The database is in use by others. Stop the app and all workers, then restore.")
        for table in reversed(rows.tables(connection)):
            table.drop(connection)
        for function in connection.scalars(text(FUNCTIONS)).all():
            connection.execute(text(f"drop function {function} cascade"))
        _fill(database, connection, source, revision)


def _fill(database: Database, connection: Connection, source: Path, revision: str) -> None:
    database.migrate(connection, "upgrade", revision)
    rows.load(connection, source / RECORDS)
