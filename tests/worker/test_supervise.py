"""How jobs end, whatever their child does, and what a worker does meanwhile. Children are shell scripts here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from core.records import audit, jobs
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.jobs import Claimed, LeaseLost
from core.records.payloads import Tune
from core.records.place import Place
from core.records.progress import Progress
from core.records.tables import Job
from worker import supervise as module
from worker.child_protocol import Listener
from worker.context import Hands
from worker.main import _sweep_for_ever
from worker.process import Process
from worker.supervise import Ended, settle, supervise
from worker.tasks import KINDS, carry_out

BEAT = 0.1


@pytest.fixture
def hands(place: Place, database: Database) -> Hands:
    return Hands(place, database, "tune", "tune@here:1", lambda: False)


@pytest.fixture
def claimed(hands: Hands, who: Who) -> Claimed:
    with hands.database.session() as session:
        job = jobs.enqueue(session, who, who.projects[0], Tune(run=1))
    claimed = jobs.claim(hands.database, job.id, hands.name)
    assert claimed is not None
    return claimed


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_BEATS", 0.05)


@dataclass
class Clock:
    """The supervisor's own time: it moves a tenth of a second at every beat, and stands still once it is to."""

    now: float = 0.0
    stands_once_stopped: bool = False
    stopped_at: list[float] = field(default_factory=list)
    killed_at: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def beat(self) -> None:
        if not (self.stands_once_stopped and self.stopped_at):
            self.now += BEAT


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    before(monkeypatch, module._Watch, "beat", clock.beat)
    before(monkeypatch, Process, "stop", lambda: clock.stopped_at.append(clock.now))
    before(monkeypatch, Process, "kill", lambda: clock.killed_at.append(clock.now))
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setitem(module.GRACE_SECONDS, "stop", 0.5)
    return clock


def before(monkeypatch: pytest.MonkeyPatch, owner: type, method: str, do: Callable[[], None]) -> None:
    """Whenever the method is called, something is done first."""
    original = getattr(owner, method)

    def both(self: object) -> Any:
        do()
        return original(self)

    monkeypatch.setattr(owner, method, both)


def found(hands: Hands, claimed: Claimed) -> Job:
    with hands.database.reading() as session:
        return session.get_one(Job, claimed.id)


def run(hands: Hands, claimed: Claimed, script: str, listener: Any = None) -> Ended:
    return supervise(hands, claimed, "/bin/sh", ["-c", script], listener or Listener())


@pytest.mark.parametrize(
    ("code", "asked", "state"),
    [
        (0, "", "done"),
        (0, "stop", "done"),  # it came to its end before it heard
        (-15, "stop", "stopped"),
        (-9, "cancel", "cancelled"),
        (-9, "", "waiting"),  # the system ended it: again, from its checkpoint
        (-9, "leave", "waiting"),
        (2, "", "failed"),
        (1, "", "failed"),
    ],
)
def test_a_job_ends_as_its_child_did(hands: Hands, claimed: Claimed, code: int, asked: str, state: str) -> None:
    settle(hands, claimed, Ended(code, asked, "The loss is odd. Lower the rate."), lambda: {"run": 1})
    job = found(hands, claimed)
    assert job.state == state
    if code == 2:
        assert (job.error, job.fault_id) == ("The loss is odd. Lower the rate.", None)
    if code == 1:
        assert job.fault_id is not None and job.fault_id in str(job.error)
        lines = jobs.log_lines(hands.database, _local(hands), claimed.id)
        assert any(str(job.fault_id) in line.text for line in lines)


def test_only_a_crash_counts_as_an_attempt(hands: Hands, claimed: Claimed) -> None:
    settle(hands, claimed, Ended(-15, "leave", ""), lambda: None)
    assert found(hands, claimed).attempts == 0
    again = jobs.claim(hands.database, claimed.id, hands.name)
    assert again is not None
    settle(hands, again, Ended(-9, "", ""), lambda: None)
    assert found(hands, claimed).attempts == 1


def test_a_job_that_crashes_each_time_is_given_up(hands: Hands, claimed: Claimed) -> None:
    taken: Claimed | None = claimed
    for _ in range(claimed.most_attempts):
        assert taken is not None
        settle(hands, taken, Ended(-9, "", ""), lambda: None)
        taken = jobs.claim(hands.database, claimed.id, hands.name)
    assert taken is None
    job = found(hands, claimed)
    assert job.state == "failed" and "memory" in str(job.error)


def test_what_a_child_says_becomes_log_progress_and_result(hands: Hands, claimed: Claimed) -> None:
    listener = Listener()
    said = '{"progress": {"done": 1, "whole": 4}}\\n{"result": {"cases": 4}}\\n'
    ended = run(hands, claimed, f"printf '{said}'; echo one >&2; echo two >&2", listener)
    assert (ended.code, ended.last, listener.result) == (0, "two", {"cases": 4})
    assert found(hands, claimed).progress == {"done": 1, "whole": 4}
    assert [line.text for line in jobs.log_lines(hands.database, _local(hands), claimed.id)] == ["one", "two"]


def test_a_wish_to_stop_lets_the_child_save(hands: Hands, claimed: Claimed) -> None:
    script = 'trap "echo saved >&2; exit 0" TERM; echo ready; while :; do sleep 0.02; done'
    ended = run(hands, claimed, script, _stops(hands, claimed))
    assert (ended.code, ended.wish, ended.last) == (0, "stop", "saved")


def test_a_child_that_does_not_hear_is_ended_after_its_grace(hands: Hands, claimed: Claimed, clock: Clock) -> None:
    ended = run(hands, claimed, 'trap "" TERM; echo ready; while :; do sleep 0.02; done', _stops(hands, claimed))
    assert (ended.code, ended.wish) == (-9, "stop")
    (stopped,), (killed, *_) = clock.stopped_at, clock.killed_at
    assert module.GRACE_SECONDS["stop"] < killed - stopped < module.GRACE_SECONDS["stop"] + 2 * BEAT


def test_a_worker_that_leaves_asks_its_child_to_leave(hands: Hands, claimed: Claimed) -> None:
    ended = run(replace(hands, is_leaving=lambda: True), claimed, "sleep 60")
    assert (ended.code, ended.wish) == (-15, "leave")


def test_a_lost_lease_ends_the_child_at_once(hands: Hands, claimed: Claimed) -> None:
    begun: list[Process] = []
    with hands.database.session() as session:
        session.execute(update(Job).values(worker="tune@elsewhere:2"))
    with pytest.raises(LeaseLost):
        supervise(hands, claimed, "/bin/sh", ["-c", 'trap "" TERM; sleep 60'], Listener(), begun.append)
    assert begun[0].wait(0) == -9


def test_a_database_that_is_away_for_a_moment_is_waited_for(
    hands: Hands, claimed: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, away = jobs.renew, iter(range(3))

    def falter(*given: Any) -> str:
        if next(away, None) is not None:
            raise OperationalError("select", {}, Exception("away"))
        return renew(*given)

    monkeypatch.setattr(jobs, "renew", falter)
    ended = run(hands, claimed, "sleep 0.5; echo late >&2")
    assert (ended.code, ended.wish) == (0, "")
    assert [line.text for line in jobs.log_lines(hands.database, _local(hands), claimed.id)] == ["late"]


def test_a_worker_cut_off_from_the_records_saves_and_ends_before_another_may_begin(
    hands: Hands, claimed: Claimed, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*given: Any) -> str:
        raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr(jobs, "renew", away)
    monkeypatch.setattr(module, "LEASE_SECONDS", 1.0)
    clock.stands_once_stopped = True  # the child takes no time to save
    ended = run(hands, claimed, "sleep 60")
    assert (ended.code, ended.wish) == (-15, "away")
    (stopped,) = clock.stopped_at
    assert 0.5 < stopped < 0.8, "neither at the first silence nor so late that there is no time to save"


def test_a_worker_that_was_halted_past_its_lease_ends_its_child_before_it_asks_anybody(
    hands: Hands, claimed: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Process] = []
    codes: list[int | None] = []
    renew = jobs.renew

    def asked(*given: Any) -> str:
        codes.append(begun[0].wait(0))
        return renew(*given)

    monkeypatch.setattr(jobs, "renew", asked)
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.0)
    ended = supervise(hands, claimed, "/bin/sh", ["-c", 'trap "" TERM; sleep 60'], Listener(), begun.append)
    assert codes[0] == -9
    assert (ended.code, ended.wish) == (-9, "away"), "no crash: nobody else took it, and it is handed on"


def test_a_fault_of_ours_gets_an_id_and_its_traceback_stays_in_the_log(
    hands: Hands, claimed: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divide(*given: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setitem(KINDS, "tune", divide)
    carry_out(hands, claimed)
    job = found(hands, claimed)
    assert job.state == "failed" and job.fault_id is not None
    assert "Traceback" in "\n".join(line.text for line in jobs.log_lines(hands.database, _local(hands), claimed.id))


def _stops(hands: Hands, claimed: Claimed) -> Any:
    """Somebody who wishes the job to stop once its child has said something."""

    def follow(said: Sequence[str]) -> Progress:
        if said:
            jobs.wish(hands.database, _local(hands), claimed.id, "stop")
        return Progress()

    return follow


def _local(hands: Hands) -> Who:
    from core.records.accounts import people

    return people.local(hands.database)


@pytest.mark.parametrize("code", [1, 2])
def test_what_a_job_leaves_behind_names_no_place_on_the_server(hands: Hands, claimed: Claimed, code: int) -> None:
    data = hands.place.data
    script = f"echo 'reading {data}/runs/abc/set.json'; echo '{data}/runs/abc is no run' >&2; exit {code}"
    settle(hands, claimed, run(hands, claimed, script), lambda: {})
    lines = [line.text for line in jobs.log_lines(hands.database, _local(hands), claimed.id)]
    told = [*lines, str(found(hands, claimed).error)]
    assert [text for text in told if str(data) in text] == []
    assert any("runs/abc" in text for text in told)


def test_a_worker_writes_down_where_the_audit_ends_as_it_sweeps(hands: Hands, who: Who) -> None:
    people.add_project(hands.database, who, "Cells")
    leaving = threading.Event()
    leaving.set()
    _sweep_for_ever(hands, leaving)
    (row,) = audit.everything(hands.database, None, None, None, 10)
    assert json.loads((hands.place.data / "audit.end").read_text()) == {"last": row.id, "rows": 1, "hash": row.hash}
