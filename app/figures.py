"""Figures for papers and slides: on white, with a title, the number of cases and what intervals are, of fixed size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from app import charts
from app.charts import GRID, literal
from app.run_words import bins_of, drawn_first
from core.readings.benefit import BRIEFLY, Benefit, about_bands
from core.readings.meaning import has_several_labels
from core.readings.reader import Reader
from core.records.runs.runs import RunView
from core.statistics.effect import in_print
from core.statistics.roc import Roc

INK = "#1a1a1a"
SAMPLE = 42
"""Pixels of a line in the legend and what stands around it."""
NOTE = 0.9
"""Of the other letters: in a column 7 pt, below which journals take nothing."""
FLAT = 6
"""As many labels stand side by side; answers of more have numbers in their place."""
FONT = "Arial, Helvetica, sans-serif"
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")
INTERVALS = "95 % intervals over patients, or cases where patients are unknown"
DUEL, ROOM = 4.8, 0.4
"""A comparison's height with its three lines of words, in letters' sizes; and what of a figure's height is for them."""
Rocs = Mapping[Reader, Sequence[Roc]]


@dataclass(frozen=True)
class Size:
    """In CSS pixels, 96 an inch, which SVG keeps; a PNG has `scale` times as many."""

    title: str
    width: int
    height: int
    font: int
    scale: float
    letters: int
    """Of a line of the title."""
    panels: int
    """Beside each other."""


SIZES = {
    "slide": Size("Slide, 16:9", 1280, 720, 20, 1.5, 84, 4),
    "column": Size("Column, 8.5 cm", 321, 300, 10, 6.25, 44, 2),
}


@dataclass(frozen=True)
class Drawing:
    """A figure that can be taken away: its name in addresses and files, its title, and how it is drawn at a size."""

    name: str
    title: str
    note: str
    draw: Callable[[Size], go.Figure]
    rows: Callable[[Size], int] = lambda size: 1


def drawings_of(run: RunView, benefits: Sequence[Benefit], rocs: Rocs) -> tuple[Drawing, ...]:
    """What there is of them of a finished run."""
    if run.metrics is None:
        return ()
    cases = run.metrics.get("cases")
    count = f"{f'n = {cases:,} ' if cases else ''}test cases of {run.set}"
    measured = run.measured()
    labels = len(dict.fromkeys(roc.answer for of_reader in rocs.values() for roc in of_reader))
    made = [Drawing("figures", "Figures of the test cases", f"{count}; {INTERVALS}", lambda _: _bars(measured))]
    if any(benefit.duels for benefit in benefits):
        note = f"{count}; paired differences in {benefits[0].duels[0].deciding.title}, {INTERVALS}"
        note += f"; {BRIEFLY}" if about_bands(benefits) else ""
        rows = partial(_rows_of_duels, sum(len(benefit.duels) for benefit in benefits))
        made.append(Drawing("differences", "Did it help?", note, lambda size: _differences(run, benefits, size), rows))
    if labels:
        note = f"{count}; each label against all others; rings: as the reader answered"
        panels = lambda size: -(-labels // min(size.panels, labels))  # noqa: E731
        made.append(Drawing("rocs", "ROC curves", note, lambda size: charts.rocs(rocs, size.panels), panels))
    if bins := bins_of(run):
        note = f"{count}; bars: 95 % intervals; dotted: as often right as they say"
        first = {reader: own for reader, own in bins.items() if reader.name in drawn_first(run)}
        draw = lambda _: charts.reliability(first, drawn_first(run))  # noqa: E731
        made.append(Drawing("reliability", "Whether probabilities can be believed", note, draw))
    made += [
        _confusion(run, reader, labels_of, counts, count)
        for reader, labels_of, counts in _confusions(run)
        if not has_several_labels(counts)
    ]
    return tuple(made)


def _rows_of_duels(duels: int, size: Size) -> int:
    """Every comparison has room for its words."""
    return 1 + max(0, ceil((DUEL * size.font * duels - ROOM * size.height) / (size.height // 2)))


def shaded(
    shares: Sequence[Sequence[float]], across: Sequence[str], down: Sequence[str], counts: Sequence[Any], colour: str
) -> go.Heatmap:
    """Counts in cells that are shaded by the shares they make up."""
    return go.Heatmap(
        z=shares,
        x=across,
        y=down,
        text=counts,
        texttemplate="%{text}",
        colorscale=[[0, "#ffffff"], [1, colour]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
    )


def for_print(drawing: Drawing, size: Size) -> dict[str, Any]:
    """What Plotly makes a picture of: data, layout, and at which size."""
    figure, em = drawing.draw(size), size.font
    lines = wrap(drawing.title, size.letters), wrap(drawing.note, int(size.letters * 1.35))
    names, entry = _legend(figure, em)
    legend_lines = -(-len(names) // max(1, int((size.width - 6 * em) // (entry + SAMPLE))))
    legend = legend_lines * (max(1.3 * em, 16) + 3)
    above = em * (2.5 + 1.65 * len(lines[0]) + 1.15 * len(lines[1])) + legend + em * 2
    grown = 0 if size.panels > 2 else legend + (drawing.rows(size) - 1) * size.height // 2
    height = size.height + grown
    figure.update_layout(
        width=size.width,
        height=height,
        autosize=False,
        title={
            "text": f'<b>{_lines(lines[0])}</b><br><span style="font-size:{NOTE * em:.1f}px">{_lines(lines[1])}</span>',
            "x": em / size.width,
            "y": 1 - 1.5 * em / height,
            "yanchor": "top",
            "font": {"size": round(em * 1.25), "color": INK, "family": FONT},
        },
        font={"size": em, "color": INK, "family": FONT},
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": em * 3, "r": em * 1.5, "t": above, "b": em * 4},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1 + em * 2 / (height - above - em * 4),
            "yanchor": "bottom",
            "font": {"size": em},
            "entrywidth": entry,
            "tracegroupgap": 0,
        },
    )
    figure.update_annotations(font={"size": em, "color": INK, "family": FONT})
    ink = {"linecolor": INK, "title_font": {"size": em}, "tickfont": {"size": em}, "automargin": True}
    figure.update_xaxes(ink).update_yaxes(ink)
    drawn = figure.to_plotly_json()
    shape = {"width": size.width, "height": height, "scale": size.scale}
    return {"data": drawn["data"], "layout": drawn["layout"], **shape}


def _lines(lines: Sequence[str]) -> str:
    return "<br>".join(map(literal, lines))


def _legend(figure: go.Figure, em: int) -> tuple[list[str], float]:
    """Who stands in it, and how wide a name is at most; nobody where there is one line only."""
    named = [str(trace.name) for trace in figure.data if trace.showlegend is not False and trace.name]
    names = list(dict.fromkeys(named))
    return (names, em * 0.54 * max(map(len, names))) if len(names) > 1 else ([], 0.0)


def _bars(measured: Mapping[Reader, Mapping[str, Any]]) -> go.Figure:
    """Its legend has room for readers, in their order, and for no titles between them."""
    figure = charts.figures(measured, FIGURES).update_traces(legendgroup=None, legendgrouptitle=None)
    return figure.update_layout(yaxis_range=[0, 1.02])


def _differences(run: RunView, benefits: Sequence[Benefit], size: Size) -> go.Figure:
    """A line a comparison: the difference and its interval, beside the line of no difference."""
    figure = go.Figure()
    duels = [(benefit, duel) for benefit in benefits for duel in benefit.duels]
    for benefit, duel in reversed(duels):
        gap, reader = duel.deciding, run.reader(duel.reader)
        if gap.difference is None:
            continue
        against = f"against {run.reader(duel.rival).title}"
        words = [*wrap(reader.title, 32), *wrap(against, 32), *wrap(in_print(gap.words()), 40)]
        low, high = (gap.difference if end is None else end for end in (gap.low, gap.high))
        reach = {"array": [high - gap.difference], "arrayminus": [gap.difference - low]}
        figure.add_scatter(
            x=[gap.difference],
            y=[_lines([*words, *([benefit.set] if benefit.set else [])])],
            mode="markers",
            marker={"color": reader.colour, "size": size.font * 0.8},
            error_x={"type": "data", "color": reader.colour, "thickness": 2, "width": size.font * 0.4, **reach},
            showlegend=False,
        )
    figure.add_vline(x=0, line_width=1, line_color=INK)
    title = benefits[0].duels[0].deciding.title
    return figure.update_layout(
        xaxis={"title": {"text": f"difference in {title}"}, "gridcolor": GRID, "zeroline": False, "nticks": 5},
        yaxis={"type": "category"},
    )


def _confusions(run: RunView) -> Iterator[tuple[Reader, list[str], Sequence[Any]]]:
    metrics = run.metrics or {}
    for name, counts in (metrics.get("confusion") or {}).items():
        labels = list((metrics.get("per_class") or {}).get(name, {}))
        if labels:
            yield run.reader(name), labels, counts


def _confusion(run: RunView, reader: Reader, labels: Sequence[str], counts: Sequence[Any], count: str) -> Drawing:
    is_numbered = len(labels) > FLAT

    def draw(size: Size) -> go.Figure:
        shares = [[value / max(1, sum(row)) for value in row] for row in counts]
        answers = [_lines(wrap(label, 8, break_long_words=False)) for label in labels]
        references, letters = labels, 16
        if is_numbered:
            answers = [str(number) for number, _ in enumerate(labels, 1)]
            references = [f"{number}  {label}" for number, label in enumerate(labels, 1)]
            letters = 24 if size.panels <= 2 else 40
        heat = shaded(shares, answers, [_lines(wrap(label, letters)) for label in references], counts, reader.colour)
        axes = {"type": "category", "showgrid": False}
        return go.Figure(heat).update_layout(
            xaxis=axes | {"title": {"text": "answer, by its number" if is_numbered else "answer"}, "tickangle": 0},
            yaxis=axes | {"title": {"text": "reference label"}, "autorange": "reversed"},
        )

    note = f"{count}; shaded by the share of each reference label"
    rows = lambda size: -(-len(labels) // FLAT)  # noqa: E731
    return Drawing(f"confusion-{reader.name}", f"What {reader.title} confuses", note, draw, rows)
