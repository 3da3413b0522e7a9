"""What the page Runs is laid out of: the list with one run beneath it, the queue, and runs side by side."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app import charts
from app.pages.runs import taking
from app.pages.runs.export import ExportParts
from app.pages.runs.export import lay_out as lay_out_export
from app.pages.runs.listing import ListParts
from app.pages.runs.listing import lay_out as lay_out_list
from app.pages.runs.probing import ProbingParts
from app.pages.runs.probing import lay_out as lay_out_probing
from app.pages.runs.upkeep import UpkeepParts
from app.pages.runs.upkeep import lay_out as lay_out_upkeep
from app.row_choice import RowChoice
from app.words import figure_title
from core.records.tables import JOB_STATES, RESUMABLE, UNDER_WAY

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")
FIGURE_HEADERS = ["Reader", *map(figure_title, FIGURES)]
SECONDS = 2.5
FIGURES_TAB, CURVES_TAB = "figures", "curves"


@dataclass(frozen=True)
class Acts:
    """The buttons beside the chosen run."""

    stop: gr.Button
    resume: gr.Button
    cancel: gr.Button
    copy: gr.Button
    compare: gr.Button

    @property
    def states(self) -> dict[gr.Button, tuple[str, ...]]:
        """In which states of the run each of them can be pressed."""
        return {
            self.stop: UNDER_WAY,
            self.resume: RESUMABLE,
            self.cancel: (*UNDER_WAY, "stopped"),
            self.copy: JOB_STATES,
            self.compare: ("done",),
        }


@dataclass(frozen=True)
class Plots:
    losses: gr.Plot
    validation: gr.Plot
    device: gr.Plot
    bars: gr.Plot
    rocs: gr.Plot
    reliability: gr.Plot


@dataclass(frozen=True)
class RunParts:
    """The tab Runs: every run, and all about the chosen one."""

    astray: gr.Markdown
    """That the run of the address is none to be seen."""
    listed: ListParts
    run: RowChoice
    acts: Acts
    head: gr.HTML
    note: gr.Markdown
    meters: gr.HTML
    benefit: gr.HTML
    """Whether it helped, once it is finished."""
    tabs: gr.Tabs
    plots: Plots
    numbers: gr.HTML
    statements: gr.HTML
    classes: gr.HTML
    """Label by label: confusion, sensitivity and its kin, a part a reader."""
    search: gr.Textbox
    log: gr.Code
    probing: ProbingParts
    taken: gr.HTML
    export: ExportParts
    settings: gr.Code
    upkeep: UpkeepParts


@dataclass(frozen=True)
class QueueParts:
    rows: gr.HTML
    waiting: RowChoice
    up: gr.Button
    down: gr.Button
    is_paused: gr.Checkbox
    goes_on: gr.Checkbox


CHOOSE_SEVERAL = "Choose two runs or more above: their curve, the settings that differ and their figures stand here."


@dataclass(frozen=True)
class BesideParts:
    """The tab Side by side."""

    several: RowChoice
    curve: gr.Dropdown
    together: gr.Plot
    differ: gr.Dataframe
    rows: gr.Dataframe


@dataclass(frozen=True)
class Parts:
    notice: gr.Markdown
    run: RunParts
    queue: QueueParts
    beside: BesideParts
    sent: gr.State
    """What this browser has been sent of all that moves; see `Sent`."""
    printed: gr.State
    timer: gr.Timer
    """Begins once the page is opened: a look from before that, where it is late, would put another run in the place of
    the chosen one."""


def lay_out() -> Parts:
    gr.HTML(charts.STYLE, visible="hidden")
    gr.Markdown("# Runs")
    notice = gr.Markdown()
    with gr.Tabs():
        with gr.Tab("Runs"):
            run = _run_parts()
        with gr.Tab("Queue"):
            queue = _queue_parts()
        with gr.Tab("Side by side"):
            beside = _beside_parts()
    return Parts(notice, run, queue, beside, gr.State(), gr.State(), gr.Timer(SECONDS, active=False))


def _run_parts() -> RunParts:
    astray, listed = gr.Markdown(elem_id="runs-astray"), lay_out_list()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            run = RowChoice([], label="Run", elem_id="runs-run")
        with gr.Column(scale=3, min_width=560), gr.Row():
            acts = _act_buttons()
    head = gr.HTML(elem_id="runs-head")
    note = gr.Markdown(elem_id="runs-note", max_height=150, latex_delimiters=[])
    meters = gr.HTML(elem_id="runs-meters")
    benefit = gr.HTML(elem_id="runs-benefit")
    with gr.Tabs() as tabs:
        with gr.Tab("Figures", id=FIGURES_TAB):
            bars = gr.Plot(show_label=False)
            numbers, statements = gr.HTML(), gr.HTML()
            classes = gr.HTML(elem_id="runs-classes")
            rocs = gr.Plot(show_label=False, elem_id="runs-rocs")
            reliability = gr.Plot(show_label=False, elem_id="runs-reliability")
        with gr.Tab("Curves", id=CURVES_TAB), gr.Row():
            losses, validation = gr.Plot(show_label=False), gr.Plot(show_label=False)
        with gr.Tab("Probes"):
            probing = lay_out_probing()
        with gr.Tab("Log"):
            search = gr.Textbox(label="Search in the log", elem_id="runs-search")
            log = gr.Code(show_label=False, language=None, lines=14, max_lines=24, elem_id="runs-log")
        with gr.Tab("Device"):
            device = gr.Plot(show_label=False)
        with gr.Tab("Take away"):
            taken = taking.lay_out()
            export = lay_out_export()
        with gr.Tab("Settings"):
            settings = gr.Code(label="Frozen when it was queued", language="yaml", max_lines=30)
        with gr.Tab("Name, tags, note"):
            upkeep = lay_out_upkeep()
    plots = Plots(losses, validation, device, bars, rocs, reliability)
    figures = (plots, numbers, statements, classes)
    about = (head, note, meters, benefit, tabs, *figures)
    return RunParts(astray, listed, run, acts, *about, search, log, probing, taken, export, settings, upkeep)


def _act_buttons() -> Acts:
    return Acts(
        stop=gr.Button("Stop and save", elem_id="runs-stop", min_width=120, size="md"),
        resume=gr.Button("Resume", min_width=80, elem_id="runs-resume", size="md"),
        cancel=gr.Button("Cancel", variant="stop", min_width=80, size="md"),
        copy=gr.Button("Copy", min_width=70, elem_id="runs-copy", size="md"),
        compare=gr.Button("Compare", variant="primary", min_width=90, size="md"),
    )


def _queue_parts() -> QueueParts:
    rows = gr.HTML()
    with gr.Row(equal_height=True):
        waiting = RowChoice([], label="Waiting run", scale=2)
        up, down = gr.Button("Move up", min_width=90), gr.Button("Move down", min_width=90)
    with gr.Row():
        is_paused = gr.Checkbox(label="Paused", info="What runs goes on; nothing new begins.")
        goes_on = gr.Checkbox(True, label="Go on after a failure", info="Else a failed run pauses the queue.")
    return QueueParts(rows, waiting, up, down, is_paused, goes_on)


def _beside_parts() -> BesideParts:
    several = RowChoice([], multiselect=True, label="Runs to put side by side", elem_id="runs-several")
    curve = gr.Dropdown([], label="Curve")
    together = gr.Plot(charts.nothing(CHOOSE_SEVERAL), show_label=False)
    gr.Markdown("## Settings that differ")
    differ = gr.Dataframe(headers=["Setting"], interactive=False, show_label=False, wrap=True)
    gr.Markdown("## Figures of the test cases, with 95 % intervals")
    rows = gr.Dataframe(headers=["Run", *FIGURE_HEADERS], interactive=False, show_label=False)
    return BesideParts(several, curve, together, differ, rows)
