"""A run label by label: what each reader confuses, and its sensitivity and the like, with cases and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from plotly.graph_objects import Figure

from app import charts
from app.run_words import bins_of, drawn_first
from app.visit import Visit
from app.words import figure_title, reader_name
from core.errors import CoreError
from core.readings.calibration import LEAST_CASES
from core.readings.meaning import has_several_labels
from core.readings.reader import Reader
from core.records.runs.comparison import NOT, Comparison
from core.records.runs.runs import RunView
from core.statistics.intervals import without_interval
from core.statistics.rounding import rounded

SHOWN = ("sensitivity", "specificity", "ppv", "npv", "auroc")
Plain = Mapping[str, Any]


def draw(run: RunView) -> str:
    """A part a reader, that which the run was made for open; nothing until there are figures label by label."""
    if run.metrics is None:
        return ""
    parts = [
        _of_reader(run, name, run.reader(reader), part)
        for name, part in (run.metrics.get("sets") or {"": run.metrics}).items()
        for reader in part.get("per_class", {})
    ]
    if not parts:
        return ""
    note = "Test cases, each label against all others, with 95 % intervals. A count opens its cases on Compare."
    return f'<div class="vt"><h2>Label by label</h2><p class="small quiet">{note}</p>{"".join(parts)}</div>'


def curves(visit: Visit, run: RunView) -> Figure:
    """Of all readers; where the readings are not on this machine, why not."""
    if run.metrics is None or run.state != "done":
        return charts.nothing("No curves yet. They come when the run has read its test cases.")
    try:
        comparison = Comparison.open(visit.database, visit.place, visit.who, run.id)
    except CoreError as error:
        return charts.nothing(str(error))
    return charts.rocs(comparison.rocs())


def reliability(run: RunView) -> Figure:
    """How far the probabilities of readers can be believed; where nothing was calibrated, why not."""
    if run.metrics is None or run.state != "done":
        return charts.nothing("No probabilities yet. They come when the run has read its test cases.")
    bins = bins_of(run)
    if not bins:
        return charts.nothing(
            f"Nothing was calibrated: the run was made before this was done, or has fewer than {LEAST_CASES} "
            "validation cases."
        )
    return charts.reliability(bins, drawn_first(run))


def _of_reader(run: RunView, set_name: str, reader: Reader, part: Plain) -> str:
    rows, counts = part["per_class"][reader.name], part.get("confusion", {}).get(reader.name)
    is_open = " open" if run.aim is not None and reader.name == run.aim.reader else ""
    of_set = f" · {escape(set_name)}" if set_name else ""
    confusion = ""
    if counts:
        draw_counts = _of_several if has_several_labels(counts) else _matrix
        confusion = draw_counts(run.id, reader.name, list(rows), counts)
    return (
        f"<details{is_open}><summary>{reader_name(reader)}{of_set}</summary>"
        f'<div class="halves classes"><div>{confusion}</div><div>{_table(rows)}</div></div></details>'
    )


def _table(rows: Mapping[str, Plain]) -> str:
    heads = "".join(f"<th class=n>{escape(title_of(figure))}</th>" for figure in SHOWN)
    lines = "".join(
        f"<tr><td>{escape(answer)}</td><td class=n>{round(row['support']['value']):,}</td>"
        f"{''.join(_interval(row.get(figure)) for figure in SHOWN)}</tr>"
        for answer, row in rows.items()
    )
    return f"<table><tr><th>Label</th><th class=n>n</th>{heads}</tr>{lines}</table>"


def title_of(figure: str) -> str:
    """PPV and NPV are no words."""
    title = figure_title(figure)
    return title.upper() if figure in ("ppv", "npv") else title[:1].upper() + title[1:]


def _interval(figure: Plain | None) -> str:
    if not figure or figure["value"] is None:
        return "<td class=n>–</td>"
    has_ends = figure["low"] is not None and figure["high"] is not None
    reach = f"{rounded(figure['low'])} to {rounded(figure['high'])}" if has_ends else without_interval(figure)
    ends = f"<br><small class=quiet>{escape(reach)}</small>" if reach else ""
    return f"<td class=n>{escape(rounded(figure['value']))}{ends}</td>"


def _matrix(run_id: int, reader: str, answers: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Rows the reference label, columns the answer; shaded by the share of the row."""
    heads = "".join(f"<th class=n>{escape(answer)}</th>" for answer in answers)
    lines = "".join(
        f"<tr><th>{escape(label)}</th>{''.join(_cells(run_id, reader, label, answers, row))}</tr>"
        for label, row in zip(answers, counts, strict=True)
    )
    return f'<table class="confusion"><tr><th>Reference label ↓ · answer →</th>{heads}</tr>{lines}</table>'


def _cells(run_id: int, reader: str, label: str, answers: Sequence[str], row: Sequence[int]) -> Iterator[str]:
    whole = sum(row)
    for answer, count in zip(answers, row, strict=True):
        words = f"{count} of {whole} with the label {label} were answered {answer}"
        yield _cell(
            _address(run_id, reader, label, answer), count, count / whole if whole else 0.0, words, label == answer
        )


def _of_several(run_id: int, reader: str, answers: Sequence[str], tables: Sequence[Sequence[Sequence[int]]]) -> str:
    """A row a label, the four cells of its own table: the label is there or not, and the reader says so or not."""
    heads = "".join(
        f"<th class=n>{words}</th>" for words in ("there, said", "there, missed", "not, said", "not, not said")
    )
    lines = []
    for label, ((neither, mistaken), (missed, both)) in zip(answers, tables, strict=True):
        without = NOT + label
        cells = [
            (label, label, both, both + missed),
            (label, without, missed, both + missed),
            (without, label, mistaken, mistaken + neither),
            (without, without, neither, mistaken + neither),
        ]
        drawn = [
            _cell(_address(run_id, reader, there, answer), count, count / whole if whole else 0.0, "", there == answer)
            for there, answer, count, whole in cells
        ]
        lines.append(f"<tr><th>{escape(label)}</th>{''.join(drawn)}</tr>")
    return f'<table class="confusion"><tr><th>Label</th>{heads}</tr>{"".join(lines)}</table>'


def _cell(address: str, count: int, share: float, words: str, is_right: bool) -> str:
    colour = "--good" if is_right else "--bad"
    shade = f"background:color-mix(in srgb, var({colour}) {100 * share * 0.55:.0f}%, transparent)"
    text = f'<a href="{escape(address)}">{count:,}</a>' if count else '<span class="quiet">0</span>'
    return f'<td class=n style="{shade}" title="{escape(words)}">{text}</td>'


def _address(run_id: int, reader: str, label: str, answer: str) -> str:
    return f"/compare?{urlencode({'run': run_id, 'split': 'test', 'reader': reader, 'label': label, 'answer': answer})}"
