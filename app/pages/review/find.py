"""The tab “Find”: has the labels of a version looked through, and shows how far that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeVar

import gradio as gr

from app.context import LATEST, PRIVATE, Studio
from app.html import bar, go_to, notice
from app.pages.review.acts import chosen, find_suspects, find_suspects_for_first_look
from app.pages.review.words import LIMITS, PURPOSE, STEPS, under_way
from app.row_choice import RowChoice
from app.visit import Updates, Visit, Wire, guarded
from app.words import ago, chip, lasting
from core.errors import SettingsError
from core.records import jobs
from core.records.review.expected import Expected, expected
from core.records.review.reviews import ReviewView
from core.records.runs import runs
from core.records.runs.run_search import Sought
from core.records.sets import sets
from core.records.tables import RESUMABLE, UNDER_WAY
from core.records.wake import send

Beside = TypeVar("Beside")
OWN = "none: the studio's own small model"
NO_ESTIMATE = "Hard cases with a right label count too: how many labels are wrong, an audit tells."


@dataclass(frozen=True)
class FindParts:
    version: RowChoice
    run: RowChoice
    readers: gr.Radio
    is_blind: gr.Checkbox
    has_first_look: gr.Checkbox
    name: gr.Textbox
    time: gr.HTML
    """How long the search will take."""
    start: gr.Button
    state: gr.HTML
    stop: gr.Button
    resume: gr.Button
    searches: gr.HTML
    queued: gr.Number


@dataclass(frozen=True)
class Finding:
    parts: FindParts

    def versions(self, visit: Visit, wanted: int | None) -> Updates:
        """Every version of every set, the newest of each first."""
        db, who = visit.database, visit.who
        versions = [
            version
            for image_set in sets.sets(db, who, visit.project)
            for version in sets.versions(db, who, image_set.id)
        ]
        choices = [(f"{each.image_set.name} v{each.number} · {each.cases:,} cases", each.id) for each in versions]
        ids = [version.id for version in versions]
        value = wanted if wanted in ids else next(iter(ids), None)
        return {self.parts.version: gr.update(choices=choices, value=value)}

    def runs_of(self, visit: Visit, version_id: int | None) -> Updates:
        """Finished runs on a version; the one that ?run= names is chosen."""
        if version_id is None:
            return {self.parts.run: gr.update(choices=[(OWN, 0)], value=0)}
        done = runs.runs(visit.database, visit.who, visit.project, Sought(states=("done",), version_id=int(version_id)))
        wanted = visit.number("run")
        value = wanted if wanted in {run.id for run in done} else 0
        choices = [(OWN, 0), *((f"{run.id} · {run.name}", run.id) for run in done)]
        return {self.parts.run: gr.update(choices=choices, value=value)}

    def blindness(self, visit: Visit, readers: int) -> Updates:
        """Two people are blind to each other, one alone to the label that a case has."""
        is_alone = int(readers) == 1
        return {
            self.parts.is_blind: gr.update(visible=not is_alone),
            self.parts.has_first_look: gr.update(visible=is_alone),
        }

    def time(self, visit: Visit, version_id: int | None, run_id: int | None) -> Updates:
        """How long the search that is chosen will take, said before it starts."""
        if version_id is None:
            return {self.parts.time: ""}
        awaited = expected(visit.database, visit.who, int(version_id), run_id or None)
        return {self.parts.time: f'<p class="vt small quiet">{time_needed(awaited)}</p>'}

    def start(
        self,
        visit: Visit,
        version_id: int | None,
        run_id: int | None,
        readers: int,
        is_blind: bool,
        has_first_look: bool,
        name: str | None,
    ) -> Updates:
        if version_id is None:
            raise SettingsError(
                "No image set is chosen. Bring your images on the page Image sets, then choose them here."
            )
        if has_first_look and int(readers) == 1:
            return {self.parts.queued: find_suspects_for_first_look(visit, version_id, run_id or 0, name or "")}
        return {self.parts.queued: find_suspects(visit, version_id, run_id or 0, readers, is_blind, name or "")}

    def stop(self, visit: Visit, review_id: int | None) -> None:
        """Saves what is done and leaves; it can be resumed."""
        jobs.wish(visit.database, visit.who, chosen(visit, review_id).job_id, "stop")

    def resume(self, visit: Visit, review_id: int | None) -> None:
        job = jobs.resume(visit.database, visit.who, chosen(visit, review_id).job_id)
        send(visit.place, job.queue, job.id)

    def show(self, views: Sequence[ReviewView], view: ReviewView | None) -> Updates:
        """How far searches are."""
        state = view.state if view is not None else ""
        return {
            self.parts.state: "" if view is None else state_of(view),
            self.parts.stop: gr.update(visible=state in UNDER_WAY),
            self.parts.resume: gr.update(visible=state in RESUMABLE),
            self.parts.searches: table(views, view),
        }

    @property
    def moving(self) -> list[gr.HTML | gr.Button]:
        """What `show` shows."""
        return [self.parts.state, self.parts.stop, self.parts.resume, self.parts.searches]


def lay_out(beside: Callable[[], Beside]) -> tuple[FindParts, Beside]:
    """`beside` lays out what stands above the words for whoever is new."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=420):
            version = RowChoice([], label="Image set", elem_id="review-version")
            run = RowChoice(
                [(OWN, 0)],
                value=0,
                label="A finished run to build on",
                info="Its settings are used, and what its readers know of the test cases. None is needed.",
            )
            with gr.Row():
                readers = gr.Radio([("one", 1), ("two", 2)], value=1, label="People who look at each case")
                is_blind = gr.Checkbox(
                    True, label="Blind", info="Nobody sees another's verdict before both decided.", visible=False
                )
                has_first_look = gr.Checkbox(
                    False,
                    label="Blind first look",
                    info="A case's label and the models' view are hidden until you have said what you see.",
                    elem_id="review-first-look",
                )
            name = gr.Textbox(label="Name, not required", max_lines=1, placeholder="as the image set")
            time = gr.HTML(elem_id="review-time")
            start = gr.Button("Find labels that need a second look", variant="primary", elem_id="review-find")
            state = gr.HTML(elem_id="review-state")
            with gr.Row():
                stop = gr.Button("Stop and save", visible=False, min_width=110)
                resume = gr.Button("Resume", visible=False, min_width=90)
        with gr.Column(scale=4, min_width=360):
            above = beside()
            gr.HTML(about())
    searches = gr.HTML(elem_id="review-list")
    queued = gr.Number(visible=False)
    chosen_parts = (version, run, readers, is_blind, has_first_look, name)
    return FindParts(*chosen_parts, time, start, state, stop, resume, searches, queued), above


def wire(studio: Studio, tab: Finding, review: gr.Dropdown, looking: Wire) -> None:
    """`looking` has the page looked at again."""
    parts = tab.parts
    timing: Wire = (guarded(studio, tab.time), [parts.version, parts.run], [parts.time])
    parts.version.input(guarded(studio, tab.runs_of), [parts.version], [parts.run], **LATEST)
    for choice in (parts.version, parts.run):
        choice.change(*timing, **PRIVATE)
    blindness = [parts.is_blind, parts.has_first_look]
    parts.readers.change(guarded(studio, tab.blindness), [parts.readers], blindness, **PRIVATE)
    form = [parts.version, parts.run, parts.readers, *blindness, parts.name]
    queued = parts.start.click(guarded(studio, tab.start), form, [parts.queued], **PRIVATE)
    queued.success(None, [parts.queued], None, js=go_to("/review?tab=find&review="))
    for button, act in ((parts.stop, tab.stop), (parts.resume, tab.resume)):
        button.click(guarded(studio, act), [review], None, **PRIVATE).then(*looking, **LATEST)


def about() -> str:
    """For whoever sees the page for the first time."""
    steps = "".join(f"<li><b>{name}.</b> {text}</li>" for name, text in STEPS.items())
    limits = "".join(f"<li>{line}</li>" for line in LIMITS)
    return (
        f'<div class="vt"><h2>Which labels need a second look?</h2><p>{PURPOSE}</p><ol class="told">{steps}'
        f'</ol><h2>What to keep in mind</h2><ul class="told quiet small">{limits}</ul></div>'
    )


def state_of(view: ReviewView) -> str:
    """How far a search is, or what came of it, in the words of whoever waits for it."""
    title = f"<p><b>{escape(view.name)}</b> {chip(view.state)}</p>"
    if view.state in UNDER_WAY:
        body = bar(view.progress.share, "Search") + f'<p class="small quiet">{escape(under_way(view))}</p>'
    elif view.state == "done":
        decide = f'<a class="go" href="/review?review={view.id}&tab=decide">Decide on them</a>'
        body = f"<p>{index_of(view)}. {NO_ESTIMATE}</p><p>{decide}</p>"
    elif view.error:
        fault = f" (id {view.fault_id})" if view.fault_id else ""
        body = notice(f"{view.error}{fault} Once that is mended, resume it.", "bad")
    else:
        body = '<p class="small quiet">It can be resumed: finished parts are not done again.</p>'
    return f'<div class="vt card">{title}{body}</div>'


def time_needed(awaited: Expected | None) -> str:
    if awaited is None:
        return (
            "No search with these settings has ended here yet, so its time isn't known before it starts. "
            "Once its first model trains, the time left is told from that model's pace."
        )
    before = "the last search" if awaited.searches == 1 else f"the last {awaited.searches} searches"
    return f"About <b>{lasting(awaited.seconds)}</b> on this machine, by {before} with these settings."


def index_of(view: ReviewView) -> str:
    """How many labels models doubt, which is no number of wrong ones."""
    if view.index is None:
        return f"{view.cases:,} cases are ranked."
    return f"Index of labels in doubt: <b>{view.index:,.0f}</b> of {view.cases:,}"


def table(views: Sequence[ReviewView], chosen: ReviewView | None) -> str:
    if not views:
        return ""
    shown = [
        (' <span class="chip">shown</span>' if chosen and view.id == chosen.id else "")
        + (' <span class="chip">archived</span>' if view.is_archived else "")
        for view in views
    ]
    rows = "".join(
        f'<tr><td><a href="/review?review={view.id}">{escape(view.name)}</a>{mark}</td>'
        f"<td>{escape(view.set)} v{view.version}</td><td>{chip(view.state)}</td><td class=n>{view.cases:,}</td>"
        f"<td>{index_of(view) if view.state == 'done' else ''}</td>"
        f"<td>{escape(view.person)}, {ago(view.created)}</td></tr>"
        for view, mark in zip(views, shown, strict=True)
    )
    head = (
        "<tr><th>Search</th><th>Images</th><th>State</th><th class=n>Cases</th><th>What it found</th><th>By</th></tr>"
    )
    return f'<div class="vt"><h2>Searches of this project</h2><table>{head}{rows}</table></div>'
