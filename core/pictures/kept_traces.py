"""Traces of pictures kept in a file, so that no picture of an upload is measured a second time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.case import Pixels
from core.pictures.kept_looks import place_of
from core.pictures.kept_rows import read_rows, write_rows
from core.pictures.traces import MEASURES, SIDE, Trace, traces_of

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
    """Nothing where there is no such file yet, none that can be read, or one of other measures than are taken now."""
    return {
        place: Trace(np.frombuffer(measures, np.float32), thumbnail, kind)
        for place, kind, measures, thumbnail in read_rows(file, COLUMNS)
        if len(measures) == 4 * len(MEASURES) and len(thumbnail) == SIDE * SIDE
    }


def write_traces(file: Path, kept: KeptTraces) -> None:
    """The file appears when it is whole."""
    rows = ((place, trace.kind, trace.measures.tobytes(), trace.thumbnail) for place, trace in kept.items())
    write_rows(file, COLUMNS, rows)
