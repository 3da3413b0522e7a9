"""Review: find the labels that need a second look, decide on them, agree, and make the corrected version."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.context import PRIVATE, Studio, on_load
from app.pages.review import acts, agree, correct, find
from app.pages.review.agree import Agreeing
from app.pages.review.correct import Correcting
from app.pages.review.find import Finding
from app.pages.review.queue import opened, queue
from app.visit import Updates, Visit, Wire, guarded, live, offer
from core.records.review import reviews
from core.records.review.reviews import ReviewView

TITLE = "Review"
PATH = "/review"
SECONDS = 3
TABS = ("find", "decide", "agree", "correct")


@dataclass(frozen=True)
class Parts:
    review: gr.Dropdown
    tabs: gr.Tabs
    agree: gr.Tab
    correct: gr.Tab
    cases: gr.HTML
    seen: gr.State
    """What the queue was filled from, see `depends_on`; None until the page is opened."""
    timer: gr.Timer


@dataclass(frozen=True)
class ReviewPage:
    """What the page's events do, beyond those of its tabs."""

    parts: Parts
    finding: Finding
    agreeing: Agreeing
    correcting: Correcting

    def open(self, visit: Visit) -> Updates:
        """Everything, with ?review=, ?rank=, ?tab= and ?version= as asked for."""
        views, view = searches(visit, visit.number("review"))
        wanted = visit.query("tab")
        tab = wanted if wanted in TABS else "decide" if view is not None and view.state == "done" else "find"
        choices = [(f"{each.name} · {each.set} v{each.version} · {each.cases:,} cases", each.id) for each in views]
        chooser = gr.update(choices=choices, value=view.id if view else None, visible=bool(views))
        shown: Updates = {
            self.parts.review: chooser,
            self.parts.tabs: gr.update(selected=tab),
            self.parts.cases: opened(view, visit.who, visit.number("rank")),
            self.parts.seen: depends_on(view),
        }
        return shown | self.finding.versions(visit, visit.number("version")) | self.finding.show(views, view)

    def look(self, visit: Visit, review_id: int | None, seen: str | None) -> Updates:
        """What moves: how far searches are; the queue only when there is something new to say of the chosen one.

        Before the page is opened nothing: a look that is late would put the newest search in the chosen one's place."""
        if seen is None:
            return {}
        views, view = searches(visit, review_id)
        shown: Updates = {self.parts.seen: depends_on(view)} | self.finding.show(views, view)
        return shown if depends_on(view) == seen else shown | {self.parts.cases: opened(view, visit.who)}


def searches(visit: Visit, wanted: int | None) -> tuple[list[ReviewView], ReviewView | None]:
    """The project's searches, and the one wanted, else the newest."""
    views = reviews.reviews(visit.database, visit.who, visit.project)
    return views, next((view for view in views if view.id == wanted), views[0] if views else None)


def depends_on(view: ReviewView | None) -> str:
    """What the queue's place depends on: a search under way says how far it is."""
    return "" if view is None else f"{view.id} {view.state} {view.progress if view.state == 'running' else ''}"


def lay_out() -> ReviewPage:
    with gr.Row(equal_height=True):
        gr.HTML('<div class="vt"><h1>Review</h1></div>', min_width=120)
        review = gr.Dropdown(
            [], label="Search", show_label=False, container=False, visible=False, scale=4, elem_id="review-chosen"
        )
    with gr.Tabs(selected="find") as tabs:
        with gr.Tab("1 Find", id="find"):
            finding = Finding(find.lay_out())
        with gr.Tab("2 Decide", id="decide"):
            cases = queue()
        with gr.Tab("3 Agree", id="agree") as agree_tab:
            agreeing = Agreeing(agree.lay_out())
        with gr.Tab("4 Correct", id="correct") as correct_tab:
            correcting = Correcting(correct.lay_out())
    parts = Parts(review, tabs, agree_tab, correct_tab, cases, gr.State(), gr.Timer(SECONDS))
    return ReviewPage(parts, finding, agreeing, correcting)


def build(studio: Studio) -> None:
    page = lay_out()
    parts, finding = page.parts, page.finding.parts
    offer(studio, *acts.OFFERED)
    agreed = agree.opening(studio, page.agreeing, parts.review)
    corrected = correct.opening(studio, page.correcting, parts.review)
    given, moving = [parts.review, parts.seen], [parts.cases, parts.seen, *page.finding.moving]
    looking: Wire = (guarded(studio, page.look), given, moving)
    opened = [parts.review, parts.tabs, finding.version, *moving]
    begun = on_load(guarded(studio, page.open), None, opened)
    begun.then(guarded(studio, page.finding.runs_of), [finding.version], [finding.run], **PRIVATE)
    for event in (begun.then, parts.review.input):
        event(*agreed, **PRIVATE)
        event(*corrected, **PRIVATE)
    parts.review.input(*looking, **PRIVATE)
    parts.timer.tick(live(studio, page.look), given, moving, queue=False, **PRIVATE)
    parts.agree.select(*agreed, **PRIVATE)
    parts.correct.select(*corrected, **PRIVATE)
    find.wire(studio, page.finding, parts.review, looking)
    agree.wire(studio, page.agreeing, parts.review)
    correct.wire(studio, page.correcting, parts.review)
