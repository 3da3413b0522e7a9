"""A job's life: waiting, taken by one worker under a lease, done or put back. The row is the truth.

A worker holds a job by its name and by how often the job was handed out: one that comes back from a long silence finds
the count gone on, and has no say any more. A message only wakes a worker; it then takes what is next (`take_next`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from core.errors import CoreError
from core.records.access import NOT_THERE, NotAllowed, Who, allow, permit, permit_owner
from core.records.audit import note
from core.records.database import Database
from core.records.payloads import Payload
from core.records.progress import Progress
from core.records.queue_view import QueueEntry as QueueEntry
from core.records.queue_view import queue_view as queue_view
from core.records.tables import QUEUES, RESUMABLE, UNDER_WAY, WISHED, Job, LogLine, QueueState, Run, now

IN_ORDER = ("tune",)
"""Queues whose jobs begin strictly one after the other; in the others any waiting job may be taken."""
RESEND = timedelta(seconds=30)
MOST_RESENT = 8
MOST_LINES = 20_000
"""Of a job's log: the oldest go, and those that stay keep their numbers."""
TRIES = 20


class JobError(CoreError):
    """Something that can't be done with a job in its state."""


class LeaseLost(CoreError):
    """Another worker has the job now, or it has ended."""


@dataclass(frozen=True)
class Claimed:
    """A job in the hands of one worker."""

    id: int
    queue: str
    kind: str
    project_id: int
    person_id: int | None
    payload: dict[str, Any]
    worker: str
    attempts: int
    most_attempts: int
    claims: int


def enqueue(
    session: Session,
    who: Who,
    project_id: int,
    payload: Payload | type[Payload],
) -> Job:
    """A waiting job at the end of its queue. Whoever calls sends the message once this is committed.

    payload: its class alone where it names a row that names the job; whoever calls puts it in once there is one.
    """
    allow(who, project_id, "work" if payload.queue != "read" else "look")
    job = Job(
        queue=payload.queue,
        kind=payload.kind,
        project_id=project_id,
        person_id=who.id,
        payload=payload.plain() if isinstance(payload, Payload) else {},
        position=_last(session, payload.queue) + 1,
        most_attempts=payload.most_attempts,
    )
    session.add(job)
    session.flush()
    return job


def claim(db: Database, job_id: int, worker: str, lease_seconds: float = 60) -> Claimed | None:
    """Takes the job in one conditional update, or None: it has another worker, is not its turn, or is paused."""
    other = aliased(Job)
    is_before = or_(other.position < Job.position, and_(other.position == Job.position, other.id < Job.id))
    is_later = exists().where(other.queue == Job.queue, other.state == "waiting", is_before).correlate(Job)
    is_left = and_(Job.state == "running", Job.lease_until < now(), Job.wish == "")
    may_begin = and_(Job.state == "waiting", or_(Job.queue.not_in(IN_ORDER), ~is_later))
    taken = (
        update(Job)
        .where(Job.id == job_id, or_(is_left, may_begin), Job.attempts < Job.most_attempts, ~_is_paused())
        .values(
            state="running",
            worker=worker,
            lease_until=now() + timedelta(seconds=lease_seconds),
            attempts=Job.attempts + 1,
            claims=Job.claims + 1,
            started=func.coalesce(Job.started, now()),
        )
        .returning(*(getattr(Job, name) for name in Claimed.__dataclass_fields__))
        .execution_options(synchronize_session=False)
    )
    with db.session() as session:
        row = session.execute(taken).one_or_none()
        return Claimed(*row) if row else None


def next_waiting(db: Database, queue: str) -> int | None:
    """The job whose turn it is, where the queue is not paused."""
    with db.reading() as session:
        return session.scalar(_waiting(queue).with_only_columns(Job.id).limit(1))


def take_next(db: Database, queue: str, worker: str, lease_seconds: float = 60) -> Claimed | None:
    """Claims whatever is next, again where another worker was quicker; None where nothing waits."""
    for again in range(TRIES):
        job_id = next_waiting(db, queue)
        if job_id is None:
            return None
        if claimed := claim(db, job_id, worker, lease_seconds):
            return claimed
        time.sleep(0.01 * again)
    return None


def renew(db: Database, claimed: Claimed, lease_seconds: float = 60) -> str:
    """Holds the job for longer; returns what is wished of it ("", "stop" or "cancel")."""
    longer = (
        update(Job)
        .where(*_is_held(claimed))
        .values(lease_until=now() + timedelta(seconds=lease_seconds))
        .returning(Job.wish)
        .execution_options(synchronize_session=False)
    )
    with db.session() as session:
        wished = session.scalar(longer)
    if wished is None:
        raise _lost(claimed)
    return wished


def progress(db: Database, claimed: Claimed, news: Progress) -> None:
    """What is new of how far it is. Where a new try would go on from further on, only this try counts: earlier ones
    came less far."""
    with db.session() as session:
        job = _held(session, claimed)
        before = job.how_far
        after = before.after(news)
        if after.reached != before.reached:
            job.attempts = 1
        job.progress = after.plain()


def finish(db: Database, claimed: Claimed, result: dict[str, Any] | None = None) -> None:
    with db.session() as session:
        job = _held(session, claimed)
        _end(job, "done")
        job.result = result or {}


def fail(db: Database, claimed: Claimed, message: str, fault_id: str | None = None) -> None:
    """Ends it with a message for a person; `fault_id` where the fault is ours."""
    with db.session() as session:
        _fail(session, _held(session, claimed), message, fault_id)


def put_back(db: Database, claimed: Claimed, reason: str) -> str:
    """To the head of the queue after a crash, or to its end where it crashed too often; returns the new state."""
    with db.session() as session:
        return _put_back(session, _held(session, claimed), reason)


def hand_back(db: Database, claimed: Claimed) -> None:
    """To another worker, since this one is sent away: no crash, so it does not count as an attempt."""
    with db.session() as session:
        job = _held(session, claimed)
        if job.wish:
            _end(job, WISHED[job.wish])
        else:
            job.attempts -= 1
            _wait(job)


def stopped(db: Database, claimed: Claimed) -> None:
    with db.session() as session:
        _end(_held(session, claimed), "stopped")


def cancelled(db: Database, claimed: Claimed) -> None:
    with db.session() as session:
        _end(_held(session, claimed), "cancelled")


def stored(db: Database, job_id: int) -> Job:
    """For the worker, which may see everything."""
    with db.reading() as session:
        return session.scalars(select(Job).where(Job.id == job_id)).one()


def job(db: Database, who: Who, job_id: int) -> Job:
    with db.reading() as session:
        return _allowed(session, select(Job).where(Job.id == job_id), who, "look")


def wish(db: Database, who: Who, job_id: int, wished: str) -> None:
    """Asks for "stop" or "cancel": at once where the job waits, else its worker hears of it and obeys."""
    with db.session() as session:
        job = _allowed(session, _locked(job_id), who, "work")
        permit_owner(who, job.person_id, wished)
        if job.state == "running":
            job.wish = "cancel" if job.wish == "cancel" else wished
        elif job.state == "waiting" or (wished == "cancel" and job.state in RESUMABLE):
            _end(job, WISHED[wished])
        else:
            raise JobError(f"This is {job.state} already, so there is nothing to {wished}.")
        _note(session, who, wished, job, kind=job.kind)


def resume(db: Database, who: Who, job_id: int) -> Job:
    """Puts a stopped or failed job at the end of its queue; it goes on from what it saved."""
    with db.session() as session:
        job = _allowed(session, _locked(job_id), who, "work")
        if job.state not in RESUMABLE:
            raise JobError(f"This is {job.state}; only what was stopped or has failed can be resumed.")
        job.position = _last(session, job.queue) + 1
        job.state, job.attempts = "waiting", 0
        job.error, job.fault_id, job.ended, job.sent = None, None, None, now()
        _note(session, who, "resume", job, kind=job.kind)
        return job


def move(db: Database, who: Who, job_id: int, before: int | None) -> None:
    """Puts a waiting job before another one of its queue, or at the end."""
    with db.session() as session:
        moved = _allowed(session, _locked(job_id), who, "work")
        order = list(session.scalars(_waiting(moved.queue, also_paused=True).with_for_update()))
        if moved not in order or before == job_id:
            raise JobError("Only a job that waits can be moved. Look at the queue again.")
        order.remove(moved)
        places = [other.id for other in order]
        if before is not None and before not in places:
            raise JobError("The job that it should go before does not wait any more. Look at the queue again.")
        order.insert(len(order) if before is None else places.index(before), moved)
        for place, waiting in zip(sorted(waiting.position for waiting in order), order, strict=True):
            waiting.position = place
        _tell_apart(order)
        _note(session, who, "move", moved, before=before)


def _note(session: Session, who: Who, act: str, job: Job, **details: Any) -> None:
    """A run's job by the run, as all other entries about a run are."""
    run = session.scalars(select(Run).where(Run.job_id == job.id)).one_or_none()
    about = {"run": run.id} if run else {}
    note(session, who, act, job.project_id, run.name if run else f"job {job.id}", **about, **details)


def pause(db: Database, who: Who, queue: str, is_paused: bool) -> None:
    """A paused queue hands out nothing; what runs goes on."""
    _set_queue(db, who, queue, "pause" if is_paused else "go on", is_paused=is_paused)


def set_goes_on_after_failure(db: Database, who: Who, queue: str, goes_on: bool) -> None:
    """Where it doesn't, a failed job pauses its queue."""
    _set_queue(db, who, queue, "after failure", goes_on_after_failure=goes_on)


def queue_state(db: Database, queue: str) -> QueueState:
    with db.reading() as session:
        return session.get(QueueState, queue) or QueueState(name=queue, is_paused=False, goes_on_after_failure=True)


def sweep(db: Database) -> list[tuple[str, int]]:
    """Puts back what dead workers left; returns (queue, job) of which a message may be lost, to be sent again."""
    with db.session() as session:
        left = select(Job).where(Job.state == "running", Job.lease_until < now()).with_for_update(skip_locked=True)
        for job in session.scalars(left):
            _put_back(session, job, "its worker went away")
        due: list[Job] = []
        for queue in QUEUES:
            is_silent = or_(Job.sent.is_(None), Job.sent < now() - RESEND)
            first = session.scalars(_waiting(queue).limit(MOST_RESENT)).all()
            quiet = set(session.scalars(select(Job.id).where(Job.id.in_([job.id for job in first]), is_silent)))
            due += [job for job in first if job.id in quiet]
        for job in due:
            job.sent = now()
        return [(job.queue, job.id) for job in due]


def end_leases(db: Database, host: str, has_died: Callable[[str], bool]) -> None:
    """Of workers on a machine that have died, by their names: nobody has to wait until these leases end."""
    with db.session() as session:
        for left in session.scalars(select(Job).where(Job.state == "running", Job.worker.contains(f"@{host}:"))):
            if has_died(str(left.worker)):
                left.lease_until = now()


def send_again(db: Database) -> None:
    """Has the next sweep send a message for whatever waits: a queue that begins anew holds none of them."""
    with db.session() as session:
        session.execute(update(Job).where(Job.state == "waiting").values(sent=None))


def log(db: Database, job_id: int, lines: list[str]) -> None:
    """Keeps what a job printed."""
    if not lines:
        return
    with db.session() as session:
        _log(session, job_id, lines)


def log_lines(db: Database, who: Who, job_id: int, search: str = "", after: int = 0, most: int = 500) -> list[LogLine]:
    """Lines with a number above `after`, the newest `most` of them, oldest first."""
    job(db, who, job_id)
    lines = select(LogLine).where(LogLine.job_id == job_id, LogLine.number > after)
    if search:
        lines = lines.where(LogLine.text.icontains(search, autoescape=True))
    with db.reading() as session:
        return list(session.scalars(lines.order_by(LogLine.number.desc()).limit(most)))[::-1]


def counts(db: Database) -> dict[tuple[str, str], int]:
    """How many jobs there are, by queue and state."""
    with db.reading() as session:
        rows = session.execute(select(Job.queue, Job.state, func.count()).group_by(Job.queue, Job.state))
        return {(queue, state): number for queue, state, number in rows}


def _is_paused() -> ColumnElement[bool]:
    return exists().where(QueueState.name == Job.queue, QueueState.is_paused).correlate(Job)


def _waiting(queue: str, also_paused: bool = False) -> Select[Job]:
    waiting = select(Job).where(Job.queue == queue, Job.state == "waiting").order_by(Job.position, Job.id)
    return waiting if also_paused else waiting.where(~_is_paused())


def _is_held(claimed: Claimed) -> tuple[ColumnElement[bool], ...]:
    return (
        Job.id == claimed.id,
        Job.state == "running",
        Job.worker == claimed.worker,
        Job.claims == claimed.claims,
    )


def _held(session: Session, claimed: Claimed) -> Job:
    job = session.scalar(select(Job).where(*_is_held(claimed)).with_for_update())
    if job is None:
        raise _lost(claimed)
    return job


def _lost(claimed: Claimed) -> LeaseLost:
    return LeaseLost(f"Job {claimed.id} is not {claimed.worker}'s any more: it was given to another worker, or ended.")


def _locked(job_id: int) -> Select[Job]:
    return select(Job).where(Job.id == job_id).with_for_update()


def _allowed(session: Session, query: Select[Job], who: Who, action: str) -> Job:
    job = session.scalar(query)
    if job is None:
        raise NotAllowed(NOT_THERE)
    allow(who, job.project_id, action)
    return job


def _last(session: Session, queue: str) -> float:
    """The place of the last job that has not ended: one that runs may be put back to the head of its queue."""
    has_not_ended = Job.state.in_(UNDER_WAY)
    query = select(func.max(Job.position)).where(Job.queue == queue, has_not_ended)
    return session.scalar(query) or 0.0


def _end(job: Job, state: str) -> None:
    job.state, job.wish, job.ended = state, "", now()
    job.worker, job.lease_until = None, None


def _wait(job: Job) -> None:
    """At its place again; the next sweep sends a message."""
    job.state, job.worker, job.lease_until, job.sent = "waiting", None, None, None


def _fail(session: Session, job: Job, message: str, fault_id: str | None = None) -> None:
    _end(job, "failed")
    job.error, job.fault_id = message, fault_id
    state = session.get(QueueState, job.queue)
    if state is not None and not state.goes_on_after_failure:
        state.is_paused = True


def _put_back(session: Session, job: Job, reason: str) -> str:
    _log(session, job.id, [f"Broken off: {reason}."])
    if job.wish:
        _end(job, WISHED[job.wish])
    elif job.attempts >= job.most_attempts:
        reached = job.how_far.reached
        where = f"each time after {reached}" if reached else "each time"
        message = f"It was begun {job.attempts} times and broken off {where}; the last time {reason}. "
        _fail(session, job, message + "Look at its log, then resume it.")
    else:
        _wait(job)
    return job.state


def _set_queue(db: Database, who: Who, queue: str, action: str, **values: bool) -> None:
    permit(who, "manage")  # it is everybody's, also of those whose projects this person does not see
    if queue not in QUEUES:
        raise JobError(f'There is no queue "{queue}". Choose one of {", ".join(QUEUES)}.')
    with db.session() as session:
        state = session.get(QueueState, queue)
        if state is None:
            state = QueueState(name=queue)
            session.add(state)
        for name, value in values.items():
            setattr(state, name, value)
        note(session, who, action, subject=f"queue {queue}", **values)


def _tell_apart(order: list[Job]) -> None:
    """Positions that grow from one to the next, whatever they were."""
    for earlier, later in itertools.pairwise(order):
        if later.position <= earlier.position:
            later.position = earlier.position + 1


def _log(session: Session, job_id: int, lines: list[str]) -> None:
    first = (session.scalar(select(func.max(LogLine.number)).where(LogLine.job_id == job_id)) or 0) + 1
    at = now()
    rows = [
        {"job_id": job_id, "number": first + place, "at": at, "text": line.replace("\0", "")}
        for place, line in enumerate(lines)
    ]
    session.execute(insert(LogLine), rows)
    outdated = LogLine.number <= first + len(lines) - 1 - MOST_LINES
    session.execute(delete(LogLine).where(LogLine.job_id == job_id, outdated))
