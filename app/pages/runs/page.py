"""Runs: the queue, every run as it goes, and runs side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import api

from app import charts
from app.context import PRIVATE, Studio, asked_number, guarded, live, on_load
from app.pages.runs.export import ExportTab
from app.run_words import (
    curve_titles,
    figure_rows,
    header,
    log_text,
    meters,
    ordinal,
    queue_rows,
    queue_title,
    row,
    setting_text,
)
from app.words import curve_title, figure_title
from core.errors import SettingsError
from core.records import jobs, runs
from core.records.queue_view import QueueEntry, queue_view
from core.records.tables import JOB_STATES as STATES

TITLE = "Runs"
PATH = "/runs"
EMPTY = "No run yet. Choose images and a preset on the page **[Tune](/tune)**, and watch it here."
COLUMNS = ["Run", "Name", "Images", "Method", "State", "Progress", "Time left", "Macro F1", "By"]
WIDTHS: list[str | int] = ["4%", "20%", "13%", "7%", "10%", "11%", "7%", "21%", "7%"]
"""Of the columns: measured by itself, a cell of two lines pushes the last column out."""
QUEUE = "tune"
POSSIBLE = (("waiting", "running"), ("stopped", "failed"), ("waiting", "running", "stopped"), STATES, ("done",))
"""In which states a run can be stopped, resumed, cancelled, copied, compared."""
SECONDS, CURVES_SECONDS = 2.5, 10.0
REMEMBER = "(run) => { if (run) history.replaceState(null, '', location.pathname + '?run=' + run); return run; }"
GO_TO_COPY = "(run) => { if (run) window.location.href = '/tune?copy=' + run; }"
GO_TO_COMPARE = "(run) => { if (run) window.location.href = '/compare?run=' + run; }"
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")


@dataclass(frozen=True)
class Seen:
    """What a browser has been sent: which curves, by their key, and all else that moves."""

    drawn: str
    told: tuple[Any, ...]


@dataclass(frozen=True)
class RunsPage:
    """What the page's events do. It only reads rows and writes wishes; workers do the rest."""

    studio: Studio

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """The list and the run of ?run=, else the one that runs, else the newest."""
        found = self._runs(request)
        choices, known = _choices(found), [one.id for one in found]
        wanted = asked_number(request, "run")
        chosen = wanted if wanted in known else _first(found)
        state = jobs.queue_state(self.studio.database, QUEUE)
        first, both = gr.update(choices=choices, value=chosen), gr.update(choices=choices)
        may = self.studio.who(request).may("manage")
        paused, goes_on = (
            gr.update(value=value, interactive=may) for value in (state.is_paused, state.goes_on_after_failure)
        )
        return first, both, paused, goes_on, "" if found else EMPTY

    def table(self, run_id: int | None, request: gr.Request) -> list[Any]:
        """The list of runs, the queue in words, who could be moved in it; then which runs can be chosen.

        Where none is looked at yet, the first one is chosen."""
        found = self._runs(request)
        entries = jobs_in(self.studio, request)
        waiting = [
            (f"{queue_title(entry)} (waits, {ordinal(entry.place)})", entry.job.id) for entry in entries if entry.place
        ]
        both = gr.update(choices=_choices(found))
        first = both if run_id is not None else both | {"value": _first(found)}
        notice = "" if found else EMPTY
        return [[row(one) for one in found], queue_rows(entries), gr.update(choices=waiting), first, both, notice]

    def tick(self, run_id: int | None, seen: Seen | None, request: gr.Request) -> tuple[Any, ...]:
        """Everything that moves, where it has moved: a browser draws anew whatever it is sent."""
        view = None if run_id is None else runs.run(self.studio.database, self.studio.who(request), run_id)
        told = [*self.table(run_id, request), header(view) if view else "", meters(view) if view else ""]
        possible = [gr.update(interactive=view is not None and view.state in states) for states in POSSIBLE]
        now = Seen(drawn_key(view) if view else "", (*told, *possible))
        is_new = view is not None and (seen is None or seen.drawn != now.drawn)
        drawn = self.figures(view, request) if view and is_new else [gr.skip()] * 4
        before = seen.told if seen else [None] * len(now.told)
        moved = [gr.skip() if one == was else one for one, was in zip(now.told, before, strict=True)]
        return *moved[: len(told)], *drawn, now, *moved[len(told) :]

    def figures(self, view: runs.RunView, request: gr.Request) -> list[Any]:
        """Losses, validation figures, meters; and the figures of the test cases."""
        drawn = runs.curves(self.studio.database, self.studio.who(request), view.id)
        return [
            charts.curves(part(drawn, "loss/"), "Losses", curve_titles(view.method)),
            _titled(part(drawn, "val/"), "Validation cases", "macro_f1"),
            _titled(part(drawn, "meter/"), "Meters", "images_per_second"),
            charts.figures((view.metrics or {}).get("readers", {}), FIGURES),
        ]

    def still(self, run_id: int | None, request: gr.Request) -> tuple[str, list[list[Any]]]:
        """What does not move: the frozen settings, and the table of figures."""
        if run_id is None:
            return "", []
        view = runs.run(self.studio.database, self.studio.who(request), run_id)
        return runs.run_file(view), figure_rows(view.metrics)

    def log(self, run_id: int | None, search: str | None, seen: str | None, request: gr.Request) -> tuple[Any, Any]:
        """What the run printed, or the lines with a text in them; nothing where that is what was seen."""
        if run_id is None:
            return "", ""
        who = self.studio.who(request)
        job_id = runs.run(self.studio.database, who, run_id).job_id
        text = (search or "").strip()
        now = log_text(jobs.log_lines(self.studio.database, who, job_id, text), text)
        return (gr.skip(), gr.skip()) if now == seen else (now, now)

    def stop(self, run_id: int, request: gr.Request) -> None:
        """Have a run save what it has and leave; it can be resumed."""
        runs.stop(self.studio.database, self.studio.who(request), chosen(run_id))

    def resume(self, run_id: int, request: gr.Request) -> None:
        """Go on with a stopped or failed run from its last checkpoint."""
        runs.resume(self.studio.database, self.studio.place, self.studio.who(request), chosen(run_id))

    def cancel(self, run_id: int, request: gr.Request) -> None:
        """End a run for good."""
        runs.cancel(self.studio.database, self.studio.who(request), chosen(run_id))

    def move(self, job_id: int | None, up: bool, request: gr.Request) -> None:
        """A waiting job one place up or down."""
        if job_id is None:
            raise SettingsError("No waiting run is chosen. Choose the one to move.")
        order = [one.job.id for one in jobs_in(self.studio, request) if one.place]
        if job_id not in order:
            raise SettingsError("This run does not wait any more, so it can't be moved.")
        place = order.index(job_id)
        before = order[max(0, place - 1)] if up else next(iter(order[place + 2 : place + 3]), None)
        if before != job_id:
            jobs.move(self.studio.database, self.studio.who(request), job_id, before)

    def up(self, job_id: int | None, request: gr.Request) -> None:
        self.move(job_id, True, request)

    def down(self, job_id: int | None, request: gr.Request) -> None:
        self.move(job_id, False, request)

    def pause(self, is_paused: bool, request: gr.Request) -> None:
        jobs.pause(self.studio.database, self.studio.who(request), QUEUE, is_paused)

    def go_on(self, goes_on: bool, request: gr.Request) -> None:
        jobs.set_goes_on_after_failure(self.studio.database, self.studio.who(request), QUEUE, goes_on)

    def beside(self, run_ids: Sequence[int], curve: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Runs side by side: a curve, the settings that differ, the figures."""
        if len(run_ids) < 2:
            return gr.skip(), charts.nothing("Choose two runs or more."), gr.update(value=[]), gr.update(value=[])
        who = self.studio.who(request)
        views = [runs.run(self.studio.database, who, one) for one in run_ids]
        names = [f"{one.id} · {one.name}" for one in views]
        drawn = {name: runs.curves(self.studio.database, who, one.id) for name, one in zip(names, views, strict=True)}
        known = sorted({name for of_run in drawn.values() for name in of_run})
        shown = curve if curve in known else next((one for one in known if one.startswith("val/macro")), None)
        differ = runs.difference(self.studio.database, who, run_ids)
        settings = [[one.setting, *(setting_text(value) for value in one.values)] for one in differ]
        rows = [[name, *line] for name, one in zip(names, views, strict=True) for line in figure_rows(one.metrics)]
        return (
            gr.update(choices=[(curve_title(name), name) for name in known], value=shown),
            charts.runs_side_by_side(drawn, shown or "", curve_title(shown or "")),
            gr.update(value=settings, headers=["Setting", *names]),
            rows,
        )

    def runs_of_project(self, request: gr.Request) -> list[dict[str, Any]]:
        """The runs of the project, newest first, with state, progress and figures of the test cases.

        `made_for` names the reader that a run was made for, and the baseline to compare it with."""
        return [plain(one) for one in self._runs(request)]

    def run(self, run_id: int, request: gr.Request) -> dict[str, Any]:
        """One run: state, stage, steps, seconds left, figures, error."""
        return plain(runs.run(self.studio.database, self.studio.who(request), run_id))

    def _runs(self, request: gr.Request) -> list[runs.RunView]:
        return runs.runs(self.studio.database, self.studio.who(request), self.studio.project(request))


def _choices(found: Sequence[runs.RunView]) -> list[tuple[str, int]]:
    return [(f"{one.id} · {one.name}", one.id) for one in found]


def _first(found: Sequence[runs.RunView]) -> int | None:
    """The run that is worth looking at unasked."""
    running = [one.id for one in found if one.state == "running"]
    return next(iter(running + [one.id for one in found]), None)


def drawn_key(view: runs.RunView) -> str:
    """Changes when the curves shall be drawn anew: at every turn of a run, and in between every few seconds."""
    turn = f"{view.id} {view.state} {view.stage} {len(view.stages)} {bool(view.metrics)}"
    return f"{turn} {time.monotonic() // CURVES_SECONDS}" if view.state == "running" else turn


def plain(view: runs.RunView) -> dict[str, Any]:
    names = ("id", "name", "set", "version_id", "method", "state", "stage", "step", "steps", "seconds_left", "error")
    made_for = None if view.aim is None else {"reader": view.aim.reader, "baseline": view.aim.baseline}
    return {name: getattr(view, name) for name in names} | {"figures": view.figures, "made_for": made_for}


def part(drawn: dict[str, Any], start: str) -> dict[str, Any]:
    """The curves of one kind, by their own names."""
    return {name.removeprefix(start): points for name, points in drawn.items() if name.startswith(start)}


def _titled(drawn: dict[str, Any], title: str, first: str) -> Any:
    return charts.curves(drawn, title, {name: figure_title(name) for name in drawn}, first)


def chosen(run_id: int | None) -> int:
    if run_id is None:
        raise SettingsError("No run is chosen. Choose one from the list.")
    return int(run_id)


def jobs_in(studio: Studio, request: gr.Request) -> list[QueueEntry]:
    return queue_view(studio.database, studio.who(request), QUEUE)


def build(studio: Studio) -> None:
    page = RunsPage(studio)
    gr.HTML(charts.STYLE, visible="hidden")
    gr.Markdown("# Runs")
    notice = gr.Markdown()
    with gr.Tabs():
        with gr.Tab("Runs"):
            table = gr.Dataframe(
                headers=COLUMNS,
                datatype="html",
                interactive=False,
                max_height=230,
                column_widths=WIDTHS,
                show_label=False,
                elem_id="runs-table",
            )
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    run = gr.Dropdown([], label="Run", elem_id="runs-run")
                with gr.Column(scale=3, min_width=560), gr.Row():
                    stop = gr.Button("Stop and save", elem_id="runs-stop", min_width=120, size="md")
                    resume = gr.Button("Resume", min_width=80, elem_id="runs-resume", size="md")
                    cancel = gr.Button("Cancel", variant="stop", min_width=80, size="md")
                    copy = gr.Button("Copy", min_width=70, elem_id="runs-copy", size="md")
                    compare = gr.Button("Compare", variant="primary", min_width=90, size="md")
            head = gr.HTML(elem_id="runs-head")
            told = gr.HTML(elem_id="runs-meters")
            with gr.Tabs():
                with gr.Tab("Curves"), gr.Row():
                    losses, validation = gr.Plot(show_label=False), gr.Plot(show_label=False)
                with gr.Tab("Figures"):
                    bars = gr.Plot(show_label=False)
                    numbers = gr.Dataframe(headers=FIGURE_HEADERS, interactive=False, show_label=False)
                with gr.Tab("Log"):
                    search = gr.Textbox(label="Search in the log", elem_id="runs-search")
                    log = gr.Code(show_label=False, language=None, lines=14, max_lines=24, elem_id="runs-log")
                with gr.Tab("Device"):
                    device = gr.Plot(show_label=False)
                with gr.Tab("Export"):
                    export = ExportTab(studio)
                with gr.Tab("Settings"):
                    settings = gr.Code(label="Frozen when it was queued", language="yaml", max_lines=30)
        with gr.Tab("Queue"):
            queue = gr.HTML()
            with gr.Row(equal_height=True):
                waiting = gr.Dropdown([], label="Waiting run", scale=2)
                up, down = gr.Button("Move up", min_width=90), gr.Button("Move down", min_width=90)
            with gr.Row():
                paused = gr.Checkbox(label="Paused", info="What runs goes on; nothing new begins.")
                goes_on = gr.Checkbox(True, label="Go on after a failure", info="Else a failed run pauses the queue.")
        with gr.Tab("Side by side"):
            several = gr.Dropdown([], multiselect=True, label="Runs to put side by side", elem_id="runs-several")
            curve = gr.Dropdown([], label="Curve")
            together = gr.Plot(show_label=False)
            gr.Markdown("### Settings that differ")
            differ = gr.Dataframe(headers=["Setting"], interactive=False, show_label=False, wrap=True)
            gr.Markdown("### Figures of the test cases, with 95 % intervals")
            rows = gr.Dataframe(headers=["Run", *FIGURE_HEADERS], interactive=False, show_label=False)

    seen, read, timer = gr.State(), gr.State(), gr.Timer(SECONDS)
    moving = [table, queue, waiting, run, several, notice, head, told, losses, validation, device, bars, seen]
    moving += [stop, resume, cancel, copy, compare]
    ticked = (live(page.tick), [run, seen], moving)
    stays = (live(page.still), [run], [settings, numbers])
    printed = (live(page.log), [run, search, read], [log, read])
    opened = on_load(guarded(page.open), None, [run, several, paused, goes_on, notice])
    opened.then(*ticked, **PRIVATE).then(*stays, **PRIVATE).then(*printed, **PRIVATE)
    timer.tick(*ticked, queue=False, **PRIVATE).then(*printed, queue=False, **PRIVATE)
    run.change(*ticked, js=None, **PRIVATE).then(*stays, **PRIVATE).then(*printed, **PRIVATE)
    run.input(None, [run], [run], js=REMEMBER)
    search.input(*printed, **PRIVATE)
    export.follow(run, timer)
    for name, button, do in (
        ("stop", stop, page.stop),
        ("resume", resume, page.resume),
        ("cancel", cancel, page.cancel),
    ):
        api(guarded(do), api_name=name)  # before the button, which would take the name otherwise
        button.click(guarded(do), [run], None, **PRIVATE).then(*ticked, **PRIVATE)
    copy.click(None, [run], None, js=GO_TO_COPY)
    compare.click(None, [run], None, js=GO_TO_COMPARE)
    for button, move in ((up, page.up), (down, page.down)):
        button.click(guarded(move), [waiting], None, **PRIVATE).then(*ticked, **PRIVATE)
    paused.input(guarded(page.pause), [paused], None, **PRIVATE)
    goes_on.input(guarded(page.go_on), [goes_on], None, **PRIVATE)
    for chooser in (several, curve):
        chooser.input(guarded(page.beside), [several, curve], [curve, together, differ, rows], **PRIVATE)
    api(guarded(page.runs_of_project), api_name="runs")
    api(guarded(page.run), api_name="run")


FIGURE_HEADERS = ["Reader", *map(figure_title, FIGURES)]
