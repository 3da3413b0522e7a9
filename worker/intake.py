"""What arrives: an upload is checked, or added to a set. `python -m worker.intake JOB`, as a child of its worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.catalog import FORMATS, every
from core.errors import IS_FULL, CoreError, is_full
from core.memory import exhausted
from core.opening import open_set
from core.records import people, sets
from core.records.access import Who
from core.records.database import Database, open_database
from core.records.place import Place
from core.records.tables import Job, Upload
from worker.told import Teller

OURS, MENDABLE = 1, 2


@dataclass(frozen=True)
class Asked:
    """A job, and what carrying it out takes."""

    place: Place
    database: Database
    who: Who
    job: Job
    teller: Teller

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.job.payload


def check(asked: Asked) -> None:
    """Opens every picture of an upload and keeps the report; nothing else is kept yet."""
    from core.check import check as look_at

    upload = _upload(asked)
    options = asked.payload["options"]
    try:
        opened = open_set(sets.upload_path(asked.place, upload), options, every(FORMATS))
        report = look_at(opened, lambda done, whole: asked.teller.progress(done, whole, "Looking at every picture"))
    except (CoreError, MemoryError):
        sets.set_upload(asked.database, upload.id, "refused")
        raise
    told = report.as_json() | {"name": opened.name, "task": opened.task.model_dump(mode="json")}
    sets.set_upload(asked.database, upload.id, "checked", told)
    asked.teller.result(upload=upload.id, cases=told["cases"], findings=len(told["findings"]))


def add(asked: Asked) -> None:
    """Keeps an upload for good, as a version of an image set."""
    upload = _upload(asked)
    options = {**asked.payload["options"], **asked.payload["task"]}
    try:
        opened = open_set(sets.upload_path(asked.place, upload), options, every(FORMATS)).stop_on_errors()
        version = sets.write_version(
            asked.database,
            asked.place,
            opened,
            who=asked.who,
            project_id=asked.job.project_id,
            name=asked.payload["set_name"],
            note=f"from {upload.name}",
            on_case=lambda done, whole: asked.teller.progress(done, whole, "Keeping pictures"),
        )
    except (CoreError, MemoryError):
        sets.set_upload(asked.database, upload.id, "refused")
        raise
    sets.set_upload(asked.database, upload.id, "added")
    asked.teller.result(upload=upload.id, set=version.set_id, version=version.id, cases=version.cases)


def fetch(asked: Asked) -> None:
    """Downloads a MedMNIST set, and brings it in like any other upload."""
    from core.download import fetch as download

    folder = asked.place.uploads / f"fetch-{asked.job.id}"
    folder.mkdir(parents=True, exist_ok=True)
    fetched = download(
        asked.payload["name"],
        asked.payload.get("size", 28),
        folder,
        lambda done, whole: asked.teller.progress(done, whole or done, "Downloading"),
    )
    upload = sets.new_upload(
        asked.database, asked.place, asked.who, asked.job.project_id, Path(fetched.path), fetched.path.name
    )
    sets.request_check(asked.database, asked.place, asked.who, upload.id, {})
    asked.teller.result(upload=upload.id, licence=fetched.licence)


def draw(asked: Asked) -> None:
    """The drawn sample set, and a quick run on it: something to look at after the first start."""
    from worker import sample

    sample.draw(asked)


KINDS: dict[str, Callable[[Asked], None]] = {"check": check, "add": add, "fetch": fetch, "draw": draw}


def main() -> int:
    place = Place.from_environment()
    database = open_database(place)
    try:
        asked = _asked(place, database, int(sys.argv[1]))
        KINDS[asked.job.kind](asked)
    except CoreError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE
    except MemoryError:
        sys.stderr.write(f"{exhausted()}\n")
        return MENDABLE
    except Exception as error:
        if not is_full(error):
            raise
        sys.stderr.write(f"{IS_FULL}\n")
        return MENDABLE
    return 0


def _asked(place: Place, database: Database, job_id: int) -> Asked:
    with database.reading() as session:
        job = session.scalars(select(Job).where(Job.id == job_id)).one()
    if job.person_id is None:
        raise CoreError("Nobody asked for this job any more. Ask for it again.")
    return Asked(place, database, people.person(database, job.person_id), job, Teller())


def _upload(asked: Asked) -> Upload:
    return sets.upload(asked.database, asked.who, asked.payload["upload"])


if __name__ == "__main__":
    sys.exit(main())
