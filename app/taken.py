"""All figures of a finished run that can be taken away: those of its answers, how it learned, what its readers said
beside their answers, and how they answered probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from app import charts
from app.charts import literal
from app.figures import INTERVALS, Drawing, Size, drawings_of, shaded
from app.run_words import curve_titles
from app.words import figure_title
from core.errors import CoreError
from core.readings.meaning import has_several_labels
from core.readings.reader import Reader
from core.readings.tables import Table
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.benefits import judged
from core.records.runs.comparison import Comparison
from core.records.runs.curves import Point
from core.records.runs.probes import newest_probes
from core.records.runs.runs import RunView
from core.records.runs.seeds import alike, spread
from core.records.sets import sets

FOUR_CELLS = ("found", "missed", "false<br>alarms", "rightly<br>not")
CURVES = {
    "loss/": ("losses", "Losses while it learned", "training cases"),
    "val/": ("validation", "Validation cases while it learned", "validation cases"),
}
NO_SHARE = ("val/log_loss", "val/brier")
"""They would flatten those beside them, all of which lie between 0 and 1."""
SUMMED_UP = 4
"""Rows of a table of seeds below them: mean, standard deviation, and the two ends of an interval."""
PROBES = {
    "composition": ("Which of two captions is likelier", "composition: right in half by guessing"),
    "presence": ("Presence asked both ways", "yes and no of each label"),
}
Plain = Mapping[str, Any]
Readers = Mapping[str, Mapping[str, Plain]]


def figures_of(db: Database, place: Place, who: Who, run: RunView) -> tuple[Drawing, ...]:
    """Those of a finished run; without ROC curves where its readings are on another machine."""
    if run.metrics is None:
        return ()
    try:
        rocs = Comparison.open(db, place, who, run.id).rocs()
    except CoreError:
        rocs = {}
    cases = None if run.is_set_erased else sets.version(db, who, run.version_id).cases
    return (
        *drawings_of(run, [answer.benefit for answer in judged(run)], rocs),
        *_by_label(run, run.metrics),
        *_said(run, run.metrics),
        *_probed(run, newest_probes(db, who, run.id)),
        *_learned(run, runs.curves(db, who, run.id), cases),
        *_over_seeds(run, spread(run, alike(db, who, run))),
    )


def _learned(run: RunView, curves: Mapping[str, Sequence[Point]], cases: int | None) -> Iterator[Drawing]:
    for start, (name, title, whose) in CURVES.items():
        points = {
            line.removeprefix(start): of_line
            for line, of_line in curves.items()
            if line.startswith(start) and not line.startswith(NO_SHARE)
        }
        titles = curve_titles(run.method) if start == "loss/" else {line: figure_title(line) for line in points}
        if any(points.values()):
            out_of = "" if cases is None else f" out of n = {cases:,} cases of {run.set} in all splits"
            note = f"{whose}{out_of}; stages one after the other, no intervals"
            yield Drawing(name, title, note, partial(_lines, points, titles))


def _lines(points: Mapping[str, Sequence[Point]], titles: Mapping[str, str], size: Size) -> go.Figure:
    return charts.curves(points, "", titles).update_layout(xaxis={"nticks": 10 if size.panels > 2 else 5})


def _over_seeds(run: RunView, table: Table | None) -> Iterator[Drawing]:
    """The deciding figure of every reader: each seed, and their mean with its interval."""
    if table is None:
        return
    colours = {run.reader(name).title: run.reader(name).colour for name in run.figures}
    columns = zip(table.heads, zip(*table.cells, strict=True), strict=True)
    of_readers = {title: column for title, column in columns if title in colours}
    seeds = len(table.cells) - SUMMED_UP

    def draw(size: Size) -> go.Figure:
        figure = go.Figure()
        for title, (*values, average, _, low, high) in of_readers.items():
            place, colour = "<br>".join(map(literal, wrap(title, max(8, size.letters // 5)))), colours[title]
            rings = {"symbol": "circle-open", "size": size.font * 0.6, "color": colour}
            figure.add_scatter(x=[place] * seeds, y=values, mode="markers", marker=rings)
            ends = {"array": [high - average], "arrayminus": [average - low]} if low is not None else None
            figure.add_scatter(
                x=[place], y=[average], error_y=ends, mode="markers", marker={"size": size.font * 0.7, "color": colour}
            )
        return figure.update_layout(showlegend=False, yaxis_title=table.title.partition(" of ")[0])

    note = f"n = {seeds} seeds, a ring each; points: their mean, 95 % intervals over seeds and test cases of {run.set}"
    yield Drawing("seeds", table.title, note, draw)


def _said(run: RunView, results: Plain) -> Iterator[Drawing]:
    """Boxes, masks, captions and pictures that were found: each kind's figures of all readers that say it."""
    for number, (set_name, part) in enumerate((results.get("sets") or {"": results}).items()):
        for kind, said in (part.get("statements") or {}).items():
            note = f"n = {said['cases']:,} test cases of {set_name or run.set} with a reference; {INTERVALS}"
            yield _shares(run, f"said-{kind}{number or ''}", said["title"], note, said["titles"], said["readers"])


def _probed(run: RunView, probes: Plain | None) -> Iterator[Drawing]:
    for number, (set_name, part) in enumerate((probes or {}).get("sets", {}).items()):
        for kind, (title, about) in PROBES.items():
            if (probed := part[kind])["readers"]:
                note = f"n = {part['cases']:,} test cases of {set_name}; {about}; {INTERVALS}"
                yield _shares(run, f"probe-{kind}{number or ''}", title, note, probed["titles"], probed["readers"])


def _shares(run: RunView, name: str, title: str, note: str, titles: Mapping[str, str], readers: Readers) -> Drawing:
    """Bars with their intervals, a group a figure, all of them shares of 1."""
    measured: dict[Reader, Mapping[str, Any]] = {run.reader(reader): figures for reader, figures in readers.items()}

    def draw(size: Size) -> go.Figure:
        letters = max(8, size.letters // max(1, len(titles)) - 1)
        broken = {figure: "<br>".join(map(literal, wrap(words, letters))) for figure, words in titles.items()}
        return charts.figures(measured, tuple(titles), broken).update_layout(yaxis_range=[0, 1.02])

    whose = f": {next(iter(measured)).title}" if len(measured) == 1 else ""  # several stand in the legend
    return Drawing(name, title + whose, note, draw)


def _by_label(run: RunView, results: Plain) -> Iterator[Drawing]:
    """Of several labels a row each: of the cases that have it how many were found, of the others how many were not."""
    for number, (set_name, part) in enumerate((results.get("sets") or {"": results}).items()):
        for reader, tables in (part.get("confusion") or {}).items():
            if tables and has_several_labels(tables):
                note = (
                    f"n = {part['cases']:,} test cases of {set_name or run.set}; shaded by the share of cases that "
                    "have the label (found, missed) or do not have it (false alarms, rightly not)"
                )
                labels = list(part["per_class"][reader])
                name = f"labels-{reader}{number or ''}"
                yield _four_cells(name, run.reader(reader), labels, tables, note)


def _four_cells(name: str, reader: Reader, labels: Sequence[str], tables: Sequence[Any], note: str) -> Drawing:
    counts = [(right, missed, alarms, neither) for (neither, alarms), (missed, right) in tables]

    def draw(size: Size) -> go.Figure:
        with_it = [max(1, right + missed) for right, missed, *_ in counts]
        without = [max(1, alarms + neither) for *_, alarms, neither in counts]
        shares = [
            (right / there, missed / there, alarms / absent, neither / absent)
            for (right, missed, alarms, neither), there, absent in zip(counts, with_it, without, strict=True)
        ]
        down = ["<br>".join(map(literal, wrap(label, 22 if size.panels <= 2 else 30))) for label in labels]
        heat = shaded(shares, FOUR_CELLS, down, counts, reader.colour)
        axes = {"type": "category", "showgrid": False}
        return go.Figure(heat).update_layout(xaxis=axes, yaxis=axes | {"autorange": "reversed"})

    rows = lambda size: max(1, -(-len(labels) // 6))  # noqa: E731
    return Drawing(name, f"What {reader.title} answers, label by label", note, draw, rows)
