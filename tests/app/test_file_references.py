"""Any input of any page is offered other people's files and the machine's own: none is read, fetched or served.

A file that was read leaves a copy in Gradio's folder, whichever way the handler then ends: that is what is counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, permutations
from pathlib import Path
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.components import Component

from app.main import create_app
from core.records.accounts import people
from tests.app.furnished import furnish
from tests.app.test_gate import PASSWORD, Rooms
from tests.let_in import TOKEN

CONTENT = "what nobody but the machine's owner may read"


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A studio with two people who share a project, so that only the file decides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        furnished = furnish(tmp_path_factory.mktemp("files"))
        own = furnished.who.projects[0]
        for name in ("anna", "berta"):
            people.add_person(furnished.studio.database, name, PASSWORD, "admin", [own])
        yield Rooms(cast(FastAPI, create_app(furnished.studio.place)), furnished, 0, own, own)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Rooms:
    """A studio without accounts."""
    furnished = furnish(tmp_path_factory.mktemp("files alone"))
    own = furnished.who.projects[0]
    return Rooms(cast(FastAPI, create_app(furnished.studio.place)), furnished, 0, own, own)


@pytest.fixture(autouse=True)
def _folder_of_this_studio(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio has one folder a process, and here are two studios."""
    studio = request.getfixturevalue("alone" if "alone" in request.fixturenames else "rooms")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(arriving(studio)))


def reference(path: Any, **more: Any) -> dict[str, Any]:
    return {"path": str(path) if isinstance(path, Path) else path, "meta": {"_type": "gradio.FileData"}, **more}


def arriving(rooms: Rooms) -> Path:
    return rooms.furnished.studio.place.data / "arriving"


def canary(folder: Path, name: str) -> Path:
    file = folder / f"{name}.txt"
    file.write_text(CONTENT, encoding="utf-8")
    return file


def copies(rooms: Rooms) -> set[str]:
    """Names of the canaries that came into the folder that Gradio serves."""
    return {file.stem for file in arriving(rooms).rglob("*.txt") if file.read_text("utf-8") == CONTENT}


def arrived(rooms: Rooms) -> set[Path]:
    return {file for file in arriving(rooms).rglob("*") if file.is_file()}


def inputs_that_read(rooms: Rooms, token: str, folder: Path) -> tuple[int, list[str]]:
    """Every input of every event is given a file of its own: how many were tried, and which of them read it."""
    names = {}
    with rooms.browser(token) as browser:
        for number, event in rooms.blocks.fns.items():
            for place, block in enumerate(event.inputs):
                name = f"canary-{number}-{place}"
                names[name] = f"{event.api_name or event.name}, input {place} ({type(block).__name__})"
                data: list[Any] = [None] * len(event.inputs)
                data[place] = reference(canary(folder, name))
                browser.post("/gradio_api/run/predict", json={"fn_index": number, "data": data})
    return len(names), [names[name] for name in sorted(copies(rooms))]


@pytest.mark.slow
def test_no_input_of_any_event_reads_a_file_of_the_machine(rooms: Rooms, tmp_path: Path) -> None:
    tried, read = inputs_that_read(rooms, rooms.token("anna"), tmp_path)
    assert tried > 1000
    assert read == []


@pytest.mark.slow
def test_no_input_reads_a_file_of_the_machine_in_a_studio_without_accounts(alone: Rooms, tmp_path: Path) -> None:
    tried, read = inputs_that_read(alone, TOKEN, tmp_path)
    assert tried > 1000
    assert read == []


def of_each_kind(rooms: Rooms) -> dict[str, tuple[int, int, int]]:
    """One input of each kind of component: {kind: (event, place, number of inputs)}."""
    return {
        type(block).__name__: (number, place, len(event.inputs))
        for number, event in rooms.blocks.fns.items()
        for place, block in enumerate(event.inputs)
        if isinstance(block, Component)
    }


WAYS = ("run/predict", "api/predict", "queue/join")


@pytest.mark.slow
def test_no_way_of_saying_it_reads_a_file(rooms: Rooms, tmp_path: Path) -> None:
    """Nested, beside an address, as a stream, in an event's data, by symlink, dots, case and addresses."""
    anna, berta = rooms.browser(rooms.token("anna")), rooms.browser(rooms.token("berta"))
    place = rooms.furnished.studio.place
    hers = Path(berta.post("/gradio_api/upload", files={"files": ("hers.txt", CONTENT)}).json()[0])
    assert hers.is_relative_to(arriving(rooms))
    link = tmp_path / "link.txt"
    link.symlink_to(canary(tmp_path, "linked"))
    before = arrived(rooms)
    assert hers in before
    paths = [
        str(canary(tmp_path, "plain")),
        str(hers),
        str(link),
        f"{hers.parent}/../{hers.parent.name}/{hers.name}",
        f"{arriving(rooms)}/../secret",
        f"{arriving(rooms)}/../arriving/../studio.db",
        f"/{place.data}//studio.db",
        str(place.data / "studio.db").upper(),
        f"file://{place.data}/secret",
        "/proc/self/environ",
        "/etc/passwd",
        "http://127.0.0.1:1/secret.txt",
        "http://169.254.169.254/latest/meta-data",
        str(canary(tmp_path, "with a null").with_name("a\0b")),
        ".",
        "",
    ]
    forms: list[Any] = []
    for path in paths:
        plain = reference(path)
        forms += [plain, [plain], {"value": plain}, [[{"deep": [plain]}]], reference(path, is_stream=True)]
        forms += [reference("x", url=path), {"path": path, "orig_name": "a.txt"}, [path], reference([path])]
        forms += [{**plain, "meta": "gradio.FileData"}, {**plain, "meta": {"_type": "gradio.FileData", "more": 1}}]
    refused = sum(
        is_refused(anna, kind, event, form, way)
        for kind, event in of_each_kind(rooms).items()
        for form, ways in zip(forms, cycle(permutations(WAYS)), strict=False)
        for way in (WAYS if kind == "File" else ways[:1])  # of what is no upload each form takes turns
    )
    names = cycle(rooms.blocks.get_api_info()["named_endpoints"])
    for form, name in zip(forms, names, strict=False):
        body = {"fn_index": 0, "data": [], "event_data": form, "session_hash": "attack"}
        for way, sent in (
            ("run/predict", body),
            (f"call{name}", {"data": [form]}),
            (f"call/v2{name}", {"data": [form], "files": form}),
        ):
            anna.post(f"/gradio_api/{way}", json=sent)
    assert arrived(rooms) == before
    assert refused > 1000


def is_refused(browser: TestClient, kind: str, event: tuple[int, int, int], form: Any, way: str) -> bool:
    """An input of a kind of component is offered a file in some form."""
    number, place, count = event
    data: list[Any] = [None] * count
    data[place] = form
    answer = browser.post(f"/gradio_api/{way}", json={"fn_index": number, "data": data, "session_hash": "attack"})
    assert CONTENT not in answer.text, (kind, form, way)
    return answer.status_code in (400, 403, 422)


def test_gradios_own_file_route_serves_a_person_nothing_but_the_own_uploads(rooms: Rooms, tmp_path: Path) -> None:
    anna, berta = rooms.browser(rooms.token("anna")), rooms.browser(rooms.token("berta"))
    hers = berta.post("/gradio_api/upload", files={"files": ("a picture.txt", CONTENT)}).json()[0]
    assert berta.get(f"/gradio_api/file={hers}").text == CONTENT
    place = rooms.furnished.studio.place
    missing = anna.get(f"/gradio_api/file={Path(hers).with_name('missing.txt')}")
    for path in (hers, place.data / "secret", place.data / "studio.db", Path(hers).parent, tmp_path, "/etc/passwd"):
        for written in (f"file={path}", f"file=/{path}", f"file/{path}", f"file={Path(hers).parent}/../{path}"):
            answer = anna.get(f"/gradio_api/{written}")
            assert (answer.status_code, answer.text) == (missing.status_code, missing.text), written
            assert answer.status_code in (403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/stream/a/b/1/playlist-file",
        "/gradio_api/deep_link?session_hash=a",
        "/gradio_api/custom_component/a/client/b/c",
        "/gradio_api/dev/reload",
        "/gradio_api/token",
        "/?deep_link=../",
        "/config?deep_link=..",
        "/monitoring",
    ],
)
def test_what_no_page_needs_of_gradio_is_not_there(rooms: Rooms, path: str) -> None:
    assert rooms.browser(rooms.token("anna")).get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["component_server", "process_recording", "vibe-edit", "stream/1", "run-history/connect"]
)
def test_nothing_can_be_sent_to_what_no_page_needs_of_gradio(rooms: Rooms, path: str) -> None:
    body = {"data": [reference("/etc/passwd")], "component_id": 1, "session_hash": "a", "fn_name": "ls", "prompt": ""}
    assert rooms.browser(rooms.token("anna")).post(f"/gradio_api/{path}", json=body).status_code == 404


def test_a_reference_that_a_handler_gives_back_is_not_followed(rooms: Rooms, tmp_path: Path) -> None:
    """What came in as text, in a table or a run file, goes out as text."""
    import gradio as gr

    from app.entrance.arrivals import StudioBlocks
    from app.entrance.payloads import PayloadError

    file = canary(tmp_path, "echoed")
    with StudioBlocks() as demo:
        text, shown = gr.Textbox(), gr.JSON()
        text.change(json.loads, [text], [shown])
    with pytest.raises(PayloadError):
        demo(json.dumps({"columns": [reference(file)]}))


def test_a_person_uploads_and_uses_what_was_uploaded(rooms: Rooms) -> None:
    anna = rooms.browser(rooms.token("anna"))
    table = anna.post("/gradio_api/upload", files={"files": ("cases.csv", "file,label\na.png,clear\n")}).json()[0]
    sent = reference(table, url=f"http://127.0.0.1:7860/gradio_api/file={table}", orig_name="cases.csv", size=23)
    answer = anna.post("/gradio_api/run/upload_images", json={"data": [[sent]]})
    assert answer.status_code == 200, answer.text
    upload = answer.json()["data"][0]
    again = anna.post("/gradio_api/run/upload_images", json={"data": [[sent]]})
    assert again.status_code == 422  # taken over: it is not there any more
    report = anna.post("/gradio_api/run/upload_report", json={"data": [upload]})
    assert report.json()["data"][0]["state"] == "checking"
