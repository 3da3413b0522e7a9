"""Where an address leads nowhere or something fails, a person reads what happened, and a program gets JSON."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.records import jobs
from core.records.database import DatabaseBusy
from tests.app.furnished import Furnished, browsing, furnish

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LOG = "/downloads/jobs/1/log.txt"
HOME = '<a class="way" href="/">Home</a>'


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def browser(room: Furnished) -> Iterator[TestClient]:
    with browsing(room.studio) as browser:
        yield browser


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise error

    monkeypatch.setattr(jobs, "log_lines", fail)


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/at/all", "/runs/7", "/monitoring", "/gradio_api/nothing"])
def test_an_unknown_address_answers_with_a_page_and_a_way_home(browser: TestClient, path: str) -> None:
    answer = browser.get(path, headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<title>This page is not there · VITask Studio</title>" in answer.text
    assert "There is nothing here, or it is not yours." in answer.text and HOME in answer.text
    assert "default-src" in answer.headers["content-security-policy"]
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/at/all", "/runs/7", "/monitoring", "/gradio_api/nothing"])
def test_a_program_is_told_in_json_as_before(browser: TestClient, path: str) -> None:
    for accept in ("*/*", "application/json"):
        answer = browser.get(path, headers={"accept": accept})
        assert (answer.status_code, list(answer.json())) == (404, ["detail"])


def test_the_sentence_of_a_route_stands_on_the_page_and_markup_in_it_is_text(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, DatabaseBusy("Held by <b>somebody</b>."))
    answer = browser.get(LOG, headers=HTML)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Held by &lt;b&gt;somebody&lt;/b&gt;." in answer.text and HOME in answer.text
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


def test_what_was_asked_wrongly_is_refused_in_words(browser: TestClient) -> None:
    answer = browser.get("/downloads/jobs/many/log.txt", headers=HTML)
    assert answer.status_code == 422 and "can&#x27;t make sense of what was asked for" in answer.text


def test_our_own_fault_is_told_with_the_id_of_the_log_and_nothing_of_its_inside(
    room: Furnished, browser: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_with(monkeypatch, KeyError(f"inner {room.studio.place.data}"))
    with caplog.at_level(logging.ERROR):
        answer = browser.get(LOG, headers=HTML)
    assert answer.status_code == 500 and HOME in answer.text
    for inside in ("Traceback", "KeyError", "inner", str(room.studio.place.data)):
        assert inside not in answer.text
    fault = re.search(r"under the id ([0-9a-f]{8})\.", answer.text)
    assert fault is not None and f"A page failed ({fault[1]})" in caplog.text and "KeyError" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_place_on_the_server_is_told(room: Furnished, browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, DatabaseBusy(f"{room.studio.place.data}/studio.db is held."))
    answer = browser.get(LOG, headers=HTML)
    assert "studio.db is held." in answer.text and str(room.studio.place.data) not in answer.text


@pytest.mark.parametrize(("kept", "look"), [("dark", "dark"), ("light", "light"), ('"><script>', "")])
def test_a_page_wears_the_look_that_was_chosen(browser: TestClient, kept: str, look: str) -> None:
    answer = browser.get("/nowhere", headers={**HTML, "cookie": f"vitask_look={kept}"})
    assert f'<html lang="en" class="{look}">' in answer.text


def test_a_page_that_is_there_goes_through_as_it_is(browser: TestClient) -> None:
    answer = browser.get("/runs", headers=HTML)
    assert answer.status_code == 200 and "gradio" in answer.text
