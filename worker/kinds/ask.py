"""Asks of people at a page: a run's readers answer for one picture. Loaded runs stay, so that the next ask is quick."""

from __future__ import annotations

import gc
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.pictures.pixels import decode
from core.pictures.store import open_store
from core.records import jobs, payloads, runs
from core.records.jobs import Claimed, LeaseLost
from core.records.outcomes import Answers, Unlike
from core.records.progress import Progress
from core.records.questions import outcome_of
from worker.context import AWAY, LEASE_SECONDS, Hands

if TYPE_CHECKING:
    from core.runs.opened import Opened

MOST_LOADED = 2
SECONDS_BETWEEN_BEATS = 5.0

_loaded: OrderedDict[tuple[str, float], Opened] = OrderedDict()
_one_at_a_time = threading.Lock()


def answer(hands: Hands, claimed: Claimed) -> None:
    """Reads in this process: a model that is loaded already answers within the second."""
    with _one_at_a_time, _holding(hands, claimed):
        result = _read(hands, claimed)
    hands.insist(lambda: jobs.finish(hands.database, claimed, result.plain()))


def _read(hands: Hands, claimed: Claimed) -> Answers:
    from core.readings import novelty
    from core.runs.opened import Asked, read_pictures, unlike

    payload = payloads.Ask.parse(claimed.payload, "payload")
    jobs.progress(hands.database, claimed, Progress(text="Loading the model"))
    opened = _opened(hands, claimed.project_id, payload.run)
    jobs.progress(hands.database, claimed, Progress(text="Reading"))
    begun = time.monotonic()
    picture = decode(open_store(hands.place.store).get(payload.image), "The picture")
    question = Asked([picture], 0, payload.instruction, payload.free_text)
    answers = read_pictures(opened, question, payload.readers or opened.reader_names)
    task = next(iter(opened.tasks.values()))
    of_picture = {name: each for name, (each,) in answers.items()}
    unlikeness = novelty.plain(unlike(opened, [picture])[0])
    unlikeness["text"] = hands.place.without_paths(unlikeness["text"])  # where it can't be told, it names the images
    seconds = time.monotonic() - begun
    return outcome_of(of_picture, task, Unlike.model_validate(unlikeness), seconds)


def _opened(hands: Hands, project_id: int, run_id: int) -> Opened:
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
    """Keeps the lease while this thread is busy: loading a large model takes longer than a lease lasts."""
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
