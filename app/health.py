"""Whether the studio is well: database, queue, workers and room on the disk."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import timedelta

from app.context import Studio
from core.errors import CoreError
from core.records import jobs
from core.records.database import DatabaseFailure
from core.records.queue_view import neglected_queues

LITTLE_ROOM_BYTES = 2_000_000_000
SILENT = timedelta(seconds=60)


@dataclass(frozen=True)
class Sign:
    """One thing to know about the studio's health. `is_needed` where nothing works without it."""

    name: str
    is_well: bool
    text: str
    is_needed: bool = True


def signs(studio: Studio) -> list[Sign]:
    """Database, queue, workers and room on the disk, in words for a person."""
    database = of_database(studio)
    return [database, _queue(studio), *([_workers(studio)] if database.is_well else []), _room(studio)]


def of_database(studio: Studio) -> Sign:
    try:
        is_current = studio.database.is_current()
    except CoreError as error:
        return Sign("Database", False, str(error))
    except (DatabaseFailure, OSError):
        return Sign("Database", False, "does not answer")
    return Sign("Database", is_current, "ready" if is_current else "is of another version; run its migrations")


def _queue(studio: Studio) -> Sign:
    import redis

    if studio.place.redis is None:
        return Sign("Queue", False, "no Redis is configured; jobs wait until workers look by themselves", False)
    begun = time.monotonic()
    try:
        server = redis.Redis.from_url(studio.place.redis, socket_connect_timeout=0.5, socket_timeout=0.5)
        with server:
            server.ping()
    except (redis.RedisError, OSError):
        return Sign("Queue", False, "does not answer; jobs wait and none is lost", False)
    return Sign("Queue", True, f"answers in {1000 * (time.monotonic() - begun):.0f} ms", False)


def _workers(studio: Studio) -> Sign:
    """Whether somebody takes what waits: nobody has to have a list of workers for that."""
    counts = jobs.counts(studio.database)
    running = sum(number for (_, state), number in counts.items() if state == "running")
    neglected = neglected_queues(studio.database, SILENT)
    if neglected:
        return Sign("Workers", False, f"nobody takes what waits in {', '.join(neglected)}; start a worker", False)
    return Sign("Workers", True, f"{running} at work" if running else "idle", False)


def _room(studio: Studio) -> Sign:
    free = free_bytes(studio)
    is_well = free > LITTLE_ROOM_BYTES
    text = f"{free / 1e9:,.0f} GB free" if is_well else f"only {free / 1e9:.1f} GB free; make room"
    return Sign("Disk", is_well, text, False)


def free_bytes(studio: Studio) -> int:
    return shutil.disk_usage(studio.place.data).free
