"""What can be done with a run's answers: the functions behind the page's buttons and its API names."""

from __future__ import annotations

from typing import Literal

from app.brought import sent_bytes
from app.visit import Json, Visit
from core.errors import SettingsError
from core.readings.answer import conclusion_to_plain
from core.readings.statement import statements_to_plain
from core.records.runs import questions, runs
from core.records.runs.comparison import Comparison

Only = Literal["all", "disagree", "wrong", "beats"]
Order = Literal["case", "entropy", "gap"]


def compare(
    visit: Visit,
    run_id: int,
    split: Literal["test", "val"],
    only: Only,
    reader: str,
    label: str,
    text: str,
    answer: str = "",
    other: str = "",
    order: Order = "case",
) -> list[Json]:
    """Stored readings of a finished run: of each fitting case what every reader said, with its raw probabilities in the
    order of `answers`, calibrated ones where the run learned to calibrate it, and what they come to.

    `label` is a reference label, `answer` what the reader (or any) answered; with "¬" before it, its absence. Of only
    `beats` the reader is right and the `other` is wrong. By `entropy` is the reader's, by `gap` how much likelier it
    found the right label than the other; the largest comes first."""
    comparison = open_comparison(visit, run_id, split)
    places = comparison.find(only, reader or None, label or None, text, answer or None, other or None, order)
    cases = map(comparison.case, places)
    return [
        {
            "case": case.name,
            "labels": list(case.labels),
            "answers": comparison.answers,
            "readers": {name: conclusion_to_plain(conclusion) for name, conclusion in case.conclusions.items()},
            "references": statements_to_plain(case.references),
        }
        for case in cases
    ]


def read(visit: Visit, run_id: int, image: str, case: int, instruction: str, readers: list[str]) -> int:
    """Ask a finished run about a case's number, or (image given as base64) about a new picture; returns the job.

    An empty instruction is the set's own, an empty list of readers is all of them."""
    given: bytes | int = sent_bytes(image) if image else case
    return questions.ask(visit.database, visit.place, visit.who, run_id, given, instruction or None, readers)


def read_answer(visit: Visit, job_id: int) -> Json:
    """How far a question is: state, error, and the readers' distributions once it is done."""
    return live_to_plain(questions.answer(visit.database, visit.who, job_id))


def plug(visit: Visit, run_id: int | None, tsm: str) -> str:
    """Queues the chosen run's VLM with another TSM; returns the new run."""
    if run_id is None:
        raise SettingsError("No run is chosen. Choose a finished one.")
    return str(runs.queue_plug(visit.database, visit.place, visit.who, run_id, tsm).id)


def open_comparison(visit: Visit, run_id: int, split: str, is_calibrated: bool = False) -> Comparison:
    return Comparison.open(visit.database, visit.place, visit.who, run_id, split, is_calibrated)


def live_to_plain(answered: questions.Answered) -> Json:
    """What `read_answer` prints."""
    return {
        "state": answered.state,
        "error": answered.error,
        "answers": () if answered.task is None else answered.task.answers,
        "readers": {
            reader.name: conclusion_to_plain(conclusion) for reader, conclusion in answered.conclusions.items()
        },
        "unlike": answered.unlike.plain(),
        "seconds": answered.seconds,
    }
