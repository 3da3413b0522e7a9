"""Carries out one job of the queue `intake`: `python -m worker.intake_child JOB`, a child of the worker."""

from __future__ import annotations

import sys
from collections.abc import Callable

from core.errors import IS_FULL, CoreError, is_full
from core.machine.memory import exhausted
from core.records.database import open_database
from core.records.payloads import Add, Check, Draw, Fetch, Settle
from core.records.place import Place
from worker.child_job import ChildJob
from worker.kinds import intake, sample

MENDABLE = 2

KINDS: dict[str, Callable[[ChildJob], None]] = {
    Check.kind: intake.check,
    Add.kind: intake.add,
    Fetch.kind: intake.fetch,
    Settle.kind: intake.settle,
    Draw.kind: sample.draw,
}


def main() -> int:
    place = Place.from_environment()
    database = open_database(place)
    try:
        job = ChildJob.read(place, database, int(sys.argv[1]))
        KINDS[job.row.kind](job)
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


if __name__ == "__main__":
    sys.exit(main())
