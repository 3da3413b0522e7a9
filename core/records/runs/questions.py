"""Asking a finished run about one picture: a case of its set or a new one, perhaps in other words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.case import Task
from core.errors import RunError
from core.machine.aside import ASIDE
from core.pictures import shown
from core.pictures.bare import bare
from core.pictures.pixels import refuse_long
from core.pictures.store import open_store
from core.readings.answer import Answer, Conclusion, answer_from_plain, answer_to_plain, as_calibrated
from core.readings.calibration import Calibration, concluded, for_set, kept_calibrations
from core.readings.reader import Reader
from core.records import jobs, payloads
from core.records.access import NOT_THERE, NotAllowed, Who
from core.records.audit import note
from core.records.database import Database
from core.records.place import Place
from core.records.progress import Progress
from core.records.runs import runs
from core.records.runs.outcomes import Answers, Unlike, outcome
from core.records.sets import sets
from core.records.sets.versions import hold_living
from core.records.wake import send

LONGEST_INSTRUCTION = 20_000


@dataclass(frozen=True)
class Answered:
    """How far an ask is. Once it is done there is a task, and what each reader's answer to it comes to; `unlike` says
    how far the picture is from what the run learned.
    """

    state: str
    task: Task | None
    conclusions: dict[Reader, Conclusion]
    seconds: float | None
    error: str | None
    image: str
    progress: Progress
    unlike: Unlike
    has_no_temperature: bool = False
    """Whether its readers have temperatures that do not hold for the words in which they were asked."""

    @property
    def is_calibrated(self) -> bool:
        """Whether there are calibrated probabilities too."""
        return any(conclusion.calibrated is not None for conclusion in self.conclusions.values())

    @property
    def calibrated(self) -> dict[Reader, Conclusion]:
        """By these."""
        if self.task is None:
            return self.conclusions
        return {reader: as_calibrated(conclusion, self.task) for reader, conclusion in self.conclusions.items()}


def ask(
    db: Database,
    place: Place,
    who: Who,
    run_id: int,
    image: bytes | int,
    instruction: str | None = None,
    readers: Sequence[str] = (),
    free_text: bool = True,
    tsm_run_id: int | None = None,
) -> int:
    """Queues the question and returns the job, whose `answer` comes in seconds.

    `image` is a picture's file, or a case's number in the run's version; without `readers` all of them answer. With
    and without the exemplar are different readers (`vitask+tsm` and `vitask`). `tsm_run_id` is a run that was made by
    plugging another TSM into this one, and answers in its place.
    """
    asked_run = runs.run(db, who, run_id if tsm_run_id is None else tsm_run_id)
    if asked_run.state != "done":
        raise RunError(f"“{asked_run.name}” is not finished, so nobody can answer yet. Wait for its end, or resume it.")
    if instruction is not None and len(instruction) > LONGEST_INSTRUCTION:
        raise RunError(f"The instruction has more than {LONGEST_INSTRUCTION:,} characters. Shorten it.")
    digest = kept_picture(place, image) if isinstance(image, bytes) else _digest(db, who, asked_run.version_id, image)
    payload = payloads.Ask(
        run=asked_run.id,
        image=digest,
        case=None if isinstance(image, bytes) else image,
        instruction=instruction,
        readers=tuple(readers),
        free_text=free_text,
    )
    with db.session() as session:
        if payload.case is not None:  # else the picture that somebody erases just now would be kept for the question
            hold_living(session, asked_run.version_id)
        job = jobs.enqueue(session, who, asked_run.project_id, payload)
        note(session, who, "ask", asked_run.project_id, asked_run.name, case=payload.case, job=job.id)
    send(place, job.queue, job.id)
    return job.id


def answer(db: Database, who: Who, job_id: int) -> Answered:
    """How far it is, and what was said."""
    job = jobs.job(db, who, job_id)
    if job.kind != payloads.Ask.kind:
        raise NotAllowed(NOT_THERE)
    question = payloads.Ask.parse(job.payload, "payload")
    answers = outcome(job, Answers)
    task = None if answers is None else _task(answers)
    conclusions: dict[Reader, Conclusion] = {}
    kept: Mapping[str, Calibration] = {}
    if answers is not None and task is not None:
        run = runs.run(db, who, question.run)
        kept = for_set(kept_calibrations(run.metrics), run.set)
        # Of other words than those that the run learned no temperature is known.
        conclusions = _conclusions(run, answers, task, kept if question.instruction is None else {})
    return Answered(
        job.state,
        task,
        conclusions,
        None if answers is None else answers.seconds,
        job.error,
        question.image,
        job.how_far,
        Unlike() if answers is None else answers.unlike,
        question.instruction is not None and bool(kept),
    )


def outcome_of(answers: Mapping[str, Answer], task: Task, unlike: Unlike, seconds: float) -> Answers:
    """What each reader said under this task, for `answer` to take up again."""
    readers = {name: answer_to_plain(each) for name, each in answers.items()}
    return Answers(readers=readers, task=task.model_dump(mode="json"), unlike=unlike, seconds=seconds)


def _task(answers: Answers) -> Task | None:
    """Rows of earlier versions told the answers alone."""
    values = answers.task or ({"answers": answers.answers} if answers.answers else None)
    return None if values is None else Task.parse(values, "task")


def _conclusions(
    run: runs.RunView, answers: Answers, task: Task, kept: Mapping[str, Calibration]
) -> dict[Reader, Conclusion]:
    return {
        run.reader(name): concluded(answer_from_plain(each), task, kept.get(name))
        for name, each in answers.readers.items()
    }


def kept_picture(place: Place, image: bytes) -> str:
    """The store's name for a new picture without what is written beside its pixels, refused here where it is none."""
    refuse_long(len(image), "The uploaded file")
    ASIDE.run(shown.refuse_undecodable, image, "The uploaded file")
    return open_store(place.store).put(bare(image))


def _digest(db: Database, who: Who, version_id: int, number: int) -> str:
    return sets.case(db, who, version_id, number).digest
