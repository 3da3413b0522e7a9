"""A search for labels that need a second look, as a job: the engine leaves a ranked folder, whose rows are taken in."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import events
from core.case import READ_SPLITS
from core.errors import RunError
from core.records import jobs
from core.records.jobs import Claimed
from core.records.payloads import Suspects
from core.records.progress import Progress
from core.records.review.intake import is_complete, take_search
from core.records.review.reviews import review_of_job
from core.records.runs import runs
from core.records.sets.versions import version_folder
from core.records.tables import Review, Run
from worker.context import LEASE_SECONDS, Hands
from worker.engine import ENGINE, reached, resumed, write_settings
from worker.follow_file import Lines
from worker.supervise import Ended, settle, supervise

DONE = Ended(code=0, wish="", last="")


def suspects(hands: Hands, claimed: Claimed) -> None:
    """Searches, goes on with what an earlier try left, or only takes in what is finished."""
    review = review_of_job(hands.database, claimed.id)
    if Suspects.parse(claimed.payload, "payload").review != review.id:
        raise RunError(f"Job {claimed.id} names a review that another job searches for. Begin a search of its own.")
    folder = hands.place.data / "reviews" / review.key
    ended = DONE
    if not is_complete(folder):
        ended = supervise(hands, claimed, ENGINE, arguments(hands, review, folder), Following(folder))
    settle(hands, claimed, ended, lambda: taken(hands, claimed, review, folder))


def arguments(hands: Hands, review: Review, folder: Path) -> list[str]:
    """The command that begins the search, or goes on with it."""
    source = folder.with_suffix(".yaml")
    if review.run_id is not None:
        source = _run_folder(hands, runs.named_run(hands.database, review.project_id, review.run_id), folder)
    file = source / "settings.yaml" if source.is_dir() else source
    write_settings(file, {**review.settings, "images": str(version_folder(hands.place, review.version))})
    return ["suspects", str(source), "--out", str(folder), *resumed(folder)]


def taken(hands: Hands, claimed: Claimed, review: Review, folder: Path) -> dict[str, Any] | None:
    """Keeps what was found as rows, where the search came to its end; holds the job meanwhile."""
    if not is_complete(folder):
        return None

    def hold(done: int, whole: int) -> None:
        jobs.renew(hands.database, claimed, LEASE_SECONDS)
        news = Progress(done=done, whole=whole, seconds_left=None, text="Keeping what was found")
        jobs.progress(hands.database, claimed, news)

    def keep() -> None:
        take_search(hands.database, review, folder, hold)

    hands.insist(keep)
    return {"review": review.id}


class Following:
    """How far the search is, from the lines of its events.jsonl."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = Lines(folder / "events.jsonl")
        self._reached = ""
        self._model = events.ModelBegun(model=0, models=0)

    def __call__(self, printed: Sequence[str]) -> Progress:
        news = Progress()
        while lines := self._lines.next():
            self._lines.pass_by(lines)
            for line in lines:
                event = events.parse(line)
                self._model = event if isinstance(event, events.ModelBegun) else self._model
                news = news.after(progress_of(event, self._model))
        if (at := reached(self._folder)) != self._reached:
            self._reached = at
            news = news.after(Progress(reached=at))
        return news


def progress_of(event: events.Event | None, begun: events.ModelBegun) -> Progress:
    """What an event says about how far a search is. Models are the measure; while one is trained (`begun`), those to
    come are taken to be as long as its pace makes it."""
    match event:
        case events.FoldDone() as fold:
            text = f"Model {fold.done} of {fold.whole} has read the part of the cases that it never saw"
            return Progress(done=fold.done, whole=fold.whole, seconds_left=fold.seconds_left, text=text)
        case events.ModelBegun(model=model, models=models):
            return Progress(done=model - 1, whole=models, text=f"Model {model} of {models} begins")
        case events.Step() as step:
            text = f"Model {begun.model} of {begun.models}, step {step.step:,} of {step.steps:,}"
            if not step.seconds_left:
                return Progress(text=text)
            seconds_a_model = step.seconds_left * step.steps / (step.steps - step.step)
            left = step.seconds_left + (begun.models - begun.model) * seconds_a_model
            return Progress(text=text, seconds_left=left)
        case events.PicturesSeen(done=done, whole=whole):
            text = "Looking for pictures that are alike"
            return Progress(done=done, whole=whole, seconds_left=None, text=text)
        case events.FeaturesEncoded(done=done, whole=whole):
            return Progress(done=done, whole=whole, seconds_left=None, text="Encoding images")
    return Progress()


def _run_folder(hands: Hands, run: Run, folder: Path) -> Path:
    """A folder with as much of the run as the search asks for: its settings, and what its readers said."""
    made = folder.with_suffix(".run")
    (made / "readings").mkdir(parents=True, exist_ok=True)
    for split in READ_SPLITS:
        shutil.copyfile(runs.readings_path(hands.place, run, split), made / "readings" / f"{split}.parquet")
    return made
