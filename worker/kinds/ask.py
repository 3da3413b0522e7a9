"""Asks of people at a page: a run's readers answer for one picture."""

from __future__ import annotations

import time

from core.pictures.pixels import decode
from core.pictures.store import open_store
from core.records import jobs, payloads
from core.records.jobs import Claimed
from core.records.progress import Progress
from core.records.runs.outcomes import Answers, Unlike
from core.records.runs.questions import outcome_of
from worker.context import Hands
from worker.open_runs import alone, opened_run


def answer(hands: Hands, claimed: Claimed) -> None:
    """Reads in this process: a model that is loaded already answers within the second."""
    with alone(hands, claimed):
        result = _read(hands, claimed)
    hands.insist(lambda: jobs.finish(hands.database, claimed, result.plain()))


def _read(hands: Hands, claimed: Claimed) -> Answers:
    from core.readings import novelty
    from core.runs.opened import Asked, read_pictures, unlike

    payload = payloads.Ask.parse(claimed.payload, "payload")
    jobs.progress(hands.database, claimed, Progress(text="Loading the model"))
    opened = opened_run(hands, claimed.project_id, payload.run)
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
