"""Every API name gets values of every wrong type in every place: a sentence and a 4xx, never "our fault"."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.test_file_references import alone as alone
from tests.app.test_gate import Rooms, asked_of
from tests.let_in import TOKEN

WRONG: list[Any] = [
    None,
    True,
    -1,
    2**31,
    2**63,
    10**30,
    1.5,
    1e300,
    "",
    "x",
    "\0",
    "\ud800",
    "1" * 100_000,
    [],
    [None],
    ["x"],
    [[1]],
    [10**30],
    {},
    {"a": {"b": [1]}},
    {"path": 1, "meta": 2},
]
BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"[" * 100_000,
    b'{"data": 1}',
    b'{"data": [NaN]}',
    b'{"data": [1e999]}',
    b'{"data": [], "session_hash": 5}',
    b'{"data": [], "session_hash": "../a"}',
    b'{"data": [], "fn_index": 100000}',
    b'{"data": [], "fn_index": true}',
    b'{"data": [], "fn_index": {"a": 1}}',
    b'{"data": [], "trigger_id": [1]}',
    b'{"data": [1, 2, 3, 4, 5, 6, 7, 8, 9]}',
    b'{"data": "\xff"}',
)


@pytest.fixture(scope="module")
def browser(alone: Rooms) -> Iterator[TestClient]:
    with alone.browser(TOKEN) as browser:
        yield browser


def answer_to(browser: TestClient, way: str, body: bytes) -> tuple[int, str]:
    answer = browser.post(f"/gradio_api/{way}", content=body, headers={"content-type": "application/json"})
    return answer.status_code, answer.text


def wrong_calls(rooms: Rooms) -> list[tuple[str, list[Any]]]:
    """One value is wrong, the others are plausible."""
    calls = []
    for name, about in rooms.blocks.get_api_info()["named_endpoints"].items():
        good = [asked_of(parameter) for parameter in about["parameters"]]
        calls += [(name, [*good[:at], wrong, *good[at + 1 :]]) for at in range(len(good)) for wrong in WRONG]
    return calls


def test_no_api_name_was_taken_before_by_an_event_of_its_function(alone: Rooms) -> None:
    """Gradio gives the name to whichever comes first, and a number to what was meant to have it."""
    names = list(alone.blocks.get_api_info()["named_endpoints"])
    assert "/decide" in names
    assert not [name for name in names if re.search(r"_\d+$", name)]


@pytest.mark.slow
def test_no_wrongly_typed_call_of_any_api_name_is_our_fault(alone: Rooms, browser: TestClient) -> None:
    calls = wrong_calls(alone)
    assert len(calls) > 1500
    statuses: Counter[int] = Counter()
    wrong = []
    for name, data in calls:
        status, text = answer_to(browser, f"run{name}", json.dumps({"data": data}).encode())
        statuses[status] += 1
        if status not in (200, 422) or (status == 422 and not json.loads(text)["error"].endswith(".")):
            wrong.append((name, str(data)[:100], status, text[:200]))
    assert wrong == []
    assert statuses[422] > 1400


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["run/image_sets", "call/image_sets", "call/v2/upload_report", "queue/join", "run/none"]
)
def test_no_malformed_body_is_our_fault(browser: TestClient, way: str) -> None:
    for body in BODIES:
        status, text = answer_to(browser, way, body)
        assert status == 422, (body[:60], status, text[:200])
        assert json.loads(text)["detail"].endswith(".")


def test_what_is_wrong_is_told_by_name_before_anything_is_called(browser: TestClient) -> None:
    status, text = answer_to(browser, "call/versions", b'{"data": ["three"]}')
    assert status == 422
    assert json.loads(text)["detail"].startswith('"set_id" can\'t be used: input should be a valid integer')
    assert answer_to(browser, "call/v2/versions", b'{"set": 1}')[0] == 422
    assert answer_to(browser, "call/versions", b'{"data": []}')[0] == 422


def test_an_error_that_a_person_can_mend_is_not_the_servers(browser: TestClient) -> None:
    status, text = answer_to(browser, "run/versions", b'{"data": [77]}')
    assert (status, json.loads(text)["title"]) == (422, "Please look at this")
