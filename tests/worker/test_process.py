"""Children: heard line by line, ended as a group, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from worker.child import command
from worker.process import Process, taken

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
"""After so long nobody believes any more that something is only slow."""


def shell(script: str) -> Process:
    return Process("/bin/sh", ["-c", script], {"WORD": "given"})


def gone(number: int) -> bool:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_what_a_child_says_is_told_apart_and_its_code_returned() -> None:
    child = shell('echo "$WORD"; echo wrong >&2; exit 3')
    assert child.wait(SECONDS) == 3
    assert taken(child.said) == ["given"]
    assert taken(child.errors) == ["wrong"]
    assert taken(child.errors) == [], "a line is taken once"


def test_a_child_that_still_runs_has_no_code_yet() -> None:
    child = shell("sleep 600")
    assert child.wait(0.05) is None
    child.kill()
    assert gone(child.id)


def test_what_a_child_started_ends_with_it() -> None:
    child = shell("sleep 600 & echo $!")
    assert child.wait(SECONDS) == 0
    assert gone(int(taken(child.said)[0]))


def test_being_asked_to_stop_leaves_time_to_save() -> None:
    child = shell('trap "echo saved; exit 0" TERM; echo ready; while :; do sleep 0.02; done')
    while not child.said:
        time.sleep(0.01)
    child.stop()
    assert child.wait(SECONDS) == 0
    assert taken(child.said) == ["ready", "saved"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread of the child looks at its parent")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    begin = (
        "import subprocess, time; from worker.child import command; p = subprocess.Popen(command('/bin/sleep', '600'));"
    )
    code = begin + "time.sleep(1); print(p.pid, flush=True); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(child)


def test_a_child_that_comes_too_late_ends_at_once() -> None:
    other = command("/bin/sleep", "600")
    other[3] = "1"  # as if its parent had ended before it could ask for the signal
    assert subprocess.run(other, cwd=ROOT, timeout=SECONDS).returncode == -signal.SIGKILL
