"""Erasing: a person's account, a run or a picture that was asked about, once it was read what goes and what stays.

Sets, versions and reviews are erased on their own pages, projects in the tab beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.erasing import Confirmation, lay_out_confirmation
from app.row_choice import RowChoice
from app.visit import Updates, Visit, guarded
from core.errors import SettingsError
from core.records.erasing.erasable import erasable_kind, erase_named

KINDS = [("person", "person"), ("run", "run"), ("picture", "picture")]


@dataclass(frozen=True)
class EraseParts:
    place: gr.Accordion
    kind: gr.Radio
    which: RowChoice
    confirmation: Confirmation

    @property
    def shown(self) -> list[Component]:
        return [self.which, *self.confirmation.shown]


@dataclass(frozen=True)
class Erasing:
    parts: EraseParts

    def offer(self, visit: Visit, kind: str) -> Updates:
        """What there is of a kind, none of it chosen. A person is named by the name, all else by its number."""
        erasable = erasable_kind(kind)
        choices = erasable.listed(visit.database, visit.who)
        return {self.parts.which: gr.update(choices=choices, value=None, label=erasable.title)}

    def choose_kind(self, visit: Visit, kind: str) -> Updates:
        return self.offer(visit, kind) | self.parts.confirmation.closed()

    def look(self, visit: Visit, kind: str, which: str | None) -> Updates:
        if not which:
            return self.parts.confirmation.closed()
        return self.parts.confirmation.of(erasable_kind(kind).plan(visit.database, visit.place, visit.who, which))

    def erase(self, visit: Visit, kind: str, which: str | None, name: str | None) -> Updates:
        if not which:
            raise SettingsError("Nothing is chosen to be erased. Choose it first.")
        erase_named(visit.database, visit.place, visit.who, kind, which, name or "")
        gr.Info("It is erased.", title="Done")
        return self.choose_kind(visit, kind)


def lay_out() -> EraseParts:
    with gr.Accordion("Erase a person, a run or a picture for good", open=False, elem_id="erase") as place:
        gr.HTML(
            '<div class="vt"><p class="quiet">For good, with its files. To keep somebody out for a while, deactivate '
            "the account instead. Image sets and reviews are erased on their own pages, projects under Projects.</p>"
            "</div>"
        )
        with gr.Row():
            kind = gr.Radio(KINDS, value="person", label="What", elem_id="erase-kind", scale=0, min_width=300)
            which = RowChoice([], label="Person", elem_id="erase-which")
        confirmation = lay_out_confirmation("erase")
    return EraseParts(place, kind, which, confirmation)


def wire(studio: Studio, parts: EraseParts) -> None:
    erasing_here, confirmation = Erasing(parts), parts.confirmation
    parts.place.expand(guarded(studio, erasing_here.offer), [parts.kind], [parts.which], **PRIVATE)
    parts.kind.input(guarded(studio, erasing_here.choose_kind), [parts.kind], parts.shown, **LATEST)
    chosen = [parts.kind, parts.which]
    parts.which.input(guarded(studio, erasing_here.look), chosen, confirmation.shown, **LATEST)
    erase = guarded(studio, erasing_here.erase)
    confirmation.erase.click(erase, [*chosen, confirmation.name], parts.shown, **{**PRIVATE, "show_progress": "full"})
