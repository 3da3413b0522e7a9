"""What uploads leave is removed after a while, and nothing that is in use ever is."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from itertools import count
from pathlib import Path
from queue import Queue
from threading import Event

import pytest
from sqlalchemy import update

from core.records import jobs
from core.records.access import Who
from core.records.database import Database
from core.records.erasing import leftovers
from core.records.payloads import Fetch
from core.records.place import Place
from core.records.sets import sets
from core.records.tables import Job, Upload, now


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day and an hour have gone by since everything was written."""
    at = time.time() + 25 * 3600
    monkeypatch.setattr(time, "time", lambda: at)


def brought(database: Database, place: Place, who: Who, folder: Path, name: str, state: str) -> Path:
    """The folder of an upload in this state."""
    (folder / name).write_text(name)
    upload = sets.new_upload(database, place, who, who.projects[0], folder / name, name)
    sets.request_check(database, place, who, upload.id, {})
    with database.session() as session:
        session.execute(update(Upload).where(Upload.id == upload.id).values(state=state))
        ended = "running" if state in ("checking", "adding") else "done"
        session.execute(
            update(Job).values(state=ended, ended=now()).where(Job.payload["upload"].as_integer() == upload.id)
        )
    return place.uploads / upload.key


def filled(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    return file


def test_nothing_goes_while_it_is_new(database: Database, place: Place, who: Who, tmp_path: Path) -> None:
    files = [filled(place.data / "arriving" / "ab" / "x.zip"), filled(place.data / "arriving" / "tmp1234")]
    files += [filled(place.uploads / "deadbeef" / "x.zip"), brought(database, place, who, tmp_path, "a.zip", "added")]
    assert leftovers.sweep(database, place) == 0
    assert all(file.exists() for file in files)


@pytest.mark.usefixtures("later")
def test_what_was_broken_off_or_added_goes_and_what_is_needed_stays(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    (place.data / "arriving").mkdir()
    aborted = [filled(place.data / "arriving" / "tmp1234"), filled(place.data / "arriving" / "ab" / "x.zip").parent]
    aborted += [filled(place.uploads / "deadbeef" / "x.zip").parent, filled(place.uploads / "fetch-999" / "x").parent]
    in_use = {
        state: brought(database, place, who, tmp_path, f"{state}.zip", state)
        for state in ("checking", "checked", "adding", "refused")
    }
    added = brought(database, place, who, tmp_path, "added.zip", "added")
    assert leftovers.sweep(database, place) == len(aborted) + 1
    assert [path for path in aborted if path.exists()] == []
    assert all(list(folder.iterdir()) for folder in in_use.values())
    assert list(added.iterdir()) == []
    assert (place.data / "arriving").is_dir()


@pytest.mark.usefixtures("later")
def test_what_still_arrives_stays_and_so_does_a_set_that_is_fetched(database: Database, place: Place, who: Who) -> None:
    with database.session() as session:
        job = jobs.enqueue(session, who, who.projects[0], Fetch(name="x"))
        number = job.id
    fetched = filled(place.uploads / f"fetch-{number}" / "x.npz")
    arriving = filled(place.data / "arriving" / "tmp1")
    ahead = time.time() - 60  # written a minute before the sweep
    os.utime(arriving, (ahead, ahead))
    assert leftovers.sweep(database, place) == 0
    assert fetched.exists() and arriving.exists()


@pytest.mark.usefixtures("later")
def test_uploads_that_nobody_came_back_to_go_with_their_files(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    old = [brought(database, place, who, tmp_path, f"{state}.zip", state) for state in ("refused", "checked")]
    busy = brought(database, place, who, tmp_path, "busy.zip", "checking")
    long_ago = now() - timedelta(days=31)
    with database.session() as session:
        session.execute(update(Upload).values(created=long_ago))
        session.execute(update(Job).where(Job.state == "done").values(ended=long_ago))
    assert leftovers.sweep(database, place) == 2
    assert not any(folder.exists() for folder in old) and busy.exists()
    assert [upload.name for upload in sets.uploads(database, who, who.projects[0])] == ["busy.zip"]


def test_it_is_swept_at_once_and_again_after_each_hour_whatever_goes_wrong(
    database: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert leftovers.SECONDS_BETWEEN_SWEEPS == 3600
    rounds, numbers = Queue[int](), count(1)

    def sweep(db: Database, where: Place) -> int:
        rounds.put(number := next(numbers))
        if number == 2:
            raise OSError("not this time")
        if number == 3:
            Event().wait()  # for ever: the thread would go on sweeping among other tests
        return 0

    monkeypatch.setattr(leftovers, "sweep", sweep)
    monkeypatch.setattr(leftovers, "SECONDS_BETWEEN_SWEEPS", 0.05)
    leftovers.sweep_for_ever(database, place)
    assert [rounds.get(timeout=120) for _ in range(3)] == [1, 2, 3]
