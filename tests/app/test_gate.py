"""Who gets in, and what they see: every page, API name, picture and download is walked, those of all pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from starlette.routing import Mount, Route

from app.entrance.gate import OPEN, OPEN_BELOW
from app.main import create_app
from app.shell import pages
from core.records.accounts import people
from core.records.tables import Audit, BoxCorrection, Job, Review, Run, Standing, Upload, Verdict, Version
from tests.app.furnished import Furnished, blocks_of, exported, furnish, searched
from tests.let_in import TOKEN

PASSWORD = "a long password"
SECRETS = ("Panes", "panes", "First", "hazy")
"""Names of what is in the project that the stranger is not in."""
KEPT = (Run, Upload, Version, Review, Verdict, Standing, BoxCorrection)
HTML = {"accept": "text/html"}
PLAUSIBLE: dict[str, Any] = {"Number": 1, "Textbox": "1", "Dropdown": 1, "Radio": "single", "Checkbox": True}


@dataclass(frozen=True)
class Rooms:
    """A studio with accounts: `anna` sees the furnished project, `stranger` another one."""

    app: FastAPI
    furnished: Furnished
    review: int
    own: int
    other: int

    def browser(self, token: str = "", client: str = "127.0.0.1") -> TestClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return TestClient(
            self.app,
            base_url="http://127.0.0.1:7860",
            client=(client, 50000),
            headers=headers,
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def token(self, name: str) -> str:
        return people.sign_in(self.furnished.studio.database, name, PASSWORD, name)

    @property
    def blocks(self) -> Any:
        return blocks_of(self.app)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        folder = tmp_path_factory.mktemp("gate")
        furnished = furnish(folder)
        review = searched(furnished, folder)
        database, own = furnished.studio.database, furnished.who.projects[0]
        people.add_person(database, "anna", PASSWORD, "admin")
        other = people.add_project(database, furnished.who, "Elsewhere")
        people.add_person(database, "stranger", PASSWORD, "admin", [other])
        yield Rooms(cast(FastAPI, create_app(furnished.studio.place)), furnished, review, own, other)


def every_route(routes: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """(method, address) of the app's own routes and of Gradio's, with something in place of each parameter."""
    for route in routes:
        if isinstance(route, Mount):
            yield from every_route(cast(Any, route.app).routes)
        elif hasattr(route, "original_router"):
            yield from every_route(route.original_router.routes, before + route.include_context.prefix)
        elif isinstance(route, Route):
            path = re.sub(r"{[^}]+}", "1", before + route.path)
            yield from ((method, path) for method in route.methods or () if method != "OPTIONS")


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


def test_nobody_who_is_not_signed_in_gets_past_any_route(rooms: Rooms) -> None:
    browser = rooms.browser()
    walked = [(method, path) for method, path in every_route(rooms.app.routes) if not is_open(path)]
    let_in = [one for one in walked if browser.request(*one).status_code not in (401, 303)]
    assert let_in == []
    paths = {path for _, path in walked}
    assert {"/", "/metrics", "/images/1/1", "/downloads/jobs/1/log.txt", "/gradio_api/upload", "/config"} <= paths
    assert {
        "/downloads/reviews/1/1",
        "/reviews/1/cases",
        "/reviews/1/verdicts",
        "/reviews/1/undo",
        "/boxes/1/1",
        "/uploads/1/copies/1",
        "/downloads/uploads/1/not-used.csv",
        "/downloads/versions/1/left-out.csv",
    } <= paths


def test_a_person_who_is_not_signed_in_is_led_from_every_page_to_the_sign_in(rooms: Rooms) -> None:
    browser = rooms.browser()
    for page in pages():
        path = f"/{page.PATH.strip('/')}"
        answer = browser.get(path, headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")


def test_no_api_name_answers_anybody_who_is_not_signed_in(rooms: Rooms) -> None:
    browser = rooms.browser()
    names = list(rooms.blocks.get_api_info()["named_endpoints"])
    assert len(names) >= 10
    for name in names:
        for way in ("call", "run", "call/v2"):
            assert browser.post(f"/gradio_api/{way}{name}", json={"data": []}).status_code == 401, name


def test_a_forged_token_is_no_token(rooms: Rooms) -> None:
    assert rooms.browser("x" * 43).get("/").status_code == 401


def test_a_stranger_to_the_project_sees_none_of_its_pictures_and_files(rooms: Rooms) -> None:
    browser, member = rooms.browser(rooms.token("stranger")), rooms.browser(rooms.token("anna"))
    version, run = rooms.furnished.version_id, rooms.furnished.run_id
    for path in (
        f"/images/{version}/0",
        f"/images/{version}/0?size=thumb",
        f"/images/{version}/0?size=64",
        f"/downloads/versions/{version}/cases.csv",
        f"/downloads/runs/{run}/run.yaml",
        f"/downloads/runs/{run}/metrics.json",
        "/downloads/jobs/1/log.txt",
        f"/downloads/exports/{exported(rooms.furnished)}.zip",
        f"/downloads/reviews/{rooms.review}/csv",
        f"/downloads/reviews/{rooms.review}/json",
        f"/reviews/{rooms.review}/cases",
        f"/reviews/{rooms.review}/cases/2",
        f"/reviews/{rooms.review}/cases/2/group",
        f"/boxes/{version}/0",
    ):
        assert browser.get(path).status_code == 404, path
        assert member.get(path).status_code == 200, path


def test_a_stranger_is_not_told_that_a_version_has_no_boxes_to_take_away(rooms: Rooms) -> None:
    path = f"/downloads/versions/{rooms.furnished.version_id}/coco.json"
    assert rooms.browser(rooms.token("stranger")).get(path).status_code == 404
    assert rooms.browser(rooms.token("anna")).get(path).status_code == 400


def test_a_stranger_to_the_project_decides_nothing_in_its_reviews(rooms: Rooms) -> None:
    before, press = changes(rooms), {"key": "a key of its own", "ranks": [1], "action": "exclude"}
    for name, status in (("stranger", 404), ("anna", 200)):
        browser = rooms.browser(rooms.token(name))
        person = people.who(rooms.furnished.studio.database, rooms.token(name))
        assert person is not None
        body = press | {"person": person.id}
        for path in ("verdicts", "undo"):
            again = body | {"key": f"{body['key']} to {path}"}
            assert browser.post(f"/reviews/{rooms.review}/{path}", json=again).status_code == status, path
        assert (changes(rooms) == before) is (name == "stranger")


def test_a_stranger_to_the_project_corrects_none_of_its_boxes(rooms: Rooms) -> None:
    before, path = changes(rooms), f"/boxes/{rooms.furnished.version_id}/0"
    drawn = {"label": "clear", "left": 0, "top": 0, "right": 0.5, "bottom": 0.5}
    for name, status in (("stranger", 404), ("anna", 200)):
        person = people.who(rooms.furnished.studio.database, rooms.token(name))
        assert person is not None
        body = {"boxes": [drawn], "after": 0, "person": person.id}
        assert rooms.browser(rooms.token(name)).post(path, json=body).status_code == status
        assert (changes(rooms) == before) is (name == "stranger")


def values_for(rooms: Rooms, inputs: Any) -> list[Any]:
    """Something plausible for each input of an event: above all the numbers of what is not the stranger's."""
    kinds = [type(rooms.blocks.blocks[number]).__name__ if isinstance(number, int) else "" for number in inputs]
    return [PLAUSIBLE.get(kind) for kind in kinds]


def changes(rooms: Rooms) -> list[Any]:
    """What would be different if the stranger had got at the project."""
    with rooms.furnished.studio.database.reading() as session:
        counted = [session.scalar(select(func.count()).select_from(table)) for table in KEPT]
        states = list(session.execute(select(Job.id, Job.state, Job.wish, Job.position)))
        done = session.scalar(select(func.count()).where(Audit.project_id == rooms.own, Audit.who == "stranger"))
        return [counted, states, done]


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?project=1"])
def test_no_event_of_any_page_tells_or_changes_anything_for_a_stranger(rooms: Rooms, query: str) -> None:
    browser, before = rooms.browser(rooms.token("stranger")), changes(rooms)
    told = {}
    for number, event in rooms.blocks.fns.items():
        data = values_for(rooms, [one._id for one in event.inputs])
        body = {"fn_index": number, "data": data, "session_hash": "stranger", "event_data": {"number": 0}}
        answer = browser.post(f"/gradio_api/run/predict{query}", json=body)
        text = answer.text.replace('"panes":', "")  # the viewer's own word, not the set's name
        if answer.status_code == 200 and any(secret in text for secret in SECRETS):
            told[event.api_name or event.name] = answer.text[:200]
    assert told == {}
    assert changes(rooms) == before


def asked_of(parameter: dict[str, Any]) -> Any:
    """A value of the type that the API's own description names."""
    name, kind = parameter["parameter_name"], str(parameter["python_type"]["type"])
    if kind.startswith("list") or name.endswith("_ids"):
        return [1]
    return {"int": 1, "float": 1.0, "bool": True, "str": "1"}.get(kind.split(" ")[0].split("[")[0], {})


@pytest.mark.slow
def test_no_api_name_tells_or_changes_anything_for_a_stranger(rooms: Rooms) -> None:
    browser, before = rooms.browser(rooms.token("stranger")), changes(rooms)
    for name, about in rooms.blocks.get_api_info()["named_endpoints"].items():
        data = [asked_of(parameter) for parameter in about["parameters"]]
        for query in ("", "?project=1"):
            answer = browser.post(f"/gradio_api/run{name}{query}", json={"data": data})
            leaks = [secret for secret in SECRETS if secret in answer.text]
            assert not (answer.status_code == 200 and leaks), f"{name}: {answer.text[:200]}"
    assert changes(rooms) == before


def test_the_walk_would_notice_a_leak(rooms: Rooms) -> None:
    """The same question from a member is answered with what the walk looks for."""
    answer = rooms.browser(rooms.token("anna")).post("/gradio_api/run/image_sets", json={"data": []})
    assert answer.status_code == 200 and "Panes" in answer.text
    shown = []
    for number, event in rooms.blocks.fns.items():
        if not event.inputs:
            body = {"fn_index": number, "data": [], "session_hash": "anna"}
            answer = rooms.browser(rooms.token("anna")).post("/gradio_api/run/predict", json=body)
            shown += [number] if any(secret in answer.text for secret in SECRETS) else []
    assert len(shown) >= 3


def test_a_page_of_another_site_can_not_act_for_a_person(rooms: Rooms) -> None:
    browser = rooms.browser(rooms.token("anna"))
    answer = browser.post("/gradio_api/run/image_sets", json={"data": []}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


def test_every_answer_carries_the_headers_that_browsers_obey(rooms: Rooms) -> None:
    answer = rooms.browser().get("/sign-in")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Rooms:
    """A studio without accounts."""
    furnished = furnish(tmp_path_factory.mktemp("alone"))
    own = furnished.who.projects[0]
    return Rooms(cast(FastAPI, create_app(furnished.studio.place)), furnished, 0, own, own)


def test_without_accounts_only_this_machine_by_its_own_name_is_let_in(alone: Rooms) -> None:
    assert alone.browser(TOKEN).get("/", headers=HTML).status_code == 200
    assert alone.browser(TOKEN, client="10.0.0.9").get("/").status_code == 401
    assert alone.browser(TOKEN).get("/", headers={"host": "rebound.example:7860"}).status_code == 401
    assert alone.browser(TOKEN, client="::1").get("/", headers={"host": "[::1]:7860"}).status_code == 200


def test_the_file_route_of_gradio_serves_none_of_the_studios_folders(alone: Rooms, tmp_path: Path) -> None:
    place = alone.furnished.studio.place
    for file in (place.data / "secret", place.data / "studio.db", Path("/etc/passwd")):
        assert alone.browser(TOKEN).get(f"/gradio_api/file={file}").status_code == 404
