"""Processes that live and end together: each in a session of its own, started again when it dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import CoreError, is_full
from worker.child import command

SECONDS_BETWEEN_LOOKS = 0.3
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
SECONDS_OF_HEALTH = 60.0
"""What has lived for so long is taken to be well, and its next pause is short again."""
GRACE_SECONDS = 100.0
LARGEST_LOG = 10 * 2**20
LOGS_KEPT = 3
MENDABLE = 2
"""The exit code of what a person has to mend first, like a port that is taken: trying again would not help."""


@dataclass
class Branch:
    """One of the processes, and when it may be started again."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = field(default_factory=lambda: SHORTEST_PAUSE)
    again_at: float | None = None

    def start(self) -> None:
        turn_over(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.started, self.again_at = time.monotonic(), None

    def look(self) -> str | None:
        """Starts it again when its pause is over; returns what there is to tell."""
        turn_over(self.log)
        if self.again_at is not None:
            if time.monotonic() >= self.again_at:
                self.start()
            return None
        assert self.process is not None
        code = self.process.poll()
        if code is None:
            return None
        if code == MENDABLE:
            raise CoreError(f"{self.name}: {self.last_words()}")
        self.pause = SHORTEST_PAUSE if self.lived() > SECONDS_OF_HEALTH else min(2 * self.pause, LONGEST_PAUSE)
        self.again_at = time.monotonic() + self.pause
        return f"{self.name} ended ({_how(code)}); it is started again in {self.pause:.0f} s. See {self.log}."

    def last_words(self) -> str:
        earlier = self.log.with_suffix(".log.1")
        files = [file for file in (earlier, self.log) if file.is_file()]
        lines = "".join(file.read_text(encoding="utf-8", errors="replace") for file in files).strip().splitlines()
        return lines[-1] if lines else f"it ended without a word. See {self.log}."

    def lived(self) -> float:
        return time.monotonic() - self.started

    def end(self, seconds: float) -> None:
        """Asks it to leave, and ends its session for certain when it has or after the grace."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Tree:
    """Whoever leaves its `with` block leaves no process behind."""

    def __init__(self, logs: Path, leaving: threading.Event) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self.leaving = leaving
        self.branches: list[Branch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """In the opposite order of their start; workers together, so that their saves go side by side."""
        last = [branch for branch in self.branches if branch.name == "redis"]
        first = [branch for branch in self.branches if branch not in last]
        for branch in first:
            if branch.process is not None:
                with suppress(ProcessLookupError):
                    branch.process.terminate()
        end = time.monotonic() + GRACE_SECONDS
        for branch in [*reversed(first), *last]:
            branch.end(max(0.1, end - time.monotonic()) if branch not in last else 10)

    def start(self, name: str, target: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Branch:
        """A module, or the program at a path. What it prints goes to a log of its name."""
        whole = command(target, *arguments, at_end=signal.SIGTERM)
        branch = Branch(name, whole, environment, self.logs / f"{name}.log")
        self.branches.append(branch)
        branch.start()
        return branch

    def watch(self, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Until somebody wishes to leave, or it is enough."""
        while not self.leaving.wait(SECONDS_BETWEEN_LOOKS) and not is_enough():
            for branch in self.branches:
                if notice := branch.look():
                    sys.stderr.write(f"{notice}\n")
                    sys.stderr.flush()


def turn_over(log: Path) -> None:
    """Keeps a log that has grown large under a number, while its process goes on writing; the oldest goes.

    The process holds the file open at its end, so the content is moved and not the file.
    """
    try:
        if log.stat().st_size <= LARGEST_LOG:
            return
        for number in range(LOGS_KEPT - 1, 0, -1):
            older = log.with_suffix(f".log.{number}")
            if older.is_file():
                older.replace(log.with_suffix(f".log.{number + 1}"))
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
    except FileNotFoundError:
        return
    except OSError as error:
        if not is_full(error):
            raise
        os.truncate(log, 0)  # no room to keep it: what runs matters more


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
