"""How commands speak: results to standard output, progress to standard error, a bar where there is a terminal."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.events import (
    CasesRead,
    CheckpointFetched,
    Evaluation,
    Event,
    FeaturesEncoded,
    FoldDone,
    ModelBegun,
    PicturesSeen,
    Report,
    Sharing,
    StageDone,
    Step,
)
from core.statistics.rounding import rounded

SECONDS_BETWEEN_LINES = 10.0
Progress = Step | CheckpointFetched | FeaturesEncoded | CasesRead | PicturesSeen
"""What comes again and again while one thing goes on."""


def count(text: str) -> int:
    """An argument that says how many."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on was expected, not {text!r}")
    return int(text)


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
def watching() -> Iterator[Report]:
    """A function that takes a run's events and shows them as they come."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    with _Bars() as bars:
        yield bars.show


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for something counted, where there is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda done, whole: progress.update(bar, completed=done, total=whole)


def telling_bytes() -> Callable[[int, int | None], None]:
    """Tells every few seconds how much of a file is here; two bars at once would be in each other's way."""
    last = time.monotonic()

    def tell(done: int, whole: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            note(f"{done / 1e6:,.0f} MB" + (f" of {whole / 1e6:,.0f} MB" if whole else ""))

    return tell


def as_text(event: Event) -> str | None:
    """An event in a line; None where it says nothing to a person."""
    match event:
        case Step():
            return _step(event)
        case Evaluation():
            of_sets = {name: value for name, value in event.figures.items() if " of " in name}
            shown = of_sets or {name: event.figures[name] for name in ("accuracy", "macro_f1")}
            figures = "  ".join(f"{name} {rounded(value)}" for name, value in shown.items())
            return f"{event.stage} at step {event.step}, validation: {figures}"
        case StageDone():
            kept = (
                "the last weights are kept"
                if event.best is None
                else f"best {_number(event.best)} at step {event.best_step}"
            )
            return f"{event.stage} done: {kept}"
        case Sharing():
            gap = f"largest relative difference to plain passes {event.largest_relative_difference:.1e}"
            shares = "prefix shared" if event.is_shared else "prefix can't be shared here, plain passes taken"
            return f"{shares}: {gap}"
        case CheckpointFetched():
            return event.words if event.done else f"{event.words}, into {event.folder}"
        case PicturesSeen() | FeaturesEncoded() | CasesRead():
            return f"{_what_goes_on(event)} {event.done}/{event.whole}"
        case ModelBegun():
            return f"model {event.model} of {event.models}"
        case FoldDone():
            left = "" if event.seconds_left is None else f", {_left(event.seconds_left)} left"
            return f"folds {event.done}/{event.whole}{left}"
    return None


def _step(event: Step) -> str:
    losses = "  ".join(f"{name} {value:.3f}" for name, value in event.losses.items())
    vocabulary = event.facts.get("ln_vocabulary")
    beside = "" if vocabulary is None else f"  (ln|V| {vocabulary:.2f})"
    pace = {
        f"{event.images_per_second or 0:.0f} images/s": event.images_per_second,
        f"{event.memory_gib or 0:.1f} GiB": event.memory_gib,
        f"{_left(event.seconds_left or 0)} left": event.seconds_left,
    }
    measured = ", ".join(text for text, value in pace.items() if value is not None)
    return f"{event.stage} {event.step}/{event.steps}  {losses}{beside}  {measured}"


def _what_goes_on(event: Progress) -> str:
    match event:
        case Step():
            return event.stage
        case CheckpointFetched():
            return f"fetching {event.name}"
        case PicturesSeen():
            return "pictures looked at"
        case FeaturesEncoded():
            return "image features"
        case CasesRead():
            return f"reading {event.split} as {event.readers}"


class _Lines:
    """For logs: what matters at once, progress every few seconds."""

    def __init__(self) -> None:
        self.last = 0.0

    def show(self, event: Event) -> None:
        line = as_text(event)
        is_progress = isinstance(event, Progress)
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

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[shown]}"))
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.progress.start()
        self.bars: dict[str, Any] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def show(self, event: Event) -> None:
        line = as_text(event)
        if line is None:
            return
        if not isinstance(event, Progress):
            self.progress.console.print(line, highlight=False, markup=False)
            return
        name = _what_goes_on(event)
        done, whole = (event.step, event.steps) if isinstance(event, Step) else (event.done, event.whole)
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=whole, shown="")
        self.progress.update(self.bars[name], completed=done, shown=line.removeprefix(name).strip())


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _number(value: float | None) -> str:
    return "–" if value is None else rounded(value)
