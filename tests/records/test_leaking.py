"""A run on a version whose splits share patients or pictures is refused, accepted by name, or made needless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.case import ImageSet
from core.errors import DataError, SettingsError
from core.records import audit, jobs
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.sets import leaking, sets
from core.records.tables import Version
from core.sets.version import read_version
from tests.records.conftest import Others

SETTINGS: dict[str, Any] = {"vlm": {"family": "starter"}, "tsm": [], "method": {"name": "vanilla"}}


@pytest.fixture
def shared(database: Database, place: Place, who: Who, cells: ImageSet) -> Version:
    """A test case is of the patient of two training cases."""
    cases = [replace(case, patient="P0") if case.id == "cell_4.png" else case for case in cells.cases]
    return sets.write_version(database, place, cells.with_cases(cases), who=who, project_id=who.projects[0])


def test_a_run_on_it_is_refused_with_the_way_out(database: Database, place: Place, who: Who, shared: Version) -> None:
    with pytest.raises(DataError, match=r"1 of 2 test cases are of patients learned from .*under Versions.*Leakage"):
        runs.queue_run(database, place, who, shared.id, "", SETTINGS)
    assert runs.runs(database, who, who.projects[0]) == []


def test_who_accepts_it_is_whoever_queues_the_run(database: Database, place: Place, who: Who, shared: Version) -> None:
    accepted = {**SETTINGS, "leakage": {"accepted_by": "somebody else", "why": " the official split "}}
    run = runs.queue_run(database, place, who, shared.id, "", accepted)
    assert run.settings["leakage"] == {"accepted_by": who.name, "why": "the official split"}
    nothing = {**SETTINGS, "leakage": {"accepted_by": "somebody", "why": " "}}
    with pytest.raises(DataError, match="Figures would come out too good"):
        runs.queue_run(database, place, who, shared.id, "", nothing)


def test_a_version_without_leakage_is_made_of_it_and_run_on(
    database: Database, place: Place, who: Who, shared: Version
) -> None:
    for way, cases in (("withdraw", 8), ("regroup", 10)):
        made, left_out = leaking.settle(database, place, who, shared.id, way)  # type: ignore[arg-type]
        assert (made.cases, left_out, made.made_from) == (cases, 10 - cases, shared.id)
        assert made.note.startswith("version 1, ")
        assert not leaking.version_leaks(database, who, made.id).is_any
        assert runs.queue_run(database, place, who, made.id, "", SETTINGS).version_id == made.id
        image_set = read_version(place.versions / made.hash, place.store)
        assert {case.split for case in image_set.cases} == {"train", "val", "test"}
    acts = [entry.action for entry in audit.entries(database, who, who.projects[0])]
    assert acts.count("new version") == 3


def test_settling_is_asked_for_as_a_job_by_those_who_may(
    database: Database, place: Place, who: Who, shared: Version, others: Others
) -> None:
    job = jobs.job(database, who, leaking.request_settle(database, place, who, shared.id, "withdraw"))
    assert (job.kind, job.queue, job.payload) == ("settle", "intake", {"version": shared.id, "way": "withdraw"})
    with pytest.raises(NotAllowed):
        leaking.request_settle(database, place, others.stranger, shared.id, "withdraw")
    with pytest.raises(SettingsError, match="way"):
        leaking.request_settle(database, place, who, shared.id, "burn")
