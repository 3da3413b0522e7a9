"""A job of the queue `intake`, as the child process has it that carries it out."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import CoreError
from core.records import jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.tables import Job
from worker.child_protocol import Teller


@dataclass(frozen=True)
class ChildJob:
    """A job's row, and what carrying it out takes."""

    place: Place
    database: Database
    who: Who
    row: Job
    teller: Teller

    @classmethod
    def read(cls, place: Place, database: Database, job_id: int) -> ChildJob:
        row = jobs.stored(database, job_id)
        if row.person_id is None:
            raise CoreError("Nobody asked for this job any more. Ask for it again.")
        return cls(place, database, people.person(database, row.person_id), row, Teller())
