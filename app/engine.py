"""The engine's words without its weight: what a run may choose from, told by a child process that may load torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from core.errors import CoreError, SettingsError

Plain = dict[str, Any]
SECONDS = 120.0
"""For an answer; the first one waits for torch. Whoever asks something endless keeps the others for no longer."""


class EngineError(CoreError):
    """The engine's process went away while it was asked."""


class Engine:
    """Started at the first question and kept. It ends by itself when this process does, since its input closes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    @cached_property
    def choices(self) -> Plain:
        """{"families", "tsms", "methods": {name: {"title", "schema", "terms"}}, "run": schema}."""
        return self._ask({"choices": True})

    def complete(self, values: Mapping[str, Any]) -> Plain:
        """{"values", "yaml", "readers", "stages"} of a run file; a SettingsError says what is wrong with it."""
        return self._ask({"complete": dict(values)})

    def close(self) -> None:
        with self._lock:
            if self._child is not None:
                self._child.communicate()
                self._child = None

    def _ask(self, question: Plain) -> Plain:
        with self._lock:
            child = self._running()
            assert child.stdin is not None and child.stdout is not None
            deadline = threading.Timer(SECONDS, child.kill)
            deadline.start()
            try:
                child.stdin.write(json.dumps(question) + "\n")
                child.stdin.flush()
                line = child.stdout.readline()
            except BrokenPipeError:
                line = ""
            finally:
                deadline.cancel()
        if not line:
            raise EngineError("The engine could not be asked: its process ended. Try again; “vitask doctor” says more.")
        response = json.loads(line)
        if "error" in response:
            raise SettingsError(response["error"])
        answer: Plain = response["answer"]
        return answer

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "core.runs.choices"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
            )
        return self._child


ENGINE = Engine()
