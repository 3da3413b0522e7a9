"""A job's child: a process group of its own, its output read line by line as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from core.machine.memory import allowed_bytes, has_card
from worker.child import command
from worker.engine import ENGINE

LONGEST_LINE = 1_000_000
SECONDS_TO_READ = 20.0
"""What a child said is read by then, unless somebody whom it left behind has its output. Below half of a lease."""


class Process:
    """Begins at once. `errors` is what it says to people, `said` what it says to programs."""

    def __init__(self, target: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            command(target, *arguments, most_bytes=most_bytes(target)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._is_over = False
        self.said: deque[str] = deque()
        self.errors: deque[str] = deque()
        self._readers = [
            threading.Thread(target=_read, args=(stream, lines), daemon=True)
            for stream, lines in ((self._child.stdout, self.said), (self._child.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def id(self) -> int:
        return self._child.pid

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None where it still runs after so long; all that it said is read then."""
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.kill()  # whatever it started and left behind
        for reader in self._readers:
            reader.join(SECONDS_TO_READ)
        return code

    def stop(self) -> None:
        """Asks it to save and leave."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the whole group for certain; once, since its number may be another's afterwards."""
        if not self._is_over:
            self._signal(signal.SIGKILL)
            self._child.wait()
            self._is_over = True

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)


def most_bytes(target: str) -> int:
    """How much memory a job may take; 0 where it works on a card, whose driver maps more than there is."""
    return 0 if target == ENGINE and has_card() else allowed_bytes()


def taken(lines: deque[str]) -> list[str]:
    """What has come since the last time."""
    return [lines.popleft() for _ in range(len(lines))]


def _read(stream: IO[str] | None, lines: deque[str]) -> None:
    assert stream is not None
    with stream:
        for line in stream:
            if line.strip():
                lines.append(line.rstrip()[:LONGEST_LINE])
