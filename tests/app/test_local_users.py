"""Without accounts: other users of the same machine reach the studio's address, and get nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update
from starlette.types import Receive, Scope, Send

from app.context import Studio
from app.entrance import peer
from app.main import create_app
from core.records.accounts import people, sessions
from core.records.database import open_database
from core.records.place import Place
from core.records.tables import Ticket, now
from tests.migrated import new_records

NAMES = (
    "/",
    "/image-sets",
    "/tune",
    "/runs",
    "/compare",
    "/find",
    "/review",
    "/config",
    "/metrics",
    "/gradio_api/info",
)
PROGRAM = {"accept": "application/json"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    place = Place.at(tmp_path_factory.mktemp("local") / "data")
    database = new_records(place)
    yield Studio(place, database)
    database.dispose()


@pytest.fixture(scope="module")
def app(studio: Studio) -> FastAPI:
    made = create_app(studio.place)
    assert isinstance(made, FastAPI)
    return made


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    return client(app)


def client(app: FastAPI, host: str = "127.0.0.1:7860") -> TestClient:
    return TestClient(app, f"http://{host}", client=("127.0.0.1", 50000), follow_redirects=False)


def test_a_program_of_another_user_gets_nothing(browser: TestClient) -> None:
    for name in NAMES:
        assert browser.get(name).status_code == 401, name
    for name in ("/gradio_api/upload", "/gradio_api/run/image_sets", "/gradio_api/queue/join"):
        assert browser.post(name, json={"data": []}).status_code == 401, name
    assert browser.get("/", headers={"accept": "text/html"}).headers["location"] == "/sign-in?next=/"


def test_health_and_readiness_tell_strangers_nothing_of_the_machine(browser: TestClient, studio: Studio) -> None:
    for name in ("/health", "/ready", "/sign-in"):
        answer = browser.get(name)
        assert answer.status_code == 200 and str(studio.place.data) not in answer.text


def test_the_address_lets_one_browser_in_and_is_dead_then(app: FastAPI, studio: Studio) -> None:
    mine, later = client(app), client(app)
    door = sessions.way_in(studio.database, "") + "&next=/runs"
    answer = mine.get(door)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs"), "the token does not stay in the address"
    kept = answer.headers["set-cookie"]
    assert kept.startswith("vitask_7860=") and "HttpOnly" in kept and "SameSite=lax" in kept
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
    assert mine.get("/").status_code == 200
    assert mine.get(door).headers["location"] == "/runs", "whoever is in already is not turned away"
    again = later.get(door)
    assert again.status_code == 401 and "vitask open" in again.text
    assert later.get("/").status_code == 401


def test_a_browser_stays_in_when_the_studio_starts_again(app: FastAPI, studio: Studio) -> None:
    mine = client(app)
    mine.get(sessions.way_in(studio.database, ""))
    again = client(create_app(studio.place))  # type: ignore[arg-type]
    again.cookies = mine.cookies
    assert again.get("/").status_code == 200


def test_of_many_who_come_with_one_ticket_one_is_let_in(studio: Studio) -> None:
    ticket = sessions.new_ticket(studio.database)

    def enter(_: int) -> bool:
        try:
            return bool(people.enter(studio.database, ticket))
        except people.SignInError:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(enter, range(24))) == 1


def test_an_old_ticket_lets_nobody_in(studio: Studio) -> None:
    ticket = sessions.new_ticket(studio.database)
    with studio.database.session() as session:
        session.execute(update(Ticket).values(expires=now() - timedelta(seconds=1)))
    with pytest.raises(people.SignInError, match="too old"):
        people.enter(studio.database, ticket)


def test_a_program_gets_a_token_for_a_ticket(browser: TestClient, studio: Studio) -> None:
    ticket = sessions.new_ticket(studio.database)
    token = browser.post("/sign-in", data={"token": ticket}, headers=PROGRAM).json()["token"]
    browser.cookies.clear()
    assert browser.get("/config", headers={"authorization": f"Bearer {token}"}).status_code == 200
    refused = browser.post("/sign-in", data={"token": ticket}, headers=PROGRAM)
    assert refused.status_code == 401 and "vitask open" in refused.json()["detail"]


def test_a_ticket_is_no_good_at_a_borrowed_name(app: FastAPI, studio: Studio) -> None:
    elsewhere = client(app, "evil.example:7860")
    door = sessions.way_in(studio.database, "")
    assert "no accounts yet" in elsewhere.get(door).text
    token = people.admit(studio.database)
    assert elsewhere.get("/config", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert client(app).get(door).status_code == 303, "asking from elsewhere does not spend it"


def test_studios_on_two_ports_keep_their_browsers_apart(app: FastAPI, studio: Studio) -> None:
    first = client(app)
    first.get(sessions.way_in(studio.database, ""))
    second = client(app, "127.0.0.1:7861")
    second.cookies = first.cookies
    assert second.get("/").status_code == 401
    second.get(sessions.way_in(studio.database, ""))
    first.cookies = second.cookies
    assert first.get("/").status_code == second.get("/").status_code == 200


def test_the_first_account_ends_what_was_begun_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    database = open_database(Place.at(tmp_path / "data"))
    database.upgrade()
    token, ticket = people.admit(database), sessions.new_ticket(database)
    people.add_person(database, "anna", "a long password", "admin")
    assert people.who(database, token) is None
    with pytest.raises(people.SignInError):
        people.enter(database, ticket)
    with pytest.raises(people.SignInError, match="POST /sign-in"):
        people.admit(database)
    assert sessions.way_in(database, "http://127.0.0.1:1") == "http://127.0.0.1:1"
    database.dispose()


@contextmanager
def connected(family: socket.AddressFamily = socket.AF_INET) -> Iterator[tuple[peer.Address, peer.Address]]:
    """Both ends of a connection over loopback, the client's first; by IPv6 as somebody who hides would come."""
    mapped = "::ffff:" if family == socket.AF_INET6 else ""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as caller:
        caller.connect((f"{mapped}127.0.0.1", server.getsockname()[1]))
        accepted, here = server.accept()
        with accepted:
            yield here, accepted.getsockname()


needs_owners = pytest.mark.skipif(not peer.TABLES[0].exists(), reason="this system does not tell whose a connection is")


@needs_owners
def test_another_user_who_saw_the_address_is_turned_away(
    app: FastAPI, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser's command line, with the address in it, is there for every user of the machine to read."""
    with connected() as (here, there):

        async def through_the_connection(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "client": here, "server": there}, receive, send)

        browser = TestClient(through_the_connection, "http://127.0.0.1:7860", follow_redirects=False)
        monkeypatch.setattr(os, "getuid", lambda: 4_000_001)
        monkeypatch.setattr(peer, "ROOT", 4_000_002)
        door = sessions.way_in(studio.database, "")
        answer = browser.get(door)
        assert answer.status_code == 401 and "Another user of this computer" in answer.text
        assert "set-cookie" not in answer.headers
        monkeypatch.undo()
        assert browser.get(door).status_code == 401, "and the ticket is dead"
        assert browser.get(sessions.way_in(studio.database, "")).status_code == 303, "its own user is let in"


@needs_owners
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_user_of_a_connection_is_found(family: socket.AddressFamily) -> None:
    with connected(family) as ends:
        assert peer._user_of(*ends) == os.getuid()
    assert peer._user_of(("127.0.0.1", 1), ("127.0.0.1", 2)) is None
