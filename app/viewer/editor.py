"""The editor of boxes round a viewer: a component that asks and sends by itself (see routes/boxes)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.html import component_beside
from app.viewer import pane_of, shown, viewer
from core.records.place import Place
from core.records.sets.sets import CaseRow

HEIGHT = 430
CLOSED: dict[str, Any] = {"case": None}


@dataclass(frozen=True)
class BoxEditor:
    """Sets off `collapse` when the person goes back to the cases."""

    editor: gr.HTML
    picture: gr.HTML


def box_editor() -> BoxEditor:
    """Its value is what `opened` makes of a case."""
    with gr.HTML(CLOSED, elem_id="box-editor", elem_classes="vt", **component_beside(__file__)) as made:
        picture = viewer(height=HEIGHT, elem_id="box-picture")
    assert isinstance(made, gr.HTML)
    return BoxEditor(made, picture)


def opened(version_id: int, number: int, person_id: int) -> dict[str, Any]:
    """A case of a version for a person; each opening is another one, also of the same case."""
    return {"case": [version_id, number], "person": person_id, "opening": secrets.token_hex(4)}


def picture_of(place: Place, case: CaseRow) -> dict[str, Any]:
    """What the viewer within shows."""
    return shown([pane_of(place, case, case.name)])
