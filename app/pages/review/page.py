"""Review: find the labels that need a second look, decide on them, agree, and make the corrected version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import keeping
from app.context import LATEST, PRIVATE, Studio, on_load
from app.keeping import Keeping
from app.pages.review import acts, agree, audit, correct, find
from app.pages.review.agree import Agreeing
from app.pages.review.audit import Auditing
from app.pages.review.correct import Correcting
from app.pages.review.find import Finding
from app.pages.review.queue import opened, queue
from app.row_choice import RowChoice
from app.visit import Updates, Visit, Wire, guarded, live, of_shown, offer
from core.records.review import reviews
from core.records.review.reviews import ReviewView

TITLE = "Review"
PATH = "/review"
SECONDS = 3
TABS = ("find", "decide", "agree", "correct")


@dataclass(frozen=True)
class Parts:
    review: RowChoice
    with_archived: gr.Checkbox
    tabs: gr.Tabs
    find: gr.Tab
    agree: gr.Tab
    correct: gr.Tab
    cases: gr.HTML
    seen: gr.State
    """What the queue was filled from, see `depends_on`."""
    timer: gr.Timer
    """Begins once the page is opened: a look from before that, where it is late, would put the newest search in the
    place of the chosen one."""


@dataclass(frozen=True)
class ReviewPage:
    """What the page's events do, beyond those of its tabs."""

    parts: Parts
    finding: Finding
    auditing: Auditing
    agreeing: Agreeing
    correcting: Correcting
    keeping: Keeping

    def open(self, visit: Visit) -> Updates:
        """Everything, with ?review=, ?rank=, ?tab= and ?version= as asked for."""
        views, view = searches(visit, visit.number("review"))
        with_archived = gr.update(visible=any_archived(visit))
        wanted = visit.query("tab")
        tab = wanted if wanted in TABS else "decide" if view is not None and view.state == "done" else "find"
        shown: Updates = {
            self.parts.review: chooser(views, view),
            self.parts.with_archived: with_archived,
            self.parts.tabs: gr.update(selected=tab),
            self.parts.cases: opened(view, visit.who, visit.number("rank")),
            self.parts.seen: depends_on(view),
            self.parts.timer: gr.Timer(active=True),
        }
        shown |= self.keeping.open(visit, view.id if view else None)
        return shown | self.finding.versions(visit, visit.number("version")) | self.finding.show(views, view)

    def look(self, visit: Visit, review_id: int | None, seen: str | None, with_archived: bool = False) -> Updates:
        """What moves: how far searches are; the queue only when there is something new to say of the chosen one."""
        views, view = searches(visit, review_id, with_archived)
        shown: Updates = {self.parts.seen: depends_on(view)} | self.finding.show(views, view)
        if depends_on(view) == seen:
            return shown
        return shown | {self.parts.cases: opened(view, visit.who)} | self.auditing.show(visit, view)

    def list(self, visit: Visit, review_id: int | None, with_archived: bool) -> Updates:
        """Which there are to choose from, and in the table; the chosen one stays."""
        views, view = searches(visit, review_id, with_archived)
        listed = {self.parts.review: chooser(views, view)} | self.finding.show(views, view)
        listed |= self.keeping.open(visit, view.id if view else None)
        return listed | {self.parts.with_archived: gr.update(visible=any_archived(visit))}

    def keep(self, visit: Visit, review_id: int | None) -> Updates:
        """Another one was chosen."""
        return self.keeping.open(visit, review_id)

    def rename(self, visit: Visit, review_id: int | None, with_archived: bool, name: str | None) -> Updates:
        return self.keeping.rename(visit, review_id, name) | self.list(visit, review_id, with_archived)

    def archive(self, visit: Visit, review_id: int | None, with_archived: bool) -> Updates:
        return self.keeping.archive(visit, review_id) | self.list(visit, review_id, with_archived)

    def bring_back(self, visit: Visit, review_id: int | None, with_archived: bool) -> Updates:
        return self.keeping.bring_back(visit, review_id) | self.list(visit, review_id, with_archived)


def searches(
    visit: Visit, wanted: int | None, with_archived: bool = False
) -> tuple[Sequence[ReviewView], ReviewView | None]:
    """The project's searches, and the one wanted, else the newest. An archived one is among them where that is wished,
    or where it is the wanted one."""
    every = reviews.reviews(visit.database, visit.who, visit.project, with_archived=True)
    views = [view for view in every if with_archived or not view.is_archived or view.id == wanted]
    return views, next((view for view in views if view.id == wanted), views[0] if views else None)


def any_archived(visit: Visit) -> bool:
    every = reviews.reviews(visit.database, visit.who, visit.project, with_archived=True)
    return any(view.is_archived for view in every)


def chooser(views: Sequence[ReviewView], view: ReviewView | None) -> dict[str, Any]:
    choices = [(f"{each.name} · {each.set} v{each.version} · {each.cases:,} cases", each.id) for each in views]
    return gr.update(choices=choices, value=view.id if view else None, visible=bool(views))


def depends_on(view: ReviewView | None) -> str:
    """What the queue's place depends on: a search under way says how far it is."""
    return "" if view is None else f"{view.id} {view.state} {view.progress if view.state == 'running' else ''}"


def lay_out() -> ReviewPage:
    with gr.Row(equal_height=True):
        gr.HTML('<div class="vt"><h1>Review</h1></div>', min_width=120)
        review = RowChoice(
            [], label="Search", show_label=False, container=False, visible=False, scale=4, elem_id="review-chosen"
        )
        with_archived = gr.Checkbox(
            False,
            label="Show archived",
            container=False,
            visible=False,
            scale=0,
            min_width=150,
            elem_id="reviews-archived",
        )
    with gr.Tabs(selected="find") as tabs:
        with gr.Tab("1 Find", id="find") as find_tab:
            find_parts, audit_parts = find.lay_out(audit.lay_out)
            finding, auditing = Finding(find_parts), Auditing(audit_parts)
            kept = keeping.lay_out(keeping.REVIEW, "review-keep", [("this review", "review")])
        with gr.Tab("2 Decide", id="decide"):
            cases = queue()
        with gr.Tab("3 Agree", id="agree") as agree_tab:
            agreeing = Agreeing(agree.lay_out())
        with gr.Tab("4 Correct", id="correct") as correct_tab:
            correcting = Correcting(correct.lay_out())
    moving = gr.State(), gr.Timer(SECONDS, active=False)
    parts = Parts(review, with_archived, tabs, find_tab, agree_tab, correct_tab, cases, *moving)
    return ReviewPage(parts, finding, auditing, agreeing, correcting, Keeping(kept, keeping.REVIEW))


def build(studio: Studio) -> None:
    page = lay_out()
    parts, finding = page.parts, page.finding.parts
    offer(studio, *acts.OFFERED)
    agreed = agree.opening(studio, page.agreeing, parts.review)
    corrected = correct.opening(studio, page.correcting, parts.review)
    given = [parts.review, parts.seen, parts.with_archived]
    moving = [parts.cases, parts.seen, *page.finding.moving, *page.auditing.parts.shown]
    looking: Wire = (guarded(studio, page.look), given, moving)
    opened = [parts.review, parts.with_archived, parts.tabs, finding.version, *page.keeping.parts.shown, *moving]
    opened.append(parts.timer)
    begun = on_load(guarded(studio, page.open), None, opened)
    begun.then(guarded(studio, page.finding.runs_of), [finding.version], [finding.run], **LATEST)
    audited = audit.opening(studio, page.auditing, parts.review)
    for event in (begun.then, parts.review.input):
        event(*audited, **LATEST)
        event(*agreed, **LATEST)
        event(*corrected, **LATEST)
    parts.review.input(*looking, **LATEST)
    parts.timer.tick(live(studio, page.look), given, moving, queue=False, **PRIVATE)
    parts.find.select(*audited, **PRIVATE)
    parts.agree.select(*agreed, **PRIVATE)
    parts.correct.select(*corrected, **PRIVATE)
    find.wire(studio, page.finding, parts.review, looking)
    audit.wire(studio, page.auditing, parts.review)
    agree.wire(studio, page.agreeing, parts.review)
    correct.wire(studio, page.correcting, parts.review)
    wire_keeping(studio, page)


def wire_keeping(studio: Studio, page: ReviewPage) -> None:
    parts, kept, confirmation = page.parts, page.keeping.parts, page.keeping.parts.confirmation
    shown, given = [parts.review, parts.with_archived, *page.finding.moving], [parts.review, parts.with_archived]
    changed = [*shown, *kept.shown]
    parts.with_archived.input(guarded(studio, page.list), given, changed, **LATEST)
    parts.review.input(guarded(studio, page.keep), [parts.review], kept.shown, **LATEST)
    renaming = guarded(studio, of_shown(page.rename, "search"))
    for event in (kept.rename.click, kept.name.submit):
        event(renaming, [parts.review, kept.of, parts.with_archived, kept.name], changed, **PRIVATE)
    kept.archive.click(guarded(studio, page.archive), given, changed, **PRIVATE)
    kept.back.click(guarded(studio, page.bring_back), given, changed, **PRIVATE)
    which = [kept.kind, parts.review]
    kept.look.click(guarded(studio, page.keeping.look), which, confirmation.shown, **PRIVATE)
    erased = confirmation.erase.click(
        guarded(studio, page.keeping.erase),
        [*which, confirmation.name],
        None,
        **{**PRIVATE, "show_progress": "full"},
    )
    erased.success(None, None, None, js=f"() => {{ window.location.href = '{PATH}?tab=find'; }}")
