"""Limits of time hold on a machine of the usual pace; a slower one is given as much more as fixed work takes it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
from sqlalchemy import text

from core.bench.intake import processor_seconds
from core.records.database import Database

USUAL_SECONDS = 0.010
"""What the yardstick takes at best on a core of a server of 2023 that has nothing else to do."""
TRIES, YARDSTICKS = 30, 5
ROWS = 3000


def clocked(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def yardstick() -> None:
    """Work of the kind that answers a page: rows into a table, out of it in another order, into objects, into JSON."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table fixed (number integer primary key, name text, share real)")
        rows = [(number, f"{number * 7919 % ROWS:06d}.png", number / ROWS) for number in range(ROWS)]
        connection.executemany("insert into fixed values (?, ?, ?)", rows)
        names = connection.execute("select name, number, share from fixed order by name desc").fetchall()
    connection.close()
    json.loads(json.dumps([{"name": name, "number": number, "share": share} for name, number, share in names]))


def slowness(seconds: float = 5 * USUAL_SECONDS, best: float = float("inf")) -> float:
    """How many times longer than usual this machine takes for so many seconds of work, at its best, now or before; 1 on
    one that is faster. What takes longer is interrupted more often, so neither side of a comparison may be shorter."""
    times = max(1, round(seconds / USUAL_SECONDS))

    def work() -> None:
        for _ in range(times):
            yardstick()

    return max(1.0, min(best, *(clocked(work) / (times * USUAL_SECONDS) for _ in range(YARDSTICKS))))


def is_within(seconds: float, do: Callable[[], object]) -> bool:
    """Whether it can be done in that time: what else the machine does makes it slower, nothing makes it faster."""
    best, slow = float("inf"), float("inf")
    for _ in range(TRIES):
        best = min(best, clocked(do))
        if best < seconds or best < seconds * (slow := slowness(seconds, slow)):
            return True
    return False


def spent(do: Callable[[], object], database: Database) -> float:
    """Seconds of processor time that it takes here and of the database's server: no halt of the machine, and nothing
    else that it does, is in them."""
    before = processor_seconds() + _server_seconds(database)
    do()
    return processor_seconds() + _server_seconds(database) - before


def _server_seconds(database: Database) -> float:
    if database.is_sqlite:
        return 0.0
    with database.reading() as session:
        server = psutil.Process(session.scalar(text("select pg_backend_pid()"))).parent()
    assert server is not None
    seconds = sum(server.cpu_times()[:4])
    for child in server.children():
        with suppress(psutil.NoSuchProcess):  # then it is in the server's own figures
            seconds += sum(child.cpu_times()[:2])
    return float(seconds)
