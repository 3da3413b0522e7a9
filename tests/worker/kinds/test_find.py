"""A search, carried out in the worker's own process on a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.case import ImageSet
from core.records import jobs
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import finding, runs
from core.records.sets import sets
from core.records.tables import Job
from core.runs.folder import Folder
from core.runs.runfile import make_run
from core.runs.tune import tune
from tests import run_files
from tests.records.conftest import cells  # noqa: F401
from worker import open_runs
from worker.context import Hands
from worker.tasks import carry_out

pytestmark = pytest.mark.slow


def test_words_pictures_and_cases_find_their_like_and_only_what_is_wanted(
    database: Database,
    place: Place,
    who: Who,
    cells: ImageSet,  # noqa: F811
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    method: dict[str, Any] = {"name": "discriminative"}
    run = runs.queue_run(
        database, place, who, version.id, "searchable", {"vlm": {"family": "starter"}, "method": method}
    )
    values = run_files.values([], checkpoint, tsm=[], training={"steps": 2})
    images = runs.settings_here(place, runs.run_of_job(database, run.job_id))["images"]
    folder = place.runs / run.key
    tune(make_run(values | {"images": images, "method": method}), folder)
    with database.session() as session:
        session.get_one(Job, run.job_id).state = "done"
    hands = Hands(place, database, "read", "read@here:1", lambda: False)
    monkeypatch.setattr(open_runs, "_loaded", type(open_runs._loaded)())

    def search_for(wanted: str | bytes | int, **more: Any) -> finding.Search:
        job_id = finding.find(database, place, who, run.id, wanted, **more)
        claimed = jobs.claim(database, job_id, hands.name)
        assert claimed is not None
        carry_out(hands, claimed)
        search = finding.matches(database, who, job_id)
        assert (search.state, search.error) == ("done", None)
        assert list(search.numbers) and search.searched == len(cells.cases)
        return search

    own = sets.case(database, who, version.id, 4)
    content, _ = sets.image(database, place, who, version.id, 4)
    assert search_for(content, most=3).matches[0].case == own.name
    like = search_for(4, most=len(cells.cases))
    assert own.name not in {match.case for match in like.matches} and len(like.matches) == len(cells.cases) - 1
    assert own.patient is not None
    without = search_for(4, most=len(cells.cases), leaves_out_patient=True)
    assert own.patient in {match.patient for match in like.matches}
    assert own.patient not in {match.patient for match in without.matches}
    tested = search_for("a light cell", most=len(cells.cases), splits=["test"])
    assert {match.split for match in tested.matches} == {"test"}
    assert len(open_runs._loaded) == 1
    Folder(folder).index.unlink()
    assert search_for("a light cell").matches[0] == search_for("a light cell").matches[0]
    assert Folder(folder).index.is_file()
