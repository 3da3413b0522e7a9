"""Limits of time hold on a machine of the usual pace; a slower one is given as much more as fixed work takes it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable

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


def slowness(best: float = float("inf")) -> float:
    """How many times longer than usual this machine takes at its best, now or before; 1 on one that is faster."""
    return max(1.0, min(best, *(clocked(yardstick) / USUAL_SECONDS for _ in range(YARDSTICKS))))


def is_within(seconds: float, do: Callable[[], object]) -> bool:
    """Whether it can be done in that time: what else the machine does makes it slower, nothing makes it faster."""
    best, slow = float("inf"), float("inf")
    for _ in range(TRIES):
        best = min(best, clocked(do))
        if best < seconds or best < seconds * (slow := slowness(slow)):
            return True
    return False
