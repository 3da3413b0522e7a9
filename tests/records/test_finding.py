"""Searches in the records: who may search what, what is refused, what a worker is told and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.case import ImageSet
from core.errors import CoreError
from core.records import jobs, payloads
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.payloads import Find
from core.records.place import Place
from core.records.runs import finding, runs
from core.records.runs.outcomes import Match, Matches
from core.records.sets import sets
from core.records.tables import Job, Run, Version

SETTINGS: dict[str, Any] = {"vlm": {"family": "starter"}, "method": {"name": "discriminative"}}


@pytest.fixture
def version(database: Database, place: Place, who: Who, cells: ImageSet) -> Version:
    return sets.write_version(database, place, cells, who=who, project_id=who.projects[0])


def finished_run(database: Database, place: Place, who: Who, version: Version, **settings: Any) -> Run:
    run = runs.queue_run(database, place, who, version.id, "searchable", SETTINGS | settings)
    with database.session() as session:
        session.get_one(Job, run.job_id).state = "done"
    return run


def claimed_search(database: Database, job_id: int) -> tuple[jobs.Claimed, Find]:
    claimed = jobs.claim(database, job_id, "reader")
    assert claimed is not None
    return claimed, Find.parse(claimed.payload, "payload")


def test_a_worker_is_told_what_to_search_and_its_matches_come_back_with_their_numbers(
    database: Database, place: Place, who: Who, version: Version
) -> None:
    run = finished_run(database, place, who, version)
    job_id = finding.find(database, place, who, run.id, "pale and small", 5, ["train"])
    claimed, payload = claimed_search(database, job_id)
    assert (claimed.queue, claimed.kind) == ("read", "find")
    assert (payload.words, payload.image, payload.case, payload.most) == ("pale and small", "", "", 5)
    assert (payload.splits, payload.leaves_out_patient) == (("train",), False)
    waiting = finding.matches(database, who, job_id)
    assert (waiting.state, waiting.matches, waiting.seconds) == ("running", (), None)
    name = sets.case(database, who, version.id, 2).name
    near = [
        Match(case=name, labels=("light",), split="train", patient=None, cosine=0.9),
        Match(case="gone.png", labels=(), split="test", patient="P1", cosine=0.5),
    ]
    jobs.finish(database, claimed, Matches(matches=tuple(near), searched=42, seconds=0.1).plain())
    done = finding.matches(database, who, job_id)
    assert (done.state, done.searched, done.seconds) == ("done", 42, 0.1)
    assert done.matches == tuple(near) and done.numbers == {name: 2}


def test_a_case_is_named_and_a_picture_goes_into_the_store(
    database: Database, place: Place, who: Who, version: Version, tmp_path: Path
) -> None:
    run, row = finished_run(database, place, who, version), sets.case(database, who, version.id, 3)
    _, payload = claimed_search(database, finding.find(database, place, who, run.id, 3, leaves_out_patient=True))
    assert (payload.case, payload.leaves_out_patient) == (row.name, True)
    content, _ = sets.image(database, place, who, version.id, 3)
    _, payload = claimed_search(database, finding.find(database, place, who, run.id, content))
    assert len(payload.image) == 64 and payload.case == payload.words == ""
    assert finding.number_of(database, who, run.id, f" {row.name} ") == 3
    with pytest.raises(CoreError, match=r'have none called "nobody.png"'):
        finding.number_of(database, who, run.id, "nobody.png")


def test_what_cannot_be_searched_is_refused_with_a_reason(
    database: Database, place: Place, who: Who, version: Version
) -> None:
    run = finished_run(database, place, who, version)
    other = finished_run(database, place, who, version, method={"name": "vanilla"})
    unfinished = runs.queue_run(database, place, who, version.id, "waits", SETTINGS)
    for run_id, wanted, more, message in (
        (other.id, "pale", {}, "its method makes no index"),
        (unfinished.id, "pale", {}, "not finished"),
        (run.id, "  ", {}, "No words were given"),
        (run.id, "x" * 20_001, {}, "More than 20,000 characters"),
        (run.id, b"no picture", {}, "uploaded file"),
        (run.id, 10_000, {}, "no case 10000"),
        (run.id, "pale", {"splits": ["all"]}, 'no split called "all"'),
        (run.id, "pale", {"most": 0}, "Between 1 and 200"),
    ):
        with pytest.raises(CoreError, match=message):
            finding.find(database, place, who, run_id, wanted, **more)


def test_somebody_of_another_project_finds_nothing(
    database: Database, place: Place, who: Who, version: Version
) -> None:
    run = finished_run(database, place, who, version)
    job_id = finding.find(database, place, who, run.id, "pale")
    stranger = Who(99, "stranger", "researcher", (who.projects[0] + 1,))
    content, _ = sets.image(database, place, who, version.id, 3)
    for wanted in ("pale", content, 3):
        with pytest.raises(NotAllowed):
            finding.find(database, place, stranger, run.id, wanted)
    with pytest.raises(NotAllowed):
        finding.matches(database, stranger, job_id)
    with pytest.raises(NotAllowed):
        finding.number_of(database, stranger, run.id, "case")


def test_an_ask_is_no_search(database: Database, place: Place, who: Who, version: Version) -> None:
    with database.session() as session:
        question = jobs.enqueue(session, who, who.projects[0], payloads.Ask(run=1, image="0" * 64))
    with pytest.raises(NotAllowed):
        finding.matches(database, who, question.id)


def test_only_runs_whose_method_embeds_are_searchable(
    database: Database, place: Place, who: Who, version: Version
) -> None:
    made = [finished_run(database, place, who, version, method={"name": name}) for name in ("discriminative", "vitask")]
    assert [runs.run(database, who, run.id).is_searchable for run in made] == [True, False]
