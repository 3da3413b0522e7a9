"""Figures of readings and runs: pure functions. One colour a reader and a class everywhere (Okabe and Ito's palette).

Text and grid take the page's colours, so that a figure reads in light and in dark; see STYLE. Plotly takes every text
for markup, links included, so whatever people named passes through `literal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.words import GROUP_TITLES, figure_title
from core.readings.answer import Answer
from core.readings.colours import BLUE, BROWN, GREEN, GREY, ORANGE, PINK, RED, SKY
from core.readings.reader import Reader, in_groups
from core.statistics.intervals import without_interval
from core.statistics.roc import Roc
from core.statistics.rounding import rounded

CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, RED, BROWN, GREY)
DASHES = ("solid", "dash", "dot", "dashdot")
PATTERNS = ("", "/", "x", ".")
CHANCE = {"color": GREY, "width": 1, "dash": "dot"}
GRID = "rgba(128,128,128,0.25)"
AXIS = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID}
LIKELY = AXIS | {"tickvals": [0, 0.5, 1]}
# Answers like "2" and "10" are names, not places on a scale.
NAMES = AXIS | {"type": "category", "autorange": "reversed", "automargin": True}
LETTERS = 77
"""Of titles that fit beside each other in the whole width of a narrow screen; of answers a sixth more."""
SHORTEST_LINE = 8
MOST_BESIDE = 6
"""Readers whose distributions stand beside each other on a narrow screen; more of them stand in several rows."""
UNDER = 34
"""Pixels of what stands below a row of them."""
SHORTEST_REACH, NUMBER, TITLE_LETTER = 1.16, 24, 8
"""Of an axis of probabilities; pixels of a number at a bar, less the gap that it may fill, and of a title's letter."""
PANEL_LETTERS = 34
"""In a line above one of three panels on a narrow screen."""
PANEL_LINE = 18
"""Pixels of such a line."""
LEGEND_LINE = 21
LEGEND_MARK, LEGEND_LETTER, NARROW = 46, 5.2, 920
"""Pixels of an entry beside its words, of one of its letters, and of a narrow screen's figure."""
GAP = 0.02
"""Between two readers' columns, as a share of the figure's width."""
LOOK = {
    "autosize": True,
    "margin": {"l": 10, "r": 14, "t": 54, "b": 44},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"size": 12, "color": GREY, "family": "system-ui, sans-serif"},
    "hoverlabel": {"bgcolor": "#333"},
    "uirevision": "kept",
}
STYLE = (
    "<style>.gradio-container{width:100%}.js-plotly-plot .plotly text{fill:var(--body-text-color)!important}"
    ".js-plotly-plot .hoverlayer text{fill:#fff!important}</style>"
)

Points = Sequence[tuple[str, int, float]]


def literal(text: str) -> str:
    """A text that Plotly shows as it is."""
    return escape(text, quote=False)


def class_colour(number: int) -> tuple[str, str]:
    """Colour and pattern of the class at this place of the task's answers: 32 that can be told apart."""
    return CYCLE[number % len(CYCLE)], PATTERNS[number // len(CYCLE) % len(PATTERNS)]


def distributions(
    answers: Sequence[str],
    given: Mapping[Reader, Answer],
    reference: Iterable[str] = (),
    is_multi: bool = False,
    is_calibrated: bool = False,
) -> go.Figure:
    """Every reader's whole distribution beside the others, on one axis, in rows where there are many; a diamond
    marks the reference label."""
    if not given:
        return nothing("No reader has answered yet.")
    marked = [name for name in answers if name in set(reference)]
    rows = -(-len(given) // MOST_BESIDE)
    columns = -(-len(given) // rows)
    width = (1 - GAP * (columns - 1)) / columns
    letters = width * (LETTERS - 6 / 7 * max(map(len, answers), default=0))
    above = 20 + 18 * max(len(_title_lines(reader, letters)) + 1 for reader in given)
    tall = max(206 - above, 12 + 30 * len(answers))
    whole = rows * tall + (rows - 1) * (above + UNDER)
    data: list[go.Bar | go.Scatter] = []
    axes: dict[str, Any] = {}
    titles = []
    for place, (reader, answer) in enumerate(given.items()):
        axis, row, column = str(place + 1) if place else "", place // columns, place % columns
        start, top = column * (width + GAP), 1 - row * (tall + above + UNDER) / whole
        data.append(_bars(answers, list(answer.probabilities), reader, is_multi, axis))
        if marked:
            data.append(_diamonds(marked, place == 0, axis))
        across = {"anchor": f"y{axis}", "domain": [start, min(1.0, start + width)], "range": [0, _reach(letters)]}
        axes[f"xaxis{axis}"] = LIKELY | across
        if not column and row == rows - 1:  # in a narrow column it would run into the next
            axes[f"xaxis{axis}"]["title"] = {"text": "calibrated probability" if is_calibrated else "raw probability"}
        axes[f"yaxis{axis}"] = NAMES | {"anchor": f"x{axis}", "domain": [max(0.0, top - tall / whole), top]}
        axes[f"yaxis{axis}"] |= ({"matches": "y"} if axis else {}) | ({"showticklabels": False} if column else {})
        titles.append(_above(reader, start + width / 2, top, letters))
    legend = {
        "barmode": "overlay",
        "showlegend": bool(marked),
        "legend": {"yref": "container", "y": 0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        "margin": {"l": 10, "r": 34, "t": above, "b": 44},
    }
    # All at once: each update of a figure that stands already costs milliseconds.
    return go.Figure(data, LOOK | {"height": whole + above + 44, "annotations": titles} | axes | legend)


def _reach(letters: float) -> float:
    """How far an axis goes, so that on a narrow screen the number at a full bar ends before the next column."""
    pixels = max(2 * NUMBER, TITLE_LETTER * letters)
    return max(SHORTEST_REACH, pixels / (pixels - NUMBER))


def curves(
    named: Mapping[str, Points], title: str, titles: Mapping[str, str] | None = None, first: str = ""
) -> go.Figure:
    """Each named curve over the steps of all stages, one after the other; thin lines divide the stages.

    Where `first` is given, only curves whose names begin so are drawn at once, the others by a click on the legend.
    """
    if not any(named.values()):
        return nothing(f"{title}: nothing yet.")
    starts, steps = _starts(named.values()), _steps(named.values())
    figure = go.Figure()
    is_chosen = any(name.startswith(first) for name in named)
    for number, (name, points) in enumerate(named.items()):
        _add_line(figure, (titles or {}).get(name, name), points, starts, steps, number)
        if is_chosen and not name.startswith(first):
            figure.data[-1].visible = "legendonly"
    _mark_stages(figure, starts)
    return _dress(figure, 320).update_layout(title=literal(title), xaxis_title="step")


def runs_side_by_side(runs: Mapping[str, Mapping[str, Points]], name: str, title: str = "") -> go.Figure:
    """One named curve of several runs: a colour a run, the same in every figure of a comparison."""
    points_of = {run: of_run[name] for run, of_run in runs.items() if of_run.get(name)}
    if not points_of:
        return nothing("None of these runs has this curve. Choose another one.")
    figure = go.Figure()
    kind = name.partition("/")[0]
    for number, (run, of_run) in enumerate(runs.items()):
        if run in points_of:
            steps = _steps(points for other, points in of_run.items() if other.partition("/")[0] == kind)
            _add_line(figure, run, points_of[run], _starts([points_of[run]]), steps, number)
    return _dress(figure, 320).update_layout(title=literal(title or name), xaxis_title="step")


def figures(
    measured: Mapping[Reader, Mapping[str, Mapping[str, Any]]],
    wanted: Sequence[str],
    titled: Mapping[str, str] | None = None,
) -> go.Figure:
    """Figures of each reader with their 95 % intervals: {reader: {figure: {value, low, high}}}.

    titled: what they are called, as markup, where people do not know them by `figure_title`.
    """
    if not measured:
        return nothing("No figures yet. They come when the run has read its test cases.")
    shown = [name for name in wanted if any(name in of_reader for of_reader in measured.values())]
    titles = [(titled or {}).get(name) or literal(figure_title(name)) for name in shown]
    figure = go.Figure()
    for reader in in_groups(measured):
        rows = [measured[reader].get(name, {}) for name in shown]
        values = [row.get("value") for row in rows]
        above = [_gap(row, "high") for row in rows]
        below = [_gap(row, "low") for row in rows]
        errors = {"type": "data", "array": above, "arrayminus": below, "color": GREY, "thickness": 1.2}
        whys = [without_interval(row) for row in rows]
        figure.add_bar(
            name=literal(reader.title),
            x=titles,
            y=values,
            marker_color=reader.colour,
            error_y=errors,
            hovertext=whys,
            legendgroup=reader.group,
            legendgrouptitle={"text": GROUP_TITLES[reader.group]},
        )
    lines = len(measured) + len({reader.group for reader in measured})
    return _dress(figure, max(320, 130 + LEGEND_LINE * lines)).update_layout(barmode="group", yaxis_range=[0, 1.05])


def rocs(curves_of: Mapping[Reader, Sequence[Roc]], per_row: int = 3) -> go.Figure:
    """A panel a label against all others, a line a reader, a ring where the reader in fact stands."""
    answers = list(dict.fromkeys(roc.answer for of_reader in curves_of.values() for roc in of_reader))
    if not answers:
        return nothing("No label has both cases that show it and cases that do not, so there is no curve.")
    counts = {roc.answer: roc.cases for of_reader in curves_of.values() for roc in of_reader}
    columns = min(per_row, len(answers))
    rows = -(-len(answers) // columns)
    lines = [wrap(f"{answer} (n = {counts[answer]:,})", PANEL_LETTERS) for answer in answers]
    more = PANEL_LINE * (max(map(len, lines)) - 1)
    height = 260 + more
    gaps = {"vertical_spacing": (78 + more) / (rows * height), "horizontal_spacing": 0.18 / columns}
    figure = make_subplots(rows, columns, subplot_titles=["<br>".join(map(literal, each)) for each in lines], **gaps)
    figure.update_annotations(font_size=14)
    for place, answer in enumerate(answers):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        figure.add_scatter(x=[0, 1], y=[0, 1], line=CHANCE, showlegend=False, hoverinfo="skip", mode="lines", **at)
        for reader, of_reader in curves_of.items():
            for roc in of_reader:
                if roc.answer == answer:
                    _add_roc(figure, reader, roc, at, place == 0)
    figure.update_xaxes(range=[-0.02, 1.02], tickvals=[0, 0.5, 1])
    figure.update_yaxes(range=[-0.02, 1.04], tickvals=[0, 0.5, 1])
    for place in range(max(0, len(answers) - columns), len(answers)):
        figure.update_xaxes(title_text="1 − specificity", row=place // columns + 1, col=place % columns + 1)  # noqa: RUF001
    figure.update_yaxes(title_text="sensitivity", col=1)
    legend = {"orientation": "h", "y": 1 + (36 + more) / (rows * height), "x": 0, "yanchor": "bottom"}
    above = LEGEND_LINE * _lines_of_legend(curves_of)
    return _dress(figure, 110 + height * rows + above).update_layout(legend=legend, margin_t=40 + more + above)


def reliability(bins_of: Mapping[Reader, Mapping[str, Sequence[Mapping[str, Any]]]], first: Iterable[str]) -> go.Figure:
    """How often answers of about the same probability are right, raw and calibrated, beside the line of those that are
    as often right as they say. A line a reader; those that are not among the `first` by a click on the legend."""
    figure = make_subplots(
        1, 2, subplot_titles=["raw probabilities", "calibrated probabilities"], horizontal_spacing=0.09
    )
    figure.update_annotations(font_size=14)
    for place, way in enumerate(("raw", "calibrated")):
        at = {"row": 1, "col": place + 1}
        figure.add_scatter(x=[0, 1], y=[0, 1], line=CHANCE, showlegend=False, hoverinfo="skip", mode="lines", **at)
        for reader, bins in bins_of.items():
            _add_bins(figure, reader, bins[way], at, reader.name in first)
    least = min((row["confidence"] for of_reader in bins_of.values() for row in of_reader["raw"]), default=0.0)
    figure.update_xaxes(range=[max(0.0, least - 0.08), 1.02], title_text="probability of the answer")
    figure.update_yaxes(range=[-0.02, 1.04], tickvals=[0, 0.5, 1])
    figure.update_yaxes(title_text="share that is right", col=1)
    legend = {"orientation": "h", "y": 1.16, "x": 0, "yanchor": "bottom"}
    above = LEGEND_LINE * _lines_of_legend(bins_of)
    return _dress(figure, 390 + above).update_layout(legend=legend, margin_t=40 + above)


def _add_bins(
    figure: go.Figure, reader: Reader, bins: Sequence[Mapping[str, Any]], at: Mapping[str, int], is_first: bool
) -> None:
    reach = {"type": "data", "color": reader.colour, "thickness": 1.2, "width": 3}
    figure.add_scatter(
        x=[row["confidence"] for row in bins],
        y=[row["right"] for row in bins],
        error_y=reach
        | {
            "array": [None if row["high"] is None else row["high"] - row["right"] for row in bins],
            "arrayminus": [None if row["low"] is None else row["right"] - row["low"] for row in bins],
        },
        mode="lines+markers",
        line={"color": reader.colour, "width": 2},
        name=literal(reader.title),
        legendgroup=reader.name,
        showlegend=at["col"] == 1,
        visible=True if is_first else "legendonly",
        hovertext=[f"{row['count']:,} answers" for row in bins],
        **at,
    )


def _lines_of_legend(readers: Iterable[Reader]) -> int:
    """Of one that lies above a figure on a narrow screen, every entry as wide as the widest."""
    titles = [reader.title for reader in readers]
    widest = LEGEND_MARK + LEGEND_LETTER * max(map(len, titles))
    return -(-len(titles) // max(1, int(NARROW // widest)))


def _add_roc(figure: go.Figure, reader: Reader, roc: Roc, at: Mapping[str, int], is_named: bool) -> None:
    shared = {"name": literal(reader.title), "legendgroup": reader.name, **at}
    line = {"color": reader.colour, "width": 2}
    figure.add_scatter(
        x=roc.false_alarms,
        y=roc.sensitivity,
        mode="lines",
        line=line,
        showlegend=is_named,
        line_shape="linear",
        **shared,
    )
    ring = {"symbol": "circle-open", "size": 10, "color": reader.colour, "line": {"width": 2.5}}
    sensitivity, specificity = rounded(roc.point[1]), rounded(1 - roc.point[0])
    words = literal(f"as it answered: sensitivity {sensitivity}, specificity {specificity}")
    x, y = roc.point
    figure.add_scatter(x=[x], y=[y], mode="markers", marker=ring, showlegend=False, hovertext=words, **shared)


def nothing(text: str) -> go.Figure:
    """An empty figure that says why."""
    figure = go.Figure().update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(text=literal(text), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return _dress(figure, 160)


def _title_lines(reader: Reader, letters: float) -> list[str]:
    """Plain words broken to so many letters a line."""
    return [literal(line) for line in wrap(reader.title, max(SHORTEST_LINE, int(letters)))]


def _above(reader: Reader, x: float, y: float, letters: float) -> dict[str, Any]:
    """The title above a reader's distribution, the short name beneath, and on hover what the reader is."""
    lines = _title_lines(reader, letters)
    return {
        "text": "<br>".join([*lines, f'<span style="font-size:11px">{literal(reader.name)}</span>']),
        "hovertext": literal(reader.about),
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 14},
    }


def _bars(answers: Sequence[str], values: Sequence[float], reader: Reader, is_multi: bool, axis: str) -> go.Bar:
    top = max(values, default=0.0)
    strong = [value > 0.5 if is_multi else value == top for value in values]
    return go.Bar(
        x=values,
        y=list(map(literal, answers)),
        orientation="h",
        name=literal(reader.name),
        showlegend=False,
        marker={"color": reader.colour, "opacity": [1.0 if is_strong else 0.45 for is_strong in strong]},
        text=[literal(rounded(value, 2)) for value in values],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.4f} raw",
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
    )


def _diamonds(marked: Sequence[str], is_first: bool, axis: str) -> go.Scatter:
    look = {"symbol": "diamond", "size": 9, "color": RED, "line": {"width": 1, "color": "white"}}
    return go.Scatter(
        x=[0.0] * len(marked),
        y=list(map(literal, marked)),
        mode="markers",
        marker=look,
        name="reference label",
        showlegend=is_first,
        cliponaxis=False,
        hovertemplate="%{y}: reference label<extra></extra>",
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
    )


def _starts(all_points: Iterable[Points]) -> dict[str, int]:
    """Where each stage begins when stages stand one after the other."""
    last: dict[str, int] = {}
    for points in all_points:
        for stage, step, _ in points:
            last[stage] = max(last.get(stage, 0), step)
    starts, at = {}, 0
    for stage, steps in last.items():
        starts[stage] = at
        at += steps
    return starts


def _steps(all_points: Iterable[Points]) -> dict[tuple[str, int], int]:
    """Every step of which any curve has a value, numbered in the order of each stage."""
    steps = sorted({(stage, step) for points in all_points for stage, step, _ in points})
    return {step: number for number, step in enumerate(steps)}


def _add_line(
    figure: go.Figure,
    name: str,
    points: Points,
    starts: Mapping[str, int],
    steps: Mapping[tuple[str, int], int],
    number: int,
) -> go.Figure:
    """The number of a line among the others gives it colour and dashes. It is not drawn on from one stage into the
    next, nor over steps that have no value of it, as those without pairs have none of the contrast."""
    x: list[float | None] = [starts[stage] + step for stage, step, _ in points]
    y: list[float | None] = [value for *_, value in points]
    places = list(enumerate(pairwise(points), 1))
    ends = [place for place, (before, after) in places if before[0] != after[0]]
    gaps = [
        place for place, (before, after) in places if steps[after[:2]] - steps[before[:2]] > 1 and place not in ends
    ]
    for place in sorted([*gaps, *ends], reverse=True):
        x.insert(place, None)
        y.insert(place, None)
    mode = "lines" if len(points) > 30 and not gaps else "lines+markers"  # a point between gaps has no line
    colour, dash = CYCLE[number % len(CYCLE)], DASHES[number // len(CYCLE) % len(DASHES)]
    return figure.add_scatter(x=x, y=y, name=literal(name), mode=mode, line={"color": colour, "dash": dash, "width": 2})


def _mark_stages(figure: go.Figure, starts: Mapping[str, int]) -> None:
    for stage, at in starts.items():
        figure.add_vline(x=at, line_width=1, line_dash="dot", line_color=GREY)
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            yanchor="bottom",
            xanchor="left",
            text=literal(stage),
            showarrow=False,
            font_size=11,
        )


def _gap(row: Mapping[str, float], end: str) -> float:
    return abs(row[end] - row["value"]) if row.get(end) is not None and row.get("value") is not None else 0.0


def _dress(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_xaxes(AXIS).update_yaxes(AXIS).update_layout(LOOK | {"height": height})
