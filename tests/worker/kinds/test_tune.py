"""How a run's own files become rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from core import events
from core.case import ImageSet
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.progress import Progress
from core.records.runs import runs
from core.records.sets import sets
from core.records.tables import Event, Run
from tests.records.conftest import cells  # noqa: F401
from worker.celery import arguments, make_app
from worker.context import Hands
from worker.kinds.tune import Telling, finished, progress_of
from worker.kinds.tune import arguments as engine

SETTINGS: dict[str, Any] = {"vlm": {"family": "starter"}, "method": {"name": "vanilla"}}


@pytest.fixture
def run(database: Database, place: Place, who: Who, cells: ImageSet) -> Run:  # noqa: F811
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    queued = runs.queue_run(database, place, who, version.id, "a run", SETTINGS)
    return runs.run_of_job(database, queued.job_id)


@pytest.fixture
def hands(place: Place, database: Database) -> Hands:
    return Hands(place, database, "tune", "tune@here:1", lambda: False)


def step(number: int, stage: str = "stage-1") -> str:
    made = events.Step(
        stage=stage,
        step=number,
        steps=9,
        losses={"van": 0.5},
        images_per_second=30.0,
        seconds_left=2.0,
        all_stages_seconds_left=7.0,
        memory_gib=0.5,
    )
    return events.as_line(made)


def told(database: Database) -> list[int | None]:
    with database.reading() as session:
        return list(session.scalars(select(Event.step).order_by(Event.number)))


def test_only_whole_lines_are_taken_and_none_twice(hands: Hands, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    telling = Telling(hands, run, tmp_path)
    assert telling([]) == Progress(), "before the engine has begun"
    file.write_text(step(1) + step(2)[:20])
    assert telling([]).done == 1
    file.write_text(step(1) + step(2) + step(3))
    assert telling([]).done == 3
    assert told(hands.database) == [1, 2, 3]
    assert Telling(hands, run, tmp_path)([]).done == 3, "as another worker reads it again"
    assert told(hands.database) == [1, 2, 3]


def test_a_line_that_was_broken_off_is_left_out_and_keeps_its_number(hands: Hands, run: Run, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(step(1) + step(2)[:30] + "\n" + step(2))
    Telling(hands, run, tmp_path)([])
    assert told(hands.database) == [1, 2]


def test_progress_is_told_in_words_and_numbers() -> None:
    assert progress_of(step(4)) == Progress(
        done=4,
        whole=9,
        seconds_left=7.0,
        stage_seconds_left=2.0,
        images_per_second=30.0,
        memory_gib=0.5,
        text="stage-1, step 4 of 9",
    )
    reading = events.CasesRead(split="test", readers="vlm", done=2, whole=8)
    assert progress_of(events.as_line(reading)).text == "Reading test cases"
    assert progress_of("{broken") == Progress()


def test_the_settings_that_the_engine_filled_in_are_kept(hands: Hands, run: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(SETTINGS | {"images": "elsewhere", "seed": 7}))
    Telling(hands, run, tmp_path)([])
    kept = runs.run_of_job(hands.database, run.job_id).settings
    assert (kept["seed"], kept["images"]) == (7, run.settings["images"])


def test_a_run_is_begun_and_later_gone_on_with(hands: Hands, run: Run) -> None:
    folder = hands.place.runs / run.key
    assert "--resume" not in engine(hands, run, folder)
    folder.mkdir()
    (folder / "set.json").write_text("{}")
    assert "--resume" not in engine(hands, run, folder)
    assert not folder.exists(), "what was broken off before its settings were written can't be gone on with"
    folder.mkdir()
    (folder / "settings.yaml").write_text("{}")
    command = engine(hands, run, folder)
    assert command[-1] == "--resume"
    settings = yaml.safe_load(Path(command[1]).read_text())
    assert (Path(settings["images"]) / "version.json").is_file()


def test_a_run_without_figures_is_not_finished(hands: Hands, run: Run, tmp_path: Path) -> None:
    assert finished(hands, run, tmp_path) is None
    (tmp_path / "metrics.json").write_text('{"readers": {}}')
    assert finished(hands, run, tmp_path) == {"run": run.id}
    assert runs.run_of_job(hands.database, run.job_id).metrics == {"readers": {}}


def test_messages_are_plain_and_acknowledged_at_once(place: Place) -> None:
    app = make_app(place.model_copy(update={"redis": "redis://127.0.0.1:1/0"}), lambda job_id: None)
    wanted = {
        "accept_content": ["json"],
        "task_acks_late": False,
        "worker_disable_prefetch": True,
        "result_backend": None,
        "broker_connection_max_retries": None,
        "worker_hijack_root_logger": False,
    }
    assert {name: app.conf[name] for name in wanted} == wanted
    hours = {app.conf.visibility_timeout, app.conf.broker_transport_options["visibility_timeout"]}
    assert hours == {app.conf.result_backend_transport_options["visibility_timeout"]}, "the shortest one would count"
    with pytest.raises(Exception, match='no queue "other"'):
        arguments("other", "name")
