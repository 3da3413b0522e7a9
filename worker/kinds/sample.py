"""The first start's sample: the drawn image set, and a quick run on it that is queued like any other."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from core.catalog import FORMATS, USUAL, every
from core.records.runs import runs
from core.records.runs.outcomes import Drawn
from core.records.sets import sets
from core.sets.open import open_set
from worker.child_job import ChildJob

NAME = "Sample: drawn cells"
RUN = "Sample run"
SETTINGS: dict[str, Any] = {**USUAL, "preset": "quick"}


def draw(job: ChildJob) -> None:
    """Draws the set, keeps it as a version, and queues the run."""
    from core.sample import write

    job.teller.progress(0, 1, "Drawing the sample set")
    with tempfile.TemporaryDirectory(dir=job.place.data, prefix=".sample-") as folder:
        drawn = open_set(write(Path(folder) / "sample"), {}, every(FORMATS))
        version = sets.write_version(
            job.database,
            job.place,
            drawn,
            who=job.who,
            project_id=job.row.project_id,
            name=NAME,
            note="Drawn by a program; no medical data. A few mistakes are planted in it, to be found.",
            on_case=lambda done, whole: job.teller.progress(done, whole, "Keeping pictures"),
        )
    run = runs.queue_run(job.database, job.place, job.who, version.id, RUN, SETTINGS, is_sample=True)
    job.teller.result(Drawn(set=version.set_id, version=version.id, run=run.id))
