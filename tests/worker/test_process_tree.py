"""The supervised tree, its lock and its Redis."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from core.errors import CoreError
from core.machine.lock import locked
from core.records.place import Place
from worker import process_tree as module
from worker import redis
from worker.process_tree import Tree

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.chdir(ROOT)


def grow(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "logs", threading.Event())


def test_what_dies_is_started_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "told"
    with grow(tmp_path) as tree:
        branch = tree.start("brief", "/bin/sh", ["-c", f"echo begun >> {told}; exit 7"], {})
        tree.watch(lambda: told.is_file() and len(told.read_text().split()) >= 3)
        assert branch.pause > 0.05, "and waits longer each time"
    assert "brief ended (code 7); it is started again" in capsys.readouterr().err


def test_what_a_person_must_mend_is_told_instead_of_tried_again(tmp_path: Path) -> None:
    with grow(tmp_path) as tree:
        tree.start("app", "/bin/sh", ["-c", "echo first; echo The port is taken. >&2; exit 2"], {})
        with pytest.raises(CoreError, match=r"^app: The port is taken\.$"):
            tree.watch()


def test_nobody_outlives_the_tree(tmp_path: Path) -> None:
    with grow(tmp_path) as tree:
        branches = [tree.start(name, "/bin/sh", ["-c", "sleep 600 & sleep 600"], {}) for name in ("one", "two")]
        numbers = [one.process.pid for one in branches if one.process]
        everybody: list[psutil.Process] = []

        def are_there() -> bool:
            everybody[:] = [child for number in numbers for child in psutil.Process(number).children(recursive=True)]
            return len(everybody) == 2 * len(branches)

        tree.watch(are_there)
    psutil.wait_procs(everybody, timeout=120)
    assert not [one for one in everybody if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not [number for number in numbers if psutil.pid_exists(number)]


def test_a_second_studio_on_the_same_data_is_told_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "up.lock"
    second = (
        f"from pathlib import Path; from core.machine.lock import locked\nwith locked(Path({str(file)!r}), 'b'): pass"
    )
    with locked(file, "http://127.0.0.1:7860"):
        came = subprocess.run([sys.executable, "-c", second], cwd=ROOT, capture_output=True, text=True)
        assert came.returncode == 1
        assert re.search(r"is open already: http://127\.0\.0\.1:7860 \(process \d+\)", came.stderr)
    assert subprocess.run([sys.executable, "-c", second], cwd=ROOT).returncode == 0, "it is free again"


FORBIDDEN = (
    "CONFIG GET *",
    "CONFIG SET dir /tmp",
    "MODULE LOAD /tmp/x.so",
    "MODULE LIST",
    "DEBUG SLEEP 0",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "REPLICAOF 127.0.0.1 1",
    "SLAVEOF 127.0.0.1 1",
    "MIGRATE 127.0.0.1 1 key 0 10",
    "FLUSHALL",
    "FLUSHDB",
    "SHUTDOWN NOSAVE",
    "ACL SETUSER x on nopass +@all ~*",
    "ACL LIST",
    "MONITOR",
    "KEYS *",
    "FUNCTION LIST",
    "FCALL x 0",
    "CLIENT LIST",
    "SYNC",
    "PSYNC ? -1",
    "CLUSTER MEET 127.0.0.1 1",
    "SLOWLOG GET",
    "LATENCY DOCTOR",
    "RESTORE key 0 x",
    "SWAPDB 0 1",
)


class Stranger(BaseHTTPRequestHandler):
    """Another program that answers everything with yes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.slow
def test_no_way_in_is_printed_where_another_program_listens(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = ["worker.up", "--data", str(tmp_path), "--port", str(server.server_port), "--no-sample"]
        came = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=600)
        server.shutdown()
    assert came.returncode == 2
    assert f"can't listen on 127.0.0.1:{server.server_port}" in came.stderr
    assert "token=" not in came.stdout


def test_redis_of_our_own_keeps_everything_and_knows_only_us(tmp_path: Path) -> None:
    from redis import Redis
    from redis.exceptions import AuthenticationError, ResponseError

    place = Place.at(tmp_path / "data")
    with grow(tmp_path) as tree:
        address = str(redis.start_redis(place, tree).redis)
        with Redis.from_url(address, decode_responses=True) as client:
            for command in FORBIDDEN:
                with pytest.raises(ResponseError, match=r"no permissions|not allowed"):
                    client.execute_command(*command.split())
            client.lpush("tune", "job 7")
            assert client.eval("return redis.call('LLEN', KEYS[1])", 1, "tune") == 1
        port = int(address.rpartition(":")[2].partition("/")[0])
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
    file = place.data / "redis" / "redis.conf"
    assert file.stat().st_mode & 0o077 == 0, "a digest of the password is in it"
    settings = file.read_text().splitlines()
    assert {"bind 127.0.0.1", "appendonly yes", "maxmemory-policy noeviction"} <= set(settings)
    assert address.partition("@")[0].rpartition(":")[2] not in file.read_text()


def test_a_configured_redis_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "SECONDS_UNTIL_READY", 0.1)
    tree = grow(tmp_path)
    with pytest.raises(CoreError, match="Redis does not answer"):
        redis.start_redis(Place.at(tmp_path / "data", redis="redis://127.0.0.1:1/0"), tree)
    assert tree.branches == []


def test_logs_turn_over_while_their_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However seldom somebody looks, the talker is at most half a log ahead: it waits until what it wrote is taken."""
    monkeypatch.setattr(module, "LARGEST_LOG", 10_000)
    logs = tmp_path / "logs"
    ahead = f"[ $(wc -c < {logs}/talker.log) -gt 15000 ]"
    script = (
        f"n=0; while :; do n=$((n+1)); echo line $n; [ $((n % 50)) = 0 ] && while {ahead}; do sleep 0.01; done; done"
    )
    with grow(tmp_path) as tree:
        tree.start("talker", "/bin/sh", ["-c", script], {})
        tree.watch(lambda: (logs / f"talker.log.{module.LOGS_KEPT}").is_file())
        oldest = (logs / f"talker.log.{module.LOGS_KEPT}").read_text()
        tree.watch(lambda: (logs / f"talker.log.{module.LOGS_KEPT}").read_text() != oldest)
        newest = len((logs / "talker.log").read_text())
        tree.watch(lambda: len((logs / "talker.log").read_text()) != newest)
    kept = sorted(path.name for path in logs.iterdir())
    assert kept == ["talker.log", *(f"talker.log.{number}" for number in range(1, module.LOGS_KEPT + 1))]
    assert all(path.stat().st_size < 2 * module.LARGEST_LOG for path in logs.iterdir())
    later, earlier = ((logs / f"talker.log.{number}").read_text().splitlines() for number in (1, 2))
    assert 0 < int(later[1].split()[1]) - int(earlier[-2].split()[1]) < 700, (
        "of a thousand lines or more, those are lost at most that came while they were copied"
    )


def test_a_log_that_finds_no_room_to_be_kept_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "app.log"
    log.write_text("x" * 20)
    monkeypatch.setattr(module, "LARGEST_LOG", 10)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    module.turn_over(log)
    assert log.read_bytes() == b""


def test_a_damaged_file_of_the_queue_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place.at(tmp_path / "data")
    with grow(tmp_path) as tree:
        redis.start_redis(place, tree)
    kept = [path for path in sorted((place.data / "redis").rglob("appendonly.aof*")) if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(b"*3\r\n$3\r\nSET\r\nthis is damaged" + bytes(100) + b"\r\n*1\r\n")
    with grow(tmp_path) as tree:
        started = redis.start_redis(place, tree)
        from redis import Redis

        with Redis.from_url(str(started.redis)) as client:
            assert client.ping()
        assert capsys.readouterr().err.count("is set aside as") == 1
    aside = [path for path in (place.data / "redis" / "damaged").rglob("appendonly.aof*") if path.is_file()]
    assert len(aside) == len(kept) and all(path.read_bytes().startswith(b"*3") for path in aside)
