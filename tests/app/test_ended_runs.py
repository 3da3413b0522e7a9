"""Pages are told which of the person's own runs have ended since they asked last."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.records import jobs
from core.records.accounts import people
from core.records.runs import runs
from core.records.runs.ended_runs import ended_since
from core.records.tables import now
from tests.app.furnished import Furnished, browsing, furnish


@pytest.fixture
def room(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def end(room: Furnished, run_id: int, state: str) -> None:
    database = room.studio.database
    claimed = jobs.claim(database, runs.run(database, room.who, run_id).job_id, "test")
    assert claimed is not None
    if state == "done":
        jobs.finish(database, claimed, {})
    elif state == "failed":
        jobs.fail(database, claimed, "It did not work.")
    else:
        jobs.cancelled(database, claimed)


def test_a_page_hears_of_each_end_once_and_of_none_before_its_first_look(room: Furnished) -> None:
    browser = browsing(room.studio)
    first = browser.get("/ended-runs").json()
    assert first["runs"] == []
    done, failed, cancelled = (room.queue(name) for name in ("Second", "Third", "Fourth"))
    for run_id, state in ((done, "done"), (failed, "failed"), (cancelled, "cancelled")):
        end(room, run_id, state)
    second = browser.get("/ended-runs", params={"since": first["now"]}).json()
    assert second["runs"] == [
        {"id": failed, "words": "Run “Third” has failed.", "is_well": False},
        {"id": done, "words": "Run “Second” is finished.", "is_well": True},
    ]
    assert browser.get("/ended-runs", params={"since": second["now"]}).json()["runs"] == []


def test_only_whose_run_it_was_hears_of_it_and_only_while_they_see_its_project(room: Furnished) -> None:
    before, database = now(), room.studio.database
    end(room, room.queue("Second"), "done")
    other = people.add_person(database, "anna", "six herons over a pier", "admin")
    assert [run.name for run in ended_since(database, room.who, before)] == ["Second"]
    assert ended_since(database, other, before) == []
    moved = people.Who(room.who.id, room.who.name, room.who.role, ())
    assert ended_since(database, moved, before) == []


@pytest.mark.parametrize("since", ["-1", "x", "1e300", "nan", "inf"])
def test_a_time_that_is_none_is_refused(room: Furnished, since: str) -> None:
    assert browsing(room.studio).get("/ended-runs", params={"since": since}).status_code == 422
