"""Runs: the queue, every run as it goes, and runs side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block
from plotly.graph_objects import Figure

from app import charts
from app.context import LATEST, PRIVATE, Studio, on_load
from app.html import go_to, script_beside, written_markdown
from app.pages.runs import acts, benefit, classes, export, listing, probing, queue, taking, upkeep
from app.pages.runs.listing import ANY_TAG, PageOfRuns, Shown, choosable, clicked_run, page_of_runs
from app.pages.runs.parts import CHOOSE_SEVERAL, CURVES_TAB, FIGURES, FIGURES_TAB, Parts, lay_out
from app.pages.runs.queue import QUEUE, queue_entries
from app.pages.runs.upkeep import Upkeep
from app.run_choices import run_there
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
from app.visit import Updates, Visit, Wire, guarded, live, of_shown, offer
from app.words import curve_title, figure_title
from core.records import jobs
from core.records.runs import run_search, runs
from core.records.runs.benefits import titles_of
from core.records.runs.run_search import Sought
from core.records.runs.runs import RunView
from core.records.runs.seeds import alike

TITLE = "Runs"
PATH = "/runs"
EMPTY = "No run yet. Choose images and a preset on the page **[Tune](/tune)**, and watch it here."
ARCHIVED = "All runs of this project are archived. *Show archived* lists them."
ASTRAY = "⚠ The run that this address names is none that you can see, so another one is shown."
CURVES_SECONDS = 10.0
ALL = Shown()
BEGIN = "() => ((window.vitaskOpened = true), { __type__: 'update', active: true })"
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
        """The list as the address has it, and the run of ?run= however old it is, else the one that runs, else the
        newest, with all that is to be seen of it; at its figures if there are any.

        Which tab is open is decided here alone: later on it would be taken from under somebody's hand."""
        shown, wanted = Shown.of_address(visit), visit.number("run")
        page, addressed = page_of_runs(visit, shown), run_there(visit, wanted)
        views = choosable(visit, page, [addressed.id] if addressed else [])
        chosen = addressed.id if addressed else worth_a_look(views)
        state, may = jobs.queue_state(visit.database, QUEUE), visit.who.may("manage")
        queue, listed = self.parts.queue, self.parts.run.listed
        has_figures = any(view.id == chosen and view.metrics for view in views)
        drawn = self.tick(visit, chosen, None, (), shown.text, shown.tag, shown.with_archived, page.page)
        return drawn | {
            self.parts.run.tabs: gr.Tabs(selected=FIGURES_TAB if has_figures else CURVES_TAB),
            self.parts.run.run: gr.update(choices=choices(views), value=chosen),
            self.parts.run.astray: ASTRAY if wanted is not None and addressed is None and views else "",
            listed.search: shown.text,
            listed.tag: gr.update(choices=tag_choices(visit, shown.tag), value=shown.tag),
            listed.with_archived: shown.with_archived,
            listed.page: page.page,
            self.parts.beside.several: gr.update(choices=choices(views)),
            queue.is_paused: gr.update(value=state.is_paused, interactive=may),
            queue.goes_on: gr.update(value=state.goes_on_after_failure, interactive=may),
            self.parts.notice: nothing_there(visit, views),
        }

    def tick(
        self,
        visit: Visit,
        run_id: int | None,
        sent: Sent | None,
        several: Sequence[int] | None = (),
        text: str | None = "",
        tag: str | None = ANY_TAG,
        with_archived: bool = False,
        page: int | None = 0,
    ) -> Updates:
        """Everything that moves, where it has moved: a browser draws anew whatever it is sent.

        A run that was erased meanwhile gives way to another one."""
        view = run_there(visit, run_id)
        shown = Shown(text or "", tag or ANY_TAG, with_archived, page or 0)
        lists = self.lists(visit, view.id if view else None, several or (), shown)
        now = Sent(curves_key(view) if view else "", lists | self.looked_at(view))
        before = sent or Sent("", {})
        moved: Updates = {
            part: shown
            for part, shown in now.moving.items()
            if part not in before.moving or before.moving[part] != shown
        }
        if view and now.curves != before.curves:
            moved |= self.drawn(visit, view)
        return moved | {self.parts.sent: now}

    def lists(self, visit: Visit, run_id: int | None, several: Sequence[int] = (), shown: Shown = ALL) -> Updates:
        """A page of the runs, the queue in words, who could be moved in it, and which runs can be chosen.

        Where none is looked at yet, the first one is chosen."""
        page, entries = page_of_runs(visit, shown), queue_entries(visit)
        views = choosable(visit, page, [*several, *([] if run_id is None else [run_id])])
        waiting = [
            (f"{queue_title(entry)} (waits, {ordinal(entry.place)})", entry.job.id) for entry in entries if entry.place
        ]
        offered = gr.update(choices=choices(views))
        return self.page_shown(page) | {
            self.parts.run.listed.tag: gr.update(choices=tag_choices(visit, shown.tag)),
            self.parts.queue.rows: queue_rows(entries),
            self.parts.queue.waiting: gr.update(choices=waiting),
            self.parts.run.run: offered if run_id is not None else offered | {"value": worth_a_look(views)},
            self.parts.beside.several: offered,
            self.parts.notice: nothing_there(visit, views),
        }

    def page_shown(self, page: PageOfRuns) -> Updates:
        """Where there are not as many pages as the browser has turned on, it is told which one it is shown."""
        listed = self.parts.run.listed
        turned_back: Updates = {} if page.page == page.wanted else {listed.page: page.page}
        return turned_back | {
            listed.table: [row(view) for view in page.views],
            listed.count: f'<div class="vt quiet">{page.words}</div>',
            listed.newer: gr.update(interactive=page.page > 0),
            listed.older: gr.update(interactive=page.is_more),
        }

    def choose(self, visit: Visit, event: gr.EventData) -> Updates:
        """The run of the row that was clicked."""
        view = run_there(visit, clicked_run(event))
        return {self.parts.run.run: view.id} if view else {}

    def looked_at(self, view: RunView | None) -> Updates:
        """What the chosen run is at, and what can be done with it."""
        buttons: Updates = {
            button: gr.update(interactive=view is not None and view.state in states)
            for button, states in self.parts.run.acts.states.items()
        }
        words: Updates = {
            self.parts.run.head: header(view) if view else "",
            self.parts.run.note: gr.update(
                value=written_markdown(view.note) if view else "", visible=bool(view and view.note)
            ),
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
            run.statements: statement_tables(view.metrics, titles_of(view)) if view.metrics else "",
            run.classes: classes.draw(view),
            run.plots.rocs: classes.curves(visit, view),
            run.plots.reliability: classes.reliability(view),
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


def nothing_there(visit: Visit, views: Sequence[RunView]) -> str:
    """What to do where there is no run to look at."""
    if views:
        return ""
    everything = Sought(with_archived=True)
    return ARCHIVED if run_search.count(visit.database, visit.who, visit.project, everything) else EMPTY


def tag_choices(visit: Visit, chosen: str) -> list[tuple[str, str]]:
    """The project's tags, the chosen one too where no run has it any more."""
    tags = run_search.tags(visit.database, visit.who, visit.project)
    return [("any tag", ANY_TAG), *((tag, tag) for tag in sorted({*tags, *filter(None, [chosen])}))]


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
    offer(studio, acts.rename_run, acts.note_run, acts.tag_run, acts.archive_run, acts.bring_back_run)
    offer(studio, acts.run_erasure, acts.erase_run)
    offer(studio, runs=acts.list_runs, run=acts.one_run)
    wire_list(studio, page)
    wire_run(studio, page)
    export.wire(studio, parts.run.export, parts.run.run, parts.timer)
    probing.wire(studio, parts.run.probing, parts.run.run, parts.timer)
    wire_upkeep(studio, page)
    wire_queue(studio, page)
    for chooser in (parts.beside.several, parts.beside.curve):
        shown = [parts.beside.curve, parts.beside.together, parts.beside.differ, parts.beside.rows]
        chooser.input(guarded(studio, page.beside), [parts.beside.several, parts.beside.curve], shown, **LATEST)


def wire_run(studio: Studio, page: RunsPage) -> None:
    """The chosen run and the list around it. All looks but those after an act are one event, of which a browser asks
    the next only when the last was answered: an answer can't come late, and put another page in the place of the one
    that was turned to."""
    parts, run, listed, queue = page.parts, page.parts.run, page.parts.run.listed, page.parts.queue
    ticked = look, given, moving = ticks(studio, page)
    opened = [run.tabs, *listed.wanted, run.astray, queue.is_paused, queue.goes_on]
    begun = on_load(guarded(studio, page.open), None, list(dict.fromkeys([*moving, *opened])))
    for after in (begun.then, begun.failure):
        after(None, None, [parts.timer], js=BEGIN)
    moves = [parts.timer.tick, run.run.change, listed.page.change, *listed.narrowed]
    gr.on(moves, look, given, moving, queue=False, **LATEST)
    run.run.change(live(studio, page.still), [run.run], [run.settings], queue=False, **LATEST)
    printed = (live(studio, page.log), [run.run, run.search, parts.printed], [run.log, parts.printed])
    gr.on([parts.timer.tick, run.run.change, run.search.input], *printed, queue=False, **LATEST)
    for button, act in ((run.acts.stop, acts.stop), (run.acts.resume, acts.resume), (run.acts.cancel, acts.cancel)):
        button.click(guarded(studio, act), [run.run], None, **PRIVATE).then(*ticked, **LATEST)
    run.acts.copy.click(None, [run.run], None, js=go_to("/tune?copy="))
    run.acts.compare.click(None, [run.run], None, js=go_to("/compare?run="))


def wire_list(studio: Studio, page: RunsPage) -> None:
    """Another run by its row or by its name; other runs in the list. The address keeps which they are.

    The browser turns the pages itself, so that no look asks for one from before. It runs what one event sets off one
    after the other: this is wired before the looks."""
    run, listed = page.parts.run, page.parts.run.listed
    remembered = (None, [run.run, *listed.wanted], [run.astray])
    remember = script_beside(__file__)
    clicked = listed.table.select(guarded(studio, page.choose), None, [run.run], **PRIVATE)
    clicked.then(*remembered, js=remember)
    run.run.input(*remembered, js=remember)
    listed.newer.click(None, [listed.page], [listed.page], js="(page) => Math.max(page - 1, 0)")
    listed.older.click(None, [listed.page], [listed.page], js="(page) => page + 1")
    gr.on(listed.narrowed, None, listed.wanted, [listed.page], js=script_beside(listing.__file__))
    gr.on([*listed.narrowed, listed.page.change], *remembered, js=remember)


def wire_upkeep(studio: Studio, page: RunsPage) -> None:
    """What changes the chosen run, and with it the list."""
    run, tab, ticked = page.parts.run, page.parts.run.upkeep, ticks(studio, page)
    upkeep.wire(studio, tab, run.run)
    act = Upkeep(tab)
    written = [run.run, tab.of, tab.name, tab.tags, tab.note]
    tab.save.click(guarded(studio, of_shown(act.save, "run")), written, tab.shown, **PRIVATE).then(*ticked, **LATEST)
    for button, callback in ((tab.archive, act.archive), (tab.bring_back, act.bring_back)):
        button.click(guarded(studio, callback), [run.run], tab.shown, **PRIVATE).then(*ticked, **LATEST)
    sure = tab.confirmation
    erased = sure.erase.click(guarded(studio, act.erase), [run.run, sure.name], None, **PRIVATE)
    erased.then(*ticked, **LATEST).then(None, [run.run, *run.listed.wanted], [run.astray], js=script_beside(__file__))


def wire_queue(studio: Studio, page: RunsPage) -> None:
    parts, ticked = page.parts.queue, ticks(studio, page)
    for button, move in ((parts.up, queue.up), (parts.down, queue.down)):
        button.click(guarded(studio, move), [parts.waiting], None, **PRIVATE).then(*ticked, **LATEST)
    parts.is_paused.input(guarded(studio, queue.pause), [parts.is_paused], None, **LATEST)
    parts.goes_on.input(guarded(studio, queue.go_on), [parts.goes_on], None, **LATEST)


def ticks(studio: Studio, page: RunsPage) -> Wire:
    """How every event looks that has what moves read again."""
    parts, run, plots = page.parts, page.parts.run, page.parts.run.plots
    listed = run.listed
    lists: list[Block] = [listed.table, listed.count, listed.newer, listed.older, listed.page, listed.tag]
    lists += [run.run, parts.notice]
    lists += [parts.queue.rows, parts.queue.waiting, parts.beside.several]
    drawn: list[Block] = [plots.losses, plots.validation, plots.device, plots.bars]
    drawn += [run.benefit, run.numbers, run.statements, run.classes, run.taken, plots.rocs, plots.reliability]
    moving = [*lists, run.head, run.note, run.meters, *drawn, parts.sent, *run.acts.states]
    return live(studio, page.tick), [run.run, parts.sent, parts.beside.several, *listed.wanted], moving
