"""Whatever people and workers do to jobs, in whatever order: the records say what a model of a few lines says."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update

from core.records import jobs
from core.records.accounts import people
from core.records.database import Database
from core.records.jobs import IN_ORDER, Claimed, JobError, LeaseLost
from core.records.payloads import PAYLOADS
from core.records.progress import Progress
from core.records.tables import UNDER_WAY, Job, now

QUEUES = st.sampled_from(["tune", "tune", "read"])
SELDOM = st.sampled_from([False, False, False, False, True])
WORKERS = st.sampled_from(["ann", "ben"])
MOST_AT_ONCE = 3
"""Jobs that have not ended: with few, every order of events comes up soon."""
CHOICE = st.integers(0, 3)
ENDS = {"finish": "done", "stopped": "stopped", "cancelled": "cancelled", "fail": "failed"}


@cache
def migrated() -> Path:
    file = Path(tempfile.mkdtemp(prefix="vitask-jobs-")) / "studio.db"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.dispose()
    return file


@dataclass
class Model:
    """A job as it should be. `holder` is the claim that may still speak for it."""

    queue: str
    most_attempts: int
    state: str = "waiting"
    wish: str = ""
    attempts: int = 0
    reached: str | None = None
    holder: Claimed | None = None
    is_overdue: bool = False

    def ends(self, state: str) -> None:
        self.state, self.wish, self.holder, self.is_overdue = state, "", None, False


class Jobs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="vitask-jobs-"))
        shutil.copyfile(migrated(), self.folder / "studio.db")
        self.database = Database(f"sqlite:///{self.folder / 'studio.db'}")
        self.who = people.local(self.database)
        self.models: dict[int, Model] = {}
        self.line: list[int] = []
        """Jobs that have not ended, in the order in which they came; who moves one changes places of waiting ones."""
        self.claims: list[Claimed] = []
        self.paused: set[str] = set()
        self.stops_after_failure: set[str] = set()

    def teardown(self) -> None:
        self.database.dispose()
        shutil.rmtree(self.folder)

    def waiting(self, queue: str) -> list[int]:
        return [number for number in self.line if self.is_waiting(number) and self.models[number].queue == queue]

    def is_waiting(self, number: int) -> bool:
        return self.models[number].state == "waiting"

    def held(self) -> list[Claimed]:
        """The claims whose workers may still speak for their jobs."""
        return [model.holder for model in self.models.values() if model.holder]

    def chosen(self, choice: int) -> tuple[int, Model]:
        """One of the newest, of which most has not come to an end."""
        numbers = sorted(self.models, reverse=True)
        number = numbers[choice % len(numbers)]
        return number, self.models[number]

    def may_take(self, number: int) -> bool:
        model = self.models[number]
        if model.attempts >= model.most_attempts or model.queue in self.paused:
            return False
        if model.state == "running":
            return model.is_overdue and not model.wish
        is_its_turn = model.queue not in IN_ORDER or self.waiting(model.queue)[:1] == [number]
        return model.state == "waiting" and is_its_turn

    def takes(self, number: int, claimed: Claimed | None) -> None:
        assert claimed is not None
        assert claimed.id == number
        model = self.models[number]
        model.state, model.holder, model.is_overdue, model.wish = "running", claimed, False, ""
        model.attempts += 1
        assert claimed.attempts == model.attempts
        self.claims.append(claimed)

    def breaks_off(self, number: int) -> None:
        model = self.models[number]
        if model.wish:
            model.ends("stopped" if model.wish == "stop" else "cancelled")
        elif model.attempts >= model.most_attempts:
            self.fails(model)
        else:
            model.state, model.holder, model.is_overdue = "waiting", None, False

    def fails(self, model: Model) -> None:
        model.ends("failed")
        if model.queue in self.stops_after_failure:
            self.paused.add(model.queue)

    @initialize(queue=QUEUES)
    def begin_with_one_at_work(self, queue: str) -> None:
        self.enqueue(queue, 3)
        self.take_next(queue, "ann")

    @precondition(lambda self: len(self.line) < MOST_AT_ONCE)
    @rule(queue=QUEUES, most_attempts=st.integers(2, 3))
    def enqueue(self, queue: str, most_attempts: int) -> None:
        with self.database.session() as session:
            kind = next(each for each in PAYLOADS.values() if each.queue == queue)
            job = jobs.enqueue(session, self.who, self.who.projects[0], kind)
            job.most_attempts, number = most_attempts, job.id
        self.models[number] = Model(queue, most_attempts)
        self.line.append(number)

    @precondition(lambda self: self.models)
    @rule(choice=CHOICE, worker=WORKERS)
    def claim(self, choice: int, worker: str) -> None:
        number, _ = self.chosen(choice)
        expected, claimed = self.may_take(number), jobs.claim(self.database, number, worker)
        if expected:
            self.takes(number, claimed)
        else:
            assert claimed is None

    @rule(queue=QUEUES, worker=WORKERS)
    def take_next(self, queue: str, worker: str) -> None:
        first = [number for number in self.waiting(queue) if queue not in self.paused][:1]
        claimed = jobs.take_next(self.database, queue, worker)
        if first:
            self.takes(first[0], claimed)
        else:
            assert claimed is None

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE, reached=st.sampled_from(["stage-1", "stage-2"]))
    def come_further(self, choice: int, reached: str) -> None:
        claimed = self.held()[choice % len(self.held())]
        model = self.models[claimed.id]
        jobs.progress(self.database, claimed, Progress(reached=reached))
        model.attempts = 1 if reached != model.reached else model.attempts
        model.reached = reached

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE)
    def renew(self, choice: int) -> None:
        claimed = self.held()[choice % len(self.held())]
        assert jobs.renew(self.database, claimed) == self.models[claimed.id].wish
        self.models[claimed.id].is_overdue = False

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE, way=st.sampled_from([*ENDS]))
    def end(self, choice: int, way: str) -> None:
        claimed = self.held()[choice % len(self.held())]
        getattr(jobs, way)(self.database, claimed, *(["It broke.", "f00"] if way == "fail" else ()))
        if way == "fail":
            self.fails(self.models[claimed.id])
        else:
            self.models[claimed.id].ends(ENDS[way])

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE)
    def put_back(self, choice: int) -> None:
        claimed = self.held()[choice % len(self.held())]
        self.breaks_off(claimed.id)
        assert jobs.put_back(self.database, claimed, "it broke") == self.models[claimed.id].state

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE)
    def hand_back(self, choice: int) -> None:
        claimed = self.held()[choice % len(self.held())]
        model = self.models[claimed.id]
        jobs.hand_back(self.database, claimed)
        if not model.wish:
            model.attempts -= 1
        self.breaks_off(claimed.id)

    @precondition(lambda self: len(self.claims) > len(self.held()))
    @rule(choice=CHOICE)
    def a_claim_that_was_lost_has_no_say(self, choice: int) -> None:
        lost = [claimed for claimed in self.claims if claimed not in self.held()]
        claimed = lost[-1 - choice % len(lost)]
        for speak in (jobs.renew, jobs.finish, jobs.stopped, jobs.cancelled, jobs.hand_back):
            with pytest.raises(LeaseLost):
                speak(self.database, claimed)
        with pytest.raises(LeaseLost):
            jobs.progress(self.database, claimed, Progress(done=1))
        for speak_of_trouble in (jobs.fail, jobs.put_back):
            with pytest.raises(LeaseLost):
                speak_of_trouble(self.database, claimed, "it broke")

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE)
    def worker_falls_silent(self, choice: int) -> None:
        number, model = self.chosen(choice)
        if model.state == "running":
            with self.database.session() as session:
                late = now() - timedelta(seconds=1)
                session.execute(update(Job).where(Job.id == number).values(lease_until=late))
            model.is_overdue = True

    @precondition(lambda self: any(model.is_overdue for model in self.models.values()))
    @rule()
    def sweep(self) -> None:
        sent = jobs.sweep(self.database)
        for number, model in sorted(self.models.items()):
            if model.state == "running" and model.is_overdue:
                self.breaks_off(number)
        assert {number for _, number in sent} <= {number for number in self.models if self.is_waiting(number)}
        assert not {queue for queue, _ in sent} & self.paused

    @precondition(lambda self: self.models)
    @rule(choice=CHOICE, wished=st.sampled_from(["stop", "cancel"]))
    def wish(self, choice: int, wished: str) -> None:
        number, model = self.chosen(choice)
        if model.state in ("done", "cancelled") or (model.state in ("stopped", "failed") and wished == "stop"):
            with pytest.raises(JobError, match="nothing to"):
                jobs.wish(self.database, self.who, number, wished)
            return
        jobs.wish(self.database, self.who, number, wished)
        if model.state == "running":
            model.wish = "cancel" if "cancel" in (model.wish, wished) else "stop"
        else:
            model.ends("stopped" if wished == "stop" else "cancelled")

    @precondition(lambda self: len(self.line) < len(self.models))
    @rule(choice=CHOICE)
    def resume(self, choice: int) -> None:
        number, model = self.chosen(choice)
        if model.state not in ("stopped", "failed"):
            with pytest.raises(JobError, match="only what was stopped or has failed"):
                jobs.resume(self.database, self.who, number)
            return
        jobs.resume(self.database, self.who, number)
        model.state, model.attempts = "waiting", 0
        self.line.append(number)

    @precondition(lambda self: len(self.line) > 2)
    @rule(choice=CHOICE, other=st.none() | CHOICE)
    def move(self, choice: int, other: int | None) -> None:
        number, model = self.chosen(choice)
        order = self.waiting(model.queue)
        before = None if other is None else self.chosen(other)[0]
        if number not in order or before == number or (before is not None and before not in order):
            with pytest.raises(JobError):
                jobs.move(self.database, self.who, number, before)
            return
        jobs.move(self.database, self.who, number, before)
        places = [self.line.index(waiting) for waiting in order]
        order.remove(number)
        order.insert(len(order) if before is None else order.index(before), number)
        for place, moved in zip(places, order, strict=True):
            self.line[place] = moved

    @rule(queue=QUEUES, is_paused=SELDOM, stops_after_failure=SELDOM)
    def set_queue(self, queue: str, is_paused: bool, stops_after_failure: bool) -> None:
        jobs.pause(self.database, self.who, queue, is_paused)
        (self.paused.add if is_paused else self.paused.discard)(queue)
        jobs.set_goes_on_after_failure(self.database, self.who, queue, not stops_after_failure)
        (self.stops_after_failure.add if stops_after_failure else self.stops_after_failure.discard)(queue)

    @invariant()
    def the_records_say_what_the_model_says(self) -> None:
        self.line = [number for number in self.line if self.models[number].state in ("waiting", "running")]
        with self.database.reading() as session:
            rows = list(session.scalars(select(Job).order_by(Job.position, Job.id)))
        assert {row.id: (row.state, row.wish, row.attempts) for row in rows} == {
            number: (model.state, model.wish, model.attempts) for number, model in self.models.items()
        }
        for queue in ("tune", "read"):
            assert [row.id for row in rows if row.queue == queue and row.state == "waiting"] == self.waiting(queue)
        assert {row.id: row.worker for row in rows if row.state == "running"} == {
            number: model.holder.worker for number, model in self.models.items() if model.holder
        }
        assert all((row.ended is None) == (row.state in UNDER_WAY) for row in rows)
        assert all((row.error, row.fault_id) == (None, None) for row in rows if row.state in UNDER_WAY)
        assert all((row.worker, row.lease_until) == (None, None) for row in rows if row.state != "running")


TestJobs = pytest.mark.slow(Jobs.TestCase)
TestJobs.settings = settings(max_examples=30, stateful_step_count=40)
