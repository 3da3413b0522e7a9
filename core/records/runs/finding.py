"""Finding cases in a run's index: by words, by a new picture, by a case. The search itself is a worker's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sqlalchemy import select

from core.case import SPLITS
from core.errors import RunError, SettingsError
from core.readings.nearest import Neighbours, load_neighbours
from core.records import jobs, payloads
from core.records.access import NOT_THERE, NotAllowed, Who, allow
from core.records.audit import note
from core.records.database import Database
from core.records.place import Place
from core.records.progress import Progress
from core.records.runs import runs
from core.records.runs.outcomes import Match, Matches, outcome
from core.records.runs.questions import kept_picture
from core.records.runs.runs import RunView
from core.records.sets import sets
from core.records.sets.versions import hold_living
from core.records.tables import Case
from core.records.wake import send

LONGEST_WORDS = 20_000
MOST = 200


@dataclass(frozen=True)
class Search:
    """How far a search is. `numbers` are those of the matches in the version: pictures are asked for by these."""

    state: str
    run_id: int
    version_id: int
    set: str
    matches: tuple[Match, ...]
    numbers: Mapping[str, int]
    searched: int
    seconds: float | None
    error: str | None
    progress: Progress


def find(
    db: Database,
    place: Place,
    who: Who,
    run_id: int,
    wanted: str | bytes | int,
    most: int = 24,
    splits: Sequence[str] = (),
    leaves_out_patient: bool = False,
) -> int:
    """Queues the search and returns the job, whose `matches` come in seconds.

    `wanted` are words, a picture's file, or a case's number in the run's version, whose own patient can be left out.
    """
    run = searchable_run(db, who, run_id)
    strange = [split for split in splits if split not in SPLITS]
    if strange:
        raise SettingsError(f'There is no split called "{strange[0]}". Choose of {", ".join(SPLITS)}.')
    if not 1 <= most <= MOST:
        raise SettingsError(f"Between 1 and {MOST} cases can be found at once, not {most}. Change the number.")
    payload = payloads.Find(
        run=run.id,
        words=_words(wanted) if isinstance(wanted, str) else "",
        image=kept_picture(place, wanted) if isinstance(wanted, bytes) else "",
        case=sets.case(db, who, run.version_id, wanted).name if isinstance(wanted, int) else "",
        most=most,
        splits=tuple(splits),
        leaves_out_patient=leaves_out_patient,
    )
    with db.session() as session:
        if payload.case:
            hold_living(session, run.version_id)
        job = jobs.enqueue(session, who, run.project_id, payload)
        note(session, who, "find", run.project_id, run.name, case=payload.case or None, job=job.id)
    send(place, job.queue, job.id)
    return job.id


def searchable_run(db: Database, who: Who, run_id: int) -> RunView:
    run = runs.run(db, who, run_id)
    if run.state != "done":
        raise RunError(f"“{run.name}” is not finished, so it can't be searched yet. Wait for its end, or resume it.")
    if not run.is_searchable:
        raise RunError(f"“{run.name}” can't be searched: its method makes no index. Choose a searchable run.")
    return run


def matches(db: Database, who: Who, job_id: int) -> Search:
    """How far it is, and what was found."""
    job = jobs.job(db, who, job_id)
    if job.kind != payloads.Find.kind:
        raise NotAllowed(NOT_THERE)
    payload, came = payloads.Find.parse(job.payload, "payload"), outcome(job, Matches)
    run = runs.run(db, who, payload.run)
    near = () if came is None else came.matches
    numbers = _numbers(db, run.version_id, [match.case for match in near])
    return Search(
        job.state,
        run.id,
        run.version_id,
        run.set,
        near,
        numbers,
        0 if came is None else came.searched,
        None if came is None else came.seconds,
        job.error,
        job.how_far,
    )


@dataclass(frozen=True)
class Alike:
    """Labelled cases of other patients that are nearest to a case, with their numbers in the version."""

    version_id: int
    matches: tuple[Match, ...]
    numbers: Mapping[str, int]


def alike(db: Database, place: Place, who: Who, run: RunView, name: str, most: int) -> Alike:
    """The nearest cases to the case of this name, where the run has an index that knows them; without the model."""
    allow(who, run.project_id)
    near = _neighbours(place, run).of(name)[:most] if run.is_searchable else []
    matches = tuple(map(Match.of, near))
    return Alike(run.version_id, matches, _numbers(db, run.version_id, [match.case for match in matches]))


def _neighbours(place: Place, run: RunView) -> Neighbours:
    """Remembered until the index is made anew; of a run whose index is missing, or can't be read, there are none."""
    try:
        path = runs.index_path(place, run)
        return _opened(path, path.stat().st_mtime_ns)
    except (RunError, OSError):
        return Neighbours((), np.zeros((0, 0), dtype=np.int32), np.zeros((0, 0), dtype=np.float32))


@lru_cache(maxsize=4)
def _opened(path: Path, stamp: int) -> Neighbours:
    return load_neighbours(path)


def number_of(db: Database, who: Who, run_id: int, name: str) -> int:
    """The number of the case of this name in the run's version."""
    numbers = _numbers(db, runs.run(db, who, run_id).version_id, [name.strip()])
    if not numbers:
        raise SettingsError(f'The run\'s images have none called "{name.strip()}". Write its whole file name.')
    return next(iter(numbers.values()))


def _words(text: str) -> str:
    if not text.strip():
        raise SettingsError("No words were given to search for. Describe what the pictures should show.")
    if len(text) > LONGEST_WORDS:
        raise SettingsError(f"More than {LONGEST_WORDS:,} characters can't be searched for. Use fewer words.")
    return text


def _numbers(db: Database, version_id: int, names: Sequence[str]) -> dict[str, int]:
    with db.reading() as session:
        wanted = select(Case.name, Case.number).where(Case.version_id == version_id, Case.name.in_(names))
        return dict(session.execute(wanted).all())
