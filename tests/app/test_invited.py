"""A link leads to a password and in; no server's log and no other site learns what it holds."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.context import COOKIE, NotSignedIn, Studio
from app.entrance import gate, invited, signin
from app.entrance.gate import Gate
from core.records.accounts import invitations, people
from core.records.accounts.throttle import FREE_AT_NAME
from core.records.runs.sightings import Sightings
from core.records.tables import Person, SignIn
from tests.app.at_the_door import studio as studio

PASSWORD = "six herons over a pier"
ADDRESS = "http://127.0.0.1"


@pytest.fixture
def browser(studio: Studio) -> TestClient:
    app = FastAPI()
    for routes in (signin, invited):
        app.include_router(routes.router(studio))

    @app.get("/inside")
    def inside(request: Request) -> str:
        return studio.who(request).name

    app.add_middleware(Gate, studio=studio)
    return TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 5), follow_redirects=False)


@pytest.fixture
def token(studio: Studio) -> str:
    ann = people.add_person(studio.database, "ann", PASSWORD, "admin")
    return invitations.invite(studio.database, ann, 'bob "the" <b>', "reviewer", ann.projects)


def test_a_link_leads_to_a_password_and_in(studio: Studio, browser: TestClient, token: str) -> None:
    arrived = browser.get("/invited")
    assert arrived.status_code == 200 and "/look/invited.js" in arrived.text
    assert "location.hash" in browser.get("/look/invited.js").text
    chosen = browser.post("/invited", data={"token": token})
    assert "as reviewer" in chosen.text and "bob &quot;the&quot; &lt;b&gt;" in chosen.text
    answer = browser.post("/invited", data={"token": token, "password": PASSWORD, "again": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    kept = answer.headers["set-cookie"]
    assert kept.startswith(f"{COOKIE}=") and "HttpOnly" in kept and "SameSite=lax" in kept
    assert browser.get("/inside").json() == 'bob "the" <b>'
    again = browser.post("/invited", data={"token": token, "password": PASSWORD, "again": PASSWORD})
    assert again.status_code == 401 and "used already" in again.text


def test_no_answer_of_the_way_in_is_kept_or_holds_the_token_in_an_address(browser: TestClient, token: str) -> None:
    for answer in (browser.get("/invited"), browser.post("/invited", data={"token": token})):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert not re.search(r'(href|src|action)="[^"]*' + re.escape(token), answer.text)
    answer = browser.get(f"/invited?token={token}")
    assert token not in answer.text, "an address that holds it is taken for nothing"


def test_what_is_wrong_with_a_password_is_told_and_the_link_stays_good(browser: TestClient, token: str) -> None:
    for password, again, why in (
        ("short", "short", "at least 10 characters"),
        (PASSWORD, "six geese over a pier", "differ"),
    ):
        answer = browser.post("/invited", data={"token": token, "password": password, "again": again})
        assert answer.status_code == 422 and why in answer.text and f'value="{token}"' in answer.text
    assert browser.post("/invited", data={"token": token, "password": PASSWORD, "again": PASSWORD}).status_code == 303


def test_guessing_is_slowed_down_and_another_site_can_not_send_the_form(browser: TestClient, token: str) -> None:
    form = {"token": token, "password": PASSWORD, "again": PASSWORD}
    assert browser.post("/invited", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    for number in range(FREE_AT_NAME):
        answer = browser.post("/invited", data={"token": f"guess {number}"})
        assert answer.status_code == 401 and "used already" in answer.text
    answer = browser.post("/invited", data={"token": "guess"})
    assert answer.status_code == 429 and answer.headers["retry-after"] == "2"


def test_an_event_that_waited_is_nobodys_any_more_when_its_person_was_deactivated(studio: Studio, token: str) -> None:
    """What the gate looked up when the event was sent is not what the event does things by."""
    people.add_person(studio.database, "eve", PASSWORD, "admin")
    session = people.sign_in(studio.database, "eve", PASSWORD, "10.0.0.1")
    scope: dict[str, Any] = {"who": people.who(studio.database, session), "looked_up": 0.0}
    headers = {"host": "127.0.0.1", "cookie": f"{COOKIE}={session}"}
    event: Any = SimpleNamespace(
        request=SimpleNamespace(scope=scope), headers=headers, client=SimpleNamespace(host="10.0.0.1")
    )
    assert studio.who(event).name == "eve"
    people.deactivate(studio.database, "eve")
    with pytest.raises(NotSignedIn):
        studio.who(event)


def test_an_open_answer_ends_with_the_session_in_which_it_was_asked_for(
    studio: Studio, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SECONDS_BETWEEN_LOOKS", 0.0)
    people.add_person(studio.database, "eve", PASSWORD, "admin")
    session = people.sign_in(studio.database, "eve", PASSWORD, "10.0.0.1")

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"before", "more_body": True})
        await asyncio.to_thread(people.deactivate, studio.database, "eve")
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"after", "more_body": True})

    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/gradio_api/queue/data",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {session}".encode())],
        "client": ("10.0.0.1", 5),
    }

    async def sending(message: Any) -> None:
        sent.append(message)

    async def receiving() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(Gate(stream, studio)(scope, receiving, sending))
    assert [message.get("body") for message in sent[1:]] == [b"before", b""]
    assert sent[-1]["more_body"] is False


def test_when_somebody_was_last_there_is_noted_without_making_them_wait(studio: Studio, token: str) -> None:
    people.add_person(studio.database, "eve", PASSWORD, "admin")
    session = people.sign_in(studio.database, "eve", PASSWORD, "10.0.0.1", "Firefox")
    sightings = Sightings(studio.database, seconds=3600)
    eve = people.who(studio.database, session)
    assert eve is not None
    sightings.add(eve, session)
    with studio.database.reading() as records:
        begun = records.scalar(select(Person.seen).where(Person.name == "eve"))
    sightings.note()
    with studio.database.reading() as records:
        seen = records.scalar(select(Person.seen).where(Person.name == "eve"))
        assert seen is not None and begun is not None and seen > begun
        assert records.scalar(select(SignIn.seen).where(SignIn.person_id == eve.id)) == seen
