"""Files of what was erased: noted in the transaction in which the rows go, and removed once that is committed; by the
sweep, where whoever erases was cut off or something could not be removed.

Pictures are kept once, whoever shows them: one goes only where nothing shows it or asks about it any more.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.errors import DataError, RunError
from core.models.kept_features import feature_folder, forget_features
from core.pictures.store import Store, key_of, open_store
from core.records.access import Who
from core.records.audit import record
from core.records.database import Database
from core.records.payloads import Add, Ask, Draw, Find
from core.records.place import Place
from core.records.runs.exports import export_path
from core.records.tables import Case, Job, Remains, Version
from core.sets.version import ABOUT, MANIFEST

AT_ONCE = 500
"""Up to so many pictures are looked up by name; of more the whole table is read, once."""
THREADS = 16
log = logging.getLogger("vitask.remains")


class RemainsError(RunError):
    """What was erased is gone from the records, and some of its files are still there."""


@dataclass(frozen=True)
class Files:
    """What lies on the disk and in the store of something that is erased."""

    folders: tuple[str, ...] = ()
    """Folders and files below the data folder, with names that nothing else ever gets."""
    stored: tuple[str, ...] = ()
    """In the store, likewise."""
    versions: tuple[str, ...] = ()
    """Hashes. Another project may have a version with the same cases, and so the same hash."""
    exports: tuple[int, ...] = ()
    """Jobs that made zips. Before revision 0012 SQLite gave their numbers to new ones."""
    pictures: tuple[str, ...] = ()

    @classmethod
    def parse(cls, plain: dict[str, Any]) -> Files:
        return cls(**{name: tuple(values) for name, values in plain.items()})

    def plain(self) -> dict[str, Any]:
        return {name: list(values) for name, values in asdict(self).items()}


def merged(*parts: Files) -> Files:
    return Files(
        *(tuple(dict.fromkeys(sum((getattr(part, field.name) for part in parts), ()))) for field in fields(Files))
    )


def leave(session: Session, name: str, files: Files) -> int:
    """Notes what is to be removed once this transaction is committed."""
    row = Remains(name=name[:255], files=files.plain())
    session.add(row)
    session.flush()
    return row.id


def clear(db: Database, place: Place, who: Who, number: int, project_id: int | None) -> None:
    """Removes what was just left; what can't be removed is told, and stays noted for the sweep."""
    with db.reading() as session:
        row = session.get_one(Remains, number)
    left = _removed(db, place, row)
    if left:
        record(db, who, "erase left files", project_id, row.name)
        raise RemainsError(
            f"“{row.name}” is erased, but not all of its files are removed yet: {', '.join(left[:5])}. The studio "
            "tries again every hour; the log says why."
        )


def clear_all(db: Database, place: Place) -> int:
    """What earlier erasings left; returns of how many things nothing is left now."""
    with db.reading() as session:
        rows = session.scalars(select(Remains).order_by(Remains.id)).all()
    return sum(not _removed(db, place, row) for row in rows)


def picture_keys(pictures: Iterable[str]) -> list[str]:
    """Where pictures and their thumbnails are in the store."""
    return [name for picture in pictures for name in (key_of(picture), thumb_key(picture))]


def thumb_key(picture: str) -> str:
    return f"thumbs/{key_of(picture)}.png"


def pictures_in_use(
    session: Session, pictures: Collection[str], but: Collection[int] = (), without: Collection[int] = ()
) -> set[str]:
    """Those that some case has, as its picture or its mask, or that a job asks about: no job of `but`, and no case of
    the versions `without`."""
    if not pictures:
        return set()
    image, mask = Job.payload["image"].as_string(), Case.more["mask"].as_string()
    asked_about = select(Job.id, image).where(Job.kind.in_((Ask.kind, Find.kind)))
    used = {picture for job, picture in session.execute(asked_about) if job not in but}
    for digest in (Case.digest, mask):
        is_wanted = digest.in_(pictures) if len(pictures) <= AT_ONCE else digest.is_not(None)
        shown = select(digest).where(is_wanted, Case.version_id.not_in(without))
        used.update(session.scalars(shown.execution_options(yield_per=10_000)))
    return used & set(pictures)


def brought_copies(place: Place, pictures: Collection[str]) -> list[str]:
    """Files below the data folder that came from a browser with one of these pictures, and wait to be swept."""
    arriving = place.data / "arriving"
    files = [path for path in arriving.rglob("*") if path.is_file()] if pictures and arriving.is_dir() else []
    return [path.relative_to(place.data).as_posix() for path in files if _digest(path) in pictures]


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _removed(db: Database, place: Place, row: Remains) -> list[str]:
    """Removes files, and the note of them where all went; returns what is left, in words."""
    files, store = Files.parse(row.files), open_store(place.store)
    with db.reading() as session:
        living = select(Version.hash).where(Version.hash.in_(files.versions), Version.erased.is_(None))
        hashes = set(files.versions) - set(session.scalars(living))
        exports = set(files.exports) - set(session.scalars(select(Job.id).where(Job.id.in_(files.exports))))
        pictures = set(files.pictures) - pictures_in_use(session, files.pictures)
        is_adding = session.scalar(
            select(Job.id).where(Job.kind.in_((Add.kind, Draw.kind)), Job.state == "running").limit(1)
        )
    paths = [*map(place.data.joinpath, files.folders), *(place.versions / name for name in hashes)]
    paths += [export_path(place, number) for number in exports]
    keys = [*files.stored, *(f"exports/{number}.zip" for number in exports)]
    keys += [f"versions/{name}/{file}" for name in hashes for file in (MANIFEST, ABOUT)]
    waiting, thumbs = [], list[str]()
    if pictures and is_adding is not None:  # which may be about to show one of them
        waiting = [f"{len(pictures):,} pictures, while images are being added to a set"]
    else:
        keys += map(key_of, pictures)
        thumbs += map(thumb_key, pictures)  # later: one may be made right now, by whoever looks for its picture then
    left = [path.name for path in paths if not _is_gone(lambda path=path: _remove(path))]  # type: ignore[misc]
    left += _left_in_store(store, keys) + _left_in_store(store, thumbs) + waiting
    if pictures and not waiting and not _is_gone(lambda: forget_features(feature_folder(), pictures)):
        left.append("image features in the cache")
    if not left:
        with db.session() as session:
            session.execute(delete(Remains).where(Remains.id == row.id))
    return left


def _left_in_store(store: Store, keys: list[str]) -> list[str]:
    """Many at once: a far store takes its time over each."""
    with ThreadPoolExecutor(THREADS) as threads:
        gone = threads.map(lambda key: _is_gone(lambda: store.remove(key)), keys)
        return [key for key, is_gone in zip(keys, gone, strict=True) if not is_gone]


def _is_gone(remove: Callable[[], None]) -> bool:
    try:
        remove()
    except (OSError, DataError):
        log.exception("A file of what was erased could not be removed")
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
