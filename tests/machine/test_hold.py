"""A folder of the engine has one writer, however processes are halted, woken, killed and handed on."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.cli.main import main
from core.events import Done
from core.machine import hold
from core.machine.hold import FolderHeld, FolderLost
from core.runs import folder
from core.training import checkpoints
from core.training.checkpoints import State
from tests import run_files

WRITER = """
import sys, time
from pathlib import Path
from core.machine import hold
if sys.argv[2] != "here":
    hold.platform.node = lambda: sys.argv[2]
folder = Path(sys.argv[1])
hold.take(folder)
with (folder / "written.txt").open("a") as file:
    print("took it", flush=True)
    while True:
        hold.check(folder)
        file.write(f"{sys.argv[3]}\\n")
        file.flush()
        time.sleep(0.005)
"""
SECONDS = 120
"""Of patience with a machine that is slow."""
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts another process that writes in the test's folder for as long as it may."""
    begun: list[subprocess.Popen[str]] = []

    def start(lease: int = 0, machine: str = "here", name: str = "first") -> subprocess.Popen[str]:
        environment = {**os.environ, hold.LEASE: str(lease)}
        command = [sys.executable, "-c", WRITER, str(tmp_path), machine, name]
        writer = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        begun.append(writer)
        assert writer.stdout is not None and writer.stdout.readline() == "took it\n"
        return writer

    yield start
    for writer in begun:
        writer.kill()
        writer.communicate()


@pytest.fixture
def leased(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda number: monkeypatch.setenv(hold.LEASE, str(number))


def halted(writer: subprocess.Popen[str]) -> None:
    writer.send_signal(signal.SIGSTOP)
    while psutil.Process(writer.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)


def test_whoever_comes_second_is_told_who_was_first(tmp_path: Path, begin: Begin) -> None:
    first = begin()
    for do in (hold.refuse, hold.take):
        with pytest.raises(FolderHeld, match=f"another vitask command: process {first.pid} on .* Nothing was changed"):
            do(tmp_path)
    first.kill()
    first.wait()
    with hold.released(tmp_path):
        hold.take(tmp_path)
        hold.check(tmp_path / "stage-1" / "step-00000001")
    assert [path.name for path in tmp_path.iterdir()] == ["written.txt"], "what was given back leaves nothing behind"


def test_a_later_lease_ends_a_halted_process_of_this_machine(
    tmp_path: Path, begin: Begin, leased: Callable[[int], None]
) -> None:
    first = begin(lease=1)
    halted(first)
    leased(2)
    with hold.released(tmp_path):
        hold.take(tmp_path)
        assert first.wait(SECONDS) == -signal.SIGKILL, "woken within a write it would have finished it"
        hold.check(tmp_path)


def test_an_engine_on_another_machine_leaves_at_its_next_write(
    tmp_path: Path, begin: Begin, leased: Callable[[int], None]
) -> None:
    first = begin(lease=1, machine="elsewhere")
    halted(first)
    leased(2)
    with hold.released(tmp_path):
        hold.take(tmp_path)
        written = (tmp_path / "written.txt").read_text()
        first.send_signal(signal.SIGCONT)
        _, errors = first.communicate(timeout=SECONDS)
        assert first.returncode == 1 and "FolderLost" in errors
        assert len((tmp_path / "written.txt").read_text()) - len(written) <= len("first\n"), "the write it was in"
        hold.check(tmp_path)


@pytest.mark.parametrize(("standing", "coming"), [(2, 1), (2, 2), (1, 0), (0, 5)])
def test_nobody_is_pushed_out_but_by_a_later_lease(
    tmp_path: Path, begin: Begin, leased: Callable[[int], None], standing: int, coming: int
) -> None:
    first = begin(lease=standing)
    halted(first)
    leased(coming)
    with pytest.raises(FolderHeld, match="a worker of the studio" if standing else "another vitask command"):
        hold.take(tmp_path)
    assert first.poll() is None


def test_a_file_system_without_locks_gives_the_folder_to_the_last_one(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin(machine="elsewhere")

    def unknown(*given: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with hold.released(tmp_path):
        hold.take(tmp_path)
        _, errors = first.communicate(timeout=SECONDS)
        assert "FolderLost" in errors


def test_no_checkpoint_and_no_event_is_written_where_somebody_else_is_by_now(tmp_path: Path) -> None:
    with hold.released(tmp_path):
        hold.take(tmp_path)
        report = folder.writer(tmp_path, lambda event: None)
        report(Done())
        (tmp_path / hold.FILE).write_text((tmp_path / hold.FILE).read_text().replace('"token": "', '"token": "other'))
        writes: list[Callable[[], None]] = [
            lambda: report(Done()),
            lambda: checkpoints.save_best(tmp_path / "stage-1", 1, {}),
            lambda: checkpoints.finish(tmp_path / "stage-1", {}, State()),
        ]
        for write in writes:
            with pytest.raises(FolderLost, match="taken over by another process"):
                write()
    assert (tmp_path / "events.jsonl").read_text() == '{"kind": "done"}\n'
    assert not (tmp_path / "stage-1").exists()


@pytest.mark.slow
def test_resuming_by_hand_what_a_worker_has_is_refused_in_words(
    tmp_path: Path, begin: Begin, images: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run_files.write_run(
        tmp_path / "run.yaml", run_files.values(images, checkpoint, method={"name": "vanilla"}, tsm=[])
    )
    (tmp_path / "settings.yaml").write_text("{}")
    first = begin(lease=3)
    assert main(["tune", str(file), "--out", str(tmp_path), "--resume"]) == 2
    message = capsys.readouterr().err
    assert f"is being written by a worker of the studio: process {first.pid}" in message
    assert message.count("\n") == 1 and "Traceback" not in message
