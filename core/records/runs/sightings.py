"""When people were last there. No request waits for a writer: sessions are remembered here and noted once a minute."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.errors import CoreError
from core.records.access import Who
from core.records.accounts.sessions import hash_of
from core.records.database import Database
from core.records.tables import Person, SignIn, now

SECONDS_BETWEEN_NOTES = 60.0
log = logging.getLogger("vitask.people")


class Sightings:
    """Of one process."""

    def __init__(self, db: Database, seconds: float = SECONDS_BETWEEN_NOTES) -> None:
        self.db = db
        self.seconds = seconds
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, datetime]] = {}
        self._timer: threading.Timer | None = None

    def add(self, who: Who, token: str) -> None:
        with self._lock:
            self._seen[hash_of(token)] = (who.id, now())
            if self._timer is None:
                self._timer = threading.Timer(self.seconds, self._note_quietly)
                self._timer.daemon = True
                self._timer.start()

    def note(self) -> None:
        """Writes down what was seen since the last time."""
        with self._lock:
            seen, self._seen, self._timer = self._seen, {}, None
        with self.db.session() as session:
            for token_hash, (person_id, at) in seen.items():
                session.execute(update(SignIn).where(SignIn.token_hash == token_hash).values(seen=at))
                session.execute(update(Person).where(Person.id == person_id).values(seen=at))

    def _note_quietly(self) -> None:
        try:
            self.note()
        except (SQLAlchemyError, CoreError):
            log.info("Who was there could not be noted; it will be with the next request.")
