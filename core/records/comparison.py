"""What the readers of a run said of each case, side by side, from the readings that the run stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from core.case import Task
from core.errors import SettingsError
from core.readings import metrics, reading
from core.readings.reading import Reading, targets
from core.records import runs
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import RunView
from core.records.tables import Case, Version

ONLY = ("all", "disagree", "wrong")
NAMES_AT_ONCE = 500


@dataclass(frozen=True)
class ReadingView:
    """One reader's answer. `answer` are the likeliest labels, `entropy` in bits: 0 where the reader has no doubt.

    `tokens` holds, for each candidate of a VLM, the log-probability of each of its tokens.
    """

    probabilities: tuple[float, ...]
    answer: tuple[str, ...]
    entropy: float
    text: str | None
    parsed: tuple[str, ...] | None
    tokens: tuple[tuple[float, ...], ...]
    is_right: bool


@dataclass(frozen=True)
class CaseView:
    """A case with every reader's answer. `number` is its number in the version; None where it is not in there."""

    number: int | None
    name: str
    labels: tuple[str, ...]
    split: str
    patient: str | None
    readings: dict[str, ReadingView]


@dataclass(frozen=True)
class Comparison:
    """A split of a run: `answers` in the task's order, `readers` in the run's, cases in the order they were read."""

    run: RunView
    split: str
    task: Task
    readers: tuple[str, ...]
    cases: tuple[CaseView, ...]

    @classmethod
    def open(cls, db: Database, place: Place, who: Who, run_id: int, split: str = "test") -> Comparison:
        """Remembered until the readings are written anew."""
        run = runs.run(db, who, run_id)
        path = runs.readings_path(place, run, split)
        return _opened(_Source(db, run, path, split, path.stat().st_mtime_ns))

    @property
    def answers(self) -> tuple[str, ...]:
        return self.task.answers

    def __len__(self) -> int:
        return len(self.cases)

    def case(self, place: int) -> CaseView:
        """By its place in this comparison, as `find` gives it."""
        return self.cases[place]

    def place_of(self, name: str) -> int | None:
        """Where the case of this name stands."""
        return self._places.get(name)

    def find(self, only: str = "all", reader: str | None = None, label: str | None = None, text: str = "") -> list[int]:
        """Places of the cases on which readers disagree, or one (or any) is wrong; with a label; with a text in it."""
        if only not in ONLY:
            raise SettingsError(f'"{only}" is not a filter. Choose one of {", ".join(ONLY)}.')
        return [
            place
            for place, case in enumerate(self.cases)
            if _fits(case, only, reader) and (not label or label in case.labels) and text.casefold() in _words(case)
        ]

    def figures(self) -> dict[str, dict[str, Any]]:
        """{reader: {figure: {"value", "low", "high"}}}: with intervals where the run measured them, else without."""
        measured = (self.run.metrics or {}).get("readers", {}) if self.split == "test" else {}
        return measured or self._figures

    @cached_property
    def _places(self) -> dict[str, int]:
        return {case.name: place for place, case in enumerate(self.cases)}

    @cached_property
    def _figures(self) -> dict[str, dict[str, Any]]:
        return {reader: self._measured(reader) for reader in self.readers}

    def _measured(self, reader: str) -> dict[str, Any]:
        shown = [case for case in self.cases if reader in case.readings]
        told = [Reading("", one.name, one.split, reader, one.labels, None, ()) for one in shown]
        said = np.array([one.readings[reader].probabilities for one in shown])
        truth = targets(told, self.task)
        figures = metrics.figures(said, truth, self.task.kind, self.task.answers, draws=0)
        return {name: one.plain() for name, one in figures.items()}


@dataclass(frozen=True)
class _Source:
    """Where a comparison comes from; two are the same where the run, the file and its time are."""

    db: Database
    run: RunView
    path: Path
    split: str
    stamp: int

    def _key(self) -> tuple[str, int, Path, str, int, bool]:
        return (str(self.db.url), self.run.id, self.path, self.split, self.stamp, self.run.metrics is not None)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self._key() == other._key()


@lru_cache(maxsize=8)
def _opened(source: _Source) -> Comparison:
    told = reading.load(source.path)
    with source.db.reading() as session:
        task = Task.parse(session.get_one(Version, source.run.version_id).task, "task")
    asked = source.run.settings.get("task") or {}
    if asked.get("answers"):
        task = task.model_copy(update={"answers": tuple(asked["answers"])})
    by_case: dict[str, dict[str, Reading]] = {}
    for one in told:
        by_case.setdefault(one.case, {})[one.reader] = one
    numbers = _numbers(source.db, source.run.version_id, list(by_case))
    cases = tuple(_case(numbers.get(name), readings, task) for name, readings in by_case.items())
    return Comparison(source.run, source.split, task, tuple(dict.fromkeys(one.reader for one in told)), cases)


def _numbers(db: Database, version_id: int, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    with db.reading() as session:
        if len(names) > NAMES_AT_ONCE:
            rows = session.execute(select(Case.name, Case.number).where(Case.version_id == version_id))
            return dict(rows)
        mine = (Case.version_id == version_id, Case.name.in_(names))
        for name, number in session.execute(select(Case.name, Case.number).where(*mine)):
            found[name] = number
    return found


def _case(number: int | None, readings: dict[str, Reading], task: Task) -> CaseView:
    first = next(iter(readings.values()))
    views = {name: _view(one, task) for name, one in readings.items()}
    return CaseView(number, first.case, first.labels, first.split, first.patient, views)


def _view(one: Reading, task: Task) -> ReadingView:
    answer = answer_of(one.probabilities, task)
    is_right = set(answer) == set(one.labels)
    bits = entropy(one.probabilities, task)
    return ReadingView(one.probabilities, answer, bits, one.text, one.parsed, one.token_log_likelihoods, is_right)


def answer_of(probabilities: Sequence[float], task: Task) -> tuple[str, ...]:
    """What a distribution comes to: the likeliest answer, or every one that is likelier than not."""
    if task.kind == "multi":
        return tuple(name for name, p in zip(task.answers, probabilities, strict=True) if p >= 0.5)
    return (task.answers[int(np.argmax(probabilities))],)


def entropy(probabilities: Sequence[float], task: Task) -> float:
    """In bits; of several labels the mean over them."""
    if task.kind == "multi":
        return sum(_bits(p) + _bits(1 - p) for p in probabilities) / len(probabilities)
    return sum(_bits(p) for p in probabilities)


def _bits(p: float) -> float:
    return -p * math.log2(p) if p > 0 else 0.0


def _fits(case: CaseView, only: str, reader: str | None) -> bool:
    if only == "disagree":
        return len({one.answer for one in case.readings.values()}) > 1
    chosen = [one for name, one in case.readings.items() if reader in (None, "", name)]
    return only == "all" or any(not one.is_right for one in chosen)


def _words(case: CaseView) -> str:
    return " ".join((case.name, case.patient or "", *case.labels)).casefold()
