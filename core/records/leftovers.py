"""Files of uploads that nobody needs any more: removed when the studio starts, and every hour.

What arrived and was not taken over, what an upload left that was broken off, the files of what was added to a set (its
pictures are in the store), uploads that nobody came back to, and what is left of runs that were erased. Never what a
job works on, or what still comes in.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from core.limits import limits
from core.records.database import Database
from core.records.payloads import Fetch
from core.records.place import Place
from core.records.tables import UNDER_WAY, Job, Upload, now

ERASED = ".erased-"
"""How the folder of a run is called from the moment that it is erased."""
SECONDS_BETWEEN_SWEEPS = 3600.0
log = logging.getLogger("vitask.leftovers")


def sweep(db: Database, place: Place) -> int:
    """Removes them; returns how many files and folders went."""
    old = time.time() - limits().unused_hours * 3600
    _forget_old(db)
    kept, idle = _keys(db)
    gone = sum(_remove(path) for path in _below(place.data / "arriving") if _newest(path) < old)
    gone += sum(_remove(path) for path in _below(place.runs) if path.name.startswith(ERASED))
    for folder in _below(place.uploads):
        if folder.name not in kept and _newest(folder) < old:
            gone += _remove(folder)
        elif folder.name in idle and _newest(folder) < old:
            gone += sum(_remove(path) for path in _below(folder))
    return gone


def sweep_for_ever(db: Database, place: Place) -> None:
    """At once and every hour, in a thread that ends with its process."""

    def sweeping() -> None:
        while True:
            try:
                if gone := sweep(db, place):
                    log.info("Removed what %d uploads left.", gone)
            except Exception:
                log.exception("What uploads left could not be removed; trying again in an hour.")
            time.sleep(SECONDS_BETWEEN_SWEEPS)

    threading.Thread(target=sweeping, name="leftovers", daemon=True).start()


def _forget_old(db: Database) -> None:
    """Uploads that were never added, and that nobody has touched for long."""
    before = now() - timedelta(days=limits().refused_days)
    old = select(Upload, Job).outerjoin(Job, Job.id == Upload.job_id).where(Upload.created < before)
    with db.session() as session:
        for upload, job in session.execute(old.where(Upload.state != "added")).all():
            if job is None or (job.state not in UNDER_WAY and (job.ended or before) <= before):
                log.info("Upload %d (%s) was not used for %d days.", upload.id, upload.name, limits().refused_days)
                session.delete(upload)


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


def _below(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _newest(path: Path) -> float:
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
