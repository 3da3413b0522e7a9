"""Starts a module or a program as a child that never outlives its parent, however the parent ends.

    python -m worker.child PARENT SIGNAL BYTES core.cli tune run.yaml --out DIR
    python -m worker.child PARENT SIGNAL 0 /usr/bin/redis-server redis.conf

BYTES is how much memory it may take, 0 for as much as there is.

A worker killed with -9 can't stop anything any more, so the child asks the system for a signal at its parent's end.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG; it survives an exec
SECONDS_BETWEEN_LOOKS = 1.0


def command(target: str, *arguments: str, at_end: signal.Signals = signal.SIGKILL, most_bytes: int = 0) -> list[str]:
    """How this process starts a module, or the program at a path, that ends with it."""
    own = [sys.executable, "-m", "worker.child", str(os.getpid()), at_end.name, str(most_bytes)]
    return [*own, target, *arguments]


def main() -> None:
    parent, at_end, most_bytes, target, *arguments = sys.argv[1:]
    end_with(int(parent), signal.Signals[at_end])
    if int(most_bytes):
        from core.machine.memory import bound  # which takes longer to import than a program takes to start

        bound(int(most_bytes))
    if Path(target).is_absolute():
        os.execv(target, [target, *arguments])
    sys.argv = [target, *arguments]
    runpy.run_module(target, run_name="__main__", alter_sys=True)


def end_with(parent: int, at_end: signal.Signals) -> None:
    """Has this process signalled when its parent ends, also where that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(SET_DEATH_SIGNAL, int(at_end), 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent, at_end), daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), at_end)


def _watch(parent: int, at_end: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), at_end)


if __name__ == "__main__":
    main()
