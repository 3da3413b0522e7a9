"""Review: find the labels that need a second look, decide on them, agree, and make the corrected version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.context import PRIVATE, Studio, asked_number, guarded, live, on_load
from app.pages.review.agree import Agreeing
from app.pages.review.api import add_names
from app.pages.review.correct import Correcting
from app.pages.review.find import Finding
from app.pages.review.queue import opened, queue
from core.records.access import Who
from core.records.review import reviews
from core.records.review.reviews import ReviewView

TITLE = "Review"
PATH = "/review"
SECONDS = 3
TABS = ("find", "decide", "agree", "correct")
GO_TO_REVIEW = "(review) => { if (review) window.location.href = '/review?tab=find&review=' + review; }"


@dataclass(frozen=True)
class ReviewPage:
    """What the page's events do, beyond those of its tabs."""

    studio: Studio
    finding: Finding

    def open(self, request: gr.Request) -> list[Any]:
        """Everything, with ?review=, ?rank=, ?tab= and ?version= as asked for."""
        who, project_id = self.studio.who(request), self.studio.project(request)
        found, view = self._choose(who, project_id, asked_number(request, "review"))
        asked = dict(request.query_params).get("tab")
        tab = asked if asked in TABS else "decide" if view is not None and view.state == "done" else "find"
        choices = [(f"{one.name} · {one.set} v{one.version} · {one.cases:,} cases", one.id) for one in found]
        return [
            gr.update(choices=choices, value=view.id if view else None, visible=bool(found)),
            gr.update(selected=tab),
            self.finding.versions(who, project_id, asked_number(request, "version")),
            opened(view, who, asked_number(request, "rank")),
            seen(view),
            *self.finding.draw(found, view),
        ]

    def look(self, review_id: int | None, before: str, request: gr.Request) -> list[Any]:
        """What moves: how far searches are; the queue only when there is something new to say of the chosen one."""
        who = self.studio.who(request)
        found, view = self._choose(who, self.studio.project(request), review_id)
        cases = gr.skip() if seen(view) == before else opened(view, who)
        return [cases, seen(view), *self.finding.draw(found, view)]

    def _choose(self, who: Who, project_id: int, wanted: int | None) -> tuple[list[ReviewView], ReviewView | None]:
        """The project's searches, and the one wanted, else the newest."""
        found = reviews.reviews(self.studio.database, who, project_id)
        return found, next((one for one in found if one.id == wanted), found[0] if found else None)


def seen(view: ReviewView | None) -> str:
    """What the queue's place depends on: a search under way says how far it is."""
    return "" if view is None else f"{view.id} {view.state} {view.progress if view.state == 'running' else ''}"


def two(readers: int) -> Any:
    """One person alone has nothing to be blind to."""
    return gr.update(visible=int(readers) > 1)


def build(studio: Studio) -> None:
    with gr.Row(equal_height=True):
        gr.HTML('<div class="vt"><h1>Review</h1></div>', min_width=120)
        review = gr.Dropdown(
            [], label="Search", show_label=False, container=False, visible=False, scale=4, elem_id="review-chosen"
        )
    with gr.Tabs(selected="find") as tabs:
        with gr.Tab("1 Find", id="find"):
            finding = Finding(studio)
        with gr.Tab("2 Decide", id="decide"):
            cases = queue()
        with gr.Tab("3 Agree", id="agree") as agree_tab:
            agreeing = Agreeing(studio)
        with gr.Tab("4 Correct", id="correct") as correct_tab:
            correcting = Correcting(studio)
    page = ReviewPage(studio, finding)
    before, made, timer = gr.State(""), gr.Number(visible=False), gr.Timer(SECONDS)
    looked = (guarded(page.look), [review, before], [cases, before, *finding.shown])
    agreed = (guarded(agreeing.open), [review], agreeing.shown)
    corrected = (guarded(correcting.open), [review], correcting.shown)

    add_names(studio, finding)
    begun = on_load(guarded(page.open), None, [review, tabs, finding.version, cases, before, *finding.shown])
    for event in (begun.then, finding.version.input):
        event(guarded(finding.runs_of), [finding.version], [finding.run], **PRIVATE)
    for event in (begun.then, review.input):
        event(*agreed, **PRIVATE)
        event(*corrected, **PRIVATE)
    finding.readers.change(two, [finding.readers], [finding.is_blind], **PRIVATE)
    review.input(*looked, **PRIVATE)
    timer.tick(live(page.look), *looked[1:], queue=False, **PRIVATE)
    agree_tab.select(*agreed, **PRIVATE)
    correct_tab.select(*corrected, **PRIVATE)

    queued = finding.start.click(guarded(finding.queue), finding.form, [made], **PRIVATE)
    queued.success(None, [made], None, js=GO_TO_REVIEW)
    for button, do in ((finding.stop, finding.stop_search), (finding.resume, finding.resume_search)):
        button.click(guarded(do), [review], None, **PRIVATE).then(*looked, **PRIVATE)
    agreeing.disputed.click(guarded(agreeing.look), [review], agreeing.opened, **PRIVATE)
    settled = [review, agreeing.rank, agreeing.answer, agreeing.why]
    agreeing.settle.click(guarded(agreeing.decide), settled, None, **PRIVATE).success(*agreed, **PRIVATE)
    # What takes seconds in a large set shows for how long it has gone on, over what it is about.
    acts: list[tuple[gr.Button, Callable[..., Any], list[Any], gr.HTML | None]] = [
        (correcting.apply, correcting.make, [review, correcting.note], correcting.preview),
        (correcting.revert, correcting.take_back, [correcting.new], correcting.difference),
        (correcting.retrain, correcting.retrained, [correcting.run, correcting.corrected], None),
    ]
    for button, act, given, busy in acts:
        clicked = button.click(guarded(act), given, busy, **{**PRIVATE, "show_progress": "full"})
        clicked.success(*corrected, **PRIVATE)
    for chooser in (correcting.old, correcting.new):
        chooser.change(guarded(correcting.differ), [correcting.old, correcting.new], [correcting.difference], **PRIVATE)
    correcting.compare.click(
        guarded(correcting.paired), [correcting.run, correcting.again], [correcting.compared], **PRIVATE
    )
