"""The queue of runs: who goes before whom, and whether anything begins."""

from __future__ import annotations

from app.visit import Visit
from core.errors import SettingsError
from core.records import jobs
from core.records.queue_view import QueueEntry, queue_view

QUEUE = "tune"


def up(visit: Visit, job_id: int | None) -> None:
    """A waiting job one place up."""
    order = waiting_jobs(visit, job_id)
    place = order.index(job_id)
    move_before(visit, job_id, order[max(0, place - 1)])


def down(visit: Visit, job_id: int | None) -> None:
    """A waiting job one place down."""
    order = waiting_jobs(visit, job_id)
    place = order.index(job_id)
    move_before(visit, job_id, order[place + 2] if place + 2 < len(order) else None)


def move_before(visit: Visit, job_id: int | None, other: int | None) -> None:
    if job_id is not None and job_id != other:
        jobs.move(visit.database, visit.who, job_id, other)


def waiting_jobs(visit: Visit, job_id: int | None) -> list[int | None]:
    """The jobs that wait, in their order, the chosen one among them."""
    if job_id is None:
        raise SettingsError("No waiting run is chosen. Choose the one to move.")
    order: list[int | None] = [entry.job.id for entry in queue_entries(visit) if entry.place]
    if job_id not in order:
        raise SettingsError("This run does not wait any more, so it can't be moved.")
    return order


def pause(visit: Visit, is_paused: bool) -> None:
    jobs.pause(visit.database, visit.who, QUEUE, is_paused)


def go_on(visit: Visit, goes_on: bool) -> None:
    jobs.set_goes_on_after_failure(visit.database, visit.who, QUEUE, goes_on)


def queue_entries(visit: Visit) -> list[QueueEntry]:
    return queue_view(visit.database, visit.who, QUEUE)
