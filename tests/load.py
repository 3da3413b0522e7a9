"""How long pages take while many look at once; run by hand: `python -m tests.load [--clients 30] [--seconds 60]`.

A furnished studio is served by a process of its own. Every client opens Home as a browser does (the page, then what its
opening sets off) and switches cases on Compare. Prints one JSON object: count, median and 95th percentile of each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np

from tests.let_in import LET_IN, let_in
from worker.redis import free_port

HOME, COMPARE = "home", "compare switch"
SWITCHES = 5
"""Cases that a client looks at before it opens Home again."""


def serve(folder: str, port: int, tell: Connection) -> None:
    """The child: furnishes a studio, tells which events the two pages set off, and serves until it is ended."""
    import uvicorn
    from starlette.routing import Mount

    from app.main import create_app
    from tests.app.furnished import furnish

    studio = furnish(Path(folder)).studio
    let_in(studio.database)
    app = cast(Any, create_app(studio.place))
    events = cast(Any, next(route for route in app.routes if isinstance(route, Mount)).app).get_blocks().fns

    def opening(page: str) -> list[tuple[int, int]]:
        """What a browser sets off when it opens a page: the events' numbers, and how many inputs each has."""
        return [
            (number, len(event.inputs))
            for number, event in events.items()
            if event.page == page and event.fn is not None and any(trigger == "load" for _, trigger in event.targets)
        ]

    switch = next(number for number, event in events.items() if event.page == "compare" and event.name == "show")
    tell.send({"home": opening(""), "compare": opening("compare"), "switch": switch})
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


class Client(threading.Thread):
    """One browser, which goes on until the time is over."""

    def __init__(self, address: str, events: dict[str, Any], until: float, number: int) -> None:
        super().__init__()
        self.address, self.events, self.until, self.number = address, events, until, number
        self.took: defaultdict[str, list[float]] = defaultdict(list)

    def run(self) -> None:
        with httpx.Client(base_url=self.address, headers=LET_IN, timeout=60) as browser:
            while time.monotonic() < self.until:
                with self.timed(HOME):
                    browser.get("/", headers={"accept": "text/html"}).raise_for_status()
                    self.open(browser, "home")
                self.open(browser, "compare")
                for _ in range(SWITCHES):
                    with self.timed(COMPARE):
                        self.call(
                            browser, self.events["switch"], [1, 1, "test", "all", "case", "", "", "", "", "", "a", True]
                        )

    def open(self, browser: httpx.Client, page: str) -> None:
        for number, inputs in self.events[page]:
            self.call(browser, number, [None] * inputs)

    def call(self, browser: httpx.Client, number: int, data: list[Any]) -> None:
        event = {"fn_index": number, "data": data, "session_hash": f"load{self.number}"}
        browser.post("/gradio_api/run/predict", json=event).raise_for_status()

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.took[kind].append(1000 * (time.perf_counter() - began))


def wait_until_served(address: str) -> None:
    while True:
        try:
            httpx.get(f"{address}/health").raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)


def measure(clients: int, seconds: float) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    hear, tell = context.Pipe(duplex=False)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        child = context.Process(target=serve, args=(folder, port, tell), daemon=True)
        child.start()
        events = hear.recv()
        wait_until_served(address)
        until = time.monotonic() + seconds
        browsers = [Client(address, events, until, number) for number in range(clients)]
        for browser in browsers:
            browser.start()
        for browser in browsers:
            browser.join()
        child.terminate()
        child.join()
    figures = {}
    for kind in (HOME, COMPARE):
        took = np.array([each for browser in browsers for each in browser.took[kind]])
        median, slow = np.percentile(took, [50, 95])
        figures[kind] = {"count": len(took), "p50_ms": round(float(median)), "p95_ms": round(float(slow))}
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(measure(given.clients, given.seconds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
