"""Searches of people at a page: the cases of a run that are nearest to some words, a picture or a case."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.pictures.pixels import decode
from core.pictures.store import open_store
from core.records import jobs, payloads
from core.records.jobs import Claimed
from core.records.progress import Progress
from core.records.runs import runs
from core.records.runs.outcomes import Match, Matches
from worker.context import Hands
from worker.open_runs import alone, opened_run

if TYPE_CHECKING:
    from core.runs.index import Searchable


def find(hands: Hands, claimed: Claimed) -> None:
    """In this process, where a loaded model stays; an index that is missing is made anew first."""
    with alone(hands, claimed):
        result = _search(hands, claimed)
    hands.insist(lambda: jobs.finish(hands.database, claimed, result.plain()))


def _search(hands: Hands, claimed: Claimed) -> Matches:
    from core.runs.index import searchable

    payload = payloads.Find.parse(claimed.payload, "payload")
    jobs.progress(hands.database, claimed, Progress(text="Loading the model"))
    opened = opened_run(hands, claimed.project_id, payload.run)
    settings = runs.settings_here(hands.place, runs.named_run(hands.database, claimed.project_id, payload.run))

    def progress(done: int) -> None:
        jobs.progress(hands.database, claimed, Progress(text="Making the index", done=done))

    search = searchable(opened, progress, images=settings["images"])
    jobs.progress(hands.database, claimed, Progress(text="Searching"))
    begun = time.monotonic()
    near = _nearest(hands, search, payload)
    return Matches(matches=near, searched=len(search.index.indexed), seconds=time.monotonic() - begun)


def _nearest(hands: Hands, search: Searchable, payload: payloads.Find) -> tuple[Match, ...]:
    """What fits the filters; a case is never among those that are like it."""
    patient = None
    if payload.case:
        own = search.case(payload.case)
        query, patient = search.index.vectors[own], search.index.indexed[own].patient
    elif payload.image:
        query = search.of_picture(decode(open_store(hands.place.store).get(payload.image), "The picture"))
    else:
        query = search.of_words(payload.words)
    wanted = search.index.wanted(
        payload.splits, payload.case or None, patient if payload.leaves_out_patient and patient else None
    )
    return tuple(map(Match.of, search.index.nearest(query, payload.most, wanted)))
