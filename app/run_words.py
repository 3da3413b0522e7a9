"""A run in words and rows: what the page Runs writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from app.engine import ENGINE
from app.html import NO_INTERVAL, bar, figure_cell, table
from app.words import ago, chip, figure_title, grouped_rows, lasting, reader_choice, reader_name
from core.readings import other_scores, sureness
from core.readings.reader import TSM, Reader
from core.readings.statement_figures import tables
from core.records.queue_view import QueueEntry
from core.records.runs.runs import RunView
from core.records.tables import LogLine
from core.statistics.intervals import without_interval
from core.statistics.rounding import rounded

ERASED = (
    "The images that it was tuned on were erased for good. What the run found stays, without pictures: it can answer "
    "for images that are brought, and can't be resumed, probed or given another TSM."
)
SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")
BRIER = "brier"
LESS = {BRIER: "<br><small class=quiet>less is better</small>"}


def row(view: RunView) -> list[Any]:
    """A run in the list."""
    return [
        view.id,
        escape(view.name) + _beside_name(view),
        escape(f"{view.set} · version {view.version}"),
        escape(view.method),
        chip(view.state, view.wish),
        f"{escape(view.stage)}: {view.step} of {view.steps}" if view.stage else "–",
        lasting(view.seconds_left) if view.state == "running" else "–",
        aimed_at(view, "macro_f1"),
        escape(view.person),
    ]


def _beside_name(view: RunView) -> str:
    words = (("sample", view.is_sample), ("archived", view.archived))
    notes = "".join(f" <small>({word})</small>" for word, is_so in words if is_so)
    return notes + (f'<div class="tags">{tag_marks(view.tags)}</div>' if view.tags else "")


def tag_marks(tags: Sequence[str]) -> str:
    return " ".join(f'<span class="tag">{escape(tag)}</span>' for tag in tags)


def aimed_at(view: RunView, figure: str) -> str:
    """A figure of the reader that the run was made for, with its interval; that of its baseline below it."""
    readers = (view.metrics or {}).get("readers", {})
    if view.aim is None or view.aim.reader not in readers:
        return "–"
    lines = [
        _figure_of(view, name, _interval(readers[name].get(figure)))
        for name in (view.aim.reader, view.aim.baseline)
        if name in readers
    ]
    return "".join(lines)


def _figure_of(view: RunView, name: str, words: str) -> str:
    """A line in a cell that has no room for a sentence: why there is no interval is said on hover."""
    assert view.aim is not None
    figure, bracket, why = words.partition(NO_INTERVAL)
    shown, title = (
        (f"{figure} (no interval)", f' title="{escape((bracket + why).strip(" ()"))}"') if why else (words, "")
    )
    quiet = " class=quiet" if name == view.aim.baseline else ""
    reader = f'<small title="{escape(view.reader(name).title)}">{escape(name)}</small>'
    return f"<div{quiet}{title}>{escape(shown)} {reader}</div>"


def header(view: RunView) -> str:
    """What one run is at: state, stages with bars, what went wrong."""
    parts = [
        f"<p><b>{escape(view.name)}</b> <small class=quiet>run {view.id}</small> &nbsp; "
        f"{chip(view.state, view.wish)} &nbsp; {tag_marks(view.tags)} "
        f"{escape(view.set)} · version {view.version} · queued {ago(view.created)} by {escape(view.person)}</p>"
    ]
    if view.archived:
        parts.append(f'<p class="notice">Archived {ago(view.archived)}: in no list, and nothing of it is lost.</p>')
    if view.is_set_erased:
        parts.append(f'<p class="notice" role="note">{ERASED}</p>')
    elif view.state == "done":
        way = f"/review?tab=find&version={view.version_id}&run={view.id}"
        parts.append(f'<p><a href="{way}">Find labels that need a second look, with what its readers know</a></p>')
    text = view.progress.text if view.state == "running" else None
    if text:
        parts.append(f"<p>{escape(text)}</p>")
    if view.error:
        fault = f" (id {escape(view.fault_id)})" if view.fault_id else ""
        parts.append(f'<p class="notice bad" role="alert">{escape(view.error)}{fault}</p>')
    cells = [
        f'<div style="flex:1 1 0;min-width:140px">{escape(stage.name)}: {stage.step} of {stage.steps}'
        f"{bar(stage.step / stage.steps if stage.steps else 0.0, stage.name)}"
        f"{'' if stage.best is None else f'<small>best {stage.best:.3f} at step {stage.best_step}</small>'}</div>"
        for stage in view.stages
    ]
    bars = f'<div style="display:flex;gap:16px;flex-wrap:wrap">{"".join(cells)}</div>'
    if view.state == "done" and cells:
        bars = f"<details><summary>How its stages went</summary>{bars}</details>"
    return f'<div class="vt">{"".join(parts)}{bars}</div>'


def meters(view: RunView) -> str:
    """Time left, speed and memory, while it runs."""
    if view.state != "running":
        took = (view.ended - view.started).total_seconds() if view.started and view.ended else None
        return f"<p>Took {lasting(took)}.</p>" if took else ""
    progress, parts = view.progress, []
    if progress.stage_seconds_left is not None:
        parts.append(f"Time left in this stage: <b>{lasting(progress.stage_seconds_left)}</b>")
    if view.seconds_left is not None:
        parts.append(f"in all stages: <b>{lasting(view.seconds_left)}</b>, then the readings")
    if progress.images_per_second is not None:
        parts.append(f"{progress.images_per_second:.1f} images a second")
    return f"<p>{' · '.join([*parts, *device(progress.meters or {})])}</p>"


def device(meters: Mapping[str, float]) -> list[str]:
    """What the run takes of its machine, in words."""
    pairs = (("processor", "cpu_percent", "{:.0f} %"), ("graphics card", "gpu_percent", "{:.0f} %"))
    busy = [f"{title} {form.format(meters[name])}" for title, name, form in pairs if name in meters]
    filled = (("memory", "rss_gib", "ram_gib"), ("graphics memory", "gpu_used_gib", "gpu_gib"))
    return busy + [
        f"{title} {meters[used]:.1f} of {meters[whole]:.0f} GiB" for title, used, whole in filled if used in meters
    ]


def curve_titles(method: str) -> dict[str, str]:
    """The losses' names as the method gives them."""
    terms = ENGINE.choices["methods"].get(method, {}).get("terms", {})
    return {name: f"{name}: {title}" for name, title in terms.items()}


def queue_title(entry: QueueEntry) -> str:
    """As the list of runs has it: the run's number, then its name."""
    return entry.name if entry.run_id is None else f"{entry.run_id} · {entry.name}"


def ordinal(number: int) -> str:
    """A place, which nobody takes for the number of a run: 1st, 2nd, 11th."""
    ending = "th" if 10 <= number % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def queue_rows(entries: Sequence[QueueEntry]) -> str:
    if not entries:
        return "<p>Nothing runs and nothing waits.</p>"
    head = "<tr><th>Run</th><th>Images</th><th>By</th><th>Place in the queue</th><th>Expected start</th></tr>"
    lines = [
        f"<tr><td>{escape(queue_title(entry))}</td><td>{escape(entry.images)}</td><td>{escape(entry.person)}</td>"
        f"<td>{f'waits, {ordinal(entry.place)}' if entry.place else 'runs now'}</td><td>{_start(entry)}</td></tr>"
        for entry in entries
    ]
    return f'<div class="vt"><table>{head}{"".join(lines)}</table></div>'


def figure_rows(view: RunView) -> list[list[Any]]:
    """A line a reader: figures with their intervals."""
    return [
        [reader_choice(reader), *(_interval(figures.get(figure)) for figure in SHOWN)]
        for reader, figures in view.measured().items()
    ]


def figure_table(view: RunView) -> str:
    """The same for reading, group by group, each reader with what it is on hover, and where runs have it the Brier
    score: the others say who answers rightly, it says whose probabilities can be believed."""
    measured = view.measured()
    shown = [*SHOWN, *([BRIER] if any(BRIER in figures for figures in measured.values()) else [])]
    heads = "".join(f"<th class=n>{escape(figure_title(figure))}{LESS.get(figure, '')}</th>" for figure in shown)

    def row_of(reader: Reader) -> str:
        cells = (_breakable(figure_cell(_interval(measured[reader].get(figure)))) for figure in shown)
        return f"<tr><td>{reader_name(reader)}</td>{''.join(f'<td class=n>{cell}</td>' for cell in cells)}</tr>"

    rows = grouped_rows(measured, len(shown) + 1, row_of)
    return f'<div class="vt"><table class="figures"><tr><th>Reader</th>{heads}</tr>{rows}</table></div>' if rows else ""


def _breakable(cell: str) -> str:
    """Where a row has no room, the interval goes below its figure, whole."""
    figure, bracket, ends = cell.partition(" (")
    return f'{figure} <span class="reach">({ends}</span>' if bracket else cell


def statement_tables(metrics: Mapping[str, Any] | None, titles: Mapping[str, str] = MappingProxyType({})) -> str:
    """What readers said beside their distributions is worth, a table a kind, how far their probabilities can be
    believed, and their answers scored in other ways; nothing where there is none of it."""
    parts = []
    for made, about in ((tables, ""), (sureness.tables, sureness.ABOUT), (other_scores.tables, other_scores.ABOUT)):
        beside = list(made(metrics or {}))
        parts += [
            f"<h2>{escape(title)}</h2>{table(heads, [[_titled(row[0], titles), *row[1:]] for row in rows])}"
            for title, heads, rows in beside
        ]
        parts += [f'<p class="small quiet">{escape(about)}</p>'] if beside and about else []
    return f'<div class="vt">{"".join(parts)}</div>' if parts else ""


def _titled(cell: str, titles: Mapping[str, str]) -> str:
    """A reader by its title; in brackets may stand how it was scored."""
    name, bracket, how = cell.partition(" (")
    return titles.get(name, name) + bracket + how


def bins_of(view: RunView) -> dict[Reader, Mapping[str, Any]]:
    """Of each reader that was calibrated: its answers from the least sure to the surest, raw and calibrated."""
    calibrated = (view.metrics or {}).get("calibration") or {}
    return {view.reader(name): row["bins"] for name, row in calibrated.items()}


def drawn_first(view: RunView) -> tuple[str, ...]:
    """The readers that the run was made to compare."""
    return (TSM.name,) if view.aim is None else (view.aim.reader, view.aim.baseline, TSM.name)


def log_text(lines: Sequence[LogLine], search: str) -> str:
    if not lines:
        return f'No line holds "{search}".' if search else "Nothing has been printed yet."
    return "\n".join(f"{line.at:%H:%M:%S}  {line.text}" for line in lines)


def setting_text(value: Any) -> str:
    return "–" if value is None else str(value)


def _start(entry: QueueEntry) -> str:
    if not entry.place:
        return f"began {ago(entry.expected_start)}"
    return "not known yet" if entry.expected_start is None else f"{entry.expected_start:%H:%M} UTC"


def _interval(figure: Mapping[str, Any] | None) -> str:
    if not figure or figure.get("value") is None:
        return "–"
    text = rounded(figure["value"])
    if figure.get("low") is None or figure.get("high") is None:
        return f"{text} ({without_interval(figure)})" if figure.get("why") else text
    return f"{text} ({rounded(figure['low'])} to {rounded(figure['high'])})"
