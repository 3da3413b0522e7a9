"""What there is in a project, as Home needs it."""

from __future__ import annotations

from dataclasses import dataclass

from app.visit import Visit
from core.records.review import reviews
from core.records.review.reviews import ReviewView
from core.records.runs import runs
from core.records.runs.run_search import Sought
from core.records.runs.runs import RunView
from core.records.runs.samples import sample_request, sample_run
from core.records.sets import sets
from core.records.sets.sets import SetView
from core.records.tables import Job

NEWEST = 50


@dataclass(frozen=True)
class Work:
    """What there is in a project, as Home needs it."""

    sets: list[SetView]
    runs: list[RunView]
    reviews: list[ReviewView]
    sample_job: Job | None
    """Draws the sample, where it has no run yet."""
    sample_runs: list[RunView]

    @property
    def sample(self) -> RunView | None:
        return sample_run(self.sample_runs)

    @property
    def own_sets(self) -> list[SetView]:
        drawn = {run.version_id for run in self.sample_runs}
        return [image_set for image_set in self.sets if image_set.latest.id not in drawn]

    @property
    def own_runs(self) -> list[RunView]:
        return [run for run in self.runs if not run.is_sample]


def gather(visit: Visit) -> Work:
    """Asked for at every tick, so lists are asked for apart only where there are too many runs, and who draws the
    sample only where it has no run yet: an archived one is one."""
    db, who, project = visit.database, visit.who, visit.project
    every = runs.runs(db, who, project, Sought(with_archived=True), size=NEWEST)
    newest, sample_runs = [run for run in every if run.archived is None], [run for run in every if run.is_sample]
    if len(every) == NEWEST:
        newest = runs.runs(db, who, project, size=NEWEST)
        sample_runs = runs.runs(db, who, project, Sought(of_sample=True, with_archived=True))
    sample_job = None if sample_run(sample_runs) else sample_request(db, who, project)
    return Work(sets.sets(db, who, project), newest, reviews.reviews(db, who, project), sample_job, sample_runs)
