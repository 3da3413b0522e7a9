"""Whether a correction helped: the same settings tuned again on the corrected version, compared on the same test cases.

Correcting test labels moves the yardstick too. So the difference is told twice, under the old test labels and under
the corrected ones, and never across.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.case import Task
from core.errors import RunError
from core.readings.reader import Reader
from core.readings.reading import Reading, load, targets
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.runs import RunView
from core.records.sets.versions import allowed_version
from core.records.tables import Run, Version
from core.statistics import metrics
from core.statistics.intervals import defined

SPLIT = "test"
DRAWS = 1000


@dataclass(frozen=True)
class Gain:
    """One reader's figure before and after retraining, and the paired difference (after minus before)."""

    reader: str
    figure: str
    title: str
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    why: str | None = None
    """Why the difference has no interval."""


@dataclass(frozen=True)
class Retrained:
    """Gains on `cases` test cases that both runs read, under either run's labels of them.

    Of the old run's test cases `relabelled` have another label now, and `excluded` are not read any more.
    """

    old_run: str
    new_run: str
    cases: int
    relabelled: int
    excluded: int
    under_old: tuple[Gain, ...]
    under_new: tuple[Gain, ...]
    readers: tuple[Reader, ...] = ()


def retrain(db: Database, place: Place, who: Who, run_id: int, version_id: int) -> Run:
    """Queues a finished run's settings on another version of its set."""
    old = runs.run(db, who, run_id)
    if old.state != "done":
        raise RunError(f"“{old.name}” is not finished, so nothing could be compared with it. Wait for its end.")
    with db.reading() as session:
        version = allowed_version(session, who, version_id, "work")
        before = allowed_version(session, who, old.version_id)
    if version.set_id != before.set_id:
        raise RunError(
            f"“{old.name}” was tuned on {old.set}, and version {version.number} of {version.image_set.name} is another "
            "set: its test cases are not the same. Choose a version of the run's own set."
        )
    name = f"{old.name} on version {version.number}"
    return runs.queue_run(db, place, who, version_id, name, old.settings, copy_of=old.id)


def retrained(db: Database, place: Place, who: Who, old_run_id: int, new_run_id: int) -> Retrained:
    """What retraining changed, reader by reader and figure by figure, with 95 % intervals over patients."""
    old, new = runs.run(db, who, old_run_id), runs.run(db, who, new_run_id)
    task = _task(db, old, new)
    before, after = _readings(place, old), _readings(place, new)
    readers = [reader for reader in before if reader in after]
    if not readers:
        raise RunError(f"“{old.name}” and “{new.name}” share no reader. Choose a run and its retrained copy.")
    first = readers[0]
    every = [readings[reader] for readings in (before, after) for reader in readers]
    both = [case for case in before[first] if all(case in readings for readings in every)]
    if not both:
        raise RunError(
            f"“{old.name}” and “{new.name}” were tested on different cases. Choose runs on two versions of one set."
        )
    labels = [[readings[first][case] for case in both] for readings in (before, after)]
    of_both = {
        reader: [[readings[reader][case] for case in both] for readings in (before, after)] for reader in readers
    }
    gains = [
        tuple(gain for reader, readings in of_both.items() for gain in _gains(reader, readings, rows, task))
        for rows in labels
    ]
    return Retrained(
        old_run=old.name,
        new_run=new.name,
        cases=len(both),
        relabelled=sum(set(old.labels) != set(new.labels) for old, new in zip(*labels, strict=True)),
        excluded=len(before[first]) - len(both),
        under_old=gains[0],
        under_new=gains[1],
        readers=tuple(map(old.reader, readers)),
    )


def _gains(reader: str, both: Sequence[Sequence[Reading]], labels: Sequence[Reading], task: Task) -> list[Gain]:
    """One reader's gains under some labels; `both` are its readings before and after, of the same cases."""
    before, after = (np.array([reading.answer.probabilities for reading in readings]) for readings in both)
    truth = targets(labels, task)
    patients = [reading.patient for reading in labels] if any(reading.patient for reading in labels) else None
    question = (truth, task.kind, task.answers)
    figures = [metrics.figures(likely, *question, draws=0) for likely in (before, after)]
    differences = metrics.paired(after, before, *question, groups=patients, draws=DRAWS)
    gains = []
    for name, difference in differences.items():
        was, now = (defined(measured[name].value) for measured in figures)
        change, low, high = (defined(number) for number in (difference.value, difference.low, difference.high))
        gains.append(Gain(reader, name, metrics.TITLES[name], was, now, change, low, high, difference.why))
    return gains


def _readings(place: Place, run: RunView) -> Mapping[str, Mapping[str, Reading]]:
    """{reader: {case: reading}} of the test cases, in the order in which they were read."""
    readings: dict[str, dict[str, Reading]] = {}
    for reading in load(runs.readings_path(place, run, SPLIT)):
        readings.setdefault(reading.reader, {})[reading.case] = reading
    return readings


def _task(db: Database, old: RunView, new: RunView) -> Task:
    with db.reading() as session:
        tasks = [Task.parse(session.get_one(Version, run.version_id).task, "task") for run in (old, new)]
    if tasks[0].answers != tasks[1].answers or tasks[0].kind != tasks[1].kind:
        raise RunError(
            f"“{old.name}” and “{new.name}” were asked different questions, so their answers can't be compared. "
            "Choose runs whose versions have the same answers."
        )
    return tasks[1]
