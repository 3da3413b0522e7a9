"""The page People is there for admins alone; the page Account for everybody, also for whoever is in no project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from starlette.routing import Mount

from app.main import create_app
from app.pages.account import page as account
from app.pages.people import erase, log
from app.pages.people import page as page_of_people
from app.pages.people.parts import Parts, lay_out
from app.shell import header, offered, pages
from app.visit import Visit
from app.words import browser_words
from core.errors import CoreError
from core.records import audit
from core.records.accounts import people, roster
from core.records.tables import Audit, Invitation, Membership, Person, Project
from tests.app.furnished import Furnished, asking, furnish, visiting
from tests.app.hostile import PAYLOADS

PASSWORD = "six herons over a pier"
HTML = {"accept": "text/html"}
ROLES = ("researcher", "reviewer", "reader")


@dataclass(frozen=True)
class House:
    """A studio with an admin, one person of every other role, and somebody who is in no project."""

    furnished: Furnished
    app: FastAPI

    def browser(self, name: str) -> TestClient:
        token = people.sign_in(self.furnished.studio.database, name, PASSWORD, name)
        return TestClient(
            self.app,
            base_url="http://127.0.0.1:7860",
            client=("127.0.0.1", 50000),
            headers={"authorization": f"Bearer {token}"},
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def visit(self, name: str, **headers: str) -> Visit:
        database = self.furnished.studio.database
        token = people.sign_in(database, name, PASSWORD, name)
        request = asking()
        request.headers = {"host": "127.0.0.1:7860", "authorization": f"Bearer {token}", **headers}
        return Visit.of(self.furnished.studio, request)

    def counts(self) -> list[Any]:
        with self.furnished.studio.database.reading() as session:
            tables = (Person, Project, Membership, Invitation)
            counted = [session.scalar(select(func.count()).select_from(table)) for table in tables]
            roles = [tuple(row) for row in session.execute(select(Person.name, Person.role, Person.is_active))]
            wrong = Audit.action.notin_(("sign in", "failed sign-in"))
            return [*counted, sorted(roles), session.scalar(select(func.count()).where(wrong))]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        furnished = furnish(tmp_path_factory.mktemp("people"))
        database, own = furnished.studio.database, furnished.who.projects
        people.add_person(database, "anna", PASSWORD, "admin")
        for role in ROLES:
            people.add_person(database, role, PASSWORD, role, own)
        people.add_person(database, "newcomer", PASSWORD, "researcher")
        people.add_person(database, "new admin", PASSWORD, "admin")
        yield House(furnished, cast(FastAPI, create_app(furnished.studio.place)))


@pytest.fixture
def parts(house: House) -> Parts:
    import gradio as gr

    with gr.Blocks():
        return lay_out()


@pytest.mark.parametrize("role", ROLES)
def test_people_is_no_page_for_anybody_but_admins(house: House, role: str) -> None:
    browser = house.browser(role)
    for path in ("/people", "/people/", "/config?page=people", "/config?page=/people/", "/people?project=1"):
        answer = browser.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing here, or it is not yours."), (
            path
        )
        shown = browser.get(path, headers=HTML)
        assert (shown.status_code, shown.text) == (404, browser.get("/nowhere", headers=HTML).text), path
    assert browser.get("/", headers=HTML).status_code == 200
    admin = house.browser("anna")
    assert admin.get("/people", headers=HTML).status_code == 200
    assert admin.get("/config?page=people").status_code == 200


def test_people_stands_in_the_header_of_admins_alone(house: House) -> None:
    home, *_ = pages()
    for name, is_there in (("anna", True), ("researcher", False), ("reader", False)):
        drawn = header(home, offered(pages(), house.visit(name)))
        assert ('href="/people"' in drawn) is is_there
        assert 'href="/account"' not in drawn, "it stands beside the way out"


def events_of(house: House) -> list[tuple[str, int, int]]:
    """Of the page People, its log and its erasing: what is called, its number, and how many values it takes."""
    mounted = next(route for route in house.app.routes if isinstance(route, Mount))
    blocks = cast(Any, mounted.app).get_blocks()
    events = ((number, event) for number, event in blocks.fns.items() if event.fn is not None)
    return [(event.fn.__name__, number, len(event.inputs)) for number, event in events if event.page == "people"]


def test_no_event_of_the_page_does_anything_for_anybody_but_admins(house: House) -> None:
    events = events_of(house)
    acts = {"invite", "save", "renew", "sign_out", "deactivate", "reactivate", "add_project", "rename_project"}
    assert {name for name, _, _ in events} >= {"open", "show", "check", "look", "erase", *acts}
    for role in ROLES:
        browser, before = house.browser(role), house.counts()
        for name, number, many in events:
            body = {"fn_index": number, "data": ["anna", "reader", [1], 0, "", ""][:many], "session_hash": "s"}
            answer = browser.post("/gradio_api/run/predict", json=body)
            assert answer.status_code == 422 and "There is no API name or event" in answer.text, name
        assert house.counts() == before
    number = next(number for name, number, _ in events if name == "open")
    shown = house.browser("anna").post("/gradio_api/run/predict", json={"fn_index": number, "data": []})
    assert "newcomer" in shown.text, "an admin is answered"


def test_nothing_of_people_is_an_api_name(house: House) -> None:
    names = house.browser("anna").get("/gradio_api/info").json()["named_endpoints"]
    assert [name for name in names if any(word in name for word in ("person", "people", "invit", "member"))] == []


def test_who_is_in_no_project_is_led_to_what_to_do(house: House) -> None:
    browser = house.browser("newcomer")
    for page in pages():
        answer = browser.get(f"/{page.PATH.strip('/')}", headers=HTML)
        if page.PATH == account.PATH:
            assert answer.status_code == 200
        elif page.PATH == page_of_people.PATH:
            assert answer.status_code == 404
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, "/account"), page.PATH
    drawn = account.draw_person(house.visit("newcomer"))
    assert "Ask an admin to add you to a project" in drawn
    assert "Make one on the page" in account.draw_person(house.visit("new admin"))
    assert [page.TITLE for page in offered(pages(), house.visit("newcomer"))] == ["Account"]
    with house.browser("newcomer") as program:
        answer = program.post("/gradio_api/run/image_sets", json={"data": []})
        assert answer.status_code == 422 and "in no project yet" in answer.text


def test_an_admin_invites_and_gets_a_link_to_where_the_studio_is_opened(
    house: House, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, visit = page_of_people.PeoplePage(parts), house.visit("anna", origin="https://studio.example")
    shown = page.invite(visit, " dora ", "reviewer", list(visit.who.projects))
    link = shown[parts.link]["value"]
    assert shown[parts.link]["label"].startswith("Link for dora, ")
    assert link.startswith("https://studio.example/invited#") and len(link.partition("#")[2]) == 43
    assert "dora" in shown[parts.everybody] and "has not come yet" in shown[parts.everybody]
    assert shown[parts.change.person]["value"] == "dora"
    assert shown[parts.invite.role] == "researcher"
    monkeypatch.setenv("VITASK_ADDRESS", "https://known.example/")
    assert page.renew(visit, "dora")[parts.link]["value"].startswith("https://known.example/invited#")
    assert page.choose(visit, "reader")[parts.link] == {"value": "", "visible": False, "__type__": "update"}


def test_a_change_is_whole_or_not_at_all(house: House, parts: Parts) -> None:
    page, visit = page_of_people.PeoplePage(parts), house.visit("anna")
    before = house.counts()
    for name, role, projects in (
        ("anna", "reader", []),
        ("researcher", "boss", []),
        ("researcher", "reader", [999]),
        ("local", "reader", []),
        ("nobody", "reader", []),
        (None, "reader", []),
    ):
        with pytest.raises(CoreError):
            page.save(visit, name, role, projects)
    assert house.counts() == before
    page.save(visit, "reviewer", "reader", [])
    (row,) = [person for person in roster.roster(visit.database, visit.who) if person.name == "reviewer"]
    assert (row.role, row.projects) == ("reader", ())
    page.save(visit, "reviewer", "reviewer", visit.who.projects)


def test_names_that_are_markup_are_text(house: House, parts: Parts) -> None:
    visit = house.visit("anna")
    page, title = page_of_people.PeoplePage(parts), f"p{PAYLOADS['element']}"
    shown = page.add_project(visit, title)
    assert "<img" not in shown[parts.projects.all] and "&lt;img" in shown[parts.projects.all]
    shown = page.invite(house.visit("anna"), f"n{PAYLOADS['element']}", "reader", [])
    assert "<img" not in shown[parts.everybody] and "&lt;img" in shown[parts.everybody]


def test_without_accounts_the_page_says_what_the_first_password_changes(tmp_path: Path) -> None:
    import gradio as gr

    room = furnish(tmp_path)
    with gr.Blocks():
        parts = lay_out()
    shown = page_of_people.PeoplePage(parts).show(visiting(room.studio), None)
    assert "Invite an admin first" in shown[parts.everybody]
    assert shown[parts.invite.role] == "admin", "nobody else can be the first"


def test_everybody_changes_their_own_password_and_ends_their_other_sessions(house: House) -> None:
    import gradio as gr

    with gr.Blocks():
        parts = account.lay_out()
    page, here, there = account.AccountPage(parts), house.visit("reader"), house.visit("reader")
    assert page.show(here)[parts.password.group]["visible"] is True
    with pytest.raises(CoreError, match="new passwords differ"):
        page.change_password(here, PASSWORD, "another long one", "another long two")
    shown = page.change_password(here, PASSWORD, "another long one", "another long one")
    assert shown[parts.password.old] == shown[parts.password.new] == ""
    database = house.furnished.studio.database
    assert people.who(database, here.studio.token(here.request)) is not None
    assert people.who(database, there.studio.token(there.request)) is None
    assert shown[parts.sessions].count("data-session") == 0 and "this one" in shown[parts.sessions]
    people.set_password(database, "reader", PASSWORD)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36", "Chrome on Android"),
        ("python-httpx/0.28", "python-httpx"),
        ("", "not told"),
    ],
)
def test_a_browser_is_called_as_people_call_it(agent: str, words: str) -> None:
    assert browser_words(agent) == words


def test_the_audit_log_is_sought_and_taken_away_by_admins_alone(house: House) -> None:
    path = "/downloads/audit.csv?act=add+person"
    for role in ROLES:
        assert house.browser(role).get(path).status_code == 404
    answer = house.browser("anna").get(path)
    assert answer.status_code == 200 and "newcomer" in answer.text and "sign in" not in answer.text
    assert house.browser("anna").get("/downloads/audit.csv?project=77").status_code == 404
    assert house.browser("anna").get("/downloads/audit.csv?since=never").status_code == 400


def test_the_tab_says_whether_the_log_is_whole(house: House, parts: Parts) -> None:
    tab, visit = log.LogTab(parts.log), house.visit("anna")
    shown = tab.open(visit)
    assert "The log is whole" in shown[parts.log.whole] and "newcomer" in shown[parts.log.rows]
    given = {parts.log.person: "anna", parts.log.act: "", parts.log.project: 0, parts.log.since: "1d"}
    shown = tab.show(visit, given | {parts.log.until: "", parts.log.page: 0})
    assert "newcomer" not in shown[parts.log.rows] and "person=anna" in shown[parts.log.take]
    faulty = audit.Verified(rows=3, faults=["Row 2 (2026-11-24 09:00, eve: upload) was changed."])
    drawn = log.draw_whole(faulty)
    assert "not as it was written: 1 fault." in drawn and "upload" not in drawn
    with pytest.raises(CoreError):
        tab.check(house.visit("reader"))


def test_an_admin_reads_what_goes_types_the_name_and_erases(tmp_path: Path) -> None:
    import gradio as gr

    room = furnish(tmp_path)
    with gr.Blocks():
        parts = lay_out().erase
    tab, visit = erase.Erasing(parts), visiting(room.studio)
    offered_runs = tab.offer(visit, "run")[parts.which]["choices"]
    assert offered_runs == [("1 · First (My project)", "1")]
    shown = tab.look(visit, "run", "1")
    confirmation = parts.confirmation
    assert "Goes for good" in shown[confirmation.about] and shown[confirmation.erase]["visible"] is True
    folder = room.studio.place.runs
    assert len(list(folder.iterdir())) == 1
    for which, typed in (("1", "first"), ("1", ""), ("7", "First"), ("x", "First"), (None, "First")):
        with pytest.raises(CoreError):
            tab.erase(visit, "run", which, typed)
    assert len(list(folder.iterdir())) == 1
    shown = tab.erase(visit, "run", "1", " First ")
    assert shown[parts.which]["choices"] == [] and shown[confirmation.erase]["visible"] is False
    assert list(folder.iterdir()) == []
