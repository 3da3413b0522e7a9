"""A studio that can't begin says why in one sentence, with exit code 2, and leaves everything as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from core.case import ImageSet
from core.errors import CoreError
from core.records import jobs, startup
from core.records.accounts import people
from core.records.database import Database, open_database
from core.records.payloads import Tune
from core.records.place import Place
from core.records.sets import sets
from core.records.startup import open_sound

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def studio(tmp_path: Path, migrated_file: Path, cells: ImageSet) -> Place:
    """One with a set in it."""
    place = Place.at(tmp_path / "data")
    shutil.copyfile(migrated_file, place.data / "studio.db")
    database = open_database(place)
    who = people.local(database)
    sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    database.dispose()
    return place


def content(folder: Path) -> dict[str, bytes]:
    kept = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in kept.items() if not name.endswith(("-shm", "-wal", ".lock"))}


def up(data: Path, *before: str, host: str = "127.0.0.1") -> tuple[int, str]:
    """`vitask up` as a process, which ends at once here."""
    options = ["--data", str(data), "--no-browser", "--port", "1", "--host", host]
    command = [*before, sys.executable, "-m", "worker.up", *options]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=600)
    return ended.returncode, ended.stderr.strip()


def refused(place: Path, *words: str) -> None:
    before = content(place)
    code, message = up(place)
    assert code == 2 and "Traceback" not in message and message.count("\n") == 0, message
    assert all(word in message for word in words), message
    assert content(place) == before


@pytest.mark.slow
def test_a_damaged_database_is_told(studio: Place) -> None:
    file = studio.data / "studio.db"
    held = bytearray(file.read_bytes())
    held[4096:20000] = os.urandom(20000 - 4096)
    file.write_bytes(held)
    refused(studio.data, "is damaged", "vitask restore")


@pytest.mark.slow
def test_a_file_that_is_no_database_is_told(studio: Place) -> None:
    (studio.data / "studio.db").write_bytes(b"no database at all" * 1000)
    refused(studio.data, "is damaged", "file is not a database")


def test_damage_where_nothing_looks_at_first_is_told(studio: Place) -> None:
    """In the file's last page, which opening the database does not read."""
    with (studio.data / "studio.db").open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(os.urandom(4096))
    with pytest.raises(CoreError, match=r"is damaged .*vitask restore"):
        open_sound(studio)


@pytest.mark.slow
def test_a_newer_database_is_told(studio: Place) -> None:
    database = open_database(studio)
    with database.changing() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    database.dispose()
    refused(studio.data, "newer version of the studio", "9999", "Install the newer version")


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["removed", "emptied", "without rows"])
def test_a_lost_database_beside_sets_and_pictures_is_told(studio: Place, migrated_file: Path, lost: str) -> None:
    file = studio.data / "studio.db"
    file.unlink()
    if lost == "emptied":
        file.touch()
    if lost == "without rows":
        shutil.copyfile(migrated_file, file)
    refused(studio.data, "is empty, but versions and store of a studio lie in", "vitask restore")


def test_a_lost_database_on_a_server_is_told(empty: Database, studio: Place) -> None:
    there = studio.model_copy(update={"database": empty.url.render_as_string(hide_password=False)})
    with pytest.raises(CoreError, match="is empty, but versions and store"):
        open_sound(there)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["full", "read-only"])
def test_a_folder_that_takes_nothing_is_told(studio: Place, tmp_path: Path, way: str) -> None:
    data = tmp_path / "mounted"
    data.mkdir()
    options = "size=1m" if way == "full" else "size=100m"
    script = f"mount -t tmpfs -o {options} none {data}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    shell = f'{script} && {"true" if way == "full" else f"mount -o remount,ro {data}"} && exec "$@"'
    code, message = up(data, "unshare", "-rm", "sh", "-c", shell, "sh")
    assert code == 2 and "Traceback" not in message and message.count("\n") == 0, message
    assert ("is full" if way == "full" else "Read-only file system") in message


@pytest.mark.slow
def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    code, message = up(tmp_path / "data")
    assert code == 2 and "can't be used (File exists)" in message and message.count("\n") == 0


def test_what_waits_is_sent_again_where_the_queue_may_have_begun_anew(studio: Place) -> None:
    database = open_database(studio)
    who = people.local(database)
    with database.session() as session:
        job_id = jobs.enqueue(session, who, who.projects[0], Tune(run=7)).id
    code, printed = up(studio.data, host="0.0.0.0")
    assert code == 2 and "only once there are accounts" in printed, "it ends after that"
    assert jobs.job(database, who, job_id).sent is None


def test_a_studio_that_was_only_begun_goes_on(tmp_path: Path) -> None:
    """A first set that was broken off before its row was written leaves files; that is no lost database."""
    place = Place.at(tmp_path / "data")
    database = open_sound(place)
    people.local(database)
    (place.versions / "ab").mkdir(parents=True)
    open_sound(place).dispose()
    database.dispose()
    assert startup.left_beside(place) == ["versions"]
