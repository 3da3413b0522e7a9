"""Readings: one reader's answer for one case, kept in Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.case import Case, Task
from core.errors import RunError, reason


@dataclass(frozen=True)
class Reading:
    """A probability for every candidate answer, and what else the reader said.

    `token_log_likelihoods` holds, for each candidate of a VLM, the log-probability of each of its tokens, the one
    that ends the answer included. `text` is freely written, `parsed` the answers found in it.
    """

    set: str
    case: str
    split: str
    reader: str
    labels: tuple[str, ...]
    patient: str | None
    probabilities: tuple[float, ...]
    token_log_likelihoods: tuple[tuple[float, ...], ...] = ()
    text: str | None = None
    parsed: tuple[str, ...] | None = None


def save(readings: Iterable[Reading], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [asdict(reading) for reading in readings]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("set", "case", "split", "reader")),
            ("labels", pa.list_(pa.string())),
            ("patient", pa.string()),
            ("probabilities", pa.list_(pa.float64())),
            ("token_log_likelihoods", pa.list_(pa.list_(pa.float32()))),
            ("text", pa.string()),
            ("parsed", pa.list_(pa.string())),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), draft)
    draft.replace(path)


def load(path: Path) -> list[Reading]:
    import pyarrow.parquet as pq

    if not path.is_file():
        raise RunError(f"There are no readings at {path}. Finish the run first: `vitask tune … --resume`.")
    try:
        return [_reading(row) for row in pq.read_table(path).to_pylist()]
    except (OSError, ValueError, LookupError, TypeError) as error:  # pyarrow's own errors are of these kinds
        raise RunError(
            f"The readings at {path} can't be read ({reason(error)}). Copy the run's whole folder again."
        ) from None


def _reading(row: dict[str, Any]) -> Reading:
    tokens = tuple(tuple(values) for values in row["token_log_likelihoods"] or ())
    parsed = None if row["parsed"] is None else tuple(row["parsed"])
    plain = {"labels": tuple(row["labels"]), "probabilities": tuple(row["probabilities"])}
    return Reading(**(row | plain | {"token_log_likelihoods": tokens, "parsed": parsed}))


def targets(cases: Sequence[Case | Reading], task: Task) -> NDArray[np.int64]:
    """Reference labels as figures want them: a place in the answers [N], or 0/1 [N, C] for multi."""
    place = {answer: number for number, answer in enumerate(task.answers)}
    if task.kind == "multi":
        return np.array([[int(answer in case.labels) for answer in task.answers] for case in cases], dtype=np.int64)
    return np.array([place[case.labels[0]] for case in cases], dtype=np.int64)


def parse(text: str, task: Task) -> tuple[str, ...] | None:
    """The answers that a freely written text names; None where it names none, or several where one is asked for.

    A name inside a longer name that was found does not count: "normal" is not said by "abnormal" or "normal mucosa".
    Names that differ in signs only, like "grade 1" and "grade 1+", are told apart only where the text is just a name,
    and those that differ in capitals only where it has the name's own.
    """
    if text in task.answers:
        return (text,)
    alone = [answer for answer in task.answers if answer.casefold() == text.strip().casefold()]
    if len(alone) == 1:
        return (alone[0],)
    said = f" {_words(text)} "
    spans: list[tuple[int, int, str]] = []
    for answer in sorted(task.answers, key=lambda name: -len(_words(name))):
        words = f" {_words(answer)} "
        at = said.find(words) if words.strip() else -1
        while at >= 0:
            end = at + len(words) - 1
            if any((at, end) == found[:2] for found in spans):
                return None
            if not any(at < after and before < end for before, after, _ in spans):
                spans.append((at, end, answer))
            at = said.find(words, at + 1)
    named = tuple(answer for answer in task.answers if any(answer == found for *_, found in spans))
    if task.kind == "multi":
        return named if named or _words(task.response(())) in said else None
    return named if len(named) == 1 else None


def _words(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())
