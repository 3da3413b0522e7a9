"""Queuing a run: the function behind the button and the API name."""

from __future__ import annotations

from collections.abc import Mapping

from app.engine import ENGINE
from app.visit import Json, Visit
from core.records import runs

PLACE_OF_IMAGES = "the version chosen above"


def tune(visit: Visit, version_id: int, name: str, settings: Json) -> int:
    """Queue a tuning run on a version of an image set. `settings` is a run file without `images`.

    An empty name is made from set, method, preset and a number. Returns the run's number."""
    return queue(visit, version_id, name, settings)


def queue(visit: Visit, version_id: int, name: str, settings: Json, copied: int | None = None) -> int:
    whole = completed(settings)["values"]
    return runs.queue_run(visit.database, visit.place, visit.who, version_id, name, whole, copied).id


def completed(values: Mapping[str, object], images: str = PLACE_OF_IMAGES) -> Json:
    """The run file of these values, as the engine completes it."""
    return ENGINE.complete({**values, "images": images})
