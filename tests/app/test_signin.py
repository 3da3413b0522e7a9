"""Signing in and out, by browser and by program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.context import COOKIE, Studio
from app.entrance import signin
from app.entrance.gate import Gate
from app.entrance.signin import own_path
from app.main import create_app, serve, trusted_proxies
from app.routes import health
from core.errors import CoreError
from core.records.accounts import people, throttle
from core.records.accounts.throttle import FREE_AT_NAME
from core.records.database import open_database
from core.records.place import Place
from core.records.tables import now
from tests.app.at_the_door import studio as studio
from worker.redis import free_port

PASSWORD = "a long password"


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


def test_a_program_signs_in_by_json(studio: Studio, browser: TestClient) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    answer = browser.post("/sign-in", json={"name": "anna", "password": PASSWORD})
    browser.cookies.clear()
    bearer = {"authorization": f"Bearer {answer.json()['token']}"}
    assert browser.get("/inside", headers=bearer).status_code == 200
    wrong = browser.post("/sign-in", json={"name": "anna", "password": "another password"})
    assert wrong.status_code == 401 and "detail" in wrong.json()


FILE_FOR_A_NAME = b'--x\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\na\r\n--x--'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'{"name": 1}'),
        ("application/json", b'{"name": "' + b"a" * 2000 + b'"}'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\na\r\n--x--',
        ),
    ],
)
def test_what_is_no_sign_in_is_told_what_is_one(browser: TestClient, kind: str, body: bytes) -> None:
    answer = browser.post("/sign-in", content=body, headers={"content-type": kind})
    assert answer.status_code == 422 and '"password"' in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data"])
def test_a_stranger_can_not_send_more_than_a_sign_in(browser: TestClient, kind: str) -> None:
    """It would all be held in memory, for anybody on the network."""

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"name=" + b"a" * 10_000

    answer = browser.post("/sign-in", content=endless(), headers={"content-type": kind})
    assert answer.status_code == 413


def test_guessing_is_slowed_down_also_for_the_right_password(
    studio: Studio, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(throttle, "now", lambda: moment)
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    for _ in range(FREE_AT_NAME):
        browser.post("/sign-in", data={"name": "anna", "password": "another password"})
    for accept in ("text/html", "application/json"):
        answer = browser.post("/sign-in", data={"name": "anna", "password": PASSWORD}, headers={"accept": accept})
        assert answer.status_code == 429 and "Try again in 2 seconds" in answer.text
        assert answer.headers["retry-after"] == "2"


def behind(studio: Studio, monkeypatch: pytest.MonkeyPatch, trusted: str, peer: str) -> Callable[..., Any]:
    """Signs in through the whole app, as it comes from a peer with what that says of others."""
    monkeypatch.setenv("VITASK_TRUSTED_PROXIES", trusted)
    app = create_app(studio.place)
    browser = TestClient(app, "http://studio.example", client=(peer, 5), follow_redirects=False)  # type: ignore[arg-type]

    def sign_in(forwarded: str, password: str = "another password", name: str = "anna", proto: str = "https") -> Any:
        headers = {"x-forwarded-for": forwarded, "x-forwarded-proto": proto}
        return browser.post("/sign-in", data={"name": name, "password": password}, headers=headers)

    return sign_in


@pytest.mark.slow
def test_behind_a_trusted_proxy_each_visitor_is_one_of_their_own(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    sign_in = behind(studio, monkeypatch, "10.0.0.5, 172.18.0.0/16", "172.18.0.3")
    for number in range(FREE_AT_NAME):
        assert sign_in(f"1.2.3.{number}, 9.9.9.9, 10.0.0.5").status_code == 401
    assert sign_in("1.2.3.99, 9.9.9.9").status_code == 429, "what the visitor wrote itself is not believed"
    answer = sign_in("8.8.8.8", PASSWORD)
    assert answer.status_code == 303 and "Secure" in answer.headers["set-cookie"]
    assert "Secure" not in sign_in("8.8.8.8", PASSWORD, proto="http").headers["set-cookie"]


@pytest.mark.slow
@pytest.mark.parametrize("trusted", ["", "10.0.0.5"])
def test_nobody_else_is_believed_about_where_they_come_from(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, trusted: str
) -> None:
    people.add_person(studio.database, "anna", PASSWORD, "researcher")
    sign_in = behind(studio, monkeypatch, trusted, "127.0.0.1")
    for number in range(FREE_AT_NAME):
        assert sign_in(f"1.2.3.{number}").status_code == 401
    assert sign_in("1.2.3.99").status_code == 429


@pytest.mark.parametrize("wrong", ["*", "0.0.0.0/0", "proxy.example", "10.0.0.5,nginx", "::/0"])
def test_proxies_that_can_not_be_meant_are_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("VITASK_TRUSTED_PROXIES", wrong)
    with pytest.raises(CoreError, match="VITASK_TRUSTED_PROXIES"):
        trusted_proxies()


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


def test_the_server_believes_no_header_by_itself_and_sweeps_from_the_start(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvicorn would take the word of everybody on this machine for where a request came from."""
    begun: list[Any] = []
    monkeypatch.setenv("VITASK_DATA", str(studio.place.data))
    monkeypatch.setattr("core.records.erasing.leftovers.sweep_for_ever", lambda database, place: begun.append(place))
    monkeypatch.setattr("app.main.create_app", lambda place: begun.append("app"))
    monkeypatch.setattr("uvicorn.run", lambda app, **settings: begun.append(settings["proxy_headers"]))
    serve("127.0.0.1", free_port())
    assert begun == [Place.from_environment(), "app", False]
