"""What a worker knows while it works: its place, the records, its name, and whether it is on its way out."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import IS_FULL, CoreError, is_full
from core.records.database import Database, DatabaseBusy, DatabaseFailure, DatabaseFull, open_database
from core.records.place import Place

LEASE_SECONDS = 60.0
"""A worker that has not been heard of for so long has lost its jobs; the next one resumes them."""

AWAY = (DatabaseFailure, DatabaseBusy, DatabaseFull, OSError)
"""What it looks like when the database is away for a while, or can't take anything just now."""

log = logging.getLogger("vitask.worker")


def why_away(error: BaseException) -> str:
    """What keeps the database, in words for the log."""
    if is_full(error):
        return IS_FULL
    return str(error) if isinstance(error, CoreError) else "The database is away."


@dataclass(frozen=True)
class Hands:
    place: Place
    database: Database
    queue: str
    name: str
    is_leaving: Callable[[], bool]

    @classmethod
    def of(cls, place: Place, queue: str, is_leaving: Callable[[], bool]) -> Hands:
        name = f"{queue}@{socket.gethostname()}:{os.getpid()}"
        return cls(place, open_database(place), queue, name, is_leaving)

    def insist(self, write: Callable[[], None], seconds: float = 120) -> None:
        """Writes again and again while the database is away: what came of hours of work should not be lost."""
        end = time.monotonic() + seconds
        while True:
            try:
                write()
                return
            except AWAY as error:
                if time.monotonic() > end or self.is_leaving():
                    raise
                log.warning("%s Trying again.", why_away(error))
                time.sleep(1)
