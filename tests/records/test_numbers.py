"""What is new never has the number of something that was erased: browsers and programs may still name that."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, insert, select, text
from sqlalchemy.exc import DBAPIError

from core.case import ImageSet
from core.records import jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.erasing import erasing, erasing_projects, erasing_sets
from core.records.payloads import Check
from core.records.place import Place
from core.records.review import reviews
from core.records.sets import sets, uploads
from core.records.tables import Job, Project, Run, Upload
from tests.records.search import finish
from tests.records.test_erasing import finished


def test_a_verdict_on_its_way_to_an_erased_review_reaches_no_other(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    first = searched(database, place, who, version.id, cells)
    erasing_sets.erase_review(database, place, who, first)
    assert searched(database, place, who, version.id, cells) > first


def test_a_run_has_a_number_of_its_own(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    numbers = []
    for _ in range(3):
        run = finished(database, place, who, version.id, "A run")
        erasing.erase_run(database, place, who, run.id)
        numbers.append(run.id)
    assert numbers == sorted(set(numbers))


def test_sets_and_versions_have_too(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    """An open page would show, and redraw boxes on, the cases of another set."""
    project = who.projects[0]
    first = sets.write_version(database, place, cells, who=who, project_id=project, name="Cells")
    erasing_sets.erase_set(database, place, who, first.set_id)
    second = sets.write_version(database, place, cells, who=who, project_id=project, name="Cells")
    assert (second.id > first.id, second.set_id > first.set_id) == (True, True)


def test_what_went_with_its_project_keeps_its_numbers(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    own = people.add_project(database, who, "Short")
    acting = people.person(database, who.id)
    version = sets.write_version(database, place, cells, who=acting, project_id=own)
    review = searched(database, place, acting, version.id, cells)
    run = finished(database, place, acting, version.id, "A run")
    erasing_projects.erase_project(database, place, acting, own)
    with database.reading() as session:
        assert session.get(Run, run.id) is None
    again = sets.write_version(database, place, cells, who=acting, project_id=who.projects[0])
    assert (again.id > version.id, again.set_id > version.set_id) == (True, True)
    assert searched(database, place, acting, again.id, cells) > review
    assert finished(database, place, acting, again.id, "A run").id > run.id


def test_uploads_and_jobs_have_too(database: Database, place: Place, who: Who, tmp_path: Path) -> None:
    """A tray in a browser would settle the pictures of another upload, a download lead to another zip."""
    uploaded, done = [], []
    for _ in range(2):
        (tmp_path / "a.zip").write_bytes(b"a zip")
        upload = uploads.new_upload(database, place, who, who.projects[0], tmp_path / "a.zip", "a.zip")
        uploads.discard_upload(database, place, who, upload.id)
        uploaded.append(upload.id)
        with database.session() as session:
            job = jobs.enqueue(session, who, who.projects[0], Check(upload=upload.id))
            session.flush()
            done.append(job.id)
            session.delete(job)
    assert (uploaded[1] > uploaded[0], done[1] > done[0]) == (True, True)


def test_what_an_older_database_holds_stays_and_is_counted_on_from(empty: Database) -> None:
    with empty.changing() as connection:
        empty.migrate(connection, "upgrade", "0011")
        fill(connection)
        was = rows_of(connection)
    empty.upgrade()
    with empty.changing() as connection:
        assert rows_of(connection) == was
        for table in ("uploads", "jobs"):
            connection.execute(text(f"delete from {table} where id = 2"))
    with empty.session() as session:
        project = session.get_one(Project, 1)
        job = Job(queue="read", kind="find", project_id=project.id)
        session.add_all([job, Upload(project_id=project.id, person_id=1, name="c", key="c")])
        session.flush()
        assert job.id == 3 and session.scalars(select(Upload.id).order_by(Upload.id)).all() == [1, 3]
    for change, why in (
        ("update jobs set state = 'lost'", "state_known"),
        ("update jobs set queue = 'lost'", "queue_known"),
        ("update jobs set wish = 'lost'", "wish_known"),
        ("update uploads set state = 'lost'", "state_known"),
        ("update uploads set key = 'a'", "(?i)unique"),
        ("update jobs set project_id = 9", "(?i)foreign key"),
        ("update log_lines set job_id = 9", "(?i)foreign key"),
    ):
        with empty.engine.connect() as connection, pytest.raises(DBAPIError, match=why):
            connection.execute(text(change))
            connection.commit()
    empty.downgrade("0011")
    with empty.engine.connect() as connection:
        assert [row[0] for row in rows_of(connection)["jobs"]] == [1, 3]


def fill(connection: Connection) -> None:
    """Two jobs, one with a line of a log, and two uploads."""
    metadata = MetaData()
    metadata.reflect(connection)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def add(table: str, *rows: dict[str, Any]) -> None:
        connection.execute(insert(metadata.tables[table]), list(rows))

    add("people", {"name": "anna", "role": "admin", "is_active": True, "created": noon})
    add("projects", {"name": "one", "created": noon})
    job = {"queue": "intake", "kind": "check", "project_id": 1, "payload": {}, "state": "done", "wish": ""}
    job |= {"position": 1.0, "attempts": 1, "most_attempts": 3, "progress": {}, "created": noon}
    add("jobs", job, job)
    add("log_lines", {"job_id": 1, "number": 1, "text": "a line", "at": noon})
    upload = {"project_id": 1, "person_id": 1, "size": 1, "state": "checked", "options": {}, "created": noon}
    add("uploads", *({**upload, "name": key, "key": key, "job_id": 1} for key in "ab"))


def rows_of(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    metadata = MetaData()
    metadata.reflect(connection)
    tables = [metadata.tables[name] for name in ("jobs", "uploads", "log_lines")]
    columns = [sorted(table.columns, key=lambda column: (column.name != "id", column.name)) for table in tables]
    return {
        table.name: [tuple(row) for row in connection.execute(select(*own).order_by(*table.primary_key.columns))]
        for table, own in zip(tables, columns, strict=True)
    }


def searched(database: Database, place: Place, who: Who, version_id: int, cells: ImageSet) -> int:
    view = reviews.queue_review(database, place, who, version_id)
    finish(database, place, view.job_id, cells)
    shutil.rmtree(place.data / f"search {view.job_id}")
    return view.id
