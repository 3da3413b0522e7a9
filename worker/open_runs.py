"""Loaded runs stay, so that the next ask of people at a page is quick; and a lease is held while a model loads."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.records import jobs
from core.records.jobs import Claimed, LeaseLost
from core.records.runs import runs
from worker.context import AWAY, LEASE_SECONDS, Hands

if TYPE_CHECKING:
    from core.runs.opened import Opened

MOST_LOADED = 2
SECONDS_BETWEEN_BEATS = 5.0

_loaded: OrderedDict[tuple[str, float], Opened] = OrderedDict()
_one_at_a_time = threading.Lock()


@contextmanager
def alone(hands: Hands, claimed: Claimed) -> Iterator[None]:
    """One ask at a time in this process, whose lease is kept while its thread is busy: loading a large model takes
    longer than a lease lasts."""
    with _one_at_a_time, _holding(hands, claimed):
        yield


def opened_run(hands: Hands, project_id: int, run_id: int) -> Opened:
    """The run, loaded; the one that was asked longest ago makes room for a third."""
    from core.runs.opened import open_run

    run = runs.named_run(hands.database, project_id, run_id)
    folder = runs.run_folder(hands.database, hands.place, run)
    key = (str(folder), (folder / "metrics.json").stat().st_mtime)
    if key not in _loaded:
        while len(_loaded) >= MOST_LOADED:
            _loaded.popitem(last=False)
        _make_room()
        _loaded[key] = open_run(folder)
    _loaded.move_to_end(key)
    return _loaded[key]


def _make_room() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _holding(hands: Hands, claimed: Claimed) -> Iterator[None]:
    is_over = threading.Event()

    def hold() -> None:
        while not is_over.wait(SECONDS_BETWEEN_BEATS):
            try:
                jobs.renew(hands.database, claimed, LEASE_SECONDS)
            except LeaseLost:
                return  # whoever has the job now answers it; what is found here is refused
            except AWAY:
                continue

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    try:
        yield
    finally:
        is_over.set()
        holder.join()
