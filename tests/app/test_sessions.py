"""Opened and closed pages leave no memory behind, measured on a served studio in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.shell import pages
from tests.app.furnished import furnish
from tests.browser.conftest import wait_for
from tests.let_in import LET_IN
from worker.redis import free_port

WARM, OPENED, CLIENTS = 500, 500, 4
"""The first few hundred fill what is kept for all: pools, caches and the threads' memory."""
MOST_BYTES = 25_000_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A studio's address and its process."""
    folder = tmp_path_factory.mktemp("sessions")
    furnish(folder)
    address = f"http://127.0.0.1:{(port := free_port())}"
    environment = os.environ | {"VITASK_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "app.main", "--port", str(port)]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"{address}/health", child)
        yield address, child.pid
    finally:
        child.terminate()
        child.wait(60)


def resident_bytes(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def view(browser: httpx.Client, config: dict[str, Any], number: int) -> None:
    """What a browser does with a page: it stays connected, has the page filled, asks once more, and goes away."""
    session = f"session{number}"
    loads = [one for one in config["dependencies"] if any(event == "load" for _, event in one["targets"])]
    asked = [
        {"data": [None] * len(event["inputs"]), "fn_index": event["id"], "session_hash": session} for event in loads
    ]
    with browser.stream("GET", f"/gradio_api/heartbeat/{session}"):
        # The studio's own work is not measured here: most pages are filled in part.
        for body in asked if number % 10 == 0 else asked[:1]:
            browser.post("/gradio_api/run/predict", json=body).raise_for_status()
        browser.post("/gradio_api/queue/join", json=asked[-1]).raise_for_status()
        assert "process_completed" in browser.get("/gradio_api/queue/data", params={"session_hash": session}).text


def open_sessions(address: str, numbers: range) -> None:
    with httpx.Client(base_url=address, headers=LET_IN, timeout=60) as browser, ThreadPoolExecutor(CLIENTS) as clients:
        plans = [browser.get("/config", params={"page": page.PATH.strip("/")}).json() for page in pages()]
        for _ in clients.map(lambda number: view(browser, plans[number % len(plans)], number), numbers):
            pass


@pytest.mark.slow
def test_five_hundred_sessions_leave_the_app_as_large_as_it_was(served: tuple[str, int]) -> None:
    address, process = served
    open_sessions(address, range(WARM))
    before = resident_bytes(process)
    open_sessions(address, range(WARM, WARM + OPENED))
    grown = resident_bytes(process) - before
    assert grown < MOST_BYTES, f"{grown / 1e6:.0f} MB more, {grown / OPENED / 1e3:.0f} kB a session"
