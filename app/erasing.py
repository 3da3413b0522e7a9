"""What several pages show before something is erased: what goes, what stays, and a place for its name."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from app.visit import Updates
from core.records.erasing.erasing import Erasure

RECEIPT = "That it was erased, when and by whom, stays in the audit log."


@dataclass(frozen=True)
class Confirmation:
    """Whoever erases something types its name: a click may be a slip."""

    about: gr.HTML
    name: gr.Textbox
    erase: gr.Button

    @property
    def shown(self) -> list[Component]:
        return [self.about, self.name, self.erase]

    def of(self, erasure: Erasure) -> Updates:
        return {
            self.about: draw_erasure(erasure),
            self.name: gr.update(value="", visible=True),
            self.erase: gr.update(visible=True),
        }

    def closed(self) -> Updates:
        hidden = gr.update(visible=False)
        return {self.about: "", self.name: gr.update(value="", visible=False), self.erase: hidden}


def lay_out_confirmation(name: str) -> Confirmation:
    return Confirmation(
        gr.HTML(elem_id=f"{name}-about"),
        gr.Textbox(label="Type its name to erase it", visible=False, max_length=300, elem_id=f"{name}-name"),
        gr.Button("Erase for good", variant="stop", visible=False, elem_id=f"{name}-now"),
    )


def draw_erasure(erasure: Erasure) -> str:
    goes, stays = ("".join(f"<li>{escape(line)}</li>" for line in lines) for lines in (erasure.goes, erasure.stays))
    return (
        f'<div class="vt"><p><b>{escape(erasure.name)}</b></p><div class="halves">'
        f"<div><h2>Goes for good</h2><ul>{goes}</ul></div><div><h2>Stays</h2><ul>{stays}</ul></div></div>"
        f'<p class="quiet">{RECEIPT} Backups that were made before hold it still.</p></div>'
    )
