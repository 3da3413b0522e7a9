"""Runs of a benchmark: one that was begun and broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import StoppedError
from core.events import Report
from core.runs.folder import Folder
from core.runs.runfile import Run
from core.runs.tune import tune

GO_ON = "Run the same command again: it goes on from there."


def tuned(run: Run, out: Path, watch: Report, is_stopped: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """The figures of a whole run in its folder."""
    folder = Folder(out)
    is_begun = folder.settings.is_file()
    if not is_begun:  # broken off while its folder was made: nothing was learned yet
        folder.set.unlink(missing_ok=True)
        folder.environment.unlink(missing_ok=True)
    try:
        return tune(run, out, is_begun, watch, is_stopped)
    except StoppedError as stopped:
        raise StoppedError(f"{stopped} {GO_ON}") from None
