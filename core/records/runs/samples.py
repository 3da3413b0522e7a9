"""The sample: drawn by a worker at the first start, with a run on it; and runs on it that people ask for, to be shown
what else there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.catalog import USUAL
from core.errors import RunError, SettingsError
from core.records import jobs
from core.records.access import Who, allow
from core.records.database import Database
from core.records.payloads import Draw
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.run_search import Sought
from core.records.runs.runs import RunView
from core.records.tables import Job, Run
from core.records.wake import send

ENDED_BADLY = ("failed", "cancelled")


@dataclass(frozen=True)
class Showcase:
    """A run on the sample that is made when somebody asks for it."""

    name: str
    method: Mapping[str, Any]
    times: float
    """How long it takes, roughly, as a multiple of the sample run: reckoned from its steps."""

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"vlm": USUAL["vlm"], "tsm": [], "method": self.method, "preset": "quick"}


SHOWCASES = {
    "places": Showcase("Sample run: where it is", {"name": "tpo", "rival": False}, 1.5),
    "search": Showcase("Sample run: search", {"name": "discriminative", "captions": "attributes"}, 0.5),
}


def request_sample(db: Database, place: Place, who: Who) -> int | None:
    """Has the sample drawn, once in the life of a studio and only while it holds no run; returns the job."""
    with db.session() as session:
        is_requested = session.scalar(select(Job.id).where(Job.kind == Draw.kind).limit(1))
        if is_requested or session.scalar(select(Run.id).limit(1)) or not who.projects:
            return None
        job = jobs.enqueue(session, who, who.projects[0], Draw())
    send(place, job.queue, job.id)
    return job.id


def sample_request(db: Database, who: Who, project_id: int) -> Job | None:
    """The newest job of a project that draws the sample."""
    allow(who, project_id)
    newest = select(Job).where(Job.project_id == project_id, Job.kind == Draw.kind).order_by(Job.id.desc()).limit(1)
    with db.reading() as session:
        return session.scalar(newest)


def sample_run(sample_runs: list[RunView]) -> RunView | None:
    """The first one, which came with the sample."""
    methods = {showcase.method["name"] for showcase in SHOWCASES.values()}
    return next((run for run in reversed(sample_runs) if run.method not in methods), None)


def showcase_run(sample_runs: list[RunView], showcase: Showcase) -> RunView | None:
    """The newest run of a showcase that did not end badly."""
    wanted = showcase.method["name"]
    return next((run for run in sample_runs if run.method == wanted and run.state not in ENDED_BADLY), None)


def queue_showcase(db: Database, place: Place, who: Who, project_id: int, name: str) -> int:
    """Has a showcase made on the project's sample, unless it is there or on its way; returns the run."""
    if name not in SHOWCASES:
        raise SettingsError(f'There is no showcase "{name}". Choose one of {", ".join(SHOWCASES)}.')
    allow(who, project_id, "work")
    sample_runs = runs.runs(db, who, project_id, Sought(of_sample=True, with_archived=True))
    sample, showcase = sample_run(sample_runs), SHOWCASES[name]
    if sample is None:
        raise RunError("There is no sample in this project. Begin with your own images.")
    made = showcase_run(sample_runs, showcase)
    if made is not None:
        return made.id
    return runs.queue_run(db, place, who, sample.version_id, showcase.name, showcase.settings, is_sample=True).id
