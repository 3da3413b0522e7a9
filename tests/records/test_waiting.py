"""Pictures that wait for a look: who sees them, who decides, what the audit log says; nothing is kept before."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataError
from core.records import audit
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets, tray
from core.records.sets.sets import UploadError
from core.records.tables import Job
from tests.deid.burning import FAMILY
from tests.records.held import brought

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What waits is in files: the kind of database makes no difference."""


@pytest.fixture
def waiting(database: Database, place: Place, who: Who, tmp_path: Path) -> int:
    return brought(database, place, who, tmp_path / "came")


def test_pictures_wait_and_nothing_is_added_before(database: Database, place: Place, who: Who, waiting: int) -> None:
    assert [held.place for held in tray.waiting(database, place, who, waiting)] == ["a.dcm", "b.dcm"]
    with pytest.raises(UploadError, match="2 pictures wait for a look"):
        sets.request_add(database, place, who, waiting, "scans", {}, {})
    assert tray.held_view(database, place, who, waiting, 1, 0).startswith(b"\x89PNG")
    with pytest.raises(NotAllowed):
        tray.held_view(database, place, who, waiting, 1, 99)


def test_who_may_not_bring_images_sees_none_of_it(database: Database, place: Place, who: Who, waiting: int) -> None:
    reader = Who(who.id, "reader", "reviewer", who.projects)
    stranger = Who(who.id, "stranger", "admin", ())
    for other in (reader, stranger):
        with pytest.raises(NotAllowed):
            tray.waiting(database, place, other, waiting)
        with pytest.raises(NotAllowed):
            tray.held_view(database, place, other, waiting, 1, 0)
        with pytest.raises(NotAllowed):
            tray.settle(database, place, other, waiting, 1, "release")


def test_the_log_says_who_decided_what_and_not_what_is_written(
    database: Database, place: Place, who: Who, waiting: int
) -> None:
    assert tray.settle(database, place, who, waiting, 1, "mask", with_alike=True) == [1, 2]
    upload = sets.upload(database, who, waiting)
    assert upload.state == "checking", "none waits any more"
    row = next(row for row in audit.entries(database, who) if row.action == "mask picture")
    assert (row.who, row.subject) == (who.name, f"upload {waiting}: 1, 2")
    assert row.details == {"pictures": 2, "reasons": ["person"], "rectangles": 1}
    assert FAMILY not in str(row.details)
    with pytest.raises(UploadError, match="2 pictures wait"):  # decided, and not done yet
        sets.request_add(database, place, who, waiting, "scans", {}, {})
    tray.gate_of(place, upload).close()
    assert tray.tray_words(place, upload) == "pictures looked at for what is written in them: 2 masked"
    assert sorted(file.name for file in sets.upload_path(place, upload).glob("*.dcm")) == ["a.dcm", "b.dcm", "c.dcm"]
    with database.session() as session:
        session.get_one(Job, upload.job_id).state = "done"
    sets.set_upload(database, waiting, "checked", {})
    assert sets.request_add(database, place, who, waiting, "scans", {}, {}) > 0


def test_nobody_decides_twice_nor_what_can_t_be(database: Database, place: Place, who: Who, waiting: int) -> None:
    tray.settle(database, place, who, waiting, 1, "release")
    assert [held.number for held in tray.waiting(database, place, who, waiting)] == [2], "the other waits still"
    report = sets.upload(database, who, waiting).report
    assert report is not None and report["waiting"] == 1
    assert report["findings"][0]["message"].startswith("One picture waits for a look")
    with pytest.raises(DataError, match="not waiting"):
        tray.settle(database, place, who, waiting, 1, "reject")
    with pytest.raises(UploadError, match="can't be done"):
        tray.settle(database, place, who, waiting, 2, "publish")
    with pytest.raises(UploadError, match="four numbers"):
        tray.settle(database, place, who, waiting, 2, "mask", [[1, 2, 3]])
    with pytest.raises(UploadError, match="holds nothing"):
        tray.settle(database, place, who, waiting, 2, "mask", [[300, 2, 400, 9]])
    sets.set_upload(database, waiting, "adding")
    with pytest.raises(UploadError, match="Wait"):
        tray.settle(database, place, who, waiting, 2, "release")
