"""What there is in a project, as Home needs it."""

from __future__ import annotations

from dataclasses import dataclass

from app.visit import Visit
from core.records import runs, sets
from core.records.review import reviews
from core.records.review.reviews import ReviewView
from core.records.runs import RunView
from core.records.samples import sample_request, sample_run
from core.records.sets import SetView
from core.records.tables import Job


@dataclass(frozen=True)
class Work:
    """What there is in a project, as Home needs it."""

    sets: list[SetView]
    runs: list[RunView]
    reviews: list[ReviewView]
    sample_job: Job | None
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
    return Work(
        sets.sets(visit.database, visit.who, visit.project),
        runs.runs(visit.database, visit.who, visit.project, size=50),
        reviews.reviews(visit.database, visit.who, visit.project),
        sample_request(visit.database, visit.who, visit.project),
        runs.runs(visit.database, visit.who, visit.project, of_sample=True),
    )
