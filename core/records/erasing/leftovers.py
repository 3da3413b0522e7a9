"""Files of uploads that nobody needs any more: removed when the studio starts, and every hour.

What arrived and was not taken over, what an upload left that was broken off, the files of what was added to a set (its
pictures are in the store), uploads that nobody came back to, and what is left of what was erased. Never what a
job works on, or what still comes in.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from core.errors import DataError
from core.limits import limits
from core.pictures.store import open_store
from core.records.database import Database
from core.records.erasing.remains import clear_all, picture_keys, pictures_in_use
from core.records.payloads import Fetch
from core.records.place import Place
from core.records.runs.exports import export_path
from core.records.sets.uploads import forget_jobs
from core.records.tables import UNDER_WAY, Job, Run, Upload, now

ERASED = ".erased-"
"""How the folder of a run is called from the moment that it is erased."""
REST = ".rest.json"
"""In that folder: what else there is of the run, below the data folder and in the store."""
SECONDS_BETWEEN_SWEEPS = 3600.0
log = logging.getLogger("vitask.leftovers")


def sweep(db: Database, place: Place) -> int:
    """Removes them; returns how many files and folders went."""
    old = time.time() - limits().unused_hours * 3600
    _forget_old(db)
    kept, idle = _keys(db)
    gone = sum(_remove(path) for path in _below(place.data / "arriving") if newest(path) < old)
    gone += sum(_finish_erasing(db, place, path) for path in _below(place.runs) if path.name.startswith(ERASED))
    gone += clear_all(db, place)
    for folder in _below(place.uploads):
        if folder.name not in kept and newest(folder) < old:
            gone += _remove(folder)
        elif folder.name in idle and newest(folder) < old:
            gone += sum(_remove(path) for path in _below(folder))
    return gone


def sweep_for_ever(db: Database, place: Place) -> None:
    remove_for_ever("leftovers", lambda: sweep(db, place), "Removed what %d uploads left.", "What uploads left")


def remove_for_ever(name: str, remove: Callable[[], int], removed: str, what: str) -> None:
    """At once and every hour, in a thread that ends with its process; the log tells how many went."""
    log = logging.getLogger(f"vitask.{name}")

    def removing() -> None:
        while True:
            try:
                if gone := remove():
                    log.info(removed, gone)
            except Exception:
                log.exception("%s could not be removed; trying again in an hour.", what)
            time.sleep(SECONDS_BETWEEN_SWEEPS)

    threading.Thread(target=removing, name=name, daemon=True).start()


def _forget_old(db: Database) -> None:
    """Uploads that were never added and that nobody has touched for long, and what was asked of those that are gone."""
    before = now() - timedelta(days=limits().refused_days)
    old = select(Upload, Job).outerjoin(Job, Job.id == Upload.job_id).where(Upload.created < before)
    with db.session() as session:
        for upload, job in session.execute(old.where(Upload.state != "added")).all():
            if job is None or (job.state not in UNDER_WAY and (job.ended or before) <= before):
                log.info("Upload %d was not used for %d days.", upload.id, limits().refused_days)
                session.delete(upload)
        session.flush()
        forget_jobs(session)


def _keys(db: Database) -> tuple[set[str], set[str]]:
    """The folders that an upload has, and those of them whose files are in the store by now."""
    uploads = select(Upload.key, Upload.state, Job.state).outerjoin(Job, Job.id == Upload.job_id)
    with db.reading() as session:
        rows = session.execute(uploads).all()
    added = {key for key, state, job in rows if state == "added" and job not in UNDER_WAY}
    return {key for key, _, _ in rows} | _fetched(db), added


def _fetched(db: Database) -> set[str]:
    """Where public sets are being fetched to."""
    with db.reading() as session:
        under_way = select(Job.id).where(Job.kind == Fetch.kind, Job.state.in_(UNDER_WAY))
        return {f"fetch-{number}" for number in session.scalars(under_way)}


def write_rest(folder: Path, exports: Iterable[int], stored: Iterable[str], pictures: Iterable[str]) -> None:
    """Notes what goes with a run that is erased, so that it goes even where whoever erases it is cut off. Where there
    is no room for the note the run is erased without: that makes some."""
    rest = {"exports": list(exports), "stored": list(stored), "pictures": list(pictures)}
    try:
        (folder / REST).write_text(json.dumps(rest), encoding="utf-8")
    except OSError:
        log.exception("What goes with a run that is erased could not be noted.")
        (folder / REST).unlink(missing_ok=True)


def own_files(place: Place, key: str, exports: Iterable[int]) -> list[Path]:
    """What a run has on this disk beside its folder: its run file and its zips."""
    return [place.runs / f"{key}.yaml", *(export_path(place, number) for number in exports)]


def zip_keys(exports: Iterable[int]) -> list[str]:
    return [f"exports/{number}.zip" for number in exports]


def _finish_erasing(db: Database, place: Place, folder: Path) -> int:
    """Removes what a run left; one whose row is there after all gets its folder back, once nobody can be at it."""
    key = folder.name.removeprefix(ERASED)
    with db.reading() as session:
        is_there = session.scalar(select(Run.id).where(Run.key == key)) is not None
    if is_there:
        if newest(folder) < time.time() - SECONDS_BETWEEN_SWEEPS and not (place.runs / key).exists():
            (folder / REST).unlink(missing_ok=True)
            folder.rename(place.runs / key)
        return 0
    try:
        _remove_rest(db, place, folder / REST, key)
    except (OSError, ValueError, DataError):
        log.exception("What a run left that was erased could not be removed; trying again in an hour.")
        return 0
    return _remove(folder)


def _remove_rest(db: Database, place: Place, note: Path, key: str) -> None:
    """But for pictures that somebody brought again, and zips of a job that has the number of one that went."""
    rest = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    pictures, exports = rest.get("pictures", []), rest.get("exports", [])
    with db.reading() as session:
        unused = set(pictures) - pictures_in_use(session, pictures)
        old = set(exports).difference(session.scalars(select(Job.id).where(Job.id.in_(exports))))
    for file in own_files(place, key, old):
        file.unlink(missing_ok=True)
    for name in (*rest.get("stored", []), *zip_keys(old), *picture_keys(unused)):
        open_store(place.store).remove(name)


def _below(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def newest(path: Path) -> float:
    """When anything in it was last written or put there."""
    times = [0.0]
    for file in (path, *path.rglob("*")):
        try:
            status = os.lstat(file)
        except FileNotFoundError:
            continue  # taken over just now
        times.append(max(status.st_mtime, status.st_ctime))
    return max(times)


def _remove(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return 1
