"""A job goes from waiting to its end, under one worker at a time, whatever dies on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.records import audit, jobs, queue_view
from core.records.accounts import people
from core.records.accounts.people import NotAllowed, Who
from core.records.database import Database
from core.records.jobs import Claimed, JobError, LeaseLost
from core.records.payloads import Ask, Check, Payload, Tune
from core.records.progress import Progress, progress_from_plain
from core.records.queue_view import neglected_queues
from core.records.runs.latency import Latency, reading_latency
from core.records.tables import Job, now
from tests.records.conftest import Others

WAITING: dict[str, Payload] = {
    "tune": Tune(run=7),
    "read": Ask(run=7, image="0" * 64),
    "intake": Check(upload=7),
}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A moment at which the records' clock stands still."""
    moment = now()
    for module in (jobs, queue_view):
        monkeypatch.setattr(module, "now", lambda: moment)
    return moment


def add(database: Database, who: Who, queue: str = "tune", most_attempts: int = 3) -> int:
    with database.session() as session:
        job = jobs.enqueue(session, who, who.projects[0], WAITING[queue])
        job.most_attempts = most_attempts
        return job.id


def begun(database: Database, job_id: int, worker: str = "one") -> Claimed:
    claimed = jobs.claim(database, job_id, worker)
    assert claimed is not None
    return claimed


def change(database: Database, job_id: int, **values: Any) -> None:
    with database.session() as session:
        session.execute(update(Job).where(Job.id == job_id).values(values))


def seconds_held(database: Database, who: Who, job_id: int, at: datetime) -> float:
    until = jobs.job(database, who, job_id).lease_until
    assert until is not None
    return (until - at).total_seconds()


def begun_again(database: Database, job_id: int) -> Claimed:
    """After a worker that went away."""
    expire(database, job_id)
    return begun(database, job_id)


def expire(database: Database, job_id: int) -> None:
    change(database, job_id, lease_until=now() - timedelta(hours=1))


def state(database: Database, who: Who, job_id: int) -> str:
    return jobs.job(database, who, job_id).state


def test_a_job_is_claimed_by_one_worker_only(database: Database, who: Who) -> None:
    first = add(database, who)
    claimed = begun(database, first, "one")
    assert (claimed.payload, claimed.worker, claimed.attempts) == ({"run": 7}, "one", 1)
    assert jobs.claim(database, first, "two") is None


def test_the_tune_queue_begins_in_order_and_others_at_once(database: Database, who: Who) -> None:
    first, second = add(database, who), add(database, who)
    assert jobs.claim(database, second, "one") is None
    begun(database, first)
    begun(database, second, "two")
    add(database, who, "read")
    begun(database, add(database, who, "read"))


def test_take_next_gives_each_worker_another_job_until_none_waits(database: Database, who: Who) -> None:
    added = [add(database, who) for _ in range(3)]
    taken = [jobs.take_next(database, "tune", f"worker {number}") for number in range(4)]
    assert [claimed.id if claimed else None for claimed in taken] == [*added, None]


def test_a_lease_that_ran_out_goes_to_whoever_asks_and_the_first_worker_hears_of_it(
    database: Database, who: Who
) -> None:
    first = add(database, who)
    lost = begun(database, first, "one")
    expire(database, first)
    assert begun(database, first, "two").attempts == 2
    for do in (
        lambda: jobs.renew(database, lost),
        lambda: jobs.progress(database, lost, Progress(done=1)),
        lambda: jobs.finish(database, lost, {}),
        lambda: jobs.fail(database, lost, "no"),
        lambda: jobs.put_back(database, lost, "no"),
        lambda: jobs.stopped(database, lost),
        lambda: jobs.cancelled(database, lost),
    ):
        with pytest.raises(LeaseLost, match="not one's any more"):
            do()
    assert state(database, who, first) == "running"


def test_a_lease_lasts_as_long_as_was_said_from_now_on(database: Database, who: Who, at: datetime) -> None:
    first = add(database, who)
    assert seconds_held(database, who, begun(database, first).id, at) == 60
    jobs.hand_back(database, begun_again(database, first))
    claimed = jobs.claim(database, first, "two", lease_seconds=300)
    assert claimed is not None
    assert seconds_held(database, who, first, at) == 300
    jobs.renew(database, claimed)
    assert seconds_held(database, who, first, at) == 60
    jobs.renew(database, claimed, lease_seconds=900)
    assert seconds_held(database, who, first, at) == 900
    jobs.hand_back(database, claimed)
    assert jobs.take_next(database, "tune", "three", lease_seconds=120) is not None
    assert seconds_held(database, who, first, at) == 120


def test_a_job_that_began_again_keeps_when_it_began(database: Database, who: Who) -> None:
    first, began = add(database, who), now() - timedelta(hours=3)
    begun(database, first)
    change(database, first, started=began)
    begun_again(database, first)
    assert jobs.job(database, who, first).started == began


def test_a_job_whose_tries_are_spent_is_given_to_nobody(database: Database, who: Who) -> None:
    first = add(database, who, most_attempts=1)
    begun(database, first)
    expire(database, first)
    assert jobs.claim(database, first, "two") is None


def test_the_same_worker_that_took_a_job_again_is_not_its_own_past(database: Database, who: Who) -> None:
    first = add(database, who)
    before = begun(database, first, "one")
    expire(database, first)
    begun(database, first, "one")
    with pytest.raises(LeaseLost):
        jobs.finish(database, before, {})


def test_progress_and_result_are_kept(database: Database, who: Who) -> None:
    claimed = begun(database, add(database, who))
    jobs.progress(database, claimed, Progress(done=1, whole=4))
    jobs.progress(database, claimed, Progress(done=2, seconds_left=8.5))
    assert jobs.job(database, who, claimed.id).progress == {"done": 2, "whole": 4, "seconds_left": 8.5}
    jobs.finish(database, claimed, {"cases": 3})
    done = jobs.job(database, who, claimed.id)
    assert (done.state, done.result, done.worker, done.lease_until) == ("done", {"cases": 3}, None, None)
    assert done.started and done.ended and done.created <= done.started <= done.ended


def test_what_is_wished_of_a_running_job_is_told_when_its_lease_is_renewed(database: Database, who: Who) -> None:
    claimed = begun(database, add(database, who))
    assert jobs.renew(database, claimed) == ""
    jobs.wish(database, who, claimed.id, "stop")
    assert jobs.renew(database, claimed) == "stop"
    jobs.wish(database, who, claimed.id, "cancel")
    jobs.wish(database, who, claimed.id, "stop")
    assert jobs.renew(database, claimed) == "cancel"
    jobs.cancelled(database, claimed)
    with pytest.raises(JobError, match="cancelled already"):
        jobs.wish(database, who, claimed.id, "stop")


def test_a_waiting_job_is_stopped_or_cancelled_at_once(database: Database, who: Who) -> None:
    stopped, cancelled = add(database, who), add(database, who)
    jobs.wish(database, who, stopped, "stop")
    jobs.wish(database, who, cancelled, "cancel")
    assert (state(database, who, stopped), state(database, who, cancelled)) == ("stopped", "cancelled")
    jobs.resume(database, who, stopped)
    assert jobs.next_waiting(database, "tune") == stopped
    with pytest.raises(JobError, match="only what was stopped or has failed"):
        jobs.resume(database, who, cancelled)


@pytest.mark.parametrize(("wished", "left"), [("stop", "stopped"), ("cancel", "cancelled")])
def test_a_wish_outlives_the_worker_that_is_sent_away(database: Database, who: Who, wished: str, left: str) -> None:
    claimed = begun(database, add(database, who))
    jobs.wish(database, who, claimed.id, wished)
    jobs.hand_back(database, claimed)
    assert state(database, who, claimed.id) == left
    assert jobs.take_next(database, "tune", "two") is None


def test_a_job_that_was_handed_back_waits_as_if_nobody_had_begun_it(database: Database, who: Who) -> None:
    claimed = begun(database, add(database, who, most_attempts=1))
    jobs.hand_back(database, claimed)
    job = jobs.job(database, who, claimed.id)
    assert (job.state, job.attempts, job.worker, job.lease_until) == ("waiting", 0, None, None)
    assert jobs.sweep(database) == [("tune", claimed.id)], "and is told to others at once"
    with pytest.raises(LeaseLost, match="not one's any more"):
        jobs.hand_back(database, claimed)
    assert begun(database, claimed.id, "two").attempts == 1


def test_a_crashed_job_is_put_back_until_its_attempts_are_spent(database: Database, who: Who) -> None:
    first, second = add(database, who, most_attempts=2), add(database, who)
    assert jobs.put_back(database, begun(database, first), "it was killed") == "waiting"
    assert jobs.next_waiting(database, "tune") == first, "it keeps its place"
    assert jobs.put_back(database, begun(database, first), "it was killed") == "failed"
    failed = jobs.job(database, who, first)
    assert failed.error and failed.error.startswith("It was begun 2 times and broken off each time")
    assert jobs.next_waiting(database, "tune") == second
    resumed = jobs.resume(database, who, first)
    assert (resumed.attempts, resumed.error) == (0, None)
    assert begun(database, second) and begun(database, first, "two").attempts == 1


def test_only_tries_since_the_last_new_checkpoint_count(database: Database, who: Who) -> None:
    first = add(database, who, most_attempts=2)
    for number in range(5):
        claimed = begun(database, first)
        jobs.progress(database, claimed, Progress(reached=f"step {number} of stage-1"))
        assert jobs.put_back(database, claimed, "it was killed") == "waiting", "it got further than before"
    claimed = begun(database, first)
    jobs.progress(database, claimed, Progress(reached="step 4 of stage-1", done=4))
    assert jobs.put_back(database, claimed, "it was killed") == "failed"
    failed = jobs.job(database, who, first)
    assert (failed.attempts, failed.claims) == (2, 6)
    assert "broken off each time after step 4 of stage-1; the last time it was killed" in str(failed.error)


def test_a_failed_job_that_is_resumed_bears_no_mark_of_how_it_ended(database: Database, who: Who) -> None:
    first, second = add(database, who), add(database, who)
    claimed = begun(database, first)
    jobs.wish(database, who, first, "stop")
    jobs.fail(database, claimed, "The loss is not a number.", "f00")
    failed = jobs.job(database, who, first)
    assert (failed.wish, failed.worker, failed.lease_until, failed.ended is None) == ("", None, None, False)
    jobs.resume(database, who, first)
    resumed = jobs.job(database, who, first)
    assert (resumed.state, resumed.attempts, resumed.wish) == ("waiting", 0, "")
    assert (resumed.error, resumed.fault_id, resumed.ended) == (None, None, None)
    assert jobs.sweep(database) == [], "its message is on the way"
    assert jobs.next_waiting(database, "tune") == second, "it stands at the end"
    begun(database, second)
    again = begun(database, first, "two")
    assert jobs.renew(database, again) == "", "nobody wishes anything of it any more"


def test_a_lease_has_a_number_that_never_comes_again(database: Database, who: Who) -> None:
    first, numbers = add(database, who), []
    for _ in range(3):
        claimed = begun(database, first)
        numbers.append(claimed.claims)
        jobs.progress(database, claimed, Progress(reached=f"step {claimed.claims}"))
        jobs.fail(database, claimed, "no")
        jobs.resume(database, who, first)
    assert numbers == [1, 2, 3]


def test_the_sweep_takes_over_what_dead_workers_left(database: Database, who: Who) -> None:
    waits, wished, spent = add(database, who), add(database, who), add(database, who, most_attempts=1)
    for job_id in (waits, wished, spent):
        begun(database, job_id)
    assert jobs.sweep(database) == []
    jobs.wish(database, who, wished, "stop")
    for job_id in (waits, wished, spent):
        expire(database, job_id)
    assert jobs.claim(database, wished, "two") is None, "there is nothing left to do but to end it"
    assert jobs.sweep(database) == [("tune", waits)]
    assert [state(database, who, job_id) for job_id in (waits, wished, spent)] == ["waiting", "stopped", "failed"]
    assert jobs.log_lines(database, who, waits)[-1].text == "Broken off: its worker went away."


def test_the_sweep_sends_again_what_nobody_came_for_but_not_all_the_time(database: Database, who: Who) -> None:
    first = add(database, who)
    assert jobs.sweep(database) == [], "its message is on the way"
    change(database, first, sent=now() - timedelta(minutes=1))
    assert jobs.sweep(database) == [("tune", first)]
    assert jobs.sweep(database) == []


def test_the_sweep_waits_half_a_minute_for_a_message_to_be_heard(database: Database, who: Who, at: datetime) -> None:
    early, late = add(database, who, "read"), add(database, who, "read")
    change(database, early, sent=at - timedelta(seconds=25))
    change(database, late, sent=at - timedelta(seconds=35))
    assert jobs.sweep(database) == [("read", late)]
    assert jobs.job(database, who, late).sent == at


def test_the_sweep_sends_for_the_first_of_each_queue_only(database: Database, who: Who) -> None:
    reads = [add(database, who, "read") for _ in range(jobs.MOST_RESENT + 2)]
    tune = add(database, who)
    jobs.send_again(database)
    expected = [("tune", tune), *(("read", job_id) for job_id in reads[: jobs.MOST_RESENT])]
    assert jobs.sweep(database) == expected
    assert jobs.sweep(database) == [], "those behind them wait for these"


def test_the_sweep_leaves_jobs_alone_whose_workers_are_heard_of(database: Database, who: Who, at: datetime) -> None:
    held, left = (begun(database, add(database, who, "read"), worker) for worker in ("one", "two"))
    change(database, held.id, lease_until=at + timedelta(seconds=5))
    change(database, left.id, lease_until=at - timedelta(seconds=5))
    assert jobs.sweep(database) == [("read", left.id)]
    assert (state(database, who, held.id), state(database, who, left.id)) == ("running", "waiting")


def test_leases_of_workers_that_died_on_a_machine_end_at_once(database: Database, who: Who) -> None:
    workers = ("read@here:1", "read@here:2", "read@there:1", "read@nowhere:1")
    claims = [begun(database, add(database, who, "read"), worker) for worker in workers]
    looked_for: list[str] = []

    def has_died(worker: str) -> bool:
        looked_for.append(worker)
        return worker.endswith(":1")

    jobs.end_leases(database, "here", has_died)
    assert sorted(looked_for) == ["read@here:1", "read@here:2"]
    assert [seconds_held(database, who, claimed.id, now()) > 0 for claimed in claims] == [False, True, True, True]


def test_a_queue_that_begins_anew_is_sent_all_that_waits(database: Database, who: Who) -> None:
    first = add(database, who)
    assert jobs.sweep(database) == [], "its message is on the way"
    jobs.send_again(database)
    assert jobs.sweep(database) == [("tune", first)]


def test_a_paused_queue_hands_out_nothing_and_sends_nothing(database: Database, who: Who) -> None:
    first = add(database, who)
    jobs.pause(database, who, "tune", True)
    change(database, first, sent=None)
    assert jobs.next_waiting(database, "tune") is None
    assert jobs.claim(database, first, "one") is None
    assert jobs.sweep(database) == []
    begun(database, add(database, who, "read"))
    jobs.pause(database, who, "tune", False)
    assert jobs.sweep(database) == [("tune", first)]
    begun(database, first)


def test_a_failure_pauses_the_queue_where_that_is_wanted(database: Database, who: Who) -> None:
    first, second, third = (add(database, who) for _ in range(3))
    jobs.fail(database, begun(database, first), "The loss is not a number.", "f00")
    failed = jobs.job(database, who, first)
    assert (failed.state, failed.error, failed.fault_id) == ("failed", "The loss is not a number.", "f00")
    jobs.set_goes_on_after_failure(database, who, "tune", False)
    jobs.fail(database, begun(database, second), "Again.")
    assert jobs.next_waiting(database, "tune") is None
    assert jobs.queue_state(database, "tune").is_paused
    assert state(database, who, third) == "waiting"


def test_waiting_jobs_can_be_moved(database: Database, who: Who) -> None:
    a, b, c, d = (add(database, who) for _ in range(4))

    def order() -> list[int]:
        return [entry.job.id for entry in jobs.queue_view(database, who, "tune")]

    places = [jobs.job(database, who, job_id).position for job_id in order()]
    jobs.move(database, who, d, a)
    assert order() == [d, a, b, c]
    assert [jobs.job(database, who, job_id).position for job_id in order()] == places
    jobs.move(database, who, a, None)
    assert order() == [d, b, c, a]
    jobs.move(database, who, a, c)
    assert order() == [d, b, a, c]
    begun(database, d)
    with pytest.raises(JobError, match="Only a job that waits can be moved"):
        jobs.move(database, who, d, None)
    with pytest.raises(JobError, match="does not wait any more"):
        jobs.move(database, who, a, d)


def test_jobs_are_moved_in_a_paused_queue_too(database: Database, who: Who) -> None:
    first, second, third = (add(database, who) for _ in range(3))
    jobs.pause(database, who, "tune", True)
    jobs.move(database, who, third, first)
    jobs.pause(database, who, "tune", False)
    assert jobs.next_waiting(database, "tune") == third
    assert [entry.job.id for entry in jobs.queue_view(database, who, "tune")] == [third, first, second]


def test_jobs_at_one_place_are_told_apart_once_somebody_moves_one(database: Database, who: Who) -> None:
    first, second, third = (add(database, who) for _ in range(3))
    for job_id in (first, second, third):
        change(database, job_id, position=5.0)
    jobs.move(database, who, third, second)
    assert [jobs.job(database, who, job_id).position for job_id in (first, third, second)] == [5.0, 6.0, 7.0]


def test_the_queue_tells_when_a_job_may_begin(database: Database, who: Who, at: datetime) -> None:
    done, runs, waits, last = (add(database, who) for _ in range(4))
    jobs.finish(database, begun(database, done), {})
    change(database, done, started=at - timedelta(seconds=100), ended=at)
    jobs.progress(database, begun(database, runs), Progress(seconds_left=30))
    view = jobs.queue_view(database, who, "tune")
    assert [(entry.job.id, entry.place) for entry in view] == [(runs, 0), (waits, 1), (last, 2)]
    until = [(entry.expected_start - at).total_seconds() if entry.expected_start else None for entry in view]
    assert until[1:] == [30, 130]


def test_jobs_that_are_no_runs_are_told_apart_in_the_queue(database: Database, who: Who) -> None:
    first, second = add(database, who), add(database, who)
    entries = jobs.queue_view(database, who, "tune")
    assert [entry.name for entry in entries] == [f"tune, job {first}", f"tune, job {second}"]


def test_log_lines_are_kept_and_found(database: Database, who: Who) -> None:
    first = add(database, who)
    jobs.log(database, first, [f"line {number}" for number in range(1, 601)])
    jobs.log(database, first, ["100 % of the Pictures read", "null\0byte"])
    lines = jobs.log_lines(database, who, first)
    assert (len(lines), lines[0].number, lines[-1].text) == (500, 103, "nullbyte")
    assert [line.number for line in jobs.log_lines(database, who, first, "pictures READ")] == [601]
    assert jobs.log_lines(database, who, first, "1_0") == [], "what is searched for is no pattern"
    assert [line.number for line in jobs.log_lines(database, who, first, after=600)] == [601, 602]


def test_the_oldest_lines_of_a_long_log_go_and_the_others_keep_their_numbers(
    database: Database, who: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_LINES", 4)
    long, other = add(database, who), add(database, who)

    def numbers(job_id: int) -> list[int]:
        return [line.number for line in jobs.log_lines(database, who, job_id)]

    jobs.log(database, other, ["kept"])
    jobs.log(database, long, ["a", "b", "c", "d"])
    assert numbers(long) == [1, 2, 3, 4]
    jobs.log(database, long, ["e"])
    assert numbers(long) == [2, 3, 4, 5]
    jobs.log(database, long, list("fghijk"))
    assert numbers(long) == [8, 9, 10, 11]
    assert [line.text for line in jobs.log_lines(database, who, long)] == ["h", "i", "j", "k"]
    assert numbers(other) == [1]


def test_jobs_are_counted_by_queue_and_state(database: Database, who: Who) -> None:
    begun(database, add(database, who))
    add(database, who)
    add(database, who, "read")
    assert jobs.counts(database) == {("tune", "running"): 1, ("tune", "waiting"): 1, ("read", "waiting"): 1}


def test_a_queue_is_neglected_where_something_waits_and_nobody_takes_anything(database: Database, who: Who) -> None:
    minute = timedelta(minutes=1)
    busy, paused, ended, waiting = (add(database, who, queue) for queue in ("tune", "read", "intake", "intake"))
    assert neglected_queues(database, minute) == [], "all came just now"
    for job_id in (busy, paused, ended, waiting):
        change(database, job_id, created=now() - 2 * minute)
    assert neglected_queues(database, minute) == ["intake", "read", "tune"]
    begun(database, busy)
    change(database, add(database, who, "tune"), created=now() - 2 * minute)
    assert neglected_queues(database, minute) == ["intake", "read"], "somebody is at work"
    jobs.pause(database, who, "read", True)
    assert neglected_queues(database, minute) == ["intake"]
    jobs.finish(database, begun(database, ended))
    assert neglected_queues(database, minute) == [], "somebody has just been at work"
    change(database, ended, ended=now() - 2 * minute)
    assert neglected_queues(database, minute) == ["intake"]


def test_jobs_of_another_project_are_out_of_reach(database: Database, who: Who, others: Others) -> None:
    first, second = add(database, who), add(database, who)
    stranger = others.stranger
    for do in (
        lambda: jobs.job(database, stranger, first),
        lambda: jobs.wish(database, stranger, first, "stop"),
        lambda: jobs.resume(database, stranger, first),
        lambda: jobs.move(database, stranger, second, first),
        lambda: jobs.log_lines(database, stranger, first),
        lambda: jobs.job(database, stranger, 999),
        lambda: jobs.wish(database, others.reader, first, "stop"),
        lambda: jobs.pause(database, others.reader, "tune", True),
        lambda: add(database, others.reader),
    ):
        with pytest.raises(NotAllowed):
            do()
    assert jobs.queue_view(database, stranger, "tune") == []
    assert [state(database, who, job_id) for job_id in (first, second)] == ["waiting", "waiting"]


def test_places_count_jobs_of_other_projects_without_showing_them(database: Database, who: Who, others: Others) -> None:
    add(database, others.stranger)
    mine = add(database, who)
    assert [(entry.job.id, entry.place) for entry in jobs.queue_view(database, who, "tune")] == [(mine, 2)]


def test_a_researcher_stops_their_own_jobs_and_pauses_no_queue(database: Database, who: Who) -> None:
    people.add_person(database, "first", "a long password", "admin")
    mine, other = (
        people.add_person(database, name, "a long password", "researcher", who.projects) for name in ("ann", "bob")
    )
    first, second = (add(database, person) for person in (mine, other))
    for wished in ("stop", "cancel"):
        with pytest.raises(NotAllowed, match=f"only they or an admin can {wished} it"):
            jobs.wish(database, mine, second, wished)
    for change_queue in (jobs.pause, jobs.set_goes_on_after_failure):
        with pytest.raises(NotAllowed, match="admin"):
            change_queue(database, mine, "tune", True)
    jobs.wish(database, mine, first, "stop")
    jobs.wish(database, who, second, "stop")
    jobs.pause(database, who, "tune", True)


def test_what_people_do_with_jobs_is_in_the_audit_log(database: Database, who: Who) -> None:
    first = add(database, who)
    jobs.wish(database, who, first, "stop")
    jobs.resume(database, who, first)
    done = audit.entries(database, who, who.projects[0])
    assert [(entry.who, entry.action, entry.subject) for entry in done] == [
        ("local", "resume", f"job {first}"),
        ("local", "stop", f"job {first}"),
    ]


def test_the_database_counts_how_long_answers_took(database: Database, who: Who) -> None:
    assert reading_latency(database, (1.0,)) == Latency((0,), 0, 0.0)
    arrived = now()
    for seconds in (0.5, 1.0, 3.25):
        change(
            database,
            add(database, who, "read"),
            state="done",
            created=arrived,
            ended=arrived + timedelta(seconds=seconds),
        )
    add(database, who, "read")
    assert reading_latency(database, (0.1, 1.0, 10.0)) == Latency((0, 2, 3), 3, 4.75)


def test_a_job_that_was_put_back_stands_before_those_that_came_later(database: Database, who: Who) -> None:
    jobs.finish(database, begun(database, add(database, who)))
    first, second = add(database, who), add(database, who)
    begun(database, first)
    held = begun(database, second)
    third = add(database, who)
    assert jobs.put_back(database, held, "its worker went away") == "waiting"
    assert jobs.next_waiting(database, "tune") == second
    assert jobs.claim(database, third, "three") is None


def test_news_of_progress_leave_what_they_do_not_name_and_can_take_back_what_is_not_known_any_more() -> None:
    before = Progress(done=1, whole=4, text="Reading", seconds_left=9.0)
    after = before.after(Progress(done=2, seconds_left=None))
    assert after.plain() == {"done": 2, "whole": 4, "text": "Reading", "seconds_left": None}
    assert (before.share, after.share, Progress(done=3).share) == (0.25, 0.5, 0.0)
    assert progress_from_plain({"done": 2, "of an older version": True}) == Progress(done=2)
    assert progress_from_plain({"done": "much", "reached": "a", "seconds_left": float("inf")}) == Progress(reached="a")
