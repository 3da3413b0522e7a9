"""A key's whole way, from the browser's request to the next case, in a review of 100,000 suspects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.main import create_app
from core.records.accounts import people
from core.records.place import Place
from core.records.tables import Job, Person
from tests.let_in import LET_IN, let_in
from tests.migrated import new_records
from tests.pace import is_within
from tests.records.test_review_speed import fill
from tests.records.test_speed import PAGE_SECONDS

pytestmark = pytest.mark.slow


def test_a_key_is_answered_within_50_ms_among_100_000_suspects(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "data")
    database = new_records(place)
    let_in(database)
    who = people.local(database)
    with database.session() as session:
        session.add(anna := Person(name="anna", role="reviewer"))
    review = f"/reviews/{fill(database, place, who, people.person(database, anna.id))}"
    with database.session() as session:
        session.execute(update(Job).values(state="done"))
    app = cast(FastAPI, create_app(place))
    browser = TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000), headers=LET_IN)
    ranks = iter(range(60_000, 100_000))

    def press(way: str, **more: Any) -> None:
        sent = {"key": f"press-{way}-{(rank := next(ranks))}", "person": who.id, "after": rank, "many": 1, **more}
        answer = browser.post(f"{review}/{way}", json=sent)
        assert answer.status_code == 200, answer.text

    steps: list[Callable[[], object]] = [
        lambda: press("verdicts", ranks=[next(ranks)], action="keep"),
        lambda: press("undo"),
        lambda: browser.get(f"{review}/cases", params={"after": 50_000}).raise_for_status(),
        lambda: browser.get(f"{review}/cases/54321").raise_for_status(),
    ]
    for number, step in enumerate(steps):
        assert is_within(PAGE_SECONDS, step), number
