"""Signing in and out, by browser and by program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import signin
from app.context import COOKIE, Studio
from app.gate import Gate
from app.main import serve
from app.routes import health
from app.signin import own_path
from core.errors import CoreError
from core.records import people
from core.records.database import open_database
from core.records.place import Place

PASSWORD = "a long password"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    place = Place.at(tmp_path / "data")
    database = open_database(place)
    database.upgrade()
    yield Studio(place, database)
    database.dispose()


@pytest.fixture
def browser(studio: Studio) -> TestClient:
    app = FastAPI()
    for routes in (health, signin):
        app.include_router(routes.router(studio))

    @app.get("/inside")
    def inside() -> str:
        return "inside"

    app.add_middleware(Gate, studio=studio)
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 5), follow_redirects=False)


def test_a_right_password_opens_the_page_that_was_wanted(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    answer = browser.post("/sign-in", data={"name": "anna", "password": PASSWORD, "next": "/runs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs")
    kept = answer.headers["set-cookie"]
    assert kept.startswith(f"{COOKIE}=") and "HttpOnly" in kept and "SameSite=lax" in kept
    assert browser.get("/inside").status_code == 200


def test_a_wrong_password_and_an_unknown_name_are_told_alike(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    wrong = browser.post("/sign-in", data={"name": "anna", "password": "another password"})
    unknown = browser.post("/sign-in", data={"name": "anna2", "password": "another password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text.replace("anna2", "anna")
    assert browser.get("/inside").status_code == 401


def test_guessing_is_slowed_down_also_for_the_right_password(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    for _ in range(people.MOST_OF_NAME):
        browser.post("/sign-in", data={"name": "anna", "password": "another password"})
    answer = browser.post("/sign-in", data={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 401 and "Try again in" in answer.text


def test_signing_out_ends_the_session_on_the_server(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    token = browser.post(
        "/sign-in", data={"name": "anna", "password": PASSWORD}, headers={"accept": "application/json"}
    ).json()["token"]
    browser.cookies.clear()
    bearer = {"authorization": f"Bearer {token}"}
    assert browser.get("/inside", headers=bearer).status_code == 200
    assert browser.post("/sign-out", headers=bearer).status_code == 303
    assert browser.get("/inside", headers=bearer).status_code == 401


def test_a_studio_without_accounts_says_how_to_get_in_or_to_make_one(browser: TestClient) -> None:
    assert "vitask open" in browser.get("/sign-in").text
    assert "vitask person add" in browser.get("/sign-in", headers={"host": "studio.example"}).text


@pytest.mark.parametrize("asked", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nb"])
def test_a_sign_in_never_leads_to_another_site(asked: str) -> None:
    assert own_path(asked) == "/"


def test_what_was_typed_is_escaped(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    answer = browser.post("/sign-in", data={"name": '"><script>', "password": "x", "next": '/"><script>'})
    assert "<script>" not in answer.text


def test_health_is_for_everybody_and_figures_for_those_who_may(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    assert browser.get("/health").json() == {"status": "ok"}
    assert browser.get("/ready").json() == {"ready": True, "database": "ready"}
    assert browser.get("/metrics").status_code == 401
    browser.post("/sign-in", data={"name": "anna", "password": PASSWORD})
    lines = browser.get("/metrics").text.splitlines()
    assert 'vitask_jobs{queue="tune",state="waiting"} 0.0' in lines
    assert "vitask_reading_seconds_count 0.0" in lines


def test_a_studio_whose_database_is_away_is_not_ready(studio: Studio, tmp_path: Path) -> None:
    away = Studio(
        studio.place, open_database(studio.place.model_copy(update={"database": "postgresql://127.0.0.1:1/x"}))
    )
    app = FastAPI()
    app.include_router(health.router(away))
    app.add_middleware(Gate, studio=away)
    answer = TestClient(app).get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


def test_no_other_machine_is_listened_to_without_accounts(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_DATA", str(studio.place.data))
    with pytest.raises(CoreError, match=r"has no accounts, so it does not listen on 0\.0\.0\.0"):
        serve("0.0.0.0", 7860)
