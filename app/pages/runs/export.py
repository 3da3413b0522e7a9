"""A finished run to take away: asked for on the page Runs, made by a worker, fetched as a zip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from app.context import LATEST, PRIVATE, Studio
from app.pages.runs.acts import chosen, export_run
from app.visit import Updates, Visit, guarded, live
from app.words import chip
from core.records.runs.exports import Export, exports

ABOUT = (
    "A zip with the adapter (PEFT), the exemplar's connector, the TSM, the label map, the preprocessing, the card, "
    "a methods paragraph, citations, and all readings as CSV, which name cases and patients: safetensors, JSON, "
    "Parquet and text, nothing pickled. Of the pictures that the run learned from no copy is in it, but their hashes, "
    "8 x 8 grey levels of each, features with labels, and hashes of their patients: whoever has a picture, or can "
    "guess a patient's name, can tell by these whether it was learned from. Merged: also the whole model with the "
    "adapter in its weights, loaded again and compared with the run's own answers."
)
MIB = 2**20


@dataclass(frozen=True)
class ExportParts:
    is_merged: gr.Checkbox
    make: gr.Button
    exports: gr.HTML


@dataclass(frozen=True)
class Exporting:
    """The tab follows the run that is looked at."""

    parts: ExportParts

    def make(self, visit: Visit, run_id: int | None, is_merged: bool) -> Updates:
        export_run(visit, chosen(run_id), is_merged)
        return self.show(visit, run_id)

    def show(self, visit: Visit, run_id: int | None) -> Updates:
        of_run = [] if run_id is None else exports(visit.database, visit.who, run_id)
        return {self.parts.exports: draw(of_run)}


def lay_out() -> ExportParts:
    gr.Markdown(f"## The model\n{ABOUT}")
    with gr.Row(equal_height=True):
        is_merged = gr.Checkbox(False, label="Merged", info="Also the whole model: large where the model is.")
        make = gr.Button("Make a zip", min_width=120, elem_id="runs-export")
    return ExportParts(is_merged, make, gr.HTML(elem_id="runs-exports"))


def wire(studio: Studio, parts: ExportParts, run: gr.Dropdown, timer: gr.Timer) -> None:
    tab = Exporting(parts)
    parts.make.click(guarded(studio, tab.make), [run, parts.is_merged], [parts.exports], **PRIVATE)
    gr.on([timer.tick, run.change], live(studio, tab.show), [run], [parts.exports], queue=False, **LATEST)


def draw(of_run: Sequence[Export]) -> str:
    if not of_run:
        return '<div class="vt"><p class="quiet">Nothing has been exported of this run yet.</p></div>'
    rows = "".join(
        f"<tr><td>{_title(export)}</td><td>{chip(export.state)}</td><td>{_outcome(export)}</td></tr>"
        for export in of_run
    )
    return f'<div class="vt"><table><tr><th>Export</th><th>State</th><th>Result</th></tr>{rows}</table></div>'


def _title(export: Export) -> str:
    return "With the merged model" if export.is_merged else "Adapter, connector, TSM"


def _outcome(export: Export) -> str:
    if export.outcome is not None:
        size = f"{export.outcome.size / MIB:.1f} MiB"
        gap = export.outcome.largest_difference_in_probability
        checked = "" if gap is None else f"Loaded again: its probabilities differ by {gap:.1e} at most."
        way = f'<a href="/downloads/exports/{export.job_id}.zip" download>Download ({size})</a>'
        return f'{way}<div class="small quiet">{checked}</div>'
    return escape(export.error or export.text)
