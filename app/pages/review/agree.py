"""The tab “Agree”: how often people see the same, and a decision where they don't."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from app.context import Studio
from app.html import empty
from app.pages.review.find import chosen
from app.pages.review.words import decided
from app.set_words import SPLIT_NAMES
from app.viewer import Pane, shown, viewer
from core.errors import SettingsError
from core.records.review import agreement
from core.records.review.agreement import Agreement, Pair
from core.records.review.queue import SuspectView
from core.records.review.reviews import ReviewView

KEEP, EXCLUDE = "keep the given label", "exclude the case"
KAPPA = (
    "Kappa sets agreement against what chance alone would give: 1 is full agreement, 0 is chance. Only cases that both "
    "decided on are counted. These cases were picked because they are doubtful, so agreement is lower here than in a "
    "whole set."
)
NOBODY = empty("No search is chosen", "Begin one under Find; what people decide on its cases is compared here.")
ALONE = empty("Nobody to compare with yet", "Agreement is shown once two people have decided on the same cases.")
SETTLED = empty("Nothing to settle", "Cases come here when people's verdicts differ, or when all are unsure.")
CHOOSING = """
element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-rank]");
  if (chosen) trigger("click", {rank: Number(chosen.dataset.rank)});
});
"""


class Agreeing:
    """The tab's components, and what its events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.pairs = gr.HTML(NOBODY, elem_id="review-agreement")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=480):
                self.disputed = gr.HTML(elem_id="review-disputed", js_on_load=CHOOSING)
            with gr.Column(scale=3, min_width=340, visible=False) as self.settling:
                self.title = gr.HTML()
                self.picture = viewer(height=220)
                self.answer = gr.Dropdown([], label="Settle it as", elem_id="review-settle-as")
                self.why = gr.Textbox(label="Why", max_lines=3, placeholder="Kept with the verdict")
                self.settle = gr.Button("Settle", variant="primary", elem_id="review-settle")
        self.rank = gr.State()
        self.shown = [self.pairs, self.disputed, self.settling]
        self.opened = [self.rank, self.title, self.picture, self.answer, self.why, self.settling]

    def open(self, review_id: int | None, request: gr.Request) -> list[Any]:
        """Agreement, and what is still seen differently."""
        if review_id is None:
            return [NOBODY, "", gr.update(visible=False)]
        studio, who = self.studio, self.studio.who(request)
        view = chosen(studio, review_id, request)
        if view.state != "done":
            return [ALONE, "", gr.update(visible=False)]
        found = agreement.agreement(studio.database, who, view.id)
        return [
            pairs(found),
            disputes(view, agreement.disputed(studio.database, who, view.id)),
            gr.update(visible=False),
        ]

    def look(self, review_id: int | None, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A disputed case, large, with what may be done about it."""
        studio, who = self.studio, self.studio.who(request)
        view, rank = chosen(studio, review_id, request), int(event.rank)
        one = next((one for one in agreement.disputed(studio.database, who, view.id) if one.rank == rank), None)
        if one is None:
            raise SettingsError("This case is settled already. Choose another from the list.")
        choices = [(f"{KEEP} ({one.given})", KEEP), *((f"change to {name}", name) for name in view.answers)]
        return [
            rank,
            f'<div class="vt"><h2>{escape(one.name)}</h2>{said(one)}</div>',
            shown([Pane(f"/images/{view.version_id}/{one.number}?size=full")]),
            gr.update(choices=[*choices, (EXCLUDE, EXCLUDE)], value=None),
            "",
            gr.update(visible=True),
        ]

    def decide(
        self, review_id: int | None, rank: int | None, answer: str | None, why: str | None, request: gr.Request
    ) -> None:
        if rank is None or not answer:
            raise SettingsError("Choose a case from the list, then how to settle it.")
        action = {KEEP: "keep", EXCLUDE: "exclude"}.get(answer, "change")
        view = chosen(self.studio, review_id, request)
        label = answer if action == "change" else ""
        who = self.studio.who(request)
        agreement.settle(self.studio.database, who, view.id, int(rank), action, label, (why or "").strip())


def pairs(found: Agreement) -> str:
    """People with each other, then each with the model's suggestion."""
    if not found.pairs and not found.models:
        return ALONE
    rows = "".join(map(_row, (*found.pairs, *found.models)))
    names = ("Who with whom", "Cases both decided", "Agree on", "Kappa, 95 % interval")
    head = "".join(f"<th{' class=n' if place in (1, 2) else ''}>{name}</th>" for place, name in enumerate(names))
    table = f"<table><tr>{head}</tr>{rows}</table>"
    return f'<div class="vt"><h2>Agreement</h2><p class="small quiet">{KAPPA}</p>{table}</div>'


def disputes(view: ReviewView, found: list[SuspectView]) -> str:
    if not found:
        return SETTLED
    rows = "".join(_dispute(view, one) for one in found)
    head = "<th></th><th>Case</th><th>Given label</th><th>Verdicts</th><th></th>"
    return f'<div class="vt"><h2>{len(found)} to settle</h2><table><tr>{head}</tr>{rows}</table></div>'


def _dispute(view: ReviewView, one: SuspectView) -> str:
    picture = f"/images/{view.version_id}/{one.number}?size=thumb"
    return (
        f'<tr><td><img class="thumb" src="{picture}" alt="" loading="lazy"></td>'
        f'<td class="word"><b>{escape(one.name)}</b>'
        f'<div class="small quiet">{SPLIT_NAMES.get(one.split or "", "no split")}</div></td>'
        f'<td class="word">{escape(one.given)}</td><td>{said(one)}</td>'
        f'<td><button type="button" data-rank="{one.rank}">Look and settle</button></td></tr>'
    )


def said(one: SuspectView) -> str:
    lines = [(row.person, row) for row in one.others] + ([("you", one.mine)] if one.mine is not None else [])
    return "".join(
        f"<div>{escape(person)}: {escape(decided(row))}"
        f"{f' <span class=quiet>“{escape(row.why)}”</span>' if row.why else ''}</div>"
        for person, row in lines
    )


def _row(one: Pair) -> str:
    is_known = one.kappa is not None and one.low is not None and one.high is not None
    interval = f"{one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})" if is_known else "too few cases"
    agree = "–" if one.observed is None else f"{one.observed:.2f}"
    return (
        f"<tr><td>{escape(one.first)} with {escape(one.second)}</td><td class=n>{one.n:,}</td><td class=n>{agree}</td>"
        f"<td>{interval}</td></tr>"
    )
