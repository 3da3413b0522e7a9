"""Who opened pictures of which set: noted when they begin, and once more with how many when the hour is over.

No picture waits for a writer: what is opened within the hour is counted here, in the process that shows it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from core.records.access import Who
from core.records.audit import note
from core.records.database import Database
from core.records.sets import sets
from core.records.tables import now

BEGAN, OPENED = "open set", "opened cases"
log = logging.getLogger("vitask.audit")


@dataclass
class Opened:
    """What one person opened of one version within an hour: numbers of cases, whole and as thumbnails."""

    who: Who
    project_id: int
    name: str
    hour: datetime
    whole: set[int] = field(default_factory=set)
    small: set[int] = field(default_factory=set)


class Openings:
    """Counts for one process."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._lock = threading.Lock()
        self._open: dict[tuple[int, int, datetime], Opened] = {}
        self._timer: threading.Timer | None = None

    def add(self, who: Who, version_id: int, number: int, is_thumbnail: bool) -> None:
        hour = now().replace(minute=0, second=0, microsecond=0)
        key = (who.id, version_id, hour)
        opened = self._open.get(key) or self._begin(key, who, version_id)
        (opened.small if is_thumbnail else opened.whole).add(number)

    def close(self, is_last: bool = False) -> None:
        """Notes the hours that are over; at the end of the process also the one that is not."""
        this_hour = now().replace(minute=0, second=0, microsecond=0)
        with self._lock:
            ended = [key for key in self._open if is_last or key[2] < this_hour]
            closed = [self._open.pop(key) for key in ended]
            self._timer = None
            if self._open:
                self._wake(this_hour)
        if closed:
            with self.db.session() as session:
                for hour in closed:
                    counts = {"cases": len(hour.whole), "thumbnails": len(hour.small)}
                    note(session, hour.who, OPENED, hour.project_id, hour.name, hour=hour.hour.isoformat(), **counts)

    def _begin(self, key: tuple[int, int, datetime], who: Who, version_id: int) -> Opened:
        version = sets.version(self.db, who, version_id)
        name = f"{version.image_set.name}, version {version.number}"
        with self._lock:
            is_first = key not in self._open
            opened = self._open.setdefault(key, Opened(who, version.image_set.project_id, name, key[2]))
            if not self._timer:
                self._wake(key[2])
        if is_first:
            with self.db.session() as session:
                note(session, who, BEGAN, opened.project_id, name, version=version_id)
        return opened

    def _wake(self, hour: datetime) -> None:
        """Looks again when the hour is over; and when the process ends, if that comes first."""
        seconds = (hour + timedelta(hours=1, seconds=1) - now()).total_seconds()
        self._timer = threading.Timer(max(seconds, 1.0), self.close_quietly)
        self._timer.daemon = True
        self._timer.start()

    def close_quietly(self, is_last: bool = False) -> None:
        try:
            self.close(is_last)
        except SQLAlchemyError:
            log.exception("What people opened in the last hour could not be noted")
