"""Copies on the disk of a worker's machine of what was erased elsewhere: removed by that worker, every hour.

Where the store is a folder there is one data folder, and whoever erases has removed all of it.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import select

from core.limits import limits
from core.pictures.store import SHA_256, open_store
from core.records.database import Database
from core.records.erasing.leftovers import ERASED, newest, remove_for_ever
from core.records.place import Place
from core.records.tables import UNDER_WAY, Artifact, Job, Run, Version
from core.runs.forgotten import FEATURES, NAMED


def drop_stale(db: Database, place: Place) -> int:
    """Runs and versions that the records don't have, once nobody can be making them; and files of runs that are others
    by now, because somebody was taken out of them. Returns how many went."""
    if open_store(place.store).is_local:
        return 0
    stale = [*_unknown(db, place), *_changed(db, place)]
    for path in stale:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(stale)


def drop_for_ever(db: Database, place: Place) -> None:
    removed = "Removed %d copies of what was erased."
    remove_for_ever("copies", lambda: drop_stale(db, place), removed, "Copies of what was erased")


def _unknown(db: Database, place: Place) -> Iterator[Path]:
    with db.reading() as session:
        keys = set(session.scalars(select(Run.key)))
        hashes = set(session.scalars(select(Version.hash).where(Version.erased.is_(None))))
    old = time.time() - limits().unused_hours * 3600
    runs = [path for path in place.runs.glob("*") if not path.name.startswith(ERASED)]
    yield from (path for path in runs if path.name.removesuffix(".yaml") not in keys and newest(path) < old)
    versions = [path for path in place.versions.glob("*") if SHA_256.fullmatch(path.name)]
    yield from (path for path in versions if path.name not in hashes and newest(path) < old)


def _changed(db: Database, place: Place) -> Iterator[Path]:
    """Of runs whose images were erased, all of them or some: what the store has otherwise, or not any more."""
    of_erased = select(Run).join(Version, Version.id == Run.version_id).join(Job, Job.id == Run.job_id)
    with db.reading() as session:
        runs = session.scalars(of_erased.where(Version.erased.is_not(None), Job.state.not_in(UNDER_WAY))).all()
        stored = {
            (run_id, path): digest
            for run_id, path, digest in session.execute(select(Artifact.run_id, Artifact.path, Artifact.digest))
        }
    for run in runs:
        folder = place.runs / run.key
        for path in sorted(file for file in folder.rglob("*") if file.is_file()):
            name = path.relative_to(folder).as_posix()
            if not _is_of(name, NAMED):
                continue
            digest, is_feature = stored.get((run.id, name)), _is_of(name, FEATURES)
            if (digest is None and is_feature) or (digest is not None and digest != _digest(path)):
                yield path


def _is_of(name: str, patterns: Sequence[str]) -> bool:
    return any(Path(name).match(pattern) for pattern in patterns)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
