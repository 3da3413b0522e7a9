"""A finished run to take away: asked for on the page Runs, made by a worker, fetched as a zip."""

from __future__ import annotations

from html import escape

import gradio as gr
from gradio.events import api

from app.context import PRIVATE, Studio, guarded, live
from app.words import chip
from core.errors import SettingsError
from core.records.exports import Export, exports, queue_export

ABOUT = (
    "A zip with the adapter (PEFT), the exemplar's connector, the TSM, the label map, the preprocessing and the card: "
    "safetensors and JSON, nothing pickled. Merged: also the whole model with the adapter in its weights, "
    "loaded again and compared with the run's own answers."
)
MIB = 2**20


class ExportTab:
    """The tab's inside. It is built where it is made, and follows the run that is looked at."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        gr.Markdown(ABOUT)
        with gr.Row(equal_height=True):
            self.is_merged = gr.Checkbox(False, label="Merged", info="Also the whole model: large where the model is.")
            self.make = gr.Button("Make a zip", min_width=120, elem_id="runs-export")
        self.shown = gr.HTML(elem_id="runs-exports")

    def follow(self, run: gr.Dropdown, timer: gr.Timer) -> None:
        api(guarded(self.export_run), api_name="export_run")
        self.make.click(guarded(self.queue), [run, self.is_merged], [self.shown], **PRIVATE)
        run.change(live(self.listed), [run], [self.shown], **PRIVATE)
        timer.tick(live(self.listed), [run], [self.shown], queue=False, **PRIVATE)

    def queue(self, run_id: int | None, is_merged: bool, request: gr.Request) -> str:
        if run_id is None:
            raise SettingsError("No run is chosen. Choose one from the list.")
        self.export_run(run_id, is_merged, request)
        return self.listed(run_id, request)

    def listed(self, run_id: int | None, request: gr.Request) -> str:
        found = [] if run_id is None else exports(self.studio.database, self.studio.who(request), run_id)
        return drawn(found)

    def export_run(self, run_id: int, merged: bool, request: gr.Request) -> int:
        """Makes a zip of a finished run; returns the job, whose file is at /downloads/exports/{job}.zip."""
        return queue_export(self.studio.database, self.studio.place, self.studio.who(request), run_id, merged)


def drawn(found: list[Export]) -> str:
    if not found:
        return '<div class="vt"><p class="quiet">Nothing has been exported of this run yet.</p></div>'
    rows = "".join(
        f"<tr><td>{_title(one)}</td><td>{chip(one.state)}</td><td>{_outcome(one)}</td></tr>" for one in found
    )
    return f'<div class="vt"><table><tr><th>Export</th><th>State</th><th>Result</th></tr>{rows}</table></div>'


def _title(one: Export) -> str:
    return "With the merged model" if one.is_merged else "Adapter, connector, TSM"


def _outcome(one: Export) -> str:
    if one.state == "done":
        size = f"{(one.size or 0) / MIB:.1f} MiB"
        gap = one.facts.get("largest_difference_in_probability")
        said = "" if gap is None else f"Loaded again: its probabilities differ by {gap:.1e} at most."
        way = f'<a href="/downloads/exports/{one.job_id}.zip" download>Download ({size})</a>'
        return f'{way}<div class="small quiet">{said}</div>'
    return escape(one.error or one.text)
