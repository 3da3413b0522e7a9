"""Queuing a run: the function behind the button and the API name."""

from __future__ import annotations

from collections.abc import Mapping

from app.engine import ENGINE
from app.visit import Json, Visit
from core.records.runs.seeds import queue_seeds

PLACE_OF_IMAGES = "the version chosen above"


def tune(visit: Visit, version_id: int, name: str, settings: Json) -> int:
    """Queue a tuning run on a version of an image set. `settings` is a run file without `images`.

    An empty name is made from set, method, preset and a number. Returns the run's number."""
    (run_id,) = queue(visit, version_id, name, settings)
    return run_id


def tune_seeds(visit: Visit, version_id: int, name: str, settings: Json, seeds: int) -> list[int]:
    """The same as so many runs, which differ in their seed alone, from that of the settings on; returns their numbers.

    The page Runs tells them in one table, with their spread."""
    return queue(visit, version_id, name, settings, seeds=seeds)


def queue(
    visit: Visit, version_id: int, name: str, settings: Json, copied: int | None = None, seeds: int = 1
) -> list[int]:
    whole = completed(settings)["values"]
    made = queue_seeds(visit.database, visit.place, visit.who, version_id, name, whole, seeds, copied)
    return [run.id for run in made]


def completed(values: Mapping[str, object], images: str = PLACE_OF_IMAGES) -> Json:
    """The run file of these values, as the engine completes it."""
    return ENGINE.complete({**values, "images": images})
