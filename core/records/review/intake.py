"""What a search left in its folder, taken into rows that the queue is asked from. Taking it twice is harmless."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.case import labels_in
from core.errors import RunError
from core.records.database import Database
from core.records.labels import Names, places_of
from core.records.review.queue import AGAINST
from core.records.tables import Case, Ground, Review, Suspect

ABOUT, RANKING = "suspects.json", "suspects.parquet"
ROWS_AT_ONCE = 5000
DIGITS = 6
EVIDENCE = "evidence."

OnRows = Callable[[int, int], None]


def is_complete(folder: Path) -> bool:
    return (folder / ABOUT).is_file()


def take_search(db: Database, review: Review, folder: Path, on_rows: OnRows = lambda done, whole: None) -> int:
    """A row a suspect, batch by batch, then what the whole search says; returns how many cases it ranked."""
    import pyarrow.parquet as pq

    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    ranking, taken = pq.ParquetFile(folder / RANKING), 0
    for batch in ranking.iter_batches(ROWS_AT_ONCE):
        rows = batch.to_pylist()
        with db.session() as session:
            _take(session, review, rows, taken + 1, [source["name"] for source in about["sources"]])
        taken += len(rows)
        on_rows(taken, ranking.metadata.num_rows)
    with db.session() as session:
        kept = session.get_one(Review, review.id)
        kept.cases, kept.sources = taken, about["sources"]
        kept.estimated = about["estimated_errors"]
    return taken


def _take(session: Session, review: Review, rows: Sequence[Mapping[str, Any]], first: int, sources: list[str]) -> None:
    cases, answers = _cases(session, review, [row["number"] for row in rows]), review.version.task["answers"]
    suspects, grounds = [], []
    for rank, row in enumerate(rows, start=first):
        if (case := cases.get(row["number"])) is None or case.name != row["case"][:1024]:
            raise RunError(
                f'The search names case {row["number"]}, "{row["case"]}", which the version does not hold there. '
                "Begin a new search on it."
            )
        evidence = {name: row.get(EVIDENCE + name) for name in sources}
        key, given = {"review_id": review.id, "rank": rank}, _labels(row["given"], answers)
        suspects.append(
            {
                **key,
                "number": row["number"],
                "name": case.name,
                "given": given,
                "places": places_of(given, answers),
                "suggested": _labels(row["suggested"], answers),
                "score": row["score"],
                "split": case.split,
                "patient": case.patient,
                "alike": row["group"],
                "flags": sum(1 << bit for bit, name in enumerate(sources) if (evidence[name] or 0) >= AGAINST),
                "deciders": 0,
                "is_disputed": False,
            }
        )
        grounds.append(
            {
                **key,
                "why": row["why"],
                "evidence": {
                    name: value if value is None else round(value, DIGITS) for name, value in evidence.items()
                },
                "probabilities": [round(probability, DIGITS) for probability in row["probabilities"]],
                "neighbours": [
                    [number, round(near, DIGITS)]
                    for number, near in zip(row["neighbours"], row["similarities"], strict=True)
                ],
            }
        )
    _add(session, Suspect, suspects)
    _add(session, Ground, grounds)


def _labels(labels: Sequence[str] | str, answers: Sequence[str]) -> Names:
    """In the order of the version's answers, which a search may have been asked to see in another."""
    names = labels_in(labels, answers) if isinstance(labels, str) else labels
    return tuple(sorted(names, key=lambda name: answers.index(name) if name in answers else len(answers)))


def _cases(session: Session, review: Review, numbers: Sequence[int]) -> dict[int, Any]:
    query = select(Case.number, Case.name, Case.split, Case.patient).where(Case.version_id == review.version_id)
    return {row.number: row for row in session.execute(query.where(Case.number.in_(numbers)))}


def _add(session: Session, kind: type[Suspect] | type[Ground], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that are there already stay: people may have decided on them."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    session.execute(dialect.insert(kind).on_conflict_do_nothing(), list(rows))
