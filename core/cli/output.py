"""How commands speak: results to standard output, progress to standard error, a bar where there is a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.training.loop import Event

SECONDS_BETWEEN_LINES = 10.0
PROGRESS = ("step", "features", "reading", "pictures")


def out(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def plain(values: Any) -> None:
    """One JSON object and nothing else."""
    out(json.dumps(values, ensure_ascii=False))


def note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def watching() -> Iterator[Any]:
    """A function that takes a run's events and shows them as they come."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    with _Bars() as bars:
        yield bars.show


class counting:
    """A bar for something counted, where there is a terminal."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> Any:
        from rich.console import Console
        from rich.progress import Progress

        self.progress = Progress(console=Console(stderr=True), transient=True)
        self.progress.start()
        bar = self.progress.add_task(self.what, total=None)
        return lambda done, whole: self.progress.update(bar, completed=done, total=whole)

    def __exit__(self, *error: object) -> None:
        self.progress.stop()


def told(event: Event) -> str | None:
    """An event in a line; None where it says nothing to a person."""
    kind = event["kind"]
    if kind == "step":
        losses = "  ".join(f"{name} {value:.3f}" for name, value in event["losses"].items())
        beside = f"  (ln|V| {event['ln_vocabulary']:.2f})" if "ln_vocabulary" in event else ""
        speed, held = f"{event['images_per_second']:.0f} images/s", f"{event['memory_gib']:.1f} GiB"
        pace = f"{speed}, {held}, {_left(event['seconds_left'])} left"
        return f"{event['stage']} {event['step']}/{event['steps']}  {losses}{beside}  {pace}"
    if kind == "evaluation":
        told_of = {name: value for name, value in event["figures"].items() if " of " in name}
        shown = told_of or {name: event["figures"][name] for name in ("accuracy", "macro_f1")}
        figures = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
        return f"{event['stage']} at step {event['step']}, validation: {figures}"
    if kind == "stage":
        return f"{event['stage']} done: best {_number(event['best'])} at step {event['best_step']}"
    if kind == "sharing":
        gap = f"largest relative difference to plain passes {event['largest_relative_difference']:.1e}"
        return (
            f"prefix shared: {gap}" if event["is_shared"] else f"prefix can't be shared here, plain passes taken: {gap}"
        )
    if kind == "pictures":
        return f"pictures looked at {event['done']}/{event['whole']}"
    if kind in ("features", "reading"):
        what = "image features" if kind == "features" else f"reading {event['split']} as {event['readers']}"
        return f"{what} {event['done']}/{event['whole']}"
    if kind == "fold":
        return f"folds {event['done']}/{event['whole']}, {_left(event['seconds_left'])} left"
    return None


class _Lines:
    """For logs: what matters at once, progress every few seconds."""

    def __init__(self) -> None:
        self.last = 0.0

    def show(self, event: Event) -> None:
        line = told(event)
        is_progress = event["kind"] in PROGRESS
        if line is None or (is_progress and time.monotonic() - self.last < SECONDS_BETWEEN_LINES):
            return
        if is_progress:
            self.last = time.monotonic()
        note(line)


class _Bars:
    """For terminals: a bar for whatever goes on now."""

    def __enter__(self) -> _Bars:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[told]}"))
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.progress.start()
        self.bars: dict[str, Any] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def show(self, event: Event) -> None:
        line = told(event)
        if line is None:
            return
        if event["kind"] not in PROGRESS:
            self.progress.console.print(line, highlight=False, markup=False)
            return
        name = event.get("stage") or " ".join(line.split()[:-1])
        done, whole = event.get("step", event.get("done")), event.get("steps", event.get("whole"))
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=whole, told="")
        self.progress.update(self.bars[name], completed=done, told=line.removeprefix(name).strip())


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
