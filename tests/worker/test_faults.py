"""What happens to runs when something breaks: real workers, a real Redis, real engines."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest

from core.events import Step
from core.records import wake
from core.records.runs import runs
from core.records.tables import Job, Run, now
from tests import run_files as tiny
from tests.let_in import LET_IN, let_in
from tests.worker.conftest import ROOT, SECONDS, Studio, log_of
from tests.worker.test_topology import words
from worker.redis import free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The final weights of the same run when nothing happens to it."""
    from core.runs.runfile import make_run
    from core.runs.tune import tune

    out = tmp_path_factory.mktemp("undisturbed") / "run"
    tune(make_run(small), out)
    return final(out)


def final(folder: Path) -> dict[str, bytes]:
    return {name: held for name, held in tiny.weights(folder).items() if "/" not in name or name.startswith("adapter")}


def steps_told(studio: Studio, run: Run) -> list[tuple[str | None, int | None]]:
    return [(one.stage, one.step) for one in studio.events(run) if one.kind == "step"]


def test_a_run_whose_worker_is_killed_goes_on_by_itself_to_the_same_weights(
    studio: Studio, undisturbed: dict[str, bytes]
) -> None:
    run = studio.queue()
    first = studio.work()
    studio.until_step(run, "stage-2", 4)
    engine = studio.engine(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    psutil.wait_procs([engine], timeout=SECONDS)
    assert not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, "the engine outlived its worker"
    assert studio.job(run).state == "running", "nobody can know yet"
    studio.work()
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.claims, job.error) == ("done", 2, None)
    assert final(studio.folder(run)) == undisturbed
    assert "its worker went away" in log_of(studio, run)


def test_a_worker_and_engine_woken_after_their_lease_find_the_run_gone(
    studio: Studio, undisturbed: dict[str, bytes]
) -> None:
    run = studio.queue()
    first = studio.work()
    studio.until_step(run, "vanilla", 3)
    engine = studio.engine(first)
    for process in (first, engine):
        process.send_signal(signal.SIGSTOP)
    with studio.database.session() as session:
        session.get_one(Job, run.job_id).lease_until = now() - timedelta(seconds=1)
    second = studio.work()
    studio.until_step(run, "stage-1", 1)
    engine.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    first.send_signal(signal.SIGCONT)
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.claims, job.worker) == ("done", 2, None)
    assert (first.poll(), second.poll()) == (None, None), "both workers go on"
    psutil.wait_procs([engine], timeout=SECONDS)
    assert not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE
    # One writer after the other leaves one place in the file where steps begin again, at the checkpoint.
    made = [(event.stage, event.step) for event in tiny.events(studio.folder(run)) if isinstance(event, Step)]
    order = ["tsm", "vanilla", "stage-1", "stage-2"]
    backwards = [place for place, (one, other) in enumerate(pairwise(made)) if rank(order, other) <= rank(order, one)]
    assert len(backwards) <= 1, made
    assert final(studio.folder(run)) == undisturbed


def rank(order: list[str], step: tuple[str, int]) -> tuple[int, int]:
    return order.index(step[0]), step[1]


def test_a_run_that_is_killed_again_and_again_but_gets_on_comes_to_its_end(
    studio: Studio, undisturbed: dict[str, bytes]
) -> None:
    run = studio.queue()
    worker = studio.work()
    for stage, step in (("vanilla", 5), ("vanilla", 13), ("stage-2", 3)):
        studio.until_step(run, stage, step)
        studio.engine(worker).send_signal(signal.SIGKILL)
        studio.until(lambda: "core.cli" in engines(worker), "another engine")
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.claims, job.error) == ("done", 4, None)
    assert final(studio.folder(run)) == undisturbed


def test_a_run_that_dies_three_times_at_the_same_place_ends_with_the_reason(studio: Studio) -> None:
    run = studio.queue(training={"checkpoint_every": 1000, "steps": 1000})
    worker = studio.work()
    for number in range(3):
        begun = len(steps_told_in(studio, run, "vanilla"))

        def has_begun(begun: int = begun) -> bool:
            return len(steps_told_in(studio, run, "vanilla")) > begun

        studio.until(has_begun, f"try {number + 1}")
        studio.engine(worker).send_signal(signal.SIGKILL)
        studio.until(lambda: "core.cli" not in engines(worker), "its end")
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.claims, job.fault_id) == ("failed", 3, None)
    assert job.error == (
        "It was begun 3 times and broken off each time after tsm; the last time the system ended its "
        "process with signal 9, as it does where memory runs out. Look at its log, then resume it."
    )


def engines(worker: subprocess.Popen[bytes]) -> list[str]:
    """What the worker's children were started with, as far as they live."""
    return [word for child in psutil.Process(worker.pid).children() for word in words(child)]


def steps_told_in(studio: Studio, run: Run, stage: str) -> list[Any]:
    file = studio.folder(run) / "events.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if '"step"' in line and f'"{stage}"' in line]


def test_a_stopped_run_is_resumed_to_the_same_weights(studio: Studio, undisturbed: dict[str, bytes]) -> None:
    run = studio.queue()
    worker = studio.work()
    studio.until_step(run, "vanilla", 3)
    runs.stop(studio.database, studio.who, run.id)
    assert studio.until_state(run, "stopped", "done", "failed").state == "stopped"
    assert not psutil.Process(worker.pid).children(), "the engine has left"
    told = len(steps_told(studio, run))
    time.sleep(1)
    assert len(steps_told(studio, run)) == told, "and nothing goes on"
    runs.resume(studio.database, studio.place, studio.who, run.id)
    assert studio.until_state(run, "done", "failed").state == "done"
    assert final(studio.folder(run)) == undisturbed
    assert len(set(steps_told(studio, run))) == len(steps_told(studio, run)), "a saved step is not made again"


def test_a_worker_that_is_sent_away_hands_its_run_on_without_counting_it_as_a_crash(studio: Studio) -> None:
    run = studio.queue()
    first = studio.work()
    studio.until_step(run, "vanilla", 3)
    first.terminate()
    assert first.wait(SECONDS) == 0
    assert studio.job(run).state == "waiting"
    studio.work()
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.attempts) == ("done", 1)


def test_redis_killed_with_jobs_running_and_waiting_loses_none_and_repeats_none(studio: Studio) -> None:
    plain = {"method": {"name": "vanilla"}, "tsm": []}
    waiting = [studio.queue(f"run {number}", **plain) for number in range(3)]
    studio.work()
    studio.until(lambda: bool(steps_told(studio, waiting[0])), "a first step")
    studio.redis.kill()
    late = studio.queue("while it is away", **plain)
    studio.redis.start()
    for run in [*waiting, late]:
        job = studio.until_state(run, "done", "failed")
        assert (job.state, job.attempts) == ("done", 1)
        assert len(set(steps_told(studio, run))) == len(steps_told(studio, run)), "each step was made once"


def test_a_full_disk_is_told_and_the_checkpoint_before_it_is_whole(studio: Studio) -> None:
    run = studio.queue(lora={"rank": 64})  # so that a checkpoint is far larger than what is told meanwhile
    worker = studio.work()
    stage = studio.folder(run) / "stage-1"
    studio.until(lambda: bool(list(stage.glob("step-*[0-9]"))), "a checkpoint")
    whole = (studio.folder(run) / "events.jsonl").stat().st_size + 40_000
    resource.prlimit(studio.engine(worker).pid, resource.RLIMIT_FSIZE, (whole, whole))
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.fault_id) == ("failed", None), job.error
    assert job.error is not None and "Free some space and resume" in job.error
    kept = sorted(path.name for path in stage.iterdir())
    assert kept and not any(name.endswith(".part") for name in kept)
    runs.resume(studio.database, studio.place, studio.who, run.id)
    assert studio.until_state(run, "done", "failed").state == "done"
    assert steps_told(studio, run).count(("stage-1", 1)) == 1, "it went on from the checkpoint"


def test_two_workers_that_are_told_twice_make_a_run_once(studio: Studio) -> None:
    studio.work()
    studio.work()
    run = studio.queue(method={"name": "vanilla"}, tsm=[])
    for _ in range(3):
        wake.send(studio.place, "tune", run.job_id)
    job = studio.until_state(run, "done", "failed")
    assert (job.state, job.attempts) == ("done", 1)
    assert len(set(steps_told(studio, run))) == len(steps_told(studio, run))


def test_an_app_that_is_killed_comes_back_to_a_run_that_went_on(studio: Studio) -> None:
    first, port = _app(studio)
    run = studio.queue()
    studio.work()
    studio.until_step(run, "vanilla", 3)
    first.kill()
    first.wait()
    second, port = _app(studio)
    try:
        studio.until_state(run, "done", "failed")
        let_in(studio.database)
        with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers=LET_IN), timeout=SECONDS) as answer:
            assert 'vitask_jobs{queue="tune",state="done"} 1.0' in answer.read().decode()
    finally:
        second.kill()
        second.wait()
    assert (studio.job(run).state, studio.job(run).attempts) == ("done", 1)


def _app(studio: Studio) -> tuple[subprocess.Popen[bytes], int]:
    """The screen on the studio's records, once it answers."""
    port = free_port()
    environment = {**os.environ, **studio.place.environment(), "OMP_NUM_THREADS": "1"}
    app = subprocess.Popen([sys.executable, "-m", "app.main", "--port", str(port)], cwd=ROOT, env=environment)

    def answers() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/ready", timeout=SECONDS) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    studio.until(answers, "an app that answers")
    return app, port
