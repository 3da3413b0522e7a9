"""The list of runs: what is looked for in it, a page of it, and a click on a row that opens the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from app.run_choices import newest_first, run_there
from app.visit import Visit
from core.records.runs import run_search, runs
from core.records.runs.run_search import Sought
from core.records.runs.runs import RunView

COLUMNS = ["Run", "Name", "Images", "Method", "State", "Progress", "Time left", "Macro F1", "By"]
WIDTHS: list[str | int] = ["4%", "17%", "14%", "10%", "10%", "12%", "7%", "20%", "6%"]
"""Of the columns: measured by itself, a cell of two lines pushes the last column out."""
PAGE, NEWEST = 25, 100
ANY_TAG = ""


@dataclass(frozen=True)
class ListParts:
    search: gr.Textbox
    tag: gr.Dropdown
    with_archived: gr.Checkbox
    newer: gr.Button
    older: gr.Button
    count: gr.HTML
    page: gr.Number
    """From 0 on; the browser keeps it and turns it, and so does the address."""
    table: gr.Dataframe

    @property
    def wanted(self) -> list[Component]:
        """In the order of `Shown`."""
        return [self.search, self.tag, self.with_archived, self.page]

    @property
    def narrowed(self) -> list[Callable[..., Dependency]]:
        """When other runs are looked for. Gradio tells of what was deleted or pasted in a text as a change alone."""
        return [self.search.change, self.tag.input, self.with_archived.input]


@dataclass(frozen=True)
class Shown:
    """What of all runs a browser shows."""

    text: str = ""
    tag: str = ANY_TAG
    with_archived: bool = False
    page: int = 0

    @classmethod
    def of_address(cls, visit: Visit) -> Shown:
        """?q=, ?tag=, ?archived=1 and ?page=, which counts from 1 there."""
        page = visit.number("page") or 1
        return cls(visit.query("q") or "", visit.query("tag") or ANY_TAG, visit.query("archived") == "1", page - 1)

    @property
    def sought(self) -> Sought:
        return Sought(text=self.text, tag=self.tag, with_archived=self.with_archived)


@dataclass(frozen=True)
class PageOfRuns:
    """Some of the runs that are looked for: the page that is wanted, or the last one where there are not as many."""

    views: list[RunView]
    page: int
    wanted: int
    count: int

    @property
    def is_more(self) -> bool:
        return (self.page + 1) * PAGE < self.count

    @property
    def words(self) -> str:
        if not self.count:
            return "No run of this kind"
        first = self.page * PAGE + 1
        return f"{first} to {first + len(self.views) - 1} of {self.count}"


def page_of_runs(visit: Visit, shown: Shown) -> PageOfRuns:
    count = run_search.count(visit.database, visit.who, visit.project, shown.sought)
    page = min(max(shown.page, 0), max(ceil(count / PAGE) - 1, 0))
    views = runs.runs(visit.database, visit.who, visit.project, shown.sought, page, PAGE)
    return PageOfRuns(views, page, shown.page, count)


def choosable(visit: Visit, listed: PageOfRuns, chosen: Sequence[int]) -> list[RunView]:
    """The newest runs, those that the list shows, and those that are chosen already: none of them gets lost."""
    newest = runs.runs(visit.database, visit.who, visit.project, size=NEWEST)
    there = newest_first(newest, listed.views)
    ids = {view.id for view in there}
    others = [run_there(visit, run_id) for run_id in chosen if run_id not in ids]
    return newest_first(there, [view for view in others if view])


def clicked_run(event: gr.EventData) -> int | None:
    """The number in the first cell of the row, as the browser shows it: it may have sorted the rows anew."""
    row = event._data.get("row_value") if isinstance(event._data, dict) else None
    first = str(row[0]) if isinstance(row, list) and row else ""
    return int(first) if first.isdecimal() and len(first) <= run_search.LONGEST_NUMBER else None


def lay_out() -> ListParts:
    with gr.Row(elem_id="runs-look"):
        search = gr.Textbox(
            label="Search the runs",
            placeholder="Search: name, tag, set, method or number",
            max_length=200,
            max_lines=1,
            scale=4,
            min_width=200,
            show_label=False,
            container=False,
            elem_id="runs-find",
        )
        tag = gr.Dropdown(
            [("any tag", ANY_TAG)],
            value=ANY_TAG,
            label="Tag",
            scale=2,
            min_width=140,
            show_label=False,
            container=False,
            elem_id="runs-tag",
        )
        with_archived = gr.Checkbox(
            label="Show archived", scale=1, min_width=150, elem_id="runs-archived", container=False
        )
        count = gr.HTML(elem_id="runs-count")
        newer = gr.Button("Newer", min_width=80, scale=0, size="md", elem_id="runs-newer")
        older = gr.Button("Older", min_width=80, scale=0, size="md", elem_id="runs-older")
    table = gr.Dataframe(
        headers=COLUMNS,
        datatype="html",
        interactive=False,
        max_height=230,
        column_widths=WIDTHS,
        show_label=False,
        elem_id="runs-table",
    )
    page = gr.Number(0, visible="hidden", precision=0)
    return ListParts(search, tag, with_archived, newer, older, count, page, table)
