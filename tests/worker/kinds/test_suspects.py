"""A search for suspects as a job: told, stopped, gone on with, broken off, and taken into rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from core import events
from core.case import ImageSet
from core.catalog import FORMATS, every
from core.readings import reading
from core.readings.answer import Answer
from core.readings.reading import Reading
from core.records import jobs
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.progress import Progress
from core.records.review import queue as suspects
from core.records.review import reviews
from core.records.review.queue import Filter
from core.records.review.reviews import ReviewView
from core.records.runs import runs
from core.records.sets import sets
from core.records.tables import Job
from core.sets.open import open_set
from tests.records.conftest import cells  # noqa: F401
from tests.records.search import write_search
from tests.worker.conftest import Studio
from worker.context import Hands
from worker.kinds.suspects import Following, arguments, progress_of
from worker.tasks import carry_out

ALL = Filter(state="all")


@pytest.fixture
def hands(place: Place, database: Database) -> Hands:
    return Hands(place, database, "tune", "tune@here:1", lambda: False)


@pytest.fixture
def view(hands: Hands, who: Who, cells: ImageSet) -> ReviewView:  # noqa: F811
    version = sets.write_version(hands.database, hands.place, cells, who=who, project_id=who.projects[0])
    return reviews.queue_review(hands.database, hands.place, who, version.id)


def folder_of(hands: Hands, view: ReviewView) -> Path:
    return hands.place.data / "reviews" / reviews.review_of_job(hands.database, view.job_id).key


def test_models_measure_how_far_a_search_is_and_steps_are_told_in_words(tmp_path: Path) -> None:
    begun = events.ModelBegun(model=3, models=10)
    fold_done = events.FoldDone(fold=2, folds=10, done=2, whole=10, seconds_left=8.0)
    made_step = events.Step(stage="fold-2", step=3, steps=9, losses={}, seconds_left=1.0)
    fold, step = events.as_line(fold_done), events.as_line(made_step)
    of_fold = progress_of(fold_done, begun)
    assert (of_fold.done, of_fold.whole, of_fold.seconds_left) == (2, 10, 8.0)
    assert progress_of(begun, begun) == Progress(done=2, whole=10, text="Model 3 of 10 begins")
    # Six of nine steps are left of this model, so it takes 1.5 s, and so do the seven after it.
    assert progress_of(made_step, begun) == Progress(text="Model 3 of 10, step 3 of 9", seconds_left=1.0 + 7 * 1.5)
    last = made_step.model_copy(update={"step": 9, "seconds_left": 0.0})
    assert progress_of(last, begun) == Progress(text="Model 3 of 10, step 9 of 9")
    assert progress_of(events.PicturesSeen(done=1, whole=4), begun).whole == 4
    assert progress_of(None, begun) == Progress()
    following = Following(tmp_path)
    assert following([]) == Progress(), "before the engine has begun"
    (tmp_path / "events.jsonl").write_text(fold + step[:20])
    assert following([]).done == 2
    (tmp_path / "events.jsonl").write_text(fold + events.as_line(begun))
    assert following([]).text == "Model 3 of 10 begins"
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write(step)
    assert following([]).text == "Model 3 of 10, step 3 of 9", "though it was told earlier which model that is"


def test_a_search_is_begun_and_later_gone_on_with(hands: Hands, view: ReviewView) -> None:
    review, folder = reviews.review_of_job(hands.database, view.job_id), folder_of(hands, view)
    command = arguments(hands, review, folder)
    assert (command[0], command[2:]) == ("suspects", ["--out", str(folder)])
    settings = yaml.safe_load(Path(command[1]).read_text())
    assert (Path(settings["images"]) / "version.json").is_file() and settings["tsm"] == [{"name": "convnet"}]
    folder.mkdir(parents=True)
    (folder / "set.json").write_text("{}")
    assert "--resume" not in arguments(hands, review, folder)
    assert not folder.exists(), "what was broken off before its settings were written can't be gone on with"
    folder.mkdir()
    (folder / "settings.yaml").write_text("{}")
    assert arguments(hands, review, folder)[-1] == "--resume"


def test_a_search_with_a_run_is_given_its_settings_and_what_its_readers_said(
    hands: Hands, who: Who, view: ReviewView
) -> None:
    run = runs.queue_run(hands.database, hands.place, who, view.version_id, "a run", {**reviews.USUAL, "seed": 7})
    for split in ("val", "test"):
        said = [Reading("cells", "cell_3.png", split, "tsm", ("light",), None, Answer((0.5, 0.5)))]
        reading.save(said, hands.place.runs / run.key / "readings" / f"{split}.parquet")
    with hands.database.session() as session:
        session.get_one(Job, run.job_id).state = "done"
    asked = reviews.queue_review(hands.database, hands.place, who, view.version_id, run_id=run.id)
    review = reviews.review_of_job(hands.database, asked.job_id)
    source = Path(arguments(hands, review, folder_of(hands, asked))[1])
    assert yaml.safe_load((source / "settings.yaml").read_text())["seed"] == 7
    assert [one.case for one in reading.load(source / "readings" / "test.parquet")] == ["cell_3.png"]


def test_a_search_that_was_finished_before_its_worker_died_is_only_taken_in(
    hands: Hands,
    who: Who,
    view: ReviewView,
    cells: ImageSet,  # noqa: F811
) -> None:
    write_search(folder_of(hands, view), cells)
    claimed = jobs.claim(hands.database, view.job_id, hands.name)
    assert claimed is not None
    carry_out(hands, claimed)
    found = reviews.review(hands.database, who, view.id)
    assert (found.state, found.index, found.progress.done) == ("done", 3.0, 10)
    assert suspects.progress(hands.database, who, view.id, ALL).matching == 10


def values(studio: Studio, **more: Any) -> dict[str, Any]:
    return {
        **studio.values,
        "tsm": {**studio.values["tsm"], "least_steps": 200},  # so that there is time to break it off
        "suspects": {"folds": 3, "rounds": 1},
        **more,
    }


def queue(studio: Studio) -> ReviewView:
    found = open_set(studio.images, {}, every(FORMATS))
    project = studio.who.projects[0]
    version = sets.write_version(studio.database, studio.place, found, who=studio.who, project_id=project)
    return reviews.queue_review(
        studio.database, studio.place, studio.who, version.id, settings=values(studio), name="shades"
    )


def now(studio: Studio, view: ReviewView) -> ReviewView:
    return reviews.review(studio.database, studio.who, view.id)


def made(studio: Studio, view: ReviewView) -> list[events.Event]:
    """What the search has told so far."""
    file = studio.place.data / "reviews" / reviews.review_of_job(studio.database, view.job_id).key / "events.jsonl"
    return list(events.read(file)) if file.is_file() else []


def folds(studio: Studio, view: ReviewView) -> list[int]:
    """The folds that were finished, as often as they were told of."""
    return [event.fold for event in made(studio, view) if isinstance(event, events.FoldDone)]


def is_found(studio: Studio, view: ReviewView) -> None:
    """Every case is ranked, and the ranking can be looked through."""
    studio.until(lambda: now(studio, view).state == "done", "a search that is done")
    done = now(studio, view)
    assert done.cases == 42 and done.index is not None and len(done.sources) == 6
    first = suspects.next_suspect(studio.database, studio.who, view.id, ALL)
    assert first is not None and first.rank == 1 and first.given != ()
    assert suspects.progress(studio.database, studio.who, view.id, ALL).matching == 42


@pytest.mark.slow
def test_a_search_is_stopped_and_resumed_without_training_a_fold_again(studio: Studio) -> None:
    view, _ = queue(studio), studio.work()
    studio.until(lambda: len(folds(studio, view)) > 0, "the first fold")
    jobs.wish(studio.database, studio.who, view.job_id, "stop")
    studio.until(lambda: now(studio, view).state in ("stopped", "done"), "a search that is stopped")
    assert now(studio, view).state == "stopped", "it was too quick to be stopped"
    finished, told = folds(studio, view), len(made(studio, view))
    jobs.resume(studio.database, studio.who, view.job_id)
    is_found(studio, view)
    trained = {event.stage for event in made(studio, view)[told:] if isinstance(event, events.Step)}
    assert finished and set(folds(studio, view)) == {1, 2, 3}
    assert trained == {f"round 1, fold {fold}" for fold in {1, 2, 3} - set(finished)}


@pytest.mark.slow
def test_a_search_whose_process_is_killed_goes_on_by_itself(studio: Studio) -> None:
    view, worker = queue(studio), studio.work()
    studio.until(lambda: len(folds(studio, view)) > 0, "the first fold")
    studio.engine(worker).kill()
    is_found(studio, view)
    with studio.database.reading() as session:
        assert session.get_one(Job, view.job_id).claims == 2
