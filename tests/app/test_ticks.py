"""What pages ask of the server by themselves every few seconds: each timer's events, over HTTP, in a busy project."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import SECONDS_BETWEEN_LOOKS
from core.records import jobs
from core.records.runs import runs
from tests.app.furnished import Furnished, blocks_of, browsing, furnish
from tests.pace import is_within, slowness

SECONDS, RUNS, STEPS = 0.05, 20, 1000
GOING, SHARE_AT_REST = 2, 0.05
FILLED: dict[str, Any] = {
    "Number": 1,
    "Textbox": "",
    "Dropdown": GOING,
    "Radio": "test",
    "Checkbox": True,
    "State": None,
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Twenty runs, one of them going on with curves of a thousand steps."""
    furnished = furnish(tmp_path_factory.mktemp("busy"))
    going, *_ = [furnished.queue(f"run {number}") for number in range(RUNS)]
    database = furnished.studio.database
    assert going == GOING
    claimed = jobs.claim(database, runs.run(database, furnished.who, going).job_id, "test")
    assert claimed is not None
    told = {"kind": "step", "stage": "stage-1", "steps": STEPS, "losses": {"van": 0.5, "ep": 0.4, "rda": 0.1}}
    runs.take_events(database, going, 0, [json.dumps(told | {"step": step}) + "\n" for step in range(1, STEPS + 1)])
    return furnished


@pytest.fixture(scope="module")
def browser(busy: Furnished) -> Iterator[TestClient]:
    with browsing(busy.studio) as browser:
        yield browser


def events(app: Any, wanted: str) -> dict[str, tuple[int, list[Any]]]:
    """Every event that a page's opening or a timer sets off: its number, and what stands in its inputs."""
    blocks = blocks_of(app)
    found = {}
    for number, event in blocks.fns.items():
        if any(trigger == wanted for _, trigger in event.targets):
            kinds = [type(blocks.blocks[one._id]).__name__ for one in event.inputs]
            found[f"{number} {event.name}"] = number, [FILLED.get(kind) for kind in kinds]
    return found


def call(browser: TestClient, number: int, data: list[Any]) -> Any:
    return browser.post("/gradio_api/run/predict", json={"fn_index": number, "data": data, "session_hash": "one"})


def tick(browser: TestClient, number: int, data: list[Any]) -> None:
    answer = call(browser, number, data)
    if answer.status_code != 200:  # a chooser of something that this project has none of
        answer = call(browser, number, [None if value == GOING else value for value in data])
    assert answer.status_code == 200, answer.text


def test_no_tick_of_any_page_takes_50_ms(browser: TestClient) -> None:
    for number, data in events(browser.app, "load").values():
        tick(browser, number, data)  # fills the choosers of this session
    walked = events(browser.app, "tick")
    assert len(walked) >= 5
    assert [
        name for name, (number, data) in walked.items() if not is_within(SECONDS, partial(tick, browser, number, data))
    ] == []


def test_a_studio_that_nobody_looks_at_rests(browser: TestClient) -> None:
    assert blocks_of(browser.app)._queue.sleep_when_free == SECONDS_BETWEEN_LOOKS
    assert any(share_of_a_core(2.0) < SHARE_AT_REST * slowness() for _ in range(3))


def share_of_a_core(seconds: float) -> float:
    begun, before = time.monotonic(), time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / (time.monotonic() - begun)
