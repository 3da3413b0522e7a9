"""A whole studio in a folder: rows, pictures, versions, runs; made while the studio goes on.

    backup.json      what it is of: revision, rows of each table, every file with its size and SHA-256
    records/         a file a table, see `rows`
    files/           store/ versions/ runs/ reviews/ uploads/ exports/

Rows are read first, in one snapshot: the files that they name were written before them and do not change. The folder
of a run does change, so it is held as it is at one moment by links, and copied from those.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import CoreError
from core.machine.hold import FILE as LOCK
from core.pictures.store import open_store
from core.records import rows
from core.records.database import Database
from core.records.place import Place
from core.records.tables import now

FORMAT = 1
ABOUT, RECORDS, FILES = "backup.json", "records", "files"
CHANGING, STILL = ("runs", "reviews"), ("versions", "uploads", "exports")
TRIES = 100
OnFile = Callable[[int, int], None]


class BackupError(CoreError):
    """A backup that can't be made, or is none."""


@dataclass(frozen=True)
class Kept:
    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class About:
    """What stands in backup.json."""

    format: int
    made: str
    revision: str
    rows: dict[str, int]
    has_files: bool
    files: tuple[Kept, ...]

    def write(self, folder: Path) -> None:
        written = json.dumps(asdict(self), indent=1)
        (folder / ABOUT).write_text(written)
        (folder / f"{ABOUT}.sha256").write_text(hashlib.sha256(written.encode()).hexdigest() + "\n")


def backup(database: Database, place: Place, target: Path, on_file: OnFile = lambda done, whole: None) -> About:
    """Everything of a studio, into a folder that is new or empty and appears when it is whole."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is there already and not empty. Give a folder that doesn't exist yet.")
    if target.resolve().is_relative_to(place.data.resolve()):
        raise BackupError(f"{target} is within the data folder that it is to save. Give a folder elsewhere.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as room:
        draft = Path(room) / "whole"
        draft.mkdir(mode=0o700)
        about = _filled(database, place, draft, on_file)
        draft.replace(target)
    return about


def keep_records(database: Database, target: Path) -> About:
    """The rows alone, as they are before a migration."""
    target.mkdir(parents=True)
    with database.snapshot() as connection:
        counted = rows.dump(connection, target / RECORDS)
        revision = database.revision_of(connection)
    return _written(target, revision, counted, has_files=False)


def _filled(database: Database, place: Place, draft: Path, on_file: OnFile) -> About:
    with database.snapshot() as connection:
        counted = rows.dump(connection, draft / RECORDS)
        revision = database.revision_of(connection)
    files = draft / FILES
    files.mkdir()
    sources = [*_of_store(place), *_of_folders(place)]
    for done, (name, fetch) in enumerate(sources, start=1):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        fetch(files / name)
        on_file(done, len(sources))
    for folder in CHANGING:
        _take_changing(place, place.data / folder, files / folder)
    return _written(draft, revision, counted, has_files=True)


def _written(folder: Path, revision: str, counted: dict[str, int], has_files: bool) -> About:
    kept = tuple(_kept(path, folder) for path in sorted(folder.rglob("*")) if path.is_file())
    about = About(FORMAT, now().isoformat(), revision, counted, has_files, kept)
    about.write(folder)
    return about


def _kept(path: Path, folder: Path) -> Kept:
    return Kept(path.relative_to(folder).as_posix(), path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _of_store(place: Place) -> Iterator[tuple[str, Callable[[Path], None]]]:
    store = open_store(place.store)
    for key in store.keys():
        yield f"store/{key}", lambda path, key=key: store.fetch(key, path)  # type: ignore[misc]


def _of_folders(place: Place) -> Iterator[tuple[str, Callable[[Path], None]]]:
    paths = [path for folder in STILL for path in sorted((place.data / folder).rglob("*"))]
    for path in paths:
        if path.is_file() and not _is_passing(path.relative_to(place.data)):
            yield path.relative_to(place.data).as_posix(), lambda to, path=path: _copy(path, to)  # type: ignore[misc]


def _copy(path: Path, to: Path) -> None:
    try:
        shutil.copyfile(path, to)
    except FileNotFoundError:
        to.unlink(missing_ok=True)  # thrown away meanwhile


def _take_changing(place: Place, folder: Path, target: Path) -> None:
    """Each folder of a run as it is at one moment."""
    if not folder.is_dir():
        return
    with tempfile.TemporaryDirectory(dir=place.data, prefix=".backup-") as held:
        for path in sorted(folder.iterdir()):
            _hold(path, Path(held) / path.name)
        shutil.copytree(held, target)


def _hold(path: Path, target: Path) -> None:
    """Links of a folder's files; again where something came or went meanwhile."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):  # of a folder too, while its files are listed
            before = _names(path)
            for name in before:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                _link(path / name, target / name)
            if _names(path) == before:
                return
        shutil.rmtree(target, ignore_errors=True)
    raise BackupError(f"{path} changes faster than it can be copied. Stop that run for a moment, and try again.")


def _names(path: Path) -> list[Path]:
    if path.is_file():
        return [Path()]
    inside = (file.relative_to(path) for file in sorted(path.rglob("*")) if file.is_file())
    return [name for name in inside if not _is_passing(name)]


def _link(path: Path, target: Path) -> None:
    if path.suffix == ".jsonl":  # is written to its end, so that a link would grow
        shutil.copyfile(path, target)
        return
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, target)


def _is_passing(name: Path) -> bool:
    return any(part.endswith(".part") or part.startswith(".") or part == LOCK for part in name.parts)
