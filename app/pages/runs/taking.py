"""To take away: a finished run's figures, tables, readings, and what a paper says of it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from urllib.parse import quote

import gradio as gr

from app.figures import SIZES, Drawing
from app.html import script_beside
from app.taken import figures_of
from app.visit import Visit
from core.errors import CoreError
from core.readings.latex import as_latex
from core.records.runs import taking
from core.records.runs.runs import RunView

FORMATS = ("svg", "png")
NOTHING = "Figures and tables are here once the run is finished."


def lay_out() -> gr.HTML:
    return gr.HTML(elem_id="runs-taking", js_on_load=script_beside(__file__))


def draw(visit: Visit, run: RunView) -> str:
    if run.metrics is None or run.state != "done":
        return f'<div class="vt"><p class="quiet">{NOTHING}</p></div>'
    at = f"/downloads/runs/{run.id}"
    parts = [
        "<h2>Figures</h2>",
        '<p class="small quiet">On white, with title, n and intervals; your browser draws them.</p>',
        f"<table>{_figure_head()}{''.join(_figure_rows(visit, run, at))}</table>",
        '<p class="small" data-told role="status"></p>',
        "<h2>Tables</h2>",
        "<table><tr><th>Table</th><th>Numbers</th><th>For a paper</th></tr>",
        *_table_rows(visit, run, at),
        "</table>",
        "<h2>Readings</h2>",
        '<p class="small quiet">What every reader answered for every case; they name cases and patients.</p>',
        f"<p>{_link(f'{at}/readings-test.csv', 'Test cases, CSV')} · "
        f"{_link(f'{at}/readings-val.csv', 'Validation cases, CSV')}</p>",
        *_words(visit, run, at),
    ]
    return f'<div class="vt">{"".join(parts)}</div>'


def _figure_head() -> str:
    return f"<tr><th>Figure</th>{''.join(f'<th>{escape(size.title)}</th>' for size in SIZES.values())}</tr>"


def _figure_rows(visit: Visit, run: RunView, at: str) -> Iterator[str]:
    for drawing in figures_of(visit.database, visit.place, visit.who, run):
        cells = [" ".join(_button(run, drawing, size, kind, at) for kind in FORMATS) for size in SIZES]
        yield f"<tr><td>{escape(drawing.title)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _button(run: RunView, drawing: Drawing, size: str, kind: str, at: str) -> str:
    facts = {
        "data-figure": f"{at}/figures/{quote(drawing.name)}/{size}.json",
        "data-size": size,
        "data-format": kind,
        "data-file": f"run {run.id} {drawing.name}",
        "aria-label": f"{drawing.title}, {SIZES[size].title}, {kind.upper()}",
    }
    attributes = " ".join(f'{name}="{escape(fact)}"' for name, fact in facts.items())
    return f'<button type="button" {attributes}>{kind.upper()}</button>'


def _table_rows(visit: Visit, run: RunView, at: str) -> Iterator[str]:
    for table in taking.run_tables(visit.database, visit.who, run):
        latex = f"<details><summary>LaTeX to copy</summary><pre class=prompt>{escape(as_latex(table))}</pre></details>"
        numbers = _link(f"{at}/tables/{table.name}.csv", "CSV")
        for_paper = _link(f"{at}/tables/{table.name}.tex", "LaTeX")
        yield f"<tr><td>{escape(table.title)}</td><td>{numbers}</td><td>{for_paper}{latex}</td></tr>"


def _words(visit: Visit, run: RunView, at: str) -> Iterator[str]:
    yield "<h2>Methods and citations</h2>"
    try:
        text, cited = taking.run_paragraph(visit.database, visit.place, run), taking.run_citations(run)
    except CoreError as error:  # a method that is gone has no name any more
        yield f'<p class="quiet">{escape(str(error))}</p>'
        return
    yield f"<pre class=prompt>{escape(text)}</pre><p>{_link(f'{at}/methods.txt', 'Methods, text')}</p>"
    yield f"<pre class=prompt>{escape(cited)}</pre><p>{_link(f'{at}/citations.bib', 'Citations, BibTeX')}</p>"


def _link(address: str, words: str) -> str:
    return f'<a href="{escape(address)}" download>{words}</a>'
