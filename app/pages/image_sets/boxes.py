"""Correcting boxes: the editor in the place of the gallery, and what was corrected since the newest version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

import gradio as gr
from gradio.blocks import Block

from app.drawings import colours_of
from app.html import as_text
from app.set_words import SPLIT_NAMES, counted, named
from app.viewer.editor import CLOSED, BoxEditor, box_editor, opened, picture_of
from app.visit import Json, Updates, Visit
from app.words import ago
from core.errors import SettingsError
from core.records.review import boxes, corrections
from core.records.review.boxes import BoxesView, Redrawn, Standing
from core.records.sets import sets
from core.sets.drawn_boxes import rule_for

MOST_ROWS = 50
DRAW, CORRECT = "Draw a box on it", "Correct its boxes"
NO_CASE = "No case is chosen. Choose one of the gallery."


@dataclass(frozen=True)
class EditParts:
    """The editor takes the place of what is browsed."""

    browsed: gr.Column
    edited: gr.Column
    editor: BoxEditor
    edit: gr.Button
    number: gr.Number
    """Of the case that was chosen."""
    pending: gr.HTML
    note: gr.Textbox
    make: gr.Button

    @property
    def panels(self) -> list[Block]:
        return [self.browsed, self.edited, self.editor.editor, self.editor.picture]

    @property
    def listed(self) -> list[Block]:
        return [self.pending, self.note, self.make]


@dataclass(frozen=True)
class Editing:
    parts: EditParts

    def offer(self, visit: Visit, number: int, count: int) -> Updates:
        """The way to the editor, for a case with so many boxes."""
        title = CORRECT if count else DRAW
        return {
            self.parts.edit: gr.update(value=title, visible=visit.who.may("review")),
            self.parts.number: number,
        }

    def none(self) -> Updates:
        """Where no case is chosen. What is being edited stays."""
        return {self.parts.edit: gr.update(visible=False), self.parts.number: None}

    def open(self, visit: Visit, version_id: int | None, number: int | None) -> Updates:
        if version_id is None or number is None:
            raise SettingsError(NO_CASE)
        stands = boxes.standing_boxes(visit.database, visit.who, int(version_id), int(number))
        parts, place = self.parts, (stands.version_id, stands.number)
        return {
            parts.browsed: gr.update(visible=False),
            parts.edited: gr.update(visible=True),
            parts.editor.editor: opened(*place, visit.who.id),
            parts.editor.picture: picture_of(visit.place, sets.case(visit.database, visit.who, *place)),
        }

    def list(self, visit: Visit, version_id: int | None) -> Updates:
        """What was corrected and is in no version yet."""
        redrawn = [] if version_id is None else _redrawn(visit, int(version_id))
        may_make = bool(redrawn) and visit.who.may("work")
        return {
            self.parts.pending: draw_redrawn(redrawn) if redrawn else "",
            self.parts.note: gr.update(visible=may_make),
            self.parts.make: gr.update(visible=may_make),
        }

    def make(self, visit: Visit, version_id: int | None, note: str) -> int:
        """The next version; its number in the records."""
        if version_id is None:
            raise SettingsError("No version is chosen. Choose an image set first.")
        set_id = sets.version(visit.database, visit.who, int(version_id)).set_id
        version = corrections.apply_boxes(visit.database, visit.place, visit.who, set_id, (note or "").strip())
        kept = f"Version {version.number} of {version.image_set.name} is kept."
        gr.Info(f"{as_text(kept)} Runs that saw an earlier one still name it.")
        return version.id

    def close(self) -> Updates:
        parts = self.parts
        return {
            parts.browsed: gr.update(visible=True),
            parts.edited: gr.update(visible="hidden"),
            parts.editor.editor: CLOSED,
            parts.editor.picture: {"panes": []},
        }


def lay_out_editor() -> tuple[gr.Column, BoxEditor]:
    with gr.Column(visible="hidden") as edited:
        editor = box_editor()
    return edited, editor


def lay_out_list() -> tuple[gr.HTML, gr.Textbox, gr.Button]:
    pending = gr.HTML(elem_id="boxes-pending")
    note = gr.Textbox(label="Note on the new version", max_lines=2, visible=False, elem_id="boxes-note")
    make = gr.Button("Make the next version", variant="primary", visible=False, elem_id="boxes-make")
    return pending, note, make


def sheet(visit: Visit, stands: Standing) -> Json:
    """What the editor shows of a case, and what it may make of it."""
    version = sets.version(visit.database, visit.who, stands.version_id)
    labels = boxes.labels_of_boxes(visit.place, version)
    colours = colours_of([*stands.task.answers, *labels])
    history = boxes.corrections_of_boxes(visit.database, visit.who, stands.version_id, stands.number)
    return {
        "case": [stands.version_id, stands.number],
        "title": f"{stands.name} · {version.image_set.name}, version {version.number}",
        "boxes": [asdict(box) for box in stands.boxes],
        "after": stands.correction,
        "labels": [[label, colours[label]] for label in labels],
        "rule": rule_for(stands.task, boxes.is_boxed(visit.place, version)),
        "says": state(stands),
        "history": [f"{row.person}, {ago(row.at)}: {_changed(row)}" for row in history],
    }


def state(stands: Standing) -> str:
    """How far what was corrected is from the newest version."""
    if stands.boxes == stands.given:
        return f"Labels: {named(stands.labels)}."
    by = f"Corrected by {stands.person}, {ago(stands.at)}: part of the next version."
    if stands.labels == stands.given_labels:
        return f"{by}\nLabels stay: {named(stands.labels)}."
    return f"{by}\nIts labels then: {named(stands.labels)} (now: {named(stands.given_labels)})."


def _changed(row: BoxesView) -> str:
    count = "1 box" if len(row.boxes) == 1 else f"{len(row.boxes):,} boxes"
    return f"{count} (“{row.why}”)" if row.why else count


def draw_redrawn(redrawn: Sequence[Redrawn]) -> str:
    """Cases whose boxes the next version changes."""
    head = '<tr><th>Case</th><th class="n">Boxes</th><th>Labels then</th><th>By</th></tr>'
    more = len(redrawn) - MOST_ROWS
    rest = f'<p class="small quiet">and {more:,} more.</p>' if more > 0 else ""
    return (
        f'<div class="vt"><h2>Boxes corrected: {counted(len(redrawn))}</h2>'
        '<p class="small quiet">In no version yet. The next one has them; earlier ones, and runs that saw those, stay '
        f'as they are.</p><div class="long"><table>{head}'
        f"{''.join(map(_row, redrawn[:MOST_ROWS]))}</table></div>{rest}</div>"
    )


def _row(case: Redrawn) -> str:
    labels = f"<b>{escape(named(case.labels))}</b>" if case.labels != case.given_labels else escape(named(case.labels))
    split = SPLIT_NAMES.get(case.split or "", "no split")
    why = f' <span class="quiet">“{escape(case.why)}”</span>' if case.why else ""
    return (
        f'<tr><td>{escape(case.name)} <span class="quiet">{split}</span></td>'
        f'<td class="n">{len(case.given)} → {len(case.boxes)}</td><td>{labels}</td>'
        f"<td>{escape(case.who)}, {ago(case.at)}{why}</td></tr>"
    )


def _redrawn(visit: Visit, version_id: int) -> list[Redrawn]:
    set_id = sets.version(visit.database, visit.who, version_id).set_id
    return boxes.redrawn_cases(visit.database, visit.who, set_id)
