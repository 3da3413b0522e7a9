"""What the readers of a run said of each case, side by side, from the readings that the run stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from core.case import Task
from core.errors import SettingsError
from core.readings import reading
from core.readings.answer import Conclusion, as_calibrated
from core.readings.calibration import Calibrations, concluded, for_set, kept_calibrations
from core.readings.reader import Reader
from core.readings.reading import Reading, targets
from core.readings.statement import Statement
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.case_order import ORDERS, conclusions_of, entropy_of, gap_of, largest_first
from core.records.runs.runs import RunView
from core.records.tables import Case, Version
from core.statistics import metrics
from core.statistics.roc import Roc, rocs

ONLY = ("all", "disagree", "wrong", "beats")
NOT = "¬"
"""Before a label or an answer: those cases that lack it."""
NAMES_AT_ONCE = 500


@dataclass(frozen=True)
class CaseView:
    """A case with what every reader's answer comes to. `number` is its number in the version; None where it is not in
    there."""

    number: int | None
    name: str
    labels: tuple[str, ...]
    split: str
    patient: str | None
    conclusions: dict[str, Conclusion]
    references: tuple[Statement, ...] = ()
    """What the set says of it beside its labels, where readers said such a thing."""

    def is_right(self, reader: str) -> bool:
        return set(self.conclusions[reader].labels) == set(self.labels)

    def calibrated(self, task: Task) -> CaseView:
        """By calibrated probabilities, where readers have any."""
        conclusions = {name: as_calibrated(conclusion, task) for name, conclusion in self.conclusions.items()}
        return replace(self, conclusions=conclusions)


@dataclass(frozen=True)
class Comparison:
    """A split of a run: `answers` in the task's order, `readers` in the run's, cases in the order they were read."""

    run: RunView
    split: str
    task: Task
    readers: tuple[Reader, ...]
    cases: tuple[CaseView, ...]
    is_calibrated: bool = False
    """Whether what readers conclude is by calibrated probabilities."""

    @classmethod
    def open(
        cls, db: Database, place: Place, who: Who, run_id: int, split: str = "test", is_calibrated: bool = False
    ) -> Comparison:
        """Remembered until the readings are written anew. Calibrated only as far as its readers are."""
        run = runs.run(db, who, run_id)
        path = runs.readings_path(place, run, split)
        return _opened(_Source(db, run, path, split, path.stat().st_mtime_ns, is_calibrated))

    @property
    def answers(self) -> tuple[str, ...]:
        return self.task.answers

    @property
    def validated(self) -> int:
        """On how many cases its readers' temperatures were learned; 0 where they have none."""
        of_sets = kept_calibrations(self.run.metrics).values()
        return max((calibration.cases for of_readers in of_sets for calibration in of_readers.values()), default=0)

    def __len__(self) -> int:
        return len(self.cases)

    def case(self, place: int) -> CaseView:
        """By its place in this comparison, as `find` gives it."""
        return self.cases[place]

    def place_of(self, name: str) -> int | None:
        """Where the case of this name stands."""
        return self._places.get(name)

    def find(
        self,
        only: str = "all",
        reader: str | None = None,
        label: str | None = None,
        text: str = "",
        answer: str | None = None,
        other: str | None = None,
        order: str = "case",
    ) -> list[int]:
        """Places of the cases on which readers disagree, or one (or any) is wrong, or one `beats` the other: it is
        right and the other is wrong; with a label, or (`NOT` before it) without; that the reader (or any) gave an
        answer, or did not; with a text in it. In an order of `ORDERS`, the largest first."""
        if only not in ONLY:
            raise SettingsError(f'"{only}" is not a filter. Choose one of {", ".join(ONLY)}.')
        if order not in ORDERS:
            raise SettingsError(f'"{order}" is not an order. Choose one of {", ".join(ORDERS)}.')
        places = [
            place
            for place, case in enumerate(self.cases)
            if _fits(case, only, reader, other)
            and _holds(case.labels, label)
            and any(_holds(labels, answer) for labels in _answers(case, reader))
            and text.casefold() in _words(case)
        ]
        if order == "case":
            return places
        return largest_first({place: self.measure(place, order, reader, other) for place in places})

    def measure(self, place: int, order: str, reader: str | None = None, other: str | None = None) -> float | None:
        """What a case is sorted by; None where nobody who is asked for read it."""
        case = self.cases[place]
        if order == "entropy":
            return entropy_of(case.conclusions, reader)
        return gap_of(case.conclusions, case.labels, self.task, reader, other) if order == "gap" else None

    def rocs(self) -> dict[Reader, tuple[Roc, ...]]:
        """The curves of each reader over the cases that it read."""
        return self._rocs

    def figures(self) -> dict[str, dict[str, Any]]:
        """{reader: {figure: {"value", "low", "high"}}}: with intervals where the run measured them, else without."""
        measured = (self.run.metrics or {}).get("readers", {}) if self.split == "test" else {}
        return measured or self._figures

    @cached_property
    def _places(self) -> dict[str, int]:
        return {case.name: place for place, case in enumerate(self.cases)}

    @cached_property
    def _rocs(self) -> dict[Reader, tuple[Roc, ...]]:
        return {reader: rocs(*self._measurable(reader.name), self.task.kind, self.answers) for reader in self.readers}

    @cached_property
    def _figures(self) -> dict[str, dict[str, Any]]:
        return {reader.name: self._measured(reader.name) for reader in self.readers}

    def _measured(self, reader: str) -> dict[str, Any]:
        figures = metrics.figures(*self._measurable(reader), self.task.kind, self.task.answers, draws=0)
        return {name: figure.plain() for name, figure in figures.items()}

    def _measurable(self, reader: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What a reader found likely, and the reference labels, of the cases that it read."""
        shown = [case for case in self.cases if reader in case.conclusions]
        likely = np.array([case.conclusions[reader].answer.probabilities for case in shown])
        return likely, targets(shown, self.task)


@dataclass(frozen=True)
class _Source:
    """Where a comparison comes from; two are the same where the run, the file and its time are."""

    db: Database
    run: RunView
    path: Path
    split: str
    stamp: int
    is_calibrated: bool

    def _key(self) -> tuple[str, int, Path, str, int, tuple[bool, bool, bool]]:
        is_whole = (self.run.metrics is not None, self.run.is_set_erased, self.is_calibrated)
        return (str(self.db.url), self.run.id, self.path, self.split, self.stamp, is_whole)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self._key() == other._key()


@lru_cache(maxsize=8)
def _opened(source: _Source) -> Comparison:
    readings = reading.load(source.path)
    task = task_of(source.db, source.run)
    by_case: dict[str, dict[str, Reading]] = {}
    for each in readings:
        by_case.setdefault(each.case, {})[each.reader] = each
    numbers = _numbers(source.db, source.run.version_id, list(by_case))
    kept = kept_calibrations(source.run.metrics)
    cases = tuple(_case(numbers.get(name), of_case, task, kept) for name, of_case in by_case.items())
    if source.is_calibrated:
        cases = tuple(case.calibrated(task) for case in cases)
    names = dict.fromkeys(each.reader for each in readings)
    is_calibrated = source.is_calibrated and any(kept.values())
    return Comparison(source.run, source.split, task, tuple(map(source.run.reader, names)), cases, is_calibrated)


def task_of(db: Database, run: RunView) -> Task:
    """The question of the run's version, with the answers that the run replaced."""
    with db.reading() as session:
        task = Task.parse(session.get_one(Version, run.version_id).task, "task")
    replaced = (run.settings.get("task") or {}).get("answers")
    return task.model_copy(update={"answers": tuple(replaced)}) if replaced else task


def _numbers(db: Database, version_id: int, names: Sequence[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    with db.reading() as session:
        if len(names) > NAMES_AT_ONCE:
            rows = session.execute(select(Case.name, Case.number).where(Case.version_id == version_id))
            return dict(rows.all())
        mine = (Case.version_id == version_id, Case.name.in_(names))
        for name, number in session.execute(select(Case.name, Case.number).where(*mine)):
            numbers[name] = number
    return numbers


def _case(number: int | None, readings: dict[str, Reading], task: Task, kept: Calibrations) -> CaseView:
    first = next(iter(readings.values()))
    calibrations = for_set(kept, first.set)
    conclusions = {name: concluded(each.answer, task, calibrations.get(name)) for name, each in readings.items()}
    references = {reference.KIND: reference for each in readings.values() for reference in each.references}
    return CaseView(
        number, first.case, first.labels, first.split, first.patient, conclusions, tuple(references.values())
    )


def _fits(case: CaseView, only: str, reader: str | None, other: str | None) -> bool:
    if only == "disagree":
        return len({conclusion.labels for conclusion in case.conclusions.values()}) > 1
    own, others = (
        [case.is_right(name) for name in case.conclusions if chosen in (None, "", name)] for chosen in (reader, other)
    )
    if only == "beats":
        return any(own) and not all(others)
    return only == "all" or not all(own)


def _answers(case: CaseView, reader: str | None) -> list[tuple[str, ...]]:
    return [conclusion.labels for conclusion in conclusions_of(case.conclusions, reader)]


def _holds(labels: Sequence[str], wanted: str | None) -> bool:
    if not wanted or wanted in labels:
        return True
    return wanted.startswith(NOT) and wanted.removeprefix(NOT) not in labels


def _words(case: CaseView) -> str:
    return " ".join((case.name, case.patient or "", *case.labels)).casefold()
