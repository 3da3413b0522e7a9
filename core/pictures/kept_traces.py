"""Traces of pictures kept in a file, so that no picture of an upload is measured a second time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.case import Pixels
from core.pictures.kept_looks import place_of
from core.pictures.kept_rows import next_part, parts_of, read_rows, write_rows
from core.pictures.sights import traces_of
from core.pictures.traces import MEASURES, SIDE, Trace

COLUMNS = ("place", "kind", "measures", "thumbnail")
KeptTraces = dict[str, Trace]
"""By the place of their pixels."""


def traces_at(pixels: Sequence[Pixels], kept: KeptTraces) -> list[Trace | None]:
    """The trace of each; those that are not in `kept` yet are measured and put there."""
    new = {place: each for each in pixels if (place := place_of(each)) not in kept}
    measured = zip(new, traces_of(list(new.values())), strict=True)
    kept.update((place, trace) for place, trace in measured if trace is not None)
    return [kept.get(place_of(each)) for each in pixels]


def read_traces(file: Path) -> KeptTraces:
    """With what a broken-off look kept beside it. Nothing where there is no such file yet, none that can be read, or
    one of other measures than are taken now."""
    return {
        place: Trace(np.frombuffer(measures, np.float32), thumbnail, kind)
        for part in (file, *parts_of(file))
        for place, kind, measures, thumbnail in read_rows(part, COLUMNS)
        if len(measures) == 4 * len(MEASURES) and len(thumbnail) == SIDE * SIDE
    }


def keep_part(file: Path, fresh: KeptTraces) -> None:
    """Keeps what was measured since the last time in a file of its own beside the whole, where anything was."""
    if fresh:
        _write(next_part(file), fresh)


def write_traces(file: Path, kept: KeptTraces) -> None:
    """The file appears when it is whole; the parts that it is made of go then."""
    parts = parts_of(file)
    _write(file, kept)
    for part in parts:
        part.unlink(missing_ok=True)


def _write(file: Path, kept: KeptTraces) -> None:
    rows = ((place, trace.kind, trace.measures.tobytes(), trace.thumbnail) for place, trace in kept.items())
    write_rows(file, COLUMNS, rows)
