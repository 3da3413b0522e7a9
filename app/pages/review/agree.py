"""The tab “Agree”: how often people see the same, and a decision where they don't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from app.context import LATEST, PRIVATE, Studio
from app.html import empty, script_beside
from app.pages.review.acts import chosen, settle_case
from app.pages.review.words import decided
from app.set_words import SPLIT_NAMES, named
from app.viewer import pane_of, shown, viewer
from app.visit import Updates, Visit, Wire, guarded, of_shown
from core.errors import SettingsError
from core.records.review import agreement
from core.records.review.agreement import Agreement, Pair
from core.records.review.queue import SuspectView
from core.records.review.reviews import ReviewView
from core.records.sets import sets
from core.records.tables import Action
from core.statistics.rounding import rounded

KEEP, EXCLUDE = "keep the given label", "exclude the case"
KAPPA = (
    "Kappa sets agreement against what chance alone would give: 1 is full agreement, 0 is chance. Only cases that both "
    "decided on are counted. These cases were picked because they are doubtful, so agreement is lower here than in a "
    "whole set."
)
FIRST_LOOKS = "Blind first looks"
ABOUT_FIRST_LOOKS = (
    "What was said before the case's label and the models' view were shown, also where it was taken back. The last "
    "row tells how often the person stayed with it afterwards. Who was unsure said nothing. The cases were picked "
    "because they are doubtful, so agreement is lower here than in a whole set."
)
NOBODY = empty("No search is chosen", "Begin one under Find; what people decide on its cases is compared here.")
ALONE = empty("Nobody to compare with yet", "Agreement is shown once two people have decided on the same cases.")
NOT_LOOKED = empty(
    "No first look yet", "How often first looks agree with the set's labels and the models is shown here."
)
SETTLED = empty("Nothing to settle", "Cases come here when people's verdicts differ, or when all are unsure.")


@dataclass(frozen=True)
class AgreeParts:
    pairs: gr.HTML
    disputed: gr.HTML
    of: gr.Number
    """The search of the case that is shown."""
    settling: gr.Column
    """A disputed case, large, with what may be done about it."""
    title: gr.HTML
    picture: gr.HTML
    answer: gr.Dropdown
    why: gr.Textbox
    settle: gr.Button
    rank: gr.Number


@dataclass(frozen=True)
class Agreeing:
    parts: AgreeParts

    def open(self, visit: Visit, review_id: int | None) -> Updates:
        """Agreement, and what is still seen differently."""
        parts = self.parts
        closed: Updates = {parts.settling: gr.update(visible=False), parts.disputed: ""}
        if review_id is None:
            return closed | {parts.pairs: NOBODY}
        view = chosen(visit, review_id)
        if view.state != "done":
            return closed | {parts.pairs: NOT_LOOKED if view.has_first_look else ALONE}
        disputed = agreement.disputed(visit.database, visit.who, view.id)
        return closed | {
            parts.pairs: agreed(view, agreement.agreement(visit.database, visit.who, view.id)),
            parts.disputed: disputes(view, disputed),
        }

    def look_at(self, visit: Visit, review_id: int | None, event: gr.EventData) -> Updates:
        """A disputed case, large, with what may be done about it."""
        parts, view, rank = self.parts, chosen(visit, review_id), int(event.rank)
        disputed = agreement.disputed(visit.database, visit.who, view.id)
        suspect = next((suspect for suspect in disputed if suspect.rank == rank), None)
        if suspect is None:
            raise SettingsError("This case is settled already. Choose another from the list.")
        choices = [(f"{KEEP} ({named(suspect.given)})", KEEP), *((f"change to {name}", name) for name in view.answers)]
        return {
            parts.rank: rank,
            parts.of: view.id,
            parts.title: f'<div class="vt"><h2>{escape(suspect.name)}</h2>{their_verdicts(suspect)}</div>',
            parts.picture: shown(
                [pane_of(visit.place, sets.case(visit.database, visit.who, view.version_id, suspect.number))]
            ),
            parts.answer: gr.update(choices=[*choices, (EXCLUDE, EXCLUDE)], value=None),
            parts.why: "",
            parts.settling: gr.update(visible=True),
        }

    def settle(
        self, visit: Visit, review_id: int | None, rank: int | None, answer: str | None, why: str | None
    ) -> None:
        if rank is None or not answer:
            raise SettingsError("Choose a case from the list, then how to settle it.")
        actions: dict[str, Action] = {KEEP: "keep", EXCLUDE: "exclude"}
        action = actions.get(answer, "change")
        settle_case(visit, chosen(visit, review_id).id, int(rank), action, [answer], (why or "").strip())


def lay_out() -> AgreeParts:
    pairs = gr.HTML(NOBODY, elem_id="review-agreement")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=480):
            disputed = gr.HTML(elem_id="review-disputed", js_on_load=script_beside(__file__))
        with gr.Column(scale=3, min_width=340, visible=False) as settling:
            title = gr.HTML()
            picture = viewer(height=220)
            answer = gr.Dropdown([], label="Settle it as", elem_id="review-settle-as")
            why = gr.Textbox(label="Why", max_lines=3, placeholder="Kept with the verdict")
            settle = gr.Button("Settle", variant="primary", elem_id="review-settle")
    of, rank = (gr.Number(visible=False, precision=0) for _ in range(2))
    return AgreeParts(pairs, disputed, of, settling, title, picture, answer, why, settle, rank)


def opening(studio: Studio, tab: Agreeing, review: gr.Dropdown) -> Wire:
    parts = tab.parts
    return guarded(studio, tab.open), [review], [parts.pairs, parts.disputed, parts.settling]


def wire(studio: Studio, tab: Agreeing, review: gr.Dropdown) -> None:
    parts = tab.parts
    looked_at = [parts.rank, parts.of, parts.title, parts.picture, parts.answer, parts.why, parts.settling]
    parts.disputed.click(guarded(studio, tab.look_at), [review], looked_at, **PRIVATE)
    given = [review, parts.of, parts.rank, parts.answer, parts.why]
    settled = parts.settle.click(guarded(studio, of_shown(tab.settle, "search")), given, None, **PRIVATE)
    settled.success(*opening(studio, tab, review), **LATEST)


def agreed(view: ReviewView, between: Agreement) -> str:
    """People with each other, and with the models; first of all what they saw before anything was shown to them."""
    first = table(FIRST_LOOKS, ABOUT_FIRST_LOOKS, between.first_looks) if between.first_looks else ""
    others = table("Agreement", KAPPA, (*between.pairs, *between.models)) if between.pairs or between.models else ""
    return first + others or (NOT_LOOKED if view.has_first_look else ALONE)


def table(title: str, about: str, pairs: Sequence[Pair]) -> str:
    rows = "".join(map(_row, pairs))
    names = ("Who with whom", "Cases both decided", "Agree on", "Kappa, 95 % interval")
    head = "".join(f"<th{' class=n' if place in (1, 2) else ''}>{name}</th>" for place, name in enumerate(names))
    drawn = f"<table><tr>{head}</tr>{rows}</table>"
    return f'<div class="vt"><h2>{title}</h2><p class="small quiet">{about}</p>{drawn}</div>'


def disputes(view: ReviewView, disputed: list[SuspectView]) -> str:
    if not disputed:
        return SETTLED
    rows = "".join(_dispute(view, suspect) for suspect in disputed)
    head = "<th></th><th>Case</th><th>Given label</th><th>Verdicts</th><th></th>"
    return f'<div class="vt"><h2>{len(disputed)} to settle</h2><table><tr>{head}</tr>{rows}</table></div>'


def _dispute(view: ReviewView, suspect: SuspectView) -> str:
    picture = f"/images/{view.version_id}/{suspect.number}?size=thumb"
    return (
        f'<tr><td><img class="thumb" src="{picture}" alt="" loading="lazy"></td>'
        f'<td class="word"><b>{escape(suspect.name)}</b>'
        f'<div class="small quiet">{SPLIT_NAMES.get(suspect.split or "", "no split")}</div></td>'
        f'<td class="word">{escape(named(suspect.given))}</td><td>{their_verdicts(suspect)}</td>'
        f'<td><button type="button" data-rank="{suspect.rank}">Look and settle</button></td></tr>'
    )


def their_verdicts(suspect: SuspectView) -> str:
    lines = [(verdict.person, verdict) for verdict in suspect.others]
    lines += [("you", suspect.mine)] if suspect.mine is not None else []
    return "".join(
        f"<div>{escape(person)}: {escape(decided(verdict))}"
        f"{f' <span class=quiet>“{escape(verdict.why)}”</span>' if verdict.why else ''}</div>"
        for person, verdict in lines
    )


def _row(pair: Pair) -> str:
    interval = "too few cases"
    if pair.kappa is not None and pair.low is not None and pair.high is not None:
        interval = f"{rounded(pair.kappa, 2)} ({rounded(pair.low, 2)} to {rounded(pair.high, 2)})"
    agree = "–" if pair.observed is None else rounded(pair.observed, 2)
    return (
        f"<tr><td>{escape(pair.first)} with {escape(pair.second)}</td><td class=n>{pair.n:,}</td>"
        f"<td class=n>{escape(agree)}</td><td>{escape(interval)}</td></tr>"
    )
