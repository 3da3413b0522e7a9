"""What differs between the version that is shown and another, and the way back to an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from app.visit import Updates, Visit
from core.errors import CoreError
from core.records.sets.version_changes import (
    Changed,
    VersionChanges,
    bring_back_version,
    in_words,
    version_changes,
)
from core.records.tables import Version

NAMED = 50


@dataclass(frozen=True)
class ChangesParts:
    against: gr.Dropdown
    shown: gr.HTML
    back: gr.Button


@dataclass(frozen=True)
class ChangesTab:
    parts: ChangesParts

    @property
    def opened(self) -> list[Component]:
        """What another version changes."""
        return [self.parts.against, self.parts.shown, self.parts.back]

    def open(self, visit: Visit, rows: Sequence[Version], version_id: int | None) -> Updates:
        """Beside the version that is shown, the one before it is chosen; `rows` are all of the set, newest first."""
        others = [row for row in rows if row.id != version_id]
        number = next((row.number for row in rows if row.id == version_id), 0)
        usual = next((row.id for row in others if row.number < number), None)
        choices = [(f"v{row.number}: {row.cases:,} cases", row.id) for row in others]
        is_old = bool(rows) and version_id is not None and rows[0].id != version_id
        return {
            self.parts.against: gr.update(choices=choices, value=usual, visible=bool(others)),
            self.parts.back: gr.update(visible=is_old, value=f"Make version {number} the newest again"),
            self.parts.shown: self._drawn(visit, usual, version_id),
        }

    def held_against(self, visit: Visit, against: int | None, version_id: int | None) -> Updates:
        return {self.parts.shown: self._drawn(visit, against, version_id)}

    def bring_back(self, visit: Visit, version_id: int | None) -> int:
        """The version that was made of it."""
        if version_id is None:
            raise CoreError("No version is chosen. Choose an image set first.")
        return bring_back_version(visit.database, visit.place, visit.who, int(version_id)).id

    def _drawn(self, visit: Visit, against: int | None, version_id: int | None) -> str:
        if against is None or version_id is None:
            return ""
        return draw(version_changes(visit.database, visit.who, int(against), int(version_id)))


def draw(changes: VersionChanges) -> str:
    """How many cases of each kind of change, and which."""
    counted = "".join(f"<li>{escape(line)}</li>" for line in in_words(changes))
    listed = (
        _names("Added", changes.added),
        _names("Removed", changes.removed),
        _pairs("Other labels", changes.relabelled),
        _pairs("Other splits", changes.moved),
        _pairs("Other patients", changes.of_other_patients),
        _names("Other pictures, boxes, masks, texts or columns", changes.redrawn),
    )
    return (
        f'<div class="vt"><p>From version {changes.before} to version {changes.after}:</p>'
        f"<ul>{counted}</ul>{''.join(listed)}</div>"
    )


def _names(title: str, cases: Sequence[str]) -> str:
    return _folded(title, [f"<code>{escape(case)}</code>" for case in cases])


def _pairs(title: str, changed: Sequence[Changed]) -> str:
    return _folded(
        title,
        [f"<code>{escape(each.case)}</code> {escape(each.before)} → {escape(each.after)}" for each in changed],
    )


def _folded(title: str, entries: Sequence[str]) -> str:
    if not entries:
        return ""
    more = f"<p>and {len(entries) - NAMED:,} more</p>" if len(entries) > NAMED else ""
    return f'<details class="small"><summary>{title}</summary>{"<br>".join(entries[:NAMED])}{more}</details>'


def lay_out() -> ChangesParts:
    with gr.Row(equal_height=True):
        against = gr.Dropdown([], label="Compare with", visible=False, elem_id="versions-against")
        back = gr.Button("Make it the newest again", size="sm", visible=False, elem_id="versions-back")
    return ChangesParts(against, gr.HTML(elem_id="versions-changes"), back)
