"""Rows of the version before, whose labels were one text, become lists; and texts again on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, insert, select, text
from sqlalchemy.exc import DBAPIError

from core.case import Task, labels_in
from core.records.database import Database
from core.records.tables import Case, Standing, Suspect, Verdict
from migrations.versions.r0006_labels_are_lists import told_apart

LONG = [f"finding number {number:02d}, of the lower lobe" for number in range(12)]
MULTI = Task(kind="multi", answers=("effusion", "effusion, left", 'a "mass"', "mass", *LONG))
SINGLE = Task(answers=("dark", "light, not bright", "no finding"))
LABELS: list[tuple[str, ...]] = [
    ("effusion",),
    ("effusion, left",),
    ("effusion", "effusion, left", 'a "mass"'),
    (),
    ('a "mass"', "mass", LONG[0], LONG[11]),
]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def before(labels: Sequence[str], task: Task = MULTI) -> str:
    """As version 0.1.0 kept them."""
    return task.response(labels)[:255]


def fill(connection: Connection) -> None:
    """Two versions with cases, and a review of the first with two presses and an undo; ids are counted from 1."""
    metadata = MetaData()
    metadata.reflect(connection)

    def add(table: str, *rows: dict[str, Any]) -> None:
        connection.execute(insert(metadata.tables[table]), list(rows))

    add("people", {"name": "anna", "role": "admin", "is_active": True, "created": NOON})
    add("projects", {"name": "one", "created": NOON})
    add("image_sets", *({"project_id": 1, "name": name, "note": "", "created": NOON} for name in "ab"))
    common = {"number": 1, "counts": {}, "note": "", "created": NOON}
    for set_id, task in ((1, MULTI), (2, SINGLE)):
        plain = task.model_dump(mode="json")
        add("versions", {"set_id": set_id, "hash": "0" * 64, "task": plain, "cases": 6, **common})
    case: dict[str, Any] = {"digest": "0" * 64, "split": "train", "patient": None, "more": {}}
    of_cases: list[tuple[int, Task, Sequence[tuple[str, ...]]]] = [
        (1, MULTI, [*LABELS, MULTI.answers]),
        (2, SINGLE, [(name,) for name in SINGLE.answers]),
    ]
    for version_id, task, labelled in of_cases:
        for number, labels in enumerate(labelled):
            key = {"version_id": version_id, "number": number, "name": f"{number}.png"}
            add("cases", {**key, **case, "label": before(labels, task)})
    job = {"queue": "tune", "kind": "suspects", "project_id": 1, "payload": {}, "state": "done", "wish": ""}
    add("jobs", {**job, "position": 1.0, "attempts": 1, "most_attempts": 3, "progress": {}, "created": NOON})
    review = {"project_id": 1, "version_id": 1, "job_id": 1, "name": "a", "key": "k", "settings": {}, "readers": 1}
    add("reviews", {**review, "is_blind": False, "cases": 5, "sources": [], "created": NOON})
    suspect = {"review_id": 1, "score": 0.5, "split": "train", "flags": 1, "deciders": 1, "is_disputed": False}
    for number, labels in enumerate(LABELS):
        labelled_so = {"given": before(labels), "suggested": before(LABELS[number - 1])}
        add("suspects", {**suspect, "rank": number + 1, "number": number, "name": f"{number}.png", **labelled_so})
    verdict = {"review_id": 1, "person_id": 1, "is_settlement": False, "why": "", "confidence": "sure", "at": NOON}
    for rank, action, label, back in (
        (1, "change", before(LABELS[4]), None),
        (2, "keep", "", None),
        (3, "undo", "", 2),
    ):
        decision: dict[str, Any] = {
            "rank": rank,
            "key": f"k{rank}",
            "action": action,
            "label": label,
            "takes_back": back,
        }
        add("verdicts", {**verdict, **decision, "given": before(LABELS[rank - 1])})
    add("verdicts", {**verdict, "rank": 4, "key": "k4", "action": "change", "given": "no finding", "label": before(())})
    standing = {"review_id": 1, "person_id": 1, "split": "train", "flags": 1}
    add("standings", {**standing, "rank": 1, "action": "change", "verdict_id": 1, "given": before(LABELS[0])})


def everything(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    metadata = MetaData()
    metadata.reflect(connection)
    names = ("cases", "suspects", "verdicts", "standings")
    tables = [metadata.tables[name] for name in names]
    columns = [sorted(table.columns, key=lambda column: column.name) for table in tables]
    return {
        table.name: [tuple(row) for row in connection.execute(select(*own).order_by(*table.primary_key.columns))]
        for table, own in zip(tables, columns, strict=True)
    }


@pytest.fixture
def old(empty: Database) -> Database:
    """A database as version 0.1.0 left it."""
    with empty.changing() as connection:
        empty.migrate(connection, "upgrade", "0005")
        fill(connection)
    return empty


def test_joined_labels_become_lists_of_the_versions_answers(old: Database) -> None:
    old.upgrade()
    with old.reading() as session:
        cases = session.execute(
            select(Case.labels, Case.places).where(Case.version_id == 1).order_by(Case.number)
        ).all()
        single = session.scalars(select(Case.labels).where(Case.version_id == 2).order_by(Case.number)).all()
        suspects = session.scalars(select(Suspect).order_by(Suspect.rank)).all()
        verdicts = session.execute(select(Verdict.action, Verdict.given, Verdict.labels).order_by(Verdict.id)).all()
        assert session.scalars(select(Standing.places)).all() == [",0,"]
    assert [labels for labels, _ in cases[:-1]] == LABELS
    assert [places for _, places in cases[:-1]] == [",0,", ",1,", ",0,1,2,", ",", ",2,3,4,15,"]
    assert cases[-1].labels == MULTI.answers[:10], "of a text that was cut, the answers that it names or begins"
    assert single == [("dark",), ("light, not bright",), ("no finding",)]
    assert [(suspect.given, suspect.suggested) for suspect in suspects] == list(
        zip(LABELS, [LABELS[-1], *LABELS], strict=False)
    )
    assert [suspect.places for suspect in suspects] == [places for _, places in cases[:-1]]
    assert [tuple(row) for row in verdicts] == [
        ("change", LABELS[0], LABELS[4]),
        ("keep", LABELS[1], None),
        ("undo", LABELS[2], None),
        ("change", (), ()),
    ]


def test_lists_become_the_texts_that_they_were(old: Database) -> None:
    with old.engine.connect() as connection:
        was = everything(connection)
    old.upgrade()
    old.downgrade("0005")
    with old.engine.connect() as connection:
        assert everything(connection) == was
    old.upgrade()
    assert old.is_current()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("update verdicts set why = 'x'", "only ever added"),
        ("delete from verdicts", "only ever added"),
        (
            "insert into verdicts (review_id, rank, person_id, key, action, is_settlement, given, why, confidence, at) "
            "values (1, 5, 1, 'k5', 'shrug', false, '[]', '', 'sure', '2026-01-01 12:00:00')",
            "action_known",
        ),
    ],
)
def test_verdicts_stay_and_their_words_are_still_checked(old: Database, change: str, why: str) -> None:
    old.upgrade()
    with old.engine.connect() as connection, pytest.raises(DBAPIError, match=why):
        connection.execute(text(change))


@pytest.mark.parametrize("cut", range(230, 256))
def test_a_text_that_was_cut_anywhere_names_what_stands_in_it(cut: int) -> None:
    whole = ("x" * (255 - cut), *LONG)
    joined = ", ".join(whole)[:255]
    named = told_apart(joined, whole)
    complete = [name for name in whole if f"{name}, " in joined]
    assert named[: len(complete)] == complete and len(named) - len(complete) <= 1
    assert ", ".join(named).startswith(joined) or ", ".join(named) == ", ".join(complete)


@pytest.mark.parametrize("labels", [*LABELS, ("mass",)])
def test_files_of_earlier_searches_are_told_apart_alike(labels: tuple[str, ...]) -> None:
    joined = MULTI.response(labels)
    assert labels_in(joined, MULTI.answers) == tuple(told_apart(joined, MULTI.answers)) == labels


def test_a_text_that_the_answers_do_not_make_up_is_one_label() -> None:
    assert (
        told_apart("dark, grey", ["dark", "light"])
        == ["dark, grey"]
        == list(labels_in("dark, grey", ["dark", "light"]))
    )
