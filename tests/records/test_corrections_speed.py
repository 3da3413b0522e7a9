"""Two people have decided on each of 20,000 cases: what Agree and Correct show of it, and the way to new versions."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import insert, text

from core.case import SPLITS, Case, ImageSet
from core.pictures.store import StoredPixels, as_png, open_store
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.review import agreement, corrections, reviews
from core.records.review.reviews import ReviewView
from core.records.sets import sets
from core.records.tables import Ground, Standing, Suspect, Verdict
from tests.pace import is_within, spent
from tests.records.test_review_speed import DECIDED, TASK, standing, suspect, verdict

pytestmark = pytest.mark.slow
PAGE_SECONDS = 1.5
"""What a tab may ask of a busy machine; alone on one it takes a third of that."""
EXPORT_SECONDS = 5.0
VERSION_SECONDS = 15.0


def decision(number: int, is_second: bool) -> dict[str, Any]:
    """Half of the labels change, every tenth case goes, and on every fiftieth the second person keeps the label."""
    if is_second and number % 50 == 0:
        return {"action": "keep", "labels": None}
    if number % 10 == 9:
        return {"action": "exclude", "labels": None}
    changed = {"action": "change", "labels": [TASK.answers[(number + 1) % 4]]}
    return changed if number % 2 == 0 else {"action": "keep", "labels": None}


def fill(database: Database, place: Place, who: Who, other: Who) -> ReviewView:
    """A blind review of a version whose pictures and manifest are there."""
    store = open_store(place.store)
    kept = [StoredPixels(store.url, store.put(as_png(Image.new("L", (64, 64), shade)))) for shade in range(16)]
    cases = tuple(
        Case(f"images/{n:06d}.png", kept[n % 16], (TASK.answers[n % 4],), SPLITS[n % 3], f"P{n // 3}")
        for n in range(DECIDED)
    )
    version = sets.write_version(database, place, ImageSet("large", TASK, cases), who=who, project_id=who.projects[0])
    view = reviews.queue_review(database, place, who, version.id, readers=2)
    seen: dict[str, Any] = {"review_id": view.id, "why": "", "evidence": {}, "probabilities": [], "neighbours": []}
    with database.session() as session:
        session.execute(insert(Suspect), [suspect(number, view.id) for number in range(DECIDED)])
        session.execute(insert(Ground), [{**seen, "rank": number + 1} for number in range(DECIDED)])
        for person in (who, other):
            decisions = [decision(number, person is other) for number in range(DECIDED)]
            rows = [
                {**verdict(n + 1, person, view.id), "given": [TASK.answers[n % 4]], **decisions[n]}
                for n in range(DECIDED)
            ]
            ids = session.execute(insert(Verdict).returning(Verdict.rank, Verdict.id), rows)
            stand = [
                {**standing(rank, id, person, view.id), "action": decisions[rank - 1]["action"]} for rank, id in ids
            ]
            session.execute(insert(Standing), stand)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))  # as autovacuum does within a minute
    return view


def test_20_000_verdicts_by_each_of_two_people_are_compared_and_applied(
    database: Database, place: Place, who: Who
) -> None:
    people.add_person(database, "first", "a long password", "admin", who.projects)
    view = fill(database, place, who, people.add_person(database, "anna", "a long password", "reviewer", who.projects))
    (pair,) = agreement.agreement(database, who, view.id).pairs
    assert (pair.n, pair.observed) == (20_000, 0.98)
    changes = corrections.preview(database, who, view.id)
    assert len(changes) == 10_000 - 400 + 2000, "what is seen differently waits"
    for ask in (agreement.agreement, agreement.disputed, corrections.preview):
        assert is_within(PAGE_SECONDS, partial(ask, database, who, view.id)), ask
    for kind in ("csv", "json"):
        assert is_within(EXPORT_SECONDS, partial(corrections.exported, database, place, who, view.id, kind)), kind
    assert spent(lambda: corrections.apply(database, place, who, view.id), database) < VERSION_SECONDS
    newest, first = sets.versions(database, who, view.set_id)
    assert (newest.cases, first.cases) == (18_000, 20_000)
    assert corrections.preview(database, who, view.id) == []
    assert corrections.difference(database, who, first.id, newest.id) == changes
    assert is_within(PAGE_SECONDS, lambda: corrections.preview(database, who, view.id))
    assert is_within(PAGE_SECONDS, lambda: corrections.difference(database, who, first.id, newest.id))
    assert spent(lambda: corrections.revert(database, place, who, newest.id), database) < VERSION_SECONDS
