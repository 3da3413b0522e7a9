"""The tab Audit log: who did what, by person, act, time and project; taken away as CSV; and whether it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.html import empty, notice
from app.visit import Given, Updates, Visit, guarded
from core.records import audit, audit_search
from core.records.access import permit
from core.records.accounts import people
from core.records.audit import Verified
from core.records.audit_search import Entry, Sought, moment

ANY = ""
NO_PROJECT = 0
"""In place of a project's number, where none is chosen."""
LOG_PATH = "/downloads/audit.csv"


@dataclass(frozen=True)
class LogParts:
    tab: gr.Tab
    person: gr.Dropdown
    act: gr.Dropdown
    project: gr.Dropdown
    since: gr.Textbox
    until: gr.Textbox
    rows: gr.HTML
    newer: gr.Button
    older: gr.Button
    page: gr.State
    take: gr.HTML
    check: gr.Button
    whole: gr.HTML

    @property
    def filters(self) -> list[Component]:
        return [self.person, self.act, self.project, self.since, self.until]

    @property
    def shown(self) -> list[Component]:
        return [self.rows, self.newer, self.older, self.page, self.take]


@dataclass(frozen=True)
class LogTab:
    parts: LogParts

    def open(self, visit: Visit) -> Updates:
        """What there is to choose by, the newest entries, and whether the log is whole."""
        listed = audit_search.choices(visit.database, visit.who)
        projects = people.projects_of(visit.database, visit.who)
        everybody, acts = (
            [(word, ANY), *((name, name) for name in names)]
            for word, names in (
                ("anybody", listed.people),
                ("anything", listed.acts),
            )
        )
        offered: Updates = {
            self.parts.person: gr.update(choices=everybody, value=ANY),
            self.parts.act: gr.update(choices=acts, value=ANY),
            self.parts.project: gr.update(
                choices=[("any or none", NO_PROJECT), *((name, number) for number, name in projects)], value=NO_PROJECT
            ),
        }
        return offered | self.page_of(visit, 0, Sought()) | self.check(visit)

    def show(self, visit: Visit, given: Given) -> Updates:
        return self.page_of(visit, 0, self.sought(given))

    def newer(self, visit: Visit, given: Given) -> Updates:
        return self.page_of(visit, max(given[self.parts.page] - 1, 0), self.sought(given))

    def older(self, visit: Visit, given: Given) -> Updates:
        return self.page_of(visit, given[self.parts.page] + 1, self.sought(given))

    def sought(self, given: Given) -> Sought:
        parts = self.parts
        return Sought(
            given[parts.person] or "",
            given[parts.act] or "",
            given[parts.project] or None,
            moment(given[parts.since]),
            moment(given[parts.until]),
        )

    def page_of(self, visit: Visit, page: int, sought: Sought) -> Updates:
        entries, is_more = audit_search.search(visit.database, visit.who, sought, page)
        return {
            self.parts.rows: draw_entries(entries),
            self.parts.newer: gr.update(interactive=page > 0),
            self.parts.older: gr.update(interactive=is_more),
            self.parts.page: page,
            self.parts.take: draw_way(sought),
        }

    def check(self, visit: Visit) -> Updates:
        permit(visit.who, "manage")
        return {self.parts.whole: draw_whole(audit.verify(visit.database, visit.place))}


def draw_entries(entries: Sequence[Entry]) -> str:
    if not entries:
        return empty("No entry", "Nobody did anything of that kind. Choose less narrowly.")
    rows = "".join(
        f"<tr><td>{entry.at:%Y-%m-%d %H:%M:%S}</td><td>{escape(entry.who)}</td><td>{escape(entry.act)}</td>"
        f"<td>{escape(entry.project)}</td><td>{escape(entry.subject)}</td>"
        f'<td class="small quiet">{escape(entry.details)}</td></tr>'
        for entry in entries
    )
    head = "<tr><th>When (UTC)</th><th>Who</th><th>Act</th><th>Project</th><th>Of what</th><th>More</th></tr>"
    return f'<div class="vt"><table>{head}{rows}</table></div>'


def draw_way(sought: Sought) -> str:
    """To what was sought as a table, all of it."""
    filters = {
        "person": sought.person,
        "act": sought.act,
        "project": sought.project_id,
        "since": sought.since and sought.since.isoformat(),
        "until": sought.until and sought.until.isoformat(),
    }
    query = urlencode({name: value for name, value in filters.items() if value})
    way = escape(f"{LOG_PATH}?{query}")
    return f'<div class="vt"><a class="go second" href="{way}" download>Take away as CSV</a></div>'


def draw_whole(verified: Verified) -> str:
    """No more than that: what is wrong with rows of other projects is for whoever has the shell."""
    if verified.faults:
        count = len(verified.faults)
        words = f"The log is not as it was written: {count} {'fault' if count == 1 else 'faults'}. Whoever runs the "
        words += "studio sees which with “vitask audit verify”."
        kind = "bad"
    else:
        words = f"The log is whole: {verified.rows:,} entries, each following the one before."
        words += "" if verified.has_end else " Where it ended before was not kept here; from now on it is."
        kind = "good"
    return f'<div class="vt">{notice(words, kind)}</div>'


def lay_out() -> LogParts:
    with gr.Tab("Audit log", id="log") as tab:
        with gr.Row():
            person, act, project = (
                gr.Dropdown([(word, start)], value=start, label=label, min_width=140, elem_id=f"log-{name}")
                for name, label, word, start in (
                    ("person", "Who", "anybody", ANY),
                    ("act", "Act", "anything", ANY),
                    ("project", "Project", "any or none", NO_PROJECT),
                )
            )
            since, until = (
                gr.Textbox(
                    label=label, placeholder="2026-11-24, or 7d", max_length=40, min_width=140, elem_id=f"log-{name}"
                )
                for name, label in (("since", "From (UTC)"), ("until", "Until"))
            )
        rows = gr.HTML(elem_id="log-rows")
        with gr.Row(elem_classes="pager"):
            newer = gr.Button("Newer", size="sm", scale=0, min_width=120, interactive=False)
            older = gr.Button("Older", size="sm", scale=0, min_width=120, interactive=False)
            take = gr.HTML(elem_id="log-take")
        whole = gr.HTML(elem_id="log-whole")
        with gr.Row():
            check = gr.Button("Check again whether it is whole", size="sm", scale=0, min_width=280)
    return LogParts(tab, person, act, project, since, until, rows, newer, older, gr.State(0), take, check, whole)


def wire(studio: Studio, parts: LogParts) -> None:
    tab = LogTab(parts)
    parts.tab.select(
        guarded(studio, tab.open), None, [parts.person, parts.act, parts.project, *parts.shown, parts.whole], **PRIVATE
    )
    given: set[Block] = {*parts.filters, parts.page}
    for chooser in (parts.person, parts.act, parts.project):
        chooser.input(guarded(studio, tab.show), given, parts.shown, **LATEST)
    for text in (parts.since, parts.until):
        text.submit(guarded(studio, tab.show), given, parts.shown, **LATEST)
        text.blur(guarded(studio, tab.show), given, parts.shown, **LATEST)
    parts.newer.click(guarded(studio, tab.newer), given, parts.shown, **PRIVATE)
    parts.older.click(guarded(studio, tab.older), given, parts.shown, **PRIVATE)
    parts.check.click(guarded(studio, tab.check), None, [parts.whole], **PRIVATE)
