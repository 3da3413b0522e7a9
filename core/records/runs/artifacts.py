"""The files of runs: on the machine that made them, and in the store for all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from sqlalchemy import delete, select

from core.errors import DataError, RunError
from core.pictures.store import Store, open_store
from core.records.database import Database
from core.records.place import Place
from core.records.tables import Artifact

CHECKPOINTS = ("step-*", "best-*", "*.part")


class HasKey(Protocol):
    @property
    def key(self) -> str: ...


class Kept(HasKey, Protocol):
    @property
    def id(self) -> int: ...


def readings_path(place: Place, run: HasKey, split: str) -> Path:
    """The readings of a split on this machine, fetched from the store where the run was made elsewhere."""
    return _fetched(place, run, f"readings/{split}.parquet")


def index_path(place: Place, run: HasKey) -> Path:
    """The index of a searchable run on this machine, fetched where the run was made elsewhere."""
    return _fetched(place, run, "index.safetensors")


def run_folder(db: Database, place: Place, run: Kept) -> Path:
    """The run's folder with everything that reading with it needs."""
    with db.reading() as session:
        kept = list(session.scalars(select(Artifact.path).where(Artifact.run_id == run.id)))
    for path in kept:
        _fetched(place, run, path)
    return place.runs / run.key


def keep(db: Database, place: Place, run: Kept) -> None:
    """Puts what a finished run made into the store, checkpoints left out; does nothing where that is this machine's."""
    store = open_store(place.store)
    if store.is_local:
        return
    folder = place.runs / run.key
    with db.reading() as session:
        artifacts = session.scalars(select(Artifact).where(Artifact.run_id == run.id))
        digests = {artifact.path: artifact.digest for artifact in artifacts}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if digests.get(name) != _digest(path):
            _send(db, store, run, path, name)


def bring_back(db: Database, place: Place, run: Kept, names: Sequence[str]) -> None:
    """Those files of a run that are in the store and not on this machine; a name may be a pattern."""
    if not open_store(place.store).is_local:
        for name in _stored(db, run):
            if any(Path(name).match(pattern) for pattern in names):
                _fetched(place, run, name)


def keep_changed(db: Database, place: Place, run: Kept, names: Iterable[str]) -> None:
    """Files that were changed or removed, in the store as they are on this machine now."""
    store, stored = open_store(place.store), _stored(db, run)
    for name in names:
        if name not in stored:
            continue
        path = place.runs / run.key / name
        if path.is_file():
            _send(db, store, run, path, name)
        else:
            store.remove(f"runs/{run.key}/{name}")
            with db.session() as session:
                session.execute(delete(Artifact).where(Artifact.run_id == run.id, Artifact.path == name))


def _stored(db: Database, run: Kept) -> set[str]:
    with db.reading() as session:
        return set(session.scalars(select(Artifact.path).where(Artifact.run_id == run.id)))


def _send(db: Database, store: Store, run: Kept, path: Path, name: str) -> None:
    store.send(path, f"runs/{run.key}/{name}")
    with db.session() as session:
        session.merge(Artifact(run_id=run.id, path=name, size=path.stat().st_size, digest=_digest(path)))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        passing = any(Path(part).match(pattern) for part in parts for pattern in CHECKPOINTS)
        if path.is_file() and not passing:
            yield path


def _fetched(place: Place, run: HasKey, name: str) -> Path:
    path = place.runs / run.key / name
    if not path.is_file():
        try:
            open_store(place.store).fetch(f"runs/{run.key}/{name}", path)
        except DataError:
            raise RunError(f"This run has no {name} yet. Wait until it is finished, or resume it.") from None
    return path
