"""Probes of a finished run: asked for on the page Runs, made by a worker, shown as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.context import LATEST, PRIVATE, Studio
from app.html import table
from app.pages.runs.acts import cancel_probes, chosen, probe_run
from app.visit import Updates, Visit, guarded, live
from app.words import chip, lasting
from core.readings.probe_figures import probe_notes, tables
from core.records.payloads import Probe
from core.records.runs import runs
from core.records.runs.probes import Probing, probings
from core.records.runs.runs import RunView
from core.records.tables import UNDER_WAY

ABOUT = (
    "Does a reader see what a single word says, and does it contradict itself? Of each test case it is given pairs of "
    "captions that differ in one word, one of them false: where, how large, how many, there or not, as boxes, labels "
    "and columns tell. And it is asked of each label whether it is there, and whether it is not."
)
NOT_YET = (
    '<div class="vt"><p class="quiet">Only a finished run can be probed. Wait for its end, or resume it.</p></div>'
)
ERASED = (
    '<div class="vt"><p class="quiet">Its images were erased, so this run can\'t be probed any more. What was probed '
    "before stays.</p></div>"
)
CASES = Probe.model_fields["cases"]


@dataclass(frozen=True)
class ProbingParts:
    asking: gr.Row
    cases: gr.Number
    begin: gr.Button
    cancel: gr.Button
    probings: gr.HTML

    @property
    def moving(self) -> list[Block]:
        return [self.probings, self.asking, self.cancel]


@dataclass(frozen=True)
class ProbingTab:
    """The tab follows the run that is looked at."""

    parts: ProbingParts

    def begin(self, visit: Visit, run_id: int | None, cases: float | None) -> Updates:
        probe_run(visit, chosen(run_id), int(cases or CASES.default))
        return self.show(visit, run_id)

    def cancel(self, visit: Visit, run_id: int | None) -> Updates:
        cancel_probes(visit, chosen(run_id))
        return self.show(visit, run_id)

    def show(self, visit: Visit, run_id: int | None) -> Updates:
        of_run = [] if run_id is None else probings(visit.database, visit.who, run_id)
        is_under_way = any(probing.state in UNDER_WAY for probing in of_run)
        run = None if run_id is None else runs.run(visit.database, visit.who, run_id)
        return {
            self.parts.probings: words_of(run, of_run),
            self.parts.asking: gr.update(visible=run is not None and run.state == "done" and not run.is_set_erased),
            self.parts.cancel: gr.update(visible=is_under_way),
        }


def lay_out() -> ProbingParts:
    gr.Markdown(ABOUT)
    with gr.Row(visible=False) as asking:
        cases = gr.Number(
            CASES.default, label=CASES.title, info=CASES.description, precision=0, minimum=1, min_width=320
        )
        begin = gr.Button("Probe", scale=0, min_width=140, elem_id="runs-probe")
        cancel = gr.Button("Cancel", variant="stop", visible=False, scale=0, min_width=140, elem_id="runs-probe-cancel")
    return ProbingParts(asking, cases, begin, cancel, gr.HTML(elem_id="runs-probes"))


def wire(studio: Studio, parts: ProbingParts, run: gr.Dropdown, timer: gr.Timer) -> None:
    tab = ProbingTab(parts)
    parts.begin.click(guarded(studio, tab.begin), [run, parts.cases], parts.moving, **PRIVATE)
    parts.cancel.click(guarded(studio, tab.cancel), [run], parts.moving, **PRIVATE)
    gr.on([timer.tick, run.change], live(studio, tab.show), [run], parts.moving, queue=False, **LATEST)


def words_of(run: RunView | None, of_run: Sequence[Probing]) -> str:
    """What probing a run brought, and why it is not offered where it isn't."""
    if run is None or run.state != "done":
        return NOT_YET
    return f"{ERASED}{draw(of_run) if of_run else ''}" if run.is_set_erased else draw(of_run)


def draw(of_run: Sequence[Probing]) -> str:
    """The newest probing that came to its end, below those that are under way or failed after it."""
    if not of_run:
        return '<div class="vt"><p class="quiet">The readers of this run have not been probed yet.</p></div>'
    done = next((place for place, probing in enumerate(of_run) if probing.outcome), len(of_run))
    rows = [f"<p>{chip(probing.state, probing.wish)} {escape(_words(probing))}</p>" for probing in of_run[:done]]
    figures = [_figures(probing.outcome.probes) for probing in of_run[done : done + 1] if probing.outcome]
    return f'<div class="vt">{"".join(rows + figures)}</div>'


def _words(probing: Probing) -> str:
    return probing.error or (probing.progress.text if probing.state in UNDER_WAY else "") or ""


def _figures(probes: Mapping[str, Any]) -> str:
    parts = [f"<h2>{escape(title)}</h2>{table(heads, rows)}" for title, heads, rows in tables(probes)]
    notes = "".join(f'<p class="small quiet">{escape(note)}</p>' for note in probe_notes(probes))
    took = f"<p>Took {lasting(probes['seconds'])}. In square brackets: 95 % intervals.</p>"
    return f"{took}{''.join(parts)}{notes}"
