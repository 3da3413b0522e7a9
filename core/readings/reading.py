"""Readings: one reader's answer for one case, kept in Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.case import Case, Task
from core.errors import RunError, reason
from core.readings.answer import Answer, answer_from_plain, answer_to_plain
from core.readings.statement import Statement, statements_from_plain, statements_to_plain


@dataclass(frozen=True)
class Reading:
    """An answer with the case that it is about, and who gave it."""

    set: str
    case: str
    split: str
    reader: str
    labels: tuple[str, ...]
    patient: str | None
    answer: Answer
    references: tuple[Statement, ...] = ()
    """What the set says of the case in place of what the reader said; its labels are the reference of the answer."""

    @classmethod
    def of(cls, case: Case, set_name: str, reader: str, answer: Answer) -> Reading:
        references = tuple(
            reference for statement in answer.said if (reference := type(statement).reference(case)) is not None
        )
        return cls(set_name, case.id, str(case.split), reader, case.labels, case.patient, answer, references)


def save(readings: Iterable[Reading], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("set", "case", "split", "reader")),
            ("labels", pa.list_(pa.string())),
            ("patient", pa.string()),
            ("probabilities", pa.list_(pa.float64())),
            ("token_log_likelihoods", pa.list_(pa.list_(pa.float32()))),
            ("text", pa.string()),
            ("parsed", pa.list_(pa.string())),
            ("said", pa.string()),
            ("references", pa.string()),
            ("explored", pa.float64()),
            ("blank", pa.list_(pa.float64())),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist([_row(reading) for reading in readings], schema=schema), draft)
    draft.replace(path)


def load(path: Path) -> list[Reading]:
    import pyarrow.parquet as pq

    if not path.is_file():
        raise RunError(f"There are no readings at {path}. Finish the run first: “vitask tune … --resume”.")
    try:
        return [_reading(row) for row in pq.read_table(path).to_pylist()]
    except (OSError, ValueError, LookupError, TypeError) as error:  # pyarrow's own errors are of these kinds
        raise RunError(
            f"The readings at {path} can't be read ({reason(error)}). Copy the run's whole folder again."
        ) from None


def _row(reading: Reading) -> dict[str, Any]:
    """The columns of one; `said` and `references`, where there are any, are JSON."""
    row = vars(reading) | answer_to_plain(reading.answer)
    row["token_log_likelihoods"] = row["tokens"]
    row |= {"said": _as_json(row["said"]), "references": _as_json(statements_to_plain(reading.references))}
    return {name: value for name, value in row.items() if name not in ("tokens", "answer")}


def _reading(row: dict[str, Any]) -> Reading:
    statements, references = (json.loads(row.get(name) or "{}") for name in ("said", "references"))
    return Reading(
        **{name: row[name] for name in ("set", "case", "split", "reader", "patient")},
        labels=tuple(row["labels"]),
        answer=answer_from_plain(row | {"tokens": row["token_log_likelihoods"], "said": statements}),
        references=statements_from_plain(references),
    )


def _as_json(statements: dict[str, Any]) -> str | None:
    return json.dumps(statements) if statements else None


class Labelled(Protocol):
    """A case, or what somebody says of it."""

    @property
    def labels(self) -> tuple[str, ...]: ...


def targets(cases: Sequence[Labelled], task: Task) -> NDArray[np.int64]:
    """Reference labels as figures want them: a place in the answers [N], or 0/1 [N, C] for multi."""
    place = {answer: number for number, answer in enumerate(task.answers)}
    if task.kind == "multi":
        return np.array([[int(answer in case.labels) for answer in task.answers] for case in cases], dtype=np.int64)
    return np.array([place[case.labels[0]] for case in cases], dtype=np.int64)


def hot_labels(cases: Sequence[Labelled], task: Task) -> NDArray[np.float64]:
    """The same as 0 and 1 for every answer, [N, C]."""
    labels = targets(cases, task)
    return (labels if task.kind == "multi" else np.eye(len(task.answers))[labels]).astype(np.float64)
