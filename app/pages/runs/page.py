"""Runs: the queue, every run as it goes, and runs side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block
from plotly.graph_objects import Figure

from app import charts
from app.context import PRIVATE, Studio, on_load
from app.html import go_to
from app.pages.runs import acts, benefit, classes, export, probing, taking
from app.pages.runs.parts import CHOOSE_SEVERAL, CURVES_TAB, FIGURES, FIGURES_TAB, Parts, lay_out
from app.run_words import (
    curve_titles,
    figure_rows,
    figure_table,
    header,
    log_text,
    meters,
    ordinal,
    queue_rows,
    queue_title,
    row,
    setting_text,
    statement_tables,
)
from app.visit import Updates, Visit, Wire, guarded, live, offer
from app.words import curve_title, figure_title
from core.errors import SettingsError
from core.records import jobs, runs
from core.records.queue_view import QueueEntry, queue_view
from core.records.runs import RunView
from core.records.seeds import alike

TITLE = "Runs"
PATH = "/runs"
EMPTY = "No run yet. Choose images and a preset on the page **[Tune](/tune)**, and watch it here."
QUEUE = "tune"
CURVES_SECONDS = 10.0
REMEMBER = "(run) => { if (run) history.replaceState(null, '', location.pathname + '?run=' + run); return run; }"
Curves = Mapping[str, charts.Points]


@dataclass(frozen=True)
class Sent:
    """What a browser has been sent: which curves, by their key, and all else that moves."""

    curves: str
    moving: Updates


@dataclass(frozen=True)
class RunsPage:
    """What the page's events do. It only reads rows and writes wishes; workers do the rest."""

    parts: Parts

    def open(self, visit: Visit) -> Updates:
        """The list and the run of ?run=, else the one that runs, else the newest; at its figures if there are any.

        Which tab is open is decided here alone: later on it would be taken from under somebody's hand."""
        views = project_runs(visit)
        wanted = visit.number("run")
        chosen = wanted if wanted in [view.id for view in views] else worth_a_look(views)
        state, may = jobs.queue_state(visit.database, QUEUE), visit.who.may("manage")
        queue, has_figures = self.parts.queue, any(view.id == chosen and view.metrics for view in views)
        return {
            self.parts.run.tabs: gr.Tabs(selected=FIGURES_TAB if has_figures else CURVES_TAB),
            self.parts.run.run: gr.update(choices=choices(views), value=chosen),
            self.parts.beside.several: gr.update(choices=choices(views)),
            queue.is_paused: gr.update(value=state.is_paused, interactive=may),
            queue.goes_on: gr.update(value=state.goes_on_after_failure, interactive=may),
            self.parts.notice: "" if views else EMPTY,
        }

    def tick(self, visit: Visit, run_id: int | None, sent: Sent | None) -> Updates:
        """Everything that moves, where it has moved: a browser draws anew whatever it is sent."""
        view = None if run_id is None else runs.run(visit.database, visit.who, run_id)
        now = Sent(curves_key(view) if view else "", self.lists(visit, run_id) | self.looked_at(view))
        before = sent or Sent("", {})
        moved: Updates = {
            part: shown
            for part, shown in now.moving.items()
            if part not in before.moving or before.moving[part] != shown
        }
        if view and now.curves != before.curves:
            moved |= self.drawn(visit, view)
        return moved | {self.parts.sent: now}

    def lists(self, visit: Visit, run_id: int | None) -> Updates:
        """The runs, the queue in words, who could be moved in it, and which runs can be chosen.

        Where none is looked at yet, the first one is chosen."""
        views, entries = project_runs(visit), queue_entries(visit)
        waiting = [
            (f"{queue_title(entry)} (waits, {ordinal(entry.place)})", entry.job.id) for entry in entries if entry.place
        ]
        offered = gr.update(choices=choices(views))
        return {
            self.parts.run.table: [row(view) for view in views],
            self.parts.queue.rows: queue_rows(entries),
            self.parts.queue.waiting: gr.update(choices=waiting),
            self.parts.run.run: offered if run_id is not None else offered | {"value": worth_a_look(views)},
            self.parts.beside.several: offered,
            self.parts.notice: "" if views else EMPTY,
        }

    def looked_at(self, view: RunView | None) -> Updates:
        """What the chosen run is at, and what can be done with it."""
        buttons: Updates = {
            button: gr.update(interactive=view is not None and view.state in states)
            for button, states in self.parts.run.acts.states.items()
        }
        words: Updates = {
            self.parts.run.head: header(view) if view else "",
            self.parts.run.meters: meters(view) if view else "",
        }
        return words | buttons

    def drawn(self, visit: Visit, view: RunView) -> Updates:
        """Losses, validation figures, meters; and the figures of the test cases."""
        curves, plots = runs.curves(visit.database, visit.who, view.id), self.parts.run.plots
        return self.measured(visit, view) | {
            plots.losses: charts.curves(part(curves, "loss/"), "Losses", curve_titles(view.method)),
            plots.validation: titled(part(curves, "val/"), "Validation cases", "macro_f1"),
            plots.device: titled(part(curves, "meter/"), "Meters", "images_per_second"),
            plots.bars: charts.figures(view.measured(), FIGURES),
        }

    def measured(self, visit: Visit, view: RunView) -> Updates:
        """What its test cases say, once it is finished."""
        run = self.parts.run
        return {
            run.benefit: benefit.draw(view, alike(visit.database, visit.who, view)),
            run.numbers: figure_table(view),
            run.statements: statement_tables(view.metrics) if view.metrics else "",
            run.classes: classes.draw(view),
            run.plots.rocs: classes.curves(visit, view),
            run.taken: taking.draw(visit, view),
        }

    def still(self, visit: Visit, run_id: int | None) -> Updates:
        """What does not move: the frozen settings."""
        view = None if run_id is None else runs.run(visit.database, visit.who, run_id)
        return {self.parts.run.settings: runs.run_file(view) if view else ""}

    def log(self, visit: Visit, run_id: int | None, search: str | None, printed: str | None) -> Updates:
        """What the run printed, or the lines with a text in them; nothing where that is what was seen."""
        text = ""
        if run_id is not None:
            job_id, wanted = runs.run(visit.database, visit.who, run_id).job_id, (search or "").strip()
            text = log_text(jobs.log_lines(visit.database, visit.who, job_id, wanted), wanted)
        return {} if text == printed else {self.parts.run.log: text, self.parts.printed: text}

    def beside(self, visit: Visit, run_ids: Sequence[int], curve: str | None) -> Updates:
        """Runs side by side: a curve, the settings that differ, the figures."""
        parts = self.parts.beside
        if len(run_ids) < 2:
            nothing = charts.nothing(CHOOSE_SEVERAL)
            return {parts.together: nothing, parts.differ: gr.update(value=[]), parts.rows: gr.update(value=[])}
        views = {name_of(view): view for view in (runs.run(visit.database, visit.who, number) for number in run_ids)}
        curves = {name: runs.curves(visit.database, visit.who, view.id) for name, view in views.items()}
        names = sorted({name for of_run in curves.values() for name in of_run})
        shown = curve if curve in names else next((name for name in names if name.startswith("val/macro")), None)
        differences = runs.difference(visit.database, visit.who, run_ids)
        settings = [[each.setting, *(setting_text(value) for value in each.values)] for each in differences]
        return {
            parts.curve: gr.update(choices=[(curve_title(name), name) for name in names], value=shown),
            parts.together: charts.runs_side_by_side(curves, shown or "", curve_title(shown or "")),
            parts.differ: gr.update(value=settings, headers=["Setting", *views]),
            parts.rows: [[name, *line] for name, view in views.items() for line in figure_rows(view)],
        }


def up(visit: Visit, job_id: int | None) -> None:
    """A waiting job one place up."""
    order = waiting_jobs(visit, job_id)
    place = order.index(job_id)
    move_before(visit, job_id, order[max(0, place - 1)])


def down(visit: Visit, job_id: int | None) -> None:
    """A waiting job one place down."""
    order = waiting_jobs(visit, job_id)
    place = order.index(job_id)
    move_before(visit, job_id, order[place + 2] if place + 2 < len(order) else None)


def move_before(visit: Visit, job_id: int | None, other: int | None) -> None:
    if job_id is not None and job_id != other:
        jobs.move(visit.database, visit.who, job_id, other)


def waiting_jobs(visit: Visit, job_id: int | None) -> list[int | None]:
    """The jobs that wait, in their order, the chosen one among them."""
    if job_id is None:
        raise SettingsError("No waiting run is chosen. Choose the one to move.")
    order: list[int | None] = [entry.job.id for entry in queue_entries(visit) if entry.place]
    if job_id not in order:
        raise SettingsError("This run does not wait any more, so it can't be moved.")
    return order


def pause(visit: Visit, is_paused: bool) -> None:
    jobs.pause(visit.database, visit.who, QUEUE, is_paused)


def go_on(visit: Visit, goes_on: bool) -> None:
    jobs.set_goes_on_after_failure(visit.database, visit.who, QUEUE, goes_on)


def project_runs(visit: Visit) -> list[RunView]:
    return runs.runs(visit.database, visit.who, visit.project)


def queue_entries(visit: Visit) -> list[QueueEntry]:
    return queue_view(visit.database, visit.who, QUEUE)


def choices(views: Sequence[RunView]) -> list[tuple[str, int]]:
    return [(name_of(view), view.id) for view in views]


def name_of(view: RunView) -> str:
    return f"{view.id} · {view.name}"


def worth_a_look(views: Sequence[RunView]) -> int | None:
    """The run to look at unasked: one that runs, else the newest."""
    running = [view.id for view in views if view.state == "running"]
    return next(iter(running + [view.id for view in views]), None)


def curves_key(view: RunView) -> str:
    """Changes when the curves shall be drawn anew: at every turn of a run, and in between every few seconds."""
    turn = f"{view.id} {view.state} {view.stage} {len(view.stages)} {bool(view.metrics)}"
    return f"{turn} {time.monotonic() // CURVES_SECONDS}" if view.state == "running" else turn


def part(curves: Curves, start: str) -> Curves:
    """The curves of one kind, by their own names."""
    return {name.removeprefix(start): points for name, points in curves.items() if name.startswith(start)}


def titled(curves: Curves, title: str, first: str) -> Figure:
    return charts.curves(curves, title, {name: figure_title(name) for name in curves}, first)


def build(studio: Studio) -> None:
    parts = lay_out()
    page = RunsPage(parts)
    offer(studio, acts.stop, acts.resume, acts.cancel, acts.export_run, acts.run_benefit)
    offer(studio, acts.probe_run, acts.cancel_probes, acts.run_probes)
    offer(studio, runs=acts.list_runs, run=acts.one_run)
    wire_run(studio, page)
    export.wire(studio, parts.run.export, parts.run.run, parts.timer)
    probing.wire(studio, parts.run.probing, parts.run.run, parts.timer)
    wire_queue(studio, page)
    for chooser in (parts.beside.several, parts.beside.curve):
        shown = [parts.beside.curve, parts.beside.together, parts.beside.differ, parts.beside.rows]
        chooser.input(guarded(studio, page.beside), [parts.beside.several, parts.beside.curve], shown, **PRIVATE)


def wire_run(studio: Studio, page: RunsPage) -> None:
    """The list and the chosen run: when the page opens, at every tick, and when another is chosen."""
    parts, run, queue = page.parts, page.parts.run, page.parts.queue
    opened = [run.run, run.tabs, parts.beside.several, queue.is_paused, queue.goes_on, parts.notice]
    stays = (live(studio, page.still), [run.run], [run.settings])
    printed = (live(studio, page.log), [run.run, run.search, parts.printed], [run.log, parts.printed])
    ticked = ticks(studio, page)
    begun = on_load(guarded(studio, page.open), None, opened)
    begun.then(*ticked, **PRIVATE).then(*stays, **PRIVATE).then(*printed, **PRIVATE)
    parts.timer.tick(*ticked, queue=False, **PRIVATE).then(*printed, queue=False, **PRIVATE)
    run.run.change(*ticked, js=None, **PRIVATE).then(*stays, **PRIVATE).then(*printed, **PRIVATE)
    run.run.input(None, [run.run], [run.run], js=REMEMBER)
    run.search.input(*printed, **PRIVATE)
    for button, act in ((run.acts.stop, acts.stop), (run.acts.resume, acts.resume), (run.acts.cancel, acts.cancel)):
        button.click(guarded(studio, act), [run.run], None, **PRIVATE).then(*ticked, **PRIVATE)
    run.acts.copy.click(None, [run.run], None, js=go_to("/tune?copy="))
    run.acts.compare.click(None, [run.run], None, js=go_to("/compare?run="))


def wire_queue(studio: Studio, page: RunsPage) -> None:
    queue, ticked = page.parts.queue, ticks(studio, page)
    for button, move in ((queue.up, up), (queue.down, down)):
        button.click(guarded(studio, move), [queue.waiting], None, **PRIVATE).then(*ticked, **PRIVATE)
    queue.is_paused.input(guarded(studio, pause), [queue.is_paused], None, **PRIVATE)
    queue.goes_on.input(guarded(studio, go_on), [queue.goes_on], None, **PRIVATE)


def ticks(studio: Studio, page: RunsPage) -> Wire:
    """How every event looks that has what moves read again."""
    parts, run, plots = page.parts, page.parts.run, page.parts.run.plots
    lists = [run.table, parts.queue.rows, parts.queue.waiting, run.run, parts.beside.several, parts.notice]
    drawn: list[Block] = [plots.losses, plots.validation, plots.device, plots.bars]
    drawn += [run.benefit, run.numbers, run.statements, run.classes, run.taken, plots.rocs]
    moving = [*lists, run.head, run.meters, *drawn, parts.sent, *run.acts.states]
    return live(studio, page.tick), [run.run, parts.sent], moving
