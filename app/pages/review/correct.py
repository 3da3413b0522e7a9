"""The tab “Correct”: the verdicts as the next version of the set, what it changes, and whether it helped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.html import as_text, empty
from app.pages.review.acts import chosen
from app.pages.review.retrained import comparison
from app.row_choice import RowChoice
from app.set_words import SPLIT_NAMES, counted, named
from app.visit import Updates, Visit, Wire, guarded, of_shown
from core.errors import SettingsError
from core.records.review import boxes, corrections
from core.records.review.corrections import Change
from core.records.review.reviews import ReviewView
from core.records.runs import runs
from core.records.runs.run_search import Sought
from core.records.sets import sets
from core.records.tables import Version

MOST_ROWS = 200
EXPORTS = {"csv": "Table (CSV)", "json": "JSON", "coco": "COCO, of the cases with boxes"}
NOBODY = empty("No search is chosen", "Begin one under Find, decide on its cases, and come back.")
UNCHANGED = empty("Nothing to change yet", "Decide on cases first: what is changed or excluded is listed here.")
FOLLOWED = empty("Nothing left to change", "The newest version of the set follows every decision so far.")
ONE_VERSION = empty("Two versions are needed", "Choose two different ones above.")
ALIKE = empty("No label differs", "And no box: both are alike.")
ONE_RUN = empty("Two finished runs are needed", "Choose one, queue it on the corrected version, and wait for it.")
TESTED = (
    "A corrected label in the test cases moves the yardstick as well as the model. So figures under the old test "
    "labels and under the corrected ones stand apart; compare within one of them, never across. Boxes of a label that "
    "a verdict takes away go with it."
)


@dataclass(frozen=True)
class VersionParts:
    """Two versions to compare, the second to take back."""

    old: RowChoice
    new: RowChoice
    revert: gr.Button
    difference: gr.HTML


@dataclass(frozen=True)
class RetrainParts:
    run: RowChoice
    corrected: RowChoice
    retrain: gr.Button
    again: RowChoice
    compare: gr.Button
    compared: gr.HTML


@dataclass(frozen=True)
class CorrectParts:
    of: gr.Number
    """The search whose changes they are."""
    preview: gr.HTML
    with_boxes: gr.Checkbox
    note: gr.Textbox
    apply: gr.Button
    exports: gr.HTML
    versions: VersionParts
    retraining: RetrainParts


@dataclass(frozen=True)
class Correcting:
    parts: CorrectParts

    def open(self, visit: Visit, review_id: int | None) -> Updates:
        """What would change, and the versions and runs to compare."""
        parts = self.parts
        if review_id is None:
            nothing: Updates = {
                parts.of: None,
                parts.preview: NOBODY,
                parts.apply: gr.update(interactive=False),
                parts.exports: "",
            }
            return nothing | {parts.with_boxes: gr.update(visible=False)}
        view = chosen(visit, review_id)
        is_done, versions = view.state == "done", sets.versions(visit.database, visit.who, view.set_id)
        changes = corrections.preview(visit.database, visit.who, view.id) if is_done else []
        kinds = corrections.kinds(visit.database, visit.who, view.id) if is_done else ()
        unchanged = UNCHANGED if versions[0].id == view.version_id else FOLLOWED
        redrawn = boxes.redrawn_cases(visit.database, visit.who, view.set_id) if is_done else []
        title = f"With the boxes that were corrected since ({counted(len(redrawn))})"
        shown: Updates = {
            parts.of: view.id,
            parts.preview: drawn(changes, f"{counted(len(changes))} would change") if changes else unchanged,
            parts.with_boxes: gr.update(label=title, value=bool(redrawn), visible=bool(redrawn)),
            parts.apply: gr.update(interactive=bool(changes)),
            parts.exports: exports(view, kinds) if is_done else "",
        }
        return shown | self._versions(versions, view) | self._runs(visit, view)

    def apply(self, visit: Visit, review_id: int | None, note: str | None, with_boxes: bool) -> Updates:
        """The settled verdicts as the next version of the set, with the boxes that were corrected where it is said."""
        view = chosen(visit, review_id)
        of_review = (visit.database, visit.place, visit.who, view.id, (note or "").strip())
        version = corrections.apply(*of_review, with_boxes=with_boxes)
        kept = f"Version {version.number} of {view.set} is kept, with {version.cases:,} cases."
        gr.Info(f"{as_text(kept)} The earlier ones stay as they were.")
        return {}

    def differ(self, visit: Visit, old: int | None, new: int | None) -> Updates:
        if old is None or new is None or old == new:
            return {self.parts.versions.difference: ONE_VERSION}
        changes = corrections.difference(visit.database, visit.who, int(old), int(new))
        shown = drawn(changes, f"{len(changes):,} cases differ") if changes else ALIKE
        return {self.parts.versions.difference: shown}

    def take_back(self, visit: Visit, version_id: int | None) -> Updates:
        """A new version equal to the one that this one was made from."""
        if version_id is None:
            raise SettingsError("No version is chosen. Choose the one to take back.")
        version = corrections.revert(visit.database, visit.place, visit.who, int(version_id))
        gr.Info(
            f"Version {version.number} is as before. Nothing was deleted: the one taken back can still be looked at."
        )
        return {}

    def retrain(self, visit: Visit, run_id: int | None, version_id: int | None) -> None:
        if run_id is None or version_id is None:
            raise SettingsError("Choose a finished run, and the corrected version to tune it on again.")
        run = corrections.retrain(visit.database, visit.place, visit.who, int(run_id), int(version_id))
        waits = f"“{as_text(run.name)}” waits in the queue."
        gr.Info(f"{waits} Watch it on the page Runs, and compare here once it is finished.")

    def compare(self, visit: Visit, run_id: int | None, again_id: int | None) -> Updates:
        if run_id is None or again_id is None:
            return {self.parts.retraining.compared: ONE_RUN}
        gains = corrections.retrained(visit.database, visit.place, visit.who, int(run_id), int(again_id))
        return {self.parts.retraining.compared: comparison(gains)}

    def _versions(self, versions: Sequence[Version], view: ReviewView) -> Updates:
        choices = [(f"v{version.number}: {version.cases:,} cases", version.id) for version in versions]
        others = [(title, version_id) for title, version_id in choices if version_id != view.version_id]
        newest = versions[0].id if versions[0].id != view.version_id else None
        return {
            self.parts.versions.old: gr.update(choices=choices, value=view.version_id),
            self.parts.versions.new: gr.update(choices=choices, value=newest),
            self.parts.retraining.corrected: gr.update(choices=others, value=newest),
        }

    def _runs(self, visit: Visit, view: ReviewView) -> Updates:
        done = runs.runs(visit.database, visit.who, view.project_id, Sought(states=("done",)))
        first = [(f"{run.id} · {run.name}", run.id) for run in done if run.version_id == view.version_id]
        ids = {number for _, number in first}
        again = [(f"{run.id} · {run.name} (v{run.version})", run.id) for run in done if run.copy_of in ids]
        return {
            part: gr.update(choices=choices, value=choices[0][1] if choices else None)
            for part, choices in ((self.parts.retraining.run, first), (self.parts.retraining.again, again))
        }


def lay_out() -> CorrectParts:
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=480):
            preview = gr.HTML(NOBODY, elem_id="review-preview")
        with gr.Column(scale=3, min_width=320):
            with_boxes = gr.Checkbox(True, label="With the boxes", visible=False, elem_id="review-with-boxes")
            note = gr.Textbox(label="Note on the new version", max_lines=2, placeholder="What was looked at")
            apply = gr.Button("Make the corrected version", variant="primary", elem_id="review-apply")
            exports = gr.HTML(elem_id="review-exports")
    with gr.Accordion("Compare two versions, take one back", open=False, elem_id="review-versions"):
        versions = _version_parts()
    with gr.Accordion("Did it help? Retrain and compare", open=False, elem_id="review-retrain"):
        retraining = _retrain_parts()
    return CorrectParts(
        gr.Number(visible=False, precision=0), preview, with_boxes, note, apply, exports, versions, retraining
    )


def _version_parts() -> VersionParts:
    with gr.Row(equal_height=True):
        old = RowChoice([], label="Version", elem_id="review-old")
        new = RowChoice([], label="with version", elem_id="review-new")
        revert = gr.Button("Take the second back", scale=0, min_width=210, elem_id="review-revert")
    return VersionParts(old, new, revert, gr.HTML(elem_id="review-difference"))


def _retrain_parts() -> RetrainParts:
    gr.HTML(f'<div class="vt"><p class="small quiet">{TESTED}</p></div>')
    with gr.Row(equal_height=True):
        run = RowChoice([], label="Finished run", elem_id="review-run")
        corrected = RowChoice([], label="on the corrected version", elem_id="review-corrected")
        retrain = gr.Button("Queue the same settings", scale=0, min_width=210, elem_id="review-requeue")
    with gr.Row(equal_height=True):
        again = RowChoice([], label="Compare with its retrained run", elem_id="review-again")
        compare = gr.Button("Compare", scale=0, min_width=210, elem_id="review-compare")
    return RetrainParts(run, corrected, retrain, again, compare, gr.HTML(elem_id="review-compared"))


def opening(studio: Studio, tab: Correcting, review: gr.Dropdown) -> Wire:
    parts, versions, retraining = tab.parts, tab.parts.versions, tab.parts.retraining
    choosers = [versions.old, versions.new, retraining.corrected, retraining.run, retraining.again]
    drawn = [parts.of, parts.preview, parts.with_boxes, parts.apply, parts.exports]
    return guarded(studio, tab.open), [review], [*drawn, *choosers]


def wire(studio: Studio, tab: Correcting, review: gr.Dropdown) -> None:
    parts, versions, retraining = tab.parts, tab.parts.versions, tab.parts.retraining
    # What takes seconds in a large set shows for how long it has gone on, over what it is about.
    acts: tuple[tuple[gr.Button, Callable[..., object], list[Component], gr.HTML | None], ...] = (
        (parts.apply, of_shown(tab.apply, "search"), [review, parts.of, parts.note, parts.with_boxes], parts.preview),
        (versions.revert, tab.take_back, [versions.new], versions.difference),
        (retraining.retrain, tab.retrain, [retraining.run, retraining.corrected], None),
    )
    for button, act, given, busy in acts:
        clicked = button.click(guarded(studio, act), given, busy, **{**PRIVATE, "show_progress": "full"})
        clicked.success(*opening(studio, tab, review), **LATEST)
    for chooser in (versions.old, versions.new):
        chooser.change(guarded(studio, tab.differ), [versions.old, versions.new], [versions.difference], **PRIVATE)
    retraining.compare.click(
        guarded(studio, tab.compare), [retraining.run, retraining.again], [retraining.compared], **PRIVATE
    )


def drawn(changes: Sequence[Change], title: str) -> str:
    """What changes, case by case, and how many of it in each split."""
    by_split = Counter(SPLIT_NAMES.get(change.split or "", "no split") for change in changes)
    excluded = sum(change.action == "exclude" for change in changes)
    parts = [f"{number:,} in {split}" for split, number in by_split.items()]
    counted = ", ".join(parts) + (
        f"; {excluded:,} {'leaves' if excluded == 1 else 'leave'} the set" if excluded else ""
    )
    rows = "".join(map(_row, changes[:MOST_ROWS]))
    rest = len(changes) - MOST_ROWS
    more = f'<p class="small quiet">and {rest:,} more: the exported table has them all.</p>' if rest > 0 else ""
    head = "<th>Case</th><th>Split</th><th>Given label</th><th>New label</th><th>By, and why</th>"
    table = f'<div class="long"><table><tr>{head}</tr>{rows}</table></div>'
    return f'<div class="vt"><h2>{title}</h2><p class="small quiet">{counted}</p>{table}{more}</div>'


def exports(view: ReviewView, kinds: Sequence[str]) -> str:
    links = "".join(
        f'<li><a href="/downloads/reviews/{view.id}/{kind}" download>{EXPORTS[kind]}</a></li>' for kind in kinds
    )
    return (
        '<div class="vt"><h2>Take the verdicts away</h2><p class="small quiet">Every verdict with who, when, why and '
        f'how long. Research use only.</p><ul class="plain">{links}</ul></div>'
    )


def _row(change: Change) -> str:
    to = "<i>leaves the set</i>" if change.to is None else f"<b>{escape(named(change.to))}</b>"
    given = "<i>not in the set</i>" if change.given is None else escape(named(change.given))
    if change.boxes is not None:
        to += f'<br><span class="quiet">boxes corrected: {change.boxes[0]} → {change.boxes[1]}</span>'
    why = f" “{escape(change.why)}”" if change.why else ""
    split = SPLIT_NAMES.get(change.split or "", "no split")
    return (
        f"<tr><td>{escape(change.name)}</td><td>{split}</td><td>{given}</td><td>{to}</td>"
        f'<td>{escape(change.who)}<span class="quiet">{why}</span></td></tr>'
    )
