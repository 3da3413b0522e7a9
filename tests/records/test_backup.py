"""A studio is destroyed and comes back: the same rows to the byte, figures, readings, pictures; in either database."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from core.case import ImageSet
from core.readings import reading
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.records import audit, jobs, rows, startup
from core.records import backup as backups
from core.records.accounts import people
from core.records.accounts.people import Who
from core.records.backup import BackupError, backup
from core.records.database import Database
from core.records.place import Place
from core.records.restore import restore, verified
from core.records.runs import runs
from core.records.sets import sets
from core.records.tables import Project
from core.sets.version import read_version
from core.training import checkpoints
from tests.records.conftest import KINDS, lent

SETTINGS: dict[str, Any] = {"vlm": {"family": "starter"}, "tsm": [{"name": "convnet"}], "method": {"name": "vanilla"}}
METRICS = {"readers": {"vanilla": {"accuracy": {"value": 2 / 3, "low": 0.1 + 0.2, "high": None}}}}


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An empty database of each kind, to restore into."""
    if request.param == "sqlite":
        yield Database(f"sqlite:///{tmp_path / 'elsewhere' / 'studio.db'}")
    else:
        yield from lent(request.getfixturevalue("postgres"), "template1")


@pytest.fixture
def run_id(database: Database, place: Place, who: Who, cells: ImageSet) -> int:
    """A studio with people, a set, a finished run with readings, and words of all kinds in its audit."""
    people.add_person(database, "ada", "a long password of hers", "admin", who.projects, who)
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    run = runs.queue_run(database, place, who, version.id, 'Erste "Nacht" \\ 夜', SETTINGS)
    claimed = jobs.claim(database, run.job_id, "test")
    assert claimed is not None
    folder = place.runs / run.key
    readings = [
        Reading("cells", f"cell_{n}.png", "test", "vanilla", ("dark",), None, Answer((0.1 * n, 1 - 0.1 * n)))
        for n in (1, 2)
    ]
    reading.save(readings, folder / "readings" / "test.parquet")
    (folder / "engine.lock").write_text("{}")
    runs.take_events(
        database, run.id, 0, [{"kind": "step", "stage": "tsm", "step": 1, "steps": 1, "losses": {"a": 1e-7}}]
    )
    runs.set_metrics(database, run.id, METRICS)
    jobs.log(database, run.job_id, ["line\twith\\n odd 'signs'", "ünïcode 🩺"])
    jobs.finish(database, claimed, {})
    with database.session() as session:
        audit.note(session, who, "odd", None, "x" * 900, nested={"b": [1, 2.5, None, True], "a": "é"})
    return run.id


def lines(database: Database, folder: Path) -> dict[str, bytes]:
    with database.snapshot() as connection:
        rows.dump(connection, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def put(folder: Path, database: Database) -> Place:
    return Place.at(folder).model_copy(update={"database": database.url.render_as_string(hide_password=False)})


def destroy(place: Place, database: Database) -> None:
    """All that there was, but an empty server."""
    if not database.is_sqlite:
        with database.changing() as connection:
            connection.execute(text("drop schema public cascade"))
            connection.execute(text("create schema public"))
    url = database.url.database
    database.dispose()
    shutil.rmtree(place.data)
    if database.is_sqlite:
        for file in Path(str(url)).parent.glob(f"{Path(str(url)).name}*"):
            file.unlink()


def test_a_destroyed_studio_comes_back_as_it_was(
    database: Database, place: Place, run_id: int, who: Who, tmp_path: Path
) -> None:
    before = lines(database, tmp_path / "before")
    view = runs.run(database, who, run_id)
    answers = reading.load(runs.readings_path(place, view, "test"))
    backup(database, place, tmp_path / "kept")
    destroy(place, database)
    fresh = put(place.data, database)
    restore(tmp_path / "kept", database, fresh)
    assert lines(database, tmp_path / "after") == before
    again = runs.run(database, who, run_id)
    assert (again.metrics, again.name, again.version_id) == (METRICS, view.name, view.version_id)
    assert reading.load(runs.readings_path(fresh, again, "test")) == answers
    version = sets.version(database, who, view.version_id)
    loaded = read_version(fresh.versions / version.hash, fresh.store)
    assert [case.pixels.load().size for case in loaded.cases] == [(30, 20)] * 10
    assert not list(fresh.runs.rglob("engine.lock"))
    assert people.sign_in(database, "ada", "a long password of hers", "127.0.0.1")
    people.add_project(database, who, "a new row gets a number that is free")


def test_what_reviews_uploads_and_exports_left_comes_back(
    database: Database, place: Place, run_id: int, tmp_path: Path
) -> None:
    files = [place.data / folder / "12" / "left.txt" for folder in ("reviews", "uploads", "exports")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.parts[-3])
    backup(database, place, tmp_path / "kept")
    destroy(place, database)
    restore(tmp_path / "kept", database, put(place.data, database))
    assert [file.read_text() for file in files] == ["reviews", "uploads", "exports"]


def test_a_studio_moves_to_another_place_and_the_other_kind_of_database(
    database: Database, place: Place, other: Database, run_id: int, who: Who, tmp_path: Path
) -> None:
    before = lines(database, tmp_path / "before")
    backup(database, place, tmp_path / "kept")
    there = put(tmp_path / "elsewhere", other)
    restore(tmp_path / "kept", other, there)
    assert lines(other, tmp_path / "after") == before
    assert runs.run(other, who, run_id).metrics == METRICS
    people.add_project(other, who, "a new row gets a number that is free")
    other.dispose()


def test_pictures_in_object_storage_are_saved_too(
    database: Database, place: Place, who: Who, cells: ImageSet, tmp_path: Path
) -> None:
    away = place.model_copy(update={"store": f"memory://{tmp_path.name}-first"})
    version = sets.write_version(database, away, cells, who=who, project_id=who.projects[0])
    backup(database, away, tmp_path / "kept")
    database.dispose()
    there = away.model_copy(update={"store": f"memory://{tmp_path.name}-second"})
    restore(tmp_path / "kept", database, there, is_replacing=True)
    loaded = read_version(there.versions / version.hash, there.store)
    assert [case.pixels.load().size for case in loaded.cases] == [(30, 20)] * 10


def test_what_is_there_is_replaced_only_where_that_is_wished(
    database: Database, place: Place, run_id: int, who: Who, tmp_path: Path
) -> None:
    before = lines(database, tmp_path / "before")
    backup(database, place, tmp_path / "kept")
    people.add_project(database, who, "Later")
    (place.runs / "later").mkdir()
    with pytest.raises(BackupError, match=r"There is a studio in .* already.*--replace"):
        restore(tmp_path / "kept", database, place)
    assert "Later" in [name for _, name in people.projects_of(database, people.local(database))]
    database.dispose()
    restore(tmp_path / "kept", database, place, is_replacing=True)
    assert lines(database, tmp_path / "after") == before
    assert not (place.runs / "later").exists()
    assert not list(place.data.glob(".restore-*"))


@pytest.mark.parametrize("hurt", ["byte", "missing", "list"])
def test_a_damaged_backup_changes_nothing(
    database: Database, place: Place, run_id: int, who: Who, tmp_path: Path, hurt: str
) -> None:
    backup(database, place, tmp_path / "kept")
    before = lines(database, tmp_path / "before")
    file = next((tmp_path / "kept" / "files" / "store").rglob("*.*"), None) or next(
        path for path in (tmp_path / "kept" / "files" / "store").rglob("*") if path.is_file()
    )
    if hurt == "byte":
        held = bytearray(file.read_bytes())
        held[-1] ^= 1
        file.write_bytes(held)
    elif hurt == "missing":
        file.unlink()
    else:
        about = tmp_path / "kept" / "backup.json"
        about.write_text(about.read_text().replace('"size": ', '"size": 1'))
    database.dispose()
    with pytest.raises(BackupError, match="damaged"):
        restore(tmp_path / "kept", database, place, is_replacing=True)
    assert lines(database, tmp_path / "after") == before


def test_a_backup_of_a_newer_version_changes_nothing(
    database: Database, place: Place, run_id: int, tmp_path: Path
) -> None:
    about = backup(database, place, tmp_path / "kept")
    before = lines(database, tmp_path / "before")
    replace(about, revision="9999").write(tmp_path / "kept")
    with pytest.raises(BackupError, match="made by a newer version"):
        restore(tmp_path / "kept", database, place, is_replacing=True)
    assert lines(database, tmp_path / "after") == before


def test_a_backup_is_of_one_moment_while_the_studio_goes_on(
    database: Database, place: Place, run_id: int, who: Who, tmp_path: Path
) -> None:
    """Rows come in pairs, and checkpoints go as new ones come: a backup holds whole pairs and whole checkpoints."""
    is_over, stage = threading.Event(), place.runs / "going" / "stage-1"
    stage.mkdir(parents=True)
    (stage.parent / "settings.yaml").write_text("{}")

    def write() -> None:
        step = 0
        while not is_over.is_set():
            step += 1
            with database.session() as session:
                session.execute(insert(Project), [{"name": f"{half} {step}"} for half in "ab"])
            draft = stage / f"step-{step:08d}.part"
            draft.mkdir()
            for name in (checkpoints.WEIGHTS, checkpoints.STATE):
                (draft / name).write_text(str(step))
            draft.rename(stage / f"step-{step:08d}")
            shutil.rmtree(stage / f"step-{step - 1:08d}", ignore_errors=True)
            is_over.wait(0.01)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        while writing.is_alive() and not checkpoints.checkpoints(stage):
            time.sleep(0.01)
        for number in range(3):
            backup(database, place, tmp_path / f"kept-{number}")
    finally:
        is_over.set()
        writing.join()
    for number in range(3):
        kept = tmp_path / f"kept-{number}"
        verified(kept)
        rows = [json.loads(line) for line in (kept / "records" / "projects.jsonl").read_text().splitlines()]
        names = {row[rows[0].index("name")] for row in rows[1:]}
        assert {name[2:] for name in names if name[:2] == "a "} == {name[2:] for name in names if name[:2] == "b "}
        steps = checkpoints.checkpoints(kept / "files" / "runs" / "going" / "stage-1")
        assert steps and all(len(list(step.iterdir())) == 2 for step in steps)


def test_all_tables_of_a_backup_are_of_one_moment(
    database: Database, place: Place, who: Who, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = rows._dump

    def dump_late(connection: Any, table: Any, file: Path) -> int:
        people.add_project(database, who, f"added before {table.name} is saved")
        return dump(connection, table, file)

    monkeypatch.setattr(rows, "_dump", dump_late)
    backup(database, place, tmp_path / "kept")
    for file in (tmp_path / "kept" / "records").iterdir():
        assert "added before" not in file.read_text(), file.name


@pytest.mark.parametrize("call", [1, 2])
def test_a_checkpoint_that_goes_while_it_is_listed_is_waited_out(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the links are made, or after."""
    (tmp_path / "going").mkdir()
    (tmp_path / "going" / "settings.yaml").write_text("{}")
    names, calls = backups._names, iter(range(1, 10))

    def listed(path: Path) -> list[Path]:
        if next(calls) == call:
            raise FileNotFoundError("stage-1/step-00000013")
        return names(path)

    monkeypatch.setattr(backups, "_names", listed)
    backups._hold(tmp_path / "going", tmp_path / "held")
    assert (tmp_path / "held" / "settings.yaml").read_text() == "{}"


def test_tables_of_an_earlier_version_are_kept_before_they_are_changed(empty: Database, tmp_path: Path) -> None:
    place = put(tmp_path / "data", empty)
    empty.upgrade()
    people.add_project(empty, people.local(empty), "kept")
    empty.downgrade("0002")
    opened = startup.open_sound(place)
    assert opened.is_current()
    copies = list((place.data / startup.COPIES).iterdir())
    assert len(copies) == 1 and verified(copies[0]).revision == "0002"
    startup.open_sound(place).dispose()
    assert len(list((place.data / startup.COPIES).iterdir())) == 1, "where nothing changes nothing is copied"
    before = lines(opened, tmp_path / "before")
    opened.dispose()
    empty.dispose()
    restore(copies[0], opened, place, is_replacing=True)
    assert opened.is_current() and lines(opened, tmp_path / "after") == before
    for _ in range(5):
        startup.keep_copy(opened, place.data / startup.COPIES)
    assert len(list((place.data / startup.COPIES).iterdir())) == startup.COPIES_KEPT
    opened.dispose()


def test_a_backup_goes_to_an_empty_folder_outside(database: Database, place: Place, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    for target in (tmp_path / "taken", place.data / "within"):
        with pytest.raises(BackupError):
            backup(database, place, target)
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine.txt"]
    with pytest.raises(BackupError, match="is no backup"):
        restore(tmp_path / "taken", database, place)


def test_an_open_studio_is_not_restored_over(database: Database, place: Place, run_id: int, tmp_path: Path) -> None:
    from core.errors import CoreError
    from core.machine.lock import locked

    backup(database, place, tmp_path / "kept")
    with locked(place.data / "up.lock", "http://127.0.0.1:7860"), pytest.raises(CoreError, match="is open already"):
        restore(tmp_path / "kept", database, place, is_replacing=True)
