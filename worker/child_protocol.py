"""What a job's own module says to the worker that watches it: JSON, a line each, on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from core.records.progress import Progress, progress_from_plain
from core.records.runs.outcomes import Outcome

SECONDS_BETWEEN_NEWS = 0.5


class Teller:
    """The job's side."""

    def __init__(self) -> None:
        self._said_at = 0.0

    def progress(self, done: int, whole: int, text: str) -> None:
        """At most twice a second, and the last one always."""
        if done >= whole or time.monotonic() - self._said_at > SECONDS_BETWEEN_NEWS:
            self._said_at = time.monotonic()
            _say({"progress": Progress(done=done, whole=whole, text=text).plain()})

    def result(self, outcome: Outcome) -> None:
        _say({"result": outcome.plain()})


class Listener:
    """The worker's side: passes progress on and keeps the result."""

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None

    def __call__(self, printed: Sequence[str]) -> Progress:
        news = Progress()
        for line in printed:
            event = _read(line)
            news = news.after(progress_from_plain(event.get("progress", {})))
            self.result = event.get("result", self.result)
        return news


class LastObject:
    """For commands with `--json`, which print one object."""

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None

    def __call__(self, printed: Sequence[str]) -> Progress:
        for line in printed:
            self.result = _read(line) or self.result
        return Progress()


def _read(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _say(facts: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
