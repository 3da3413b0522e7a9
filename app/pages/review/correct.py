"""The tab “Correct”: the verdicts as the next version of the set, what it changes, and whether it helped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from app.context import Studio
from app.html import as_text, empty
from app.pages.review.find import chosen
from app.pages.review.retrained import comparison
from app.set_words import SPLIT_NAMES
from core.errors import SettingsError
from core.records import runs, sets
from core.records.access import Who
from core.records.review import corrections
from core.records.review.corrections import Change
from core.records.review.reviews import ReviewView
from core.records.tables import Version

MOST_ROWS = 200
EXPORTS = {"csv": "Table (CSV)", "json": "JSON", "coco": "COCO, of the cases with boxes"}
NOBODY = empty("No search is chosen", "Begin one under Find, decide on its cases, and come back.")
UNCHANGED = empty("Nothing to change yet", "Decide on cases first: what is changed or excluded is listed here.")
FOLLOWED = empty("Nothing left to change", "The newest version of the set follows every decision so far.")
TESTED = (
    "A corrected label in the test cases moves the yardstick as well as the model. So figures under the old test "
    "labels and under the corrected ones stand apart; compare within one of them, never across."
)


class Correcting:
    """The tab's components, and what its events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=480):
                self.preview = gr.HTML(NOBODY, elem_id="review-preview")
            with gr.Column(scale=3, min_width=320):
                self.note = gr.Textbox(label="Note on the new version", max_lines=2, placeholder="What was looked at")
                self.apply = gr.Button("Make the corrected version", variant="primary", elem_id="review-apply")
                self.exports = gr.HTML(elem_id="review-exports")
        with gr.Accordion("Compare two versions, take one back", open=False, elem_id="review-versions"):
            with gr.Row(equal_height=True):
                self.old = gr.Dropdown([], label="Version", elem_id="review-old")
                self.new = gr.Dropdown([], label="with version", elem_id="review-new")
                self.revert = gr.Button("Take the second back", scale=0, min_width=210, elem_id="review-revert")
            self.difference = gr.HTML(elem_id="review-difference")
        with gr.Accordion("Did it help? Retrain and compare", open=False, elem_id="review-retrain"):
            gr.HTML(f'<div class="vt"><p class="small quiet">{TESTED}</p></div>')
            with gr.Row(equal_height=True):
                self.run = gr.Dropdown([], label="Finished run", elem_id="review-run")
                self.corrected = gr.Dropdown([], label="on the corrected version", elem_id="review-corrected")
                self.retrain = gr.Button("Queue the same settings", scale=0, min_width=210, elem_id="review-requeue")
            with gr.Row(equal_height=True):
                self.again = gr.Dropdown([], label="Compare with its retrained run", elem_id="review-again")
                self.compare = gr.Button("Compare", scale=0, min_width=210, elem_id="review-compare")
            self.compared = gr.HTML(elem_id="review-compared")
        self.versions = [self.old, self.new, self.corrected]
        self.shown = [self.preview, self.apply, self.exports, *self.versions, self.run, self.again]

    def open(self, review_id: int | None, request: gr.Request) -> list[Any]:
        """What would change, and the versions and runs to compare."""
        if review_id is None:
            return [NOBODY, gr.update(interactive=False), "", *[gr.skip()] * 5]
        studio, who = self.studio, self.studio.who(request)
        view = chosen(studio, review_id, request)
        changes = corrections.preview(studio.database, who, view.id) if view.state == "done" else []
        known = sets.versions(studio.database, who, view.set_id)
        unchanged = UNCHANGED if known[0].id == view.version_id else FOLLOWED
        return [
            drawn(changes, f"{len(changes):,} cases would change") if changes else unchanged,
            gr.update(interactive=bool(changes)),
            exports(view, corrections.kinds(studio.database, who, view.id)) if view.state == "done" else "",
            *self._versions(known, view),
            *self._runs(who, view),
        ]

    def make(self, review_id: int | None, note: str | None, request: gr.Request) -> Any:
        """The settled verdicts as the next version of the set."""
        studio, view = self.studio, chosen(self.studio, review_id, request)
        made = corrections.apply(studio.database, studio.place, studio.who(request), view.id, (note or "").strip())
        told = f"Version {made.number} of {view.set} is kept, with {made.cases:,} cases."
        gr.Info(f"{as_text(told)} The earlier ones stay as they were.")
        return gr.skip()

    def differ(self, old: int | None, new: int | None, request: gr.Request) -> str:
        if old is None or new is None or old == new:
            return empty("Two versions are needed", "Choose two different ones above.")
        found = corrections.difference(self.studio.database, self.studio.who(request), int(old), int(new))
        return drawn(found, f"{len(found):,} cases differ") if found else empty("No label differs", "Both are alike.")

    def take_back(self, version_id: int | None, request: gr.Request) -> Any:
        """A new version equal to the one that this one was made from."""
        if version_id is None:
            raise SettingsError("No version is chosen. Choose the one to take back.")
        studio = self.studio
        made = corrections.revert(studio.database, studio.place, studio.who(request), int(version_id))
        gr.Info(f"Version {made.number} is as before. Nothing was deleted: the one taken back can still be looked at.")
        return gr.skip()

    def retrained(self, run_id: int | None, version_id: int | None, request: gr.Request) -> None:
        if run_id is None or version_id is None:
            raise SettingsError("Choose a finished run, and the corrected version to tune it on again.")
        studio = self.studio
        made = corrections.retrain(studio.database, studio.place, studio.who(request), int(run_id), int(version_id))
        waits = f"“{as_text(made.name)}” waits in the queue."
        gr.Info(f"{waits} Watch it on the page Runs, and compare here once it is finished.")

    def paired(self, run_id: int | None, again_id: int | None, request: gr.Request) -> str:
        if run_id is None or again_id is None:
            return empty(
                "Two finished runs are needed", "Choose one, queue it on the corrected version, and wait for it."
            )
        studio = self.studio
        found = corrections.retrained(studio.database, studio.place, studio.who(request), int(run_id), int(again_id))
        return comparison(found)

    def _versions(self, known: Sequence[Version], view: ReviewView) -> list[Any]:
        choices = [(f"v{one.number}: {one.cases:,} cases", one.id) for one in known]
        newest = known[0].id
        corrected = newest if newest != view.version_id else None
        return [
            gr.update(choices=choices, value=view.version_id),
            gr.update(choices=choices, value=corrected),
            gr.update(choices=[one for one in choices if one[1] != view.version_id], value=corrected),
        ]

    def _runs(self, who: Who, view: ReviewView) -> list[Any]:
        found = runs.runs(self.studio.database, who, view.project_id, states=("done",))
        first = [(f"{one.id} · {one.name}", one.id) for one in found if one.version_id == view.version_id]
        ids = {number for _, number in first}
        again = [(f"{one.id} · {one.name} (v{one.version})", one.id) for one in found if one.copy_of in ids]
        return [gr.update(choices=choices, value=choices[0][1] if choices else None) for choices in (first, again)]


def drawn(changes: Sequence[Change], title: str) -> str:
    """What changes, case by case, and how many of it in each split."""
    by_split = Counter(SPLIT_NAMES.get(one.split or "", "no split") for one in changes)
    excluded = sum(one.action == "exclude" for one in changes)
    parts = [f"{number:,} in {split}" for split, number in by_split.items()]
    told = ", ".join(parts) + (f"; {excluded:,} {'leaves' if excluded == 1 else 'leave'} the set" if excluded else "")
    rows = "".join(map(_row, changes[:MOST_ROWS]))
    rest = len(changes) - MOST_ROWS
    more = f'<p class="small quiet">and {rest:,} more: the exported table has them all.</p>' if rest > 0 else ""
    head = "<th>Case</th><th>Split</th><th>Given label</th><th>New label</th><th>By, and why</th>"
    table = f'<div class="long"><table><tr>{head}</tr>{rows}</table></div>'
    return f'<div class="vt"><h2>{title}</h2><p class="small quiet">{told}</p>{table}{more}</div>'


def exports(view: ReviewView, kinds: Sequence[str]) -> str:
    links = "".join(
        f'<li><a href="/downloads/reviews/{view.id}/{kind}" download>{EXPORTS[kind]}</a></li>' for kind in kinds
    )
    return (
        '<div class="vt"><h2>Take the verdicts away</h2><p class="small quiet">Every verdict with who, when, why and '
        f'how long. Research use only.</p><ul class="plain">{links}</ul></div>'
    )


def _row(one: Change) -> str:
    to = {"exclude": "<i>leaves the set</i>"}.get(one.action, f"<b>{escape(one.to)}</b>")
    given = {"add": "<i>not in the set</i>"}.get(one.action, escape(one.given))
    why = f" “{escape(one.why)}”" if one.why else ""
    split = SPLIT_NAMES.get(one.split or "", "no split")
    return (
        f"<tr><td>{escape(one.name)}</td><td>{split}</td><td>{given}</td><td>{to}</td>"
        f'<td>{escape(one.who)}<span class="quiet">{why}</span></td></tr>'
    )
