"""A queue of 100,000 suspects keeps its pace, also where most of them are decided; best of several tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, text

from core.case import SPLITS, Task
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.review import queue, reviews, verdicts
from core.records.review.queue import STATES, Filter
from core.records.tables import Case, Ground, ImageSet, Review, Standing, Suspect, Verdict, Version
from tests.pace import is_within
from tests.records.test_speed import GALLERY_SECONDS, PAGE_SECONDS

pytestmark = pytest.mark.slow
CASES = 100_000
DECIDED = 20_000
TASK = Task(answers=("a", "b", "c", "d", "rare"))
RARE = 4
SOURCES = ["cleanlab", "tsm", "neighbours", "vlm", "disagreement", "duplicates"]


def fill(database: Database, place: Place, who: Who, other: Who) -> int:
    """A review whose first cases both have decided on; every tenth is in a group of ten."""
    with database.session() as session:
        image_set = ImageSet(project_id=who.projects[0], name="large")
        session.add(image_set)
        session.flush()
        version = Version(
            set_id=image_set.id, number=1, hash="0" * 64, task=TASK.model_dump(mode="json"), cases=CASES, counts={}
        )
        session.add(version)
    view = reviews.queue_review(database, place, who, version.id, readers=2, is_blind=False)
    ground = (dict.fromkeys(SOURCES, 0.6), [0.1, 0.2, 0.3, 0.4])
    for start in range(0, CASES, 10_000):
        numbers = range(start, start + 10_000)
        with database.session() as session:
            session.get_one(Review, view.id).sources = [dict.fromkeys(("name", "title", "about"), s) for s in SOURCES]
            session.execute(insert(Case), [case(number, version.id) for number in numbers])
            session.execute(insert(Suspect), [suspect(number, view.id) for number in numbers])
            grounds = [
                {
                    "review_id": view.id,
                    "rank": number + 1,
                    "why": "Two of three nearest cases are labelled otherwise." * 3,
                    "evidence": ground[0],
                    "probabilities": ground[1],
                    "neighbours": [[(number + step) % CASES, 0.5] for step in range(1, 11)],
                }
                for number in numbers
            ]
            session.execute(insert(Ground), grounds)
    with database.session() as session:
        for person in (who, other):
            rows = [verdict(rank, person, view.id) for rank in range(1, DECIDED + 1)]
            ids = session.execute(insert(Verdict).returning(Verdict.rank, Verdict.id), rows)
            session.execute(insert(Standing), [standing(rank, number, person, view.id) for rank, number in ids])
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))  # as autovacuum does within a minute
    return view.id


def case(number: int, version_id: int) -> dict[str, Any]:
    return {
        "version_id": version_id,
        "number": number,
        "name": f"images/{number:06d}.png",
        "digest": f"{number:064d}",
        "labels": [TASK.answers[number % 4]],
        "places": f",{number % 4},",
        "split": SPLITS[number % 3],
        "patient": f"P{number // 3}",
        "more": {},
    }


def suspect(number: int, review_id: int) -> dict[str, Any]:
    place = number % 4 if number < CASES - 5 else RARE
    return {
        "review_id": review_id,
        "rank": number + 1,
        "number": number,
        "name": f"images/{number:06d}.png",
        "given": [TASK.answers[place]],
        "places": f",{place},",
        "suggested": ["a"],
        "score": 1 - number / CASES,
        "split": SPLITS[number % 3],
        "patient": f"P{number // 3}",
        "alike": number // 100 if number % 10 == 0 else None,
        "flags": 1 << number % 5 if number < CASES - 5 else 1 << 5,
        "deciders": 2 if number < DECIDED else 0,
        "is_disputed": number < DECIDED and number % 50 == 0,
    }


def verdict(rank: int, person: Who, review_id: int) -> dict[str, Any]:
    key = {"review_id": review_id, "rank": rank, "person_id": person.id, "key": f"press {rank}", "action": "keep"}
    return key | {"given": ["a"], "labels": None, "why": "", "confidence": "sure", "is_settlement": False}


def standing(rank: int, number: int, person: Who, review_id: int) -> dict[str, Any]:
    about = suspect(rank - 1, review_id)
    copied = {name: about[name] for name in ("review_id", "rank", "places", "split", "flags")}
    return copied | {"person_id": person.id, "action": "keep", "verdict_id": number}


def filters() -> list[Filter]:
    """Each alone and with each state; the rare ones are found behind all others."""
    options = [{}, {"label": "b"}, {"label": "rare"}, {"split": "val"}, {"source": "tsm"}, {"source": "duplicates"}]
    options += [{"label": "c", "split": "test", "source": "vlm"}, {"text": "099999"}, {"text": "P33"}]
    return [Filter(state=state, **option) for state in STATES for option in options]


def test_every_step_through_100_000_suspects_takes_less_than_50_ms(database: Database, place: Place, who: Who) -> None:
    people.add_person(database, "first", "a long password", "admin", who.projects)
    other = people.add_person(database, "anna", "a long password", "reviewer", who.projects)
    review_id = fill(database, place, who, other)
    for where in filters():
        # Every name is looked at for a text; it is asked for by hand, not by a timer.
        seconds = GALLERY_SECONDS if where.text else PAGE_SECONDS

        def onward(where: Filter = where) -> object:
            return queue.next_suspect(database, other, review_id, where)

        def back(where: Filter = where) -> object:
            return queue.next_suspect(database, other, review_id, where, CASES + 1, is_back=True)

        def count(where: Filter = where) -> object:
            return queue.progress(database, other, review_id, where)

        for do in (onward, back, count):
            assert is_within(seconds, do), (do.__name__, where)
    presses = iter(range(60_000, CASES))
    steps: list[Callable[[], object]] = [
        lambda: queue.suspect(database, other, review_id, 54_321),
        lambda: queue.group(database, other, review_id, 50_001),
        lambda: verdicts.decide(database, other, review_id, [next(presses)], "keep"),
        lambda: verdicts.history(database, other, review_id, 7),
        lambda: verdicts.undo(database, other, review_id),
    ]
    for number, step in enumerate(steps):
        assert is_within(PAGE_SECONDS, step), number
