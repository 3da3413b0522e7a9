"""An ask, answered by a finished run in the worker's own process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from core.case import ImageSet
from core.records import jobs
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import questions, runs
from core.records.sets import sets
from core.records.tables import Job
from tests.records.conftest import cells  # noqa: F401
from worker import open_runs
from worker.context import Hands
from worker.tasks import carry_out

pytestmark = pytest.mark.slow


def test_every_reader_answers_in_new_words_and_the_model_stays_loaded(
    database: Database,
    place: Place,
    who: Who,
    cells: ImageSet,  # noqa: F811
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    settings: dict[str, Any] = {"vlm": {"family": "starter"}, "method": {"name": "vanilla"}}
    run = runs.queue_run(database, place, who, version.id, "finished", settings)
    shutil.copytree(finished, place.runs / run.key)
    with database.session() as session:
        session.get_one(Job, run.job_id).state = "done"
    hands = Hands(place, database, "read", "read@here:1", lambda: False)
    monkeypatch.setattr(open_runs, "_loaded", type(open_runs._loaded)())
    simple = ("tsm", "knn", "probe-connector", "tsm+probe", "tsm-probe-mean")
    for _ in range(2):
        asked = questions.ask(database, place, who, run.id, 3, "Is it light?")
        claimed = jobs.claim(database, asked, hands.name)
        assert claimed is not None
        carry_out(hands, claimed)
        told = questions.answer(database, who, asked)
        assert (told.state, told.error) == ("done", None)
        conclusions = {reader.name: conclusion for reader, conclusion in told.conclusions.items()}
        assert conclusions.keys() == {*simple, "vlm", "vanilla", "vitask", "vitask+tsm"} and told.task
        for conclusion in conclusions.values():
            likely = conclusion.answer.probabilities
            assert sum(likely) == pytest.approx(1, abs=1e-3)
            assert conclusion.labels == (told.task.answers[likely.index(max(likely))],)
        assert told.unlike.is_unlike is False and "nearer to what the run learned" in told.unlike.text
        assert told.seconds is not None and conclusions["vitask"].answer.text is not None
    assert len(open_runs._loaded) == 1
