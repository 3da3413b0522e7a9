"""Under “Find”: the audit, by which people's verdicts tell how many labels are wrong. It is drawn once, decided on in
the queue, and told when every case of it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from app.context import PRIVATE, Studio
from app.html import bar
from app.pages.review.acts import chosen, draw_label_audit
from app.visit import Updates, Visit, Wire, guarded
from core.errors import SettingsError
from core.records.review import audits
from core.records.review.audits import AuditView
from core.records.review.reviews import ReviewView

WHAT_FOR = (
    "How many labels are wrong? People decide on the first suspects and on others drawn at random: by these the number "
    "for all is worked out, with an interval. A review has one audit, drawn once."
)


@dataclass(frozen=True)
class AuditParts:
    section: gr.Column
    about: gr.HTML
    """What it is for, how far it is, or what came of it."""
    form: gr.Column
    first: gr.Number
    others: gr.Number
    before: gr.HTML
    """What the numbers above let one hope for."""
    draw: gr.Button

    @property
    def shown(self) -> list[gr.Column | gr.HTML]:
        return [self.section, self.about, self.form, self.before]


@dataclass(frozen=True)
class Auditing:
    parts: AuditParts

    def show(self, visit: Visit, view: ReviewView | None) -> Updates:
        """Nothing before the search has come to its end."""
        parts = self.parts
        if view is None or view.state != "done":
            return {parts.section: gr.update(visible=False)}
        drawn = audits.label_audit(visit.database, visit.who, view.id)
        can_draw = drawn is None and visit.who.may("work")
        return {
            parts.section: gr.update(visible=True),
            parts.about: not_drawn(view.name, can_draw) if drawn is None else state_of(view.name, drawn),
            parts.form: gr.update(visible=can_draw),
        }

    def open(self, visit: Visit, review_id: int | None, first: float | None, others: float | None) -> Updates:
        """Of the review that is chosen."""
        view = None if review_id is None else chosen(visit, review_id)
        return self.show(visit, view) | self.plan(visit, review_id, first, others)

    def plan(self, visit: Visit, review_id: int | None, first: float | None, others: float | None) -> Updates:
        """What so many cases will tell, said before they are drawn."""
        if review_id is None or (view := chosen(visit, review_id)).state != "done":
            return {self.parts.before: ""}
        try:
            words = audits.before(audits.planned(view.cases, whole(first), whole(others)))
        except SettingsError as error:
            words = str(error)
        return {self.parts.before: f'<p class="vt small quiet">{escape(words)}</p>'}

    def draw(self, visit: Visit, review_id: int | None, first: float | None, others: float | None) -> Updates:
        view = chosen(visit, review_id)
        draw_label_audit(visit, view.id, whole(first), whole(others))
        return self.show(visit, view)


def whole(number: float | None) -> int:
    """What stands in a field, which may be empty."""
    return int(number or 0)


def titled(review: str) -> str:
    return f"<h2>Audit of “{escape(review)}”</h2>"


def not_drawn(review: str, can_draw: bool) -> str:
    whose = "" if can_draw else " Researchers of the project draw it; none is drawn yet."
    return f'<div class="vt">{titled(review)}<p>{WHAT_FOR}{whose}</p></div>'


def state_of(review: str, view: AuditView) -> str:
    first, *others = (escape(sentence) for sentence in audits.in_words(view))
    rest = "".join(f'<p class="small quiet">{sentence}</p>' for sentence in others)
    if view.is_decided:
        return f'<div class="vt card">{titled(review)}<p><b>{first}</b></p>{rest}</div>'
    where, words = "tab=decide&state=audit", "Decide on the audit"
    if not view.without_verdict:  # the queue has none of it any more
        where, words = "tab=agree", "Settle what is left"
    link = f'<a class="go" href="/review?review={view.review_id}&{where}">{words}</a>'
    share = bar(view.decided / view.sample.drawn, "Audit")
    return f'<div class="vt card">{titled(review)}{share}<p>{first}</p>{rest}<p>{link}</p></div>'


def lay_out() -> AuditParts:
    with gr.Column(visible=False, elem_id="review-audit") as section:
        about = gr.HTML(elem_id="review-audit-told")
        with gr.Column(visible=False) as form:
            with gr.Row():
                first = gr.Number(
                    audits.FIRST, label="First suspects", precision=0, minimum=0, min_width=120, elem_id="audit-first"
                )
                others = gr.Number(
                    audits.OTHERS,
                    label="Others at random",
                    precision=0,
                    minimum=0,
                    min_width=120,
                    elem_id="audit-others",
                )
            before = gr.HTML(elem_id="review-audit-before")
            draw = gr.Button("Draw the audit", elem_id="review-audit-draw")
    return AuditParts(section, about, form, first, others, before, draw)


def opening(studio: Studio, tab: Auditing, review: gr.Dropdown) -> Wire:
    parts = tab.parts
    return guarded(studio, tab.open), [review, parts.first, parts.others], parts.shown


def wire(studio: Studio, tab: Auditing, review: gr.Dropdown) -> None:
    parts = tab.parts
    given = [review, parts.first, parts.others]
    for number in (parts.first, parts.others):
        number.change(guarded(studio, tab.plan), given, [parts.before], **PRIVATE)
    parts.draw.click(guarded(studio, tab.draw), given, [parts.section, parts.about, parts.form], **PRIVATE)
