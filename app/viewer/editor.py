"""The editor of boxes round a viewer: a component that asks and sends by itself (see routes/boxes)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.viewer import Pane, shown, viewer

HERE = Path(__file__).parent
HEIGHT = 430
CLOSED: dict[str, Any] = {"case": None}


@dataclass(frozen=True)
class BoxEditor:
    """Sets off `collapse` when the person goes back to the cases."""

    editor: gr.HTML
    picture: gr.HTML


def box_editor() -> BoxEditor:
    """Its value is what `opened` makes of a case."""
    template, look, behaviour = (
        (HERE / f"editor.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    with gr.HTML(
        CLOSED,
        html_template=template,
        css_template=look,
        js_on_load=behaviour,
        apply_default_css=False,
        elem_id="box-editor",
        elem_classes="vt",
    ) as made:
        picture = viewer(height=HEIGHT, elem_id="box-picture")
    assert isinstance(made, gr.HTML)
    return BoxEditor(made, picture)


def opened(version_id: int, number: int, person_id: int) -> dict[str, Any]:
    """A case of a version for a person; each opening is another one, also of the same case."""
    return {"case": [version_id, number], "person": person_id, "opening": secrets.token_hex(4)}


def picture_of(version_id: int, number: int, name: str) -> dict[str, Any]:
    """What the viewer within shows."""
    return shown([Pane(f"/images/{version_id}/{number}", name)])
