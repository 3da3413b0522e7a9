"""Erasing: a person's account or a run for good, once it was read what goes and what stays."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.context import PRIVATE, Studio
from app.erasures import draw_erasure
from app.visit import Updates, Visit, guarded
from core.errors import SettingsError
from core.records import erasing, roster
from core.records.erasing import Erasure

A_PERSON, A_RUN = "person", "run"


@dataclass(frozen=True)
class EraseParts:
    place: gr.Accordion
    kind: gr.Radio
    which: gr.Dropdown
    about: gr.HTML
    name: gr.Textbox
    erase: gr.Button

    @property
    def shown(self) -> list[Component]:
        return [self.which, self.about, self.name, self.erase]


@dataclass(frozen=True)
class Erasing:
    parts: EraseParts

    def offer(self, visit: Visit, kind: str) -> Updates:
        """What there is of a kind, none of it chosen. A run is named by its number, a person by the name."""
        if kind == A_RUN:
            choices = [(words, str(number)) for words, number in erasing.erasable_runs(visit.database, visit.who)]
        else:
            choices = [(person.name, person.name) for person in roster.roster(visit.database, visit.who)]
        return {self.parts.which: gr.update(choices=choices, value=None, label=kind.capitalize())}

    def choose_kind(self, visit: Visit, kind: str) -> Updates:
        return self.offer(visit, kind) | self.closed()

    def look(self, visit: Visit, kind: str, which: str | None) -> Updates:
        if not which:
            return self.closed()
        erasure = erasure_of(visit, kind, which)
        return {
            self.parts.about: draw_erasure(erasure),
            self.parts.name: gr.update(value="", visible=True),
            self.parts.erase: gr.update(visible=True),
        }

    def erase(self, visit: Visit, kind: str, which: str | None, name: str | None) -> Updates:
        """Whoever erases something types its name: a click may be a slip."""
        if not which:
            raise SettingsError("Nothing is chosen to be erased. Choose it first.")
        erasure = erasure_of(visit, kind, which)
        if (name or "").strip() != erasure.name.strip():
            raise SettingsError("The name that was typed is another. Type it as it stands above, or leave it.")
        if kind == A_RUN:
            erasing.erase_run(visit.database, visit.place, visit.who, number_of(which))
        else:
            erasing.erase_person(visit.database, visit.who, which)
        gr.Info("It is erased.", title="Done")
        return self.choose_kind(visit, kind)

    def closed(self) -> Updates:
        hidden = gr.update(visible=False)
        return {self.parts.about: "", self.parts.name: gr.update(value="", visible=False), self.parts.erase: hidden}


def erasure_of(visit: Visit, kind: str, which: str) -> Erasure:
    if kind == A_RUN:
        return erasing.run_erasure(visit.database, visit.who, number_of(which))
    return erasing.person_erasure(visit.database, visit.who, which)


def number_of(which: str) -> int:
    if not which.isdecimal() or len(which) > 9:
        raise SettingsError("There is no such run. Choose one of those that are offered.")
    return int(which)


def lay_out() -> EraseParts:
    with gr.Accordion("Erase a person or a run for good", open=False, elem_id="erase") as place:
        gr.HTML(
            '<div class="vt"><p class="quiet">For good, with its files. To keep somebody out for a while, deactivate '
            "the account instead.</p></div>"
        )
        with gr.Row():
            kind = gr.Radio(
                [A_PERSON, A_RUN], value=A_PERSON, label="What", elem_id="erase-kind", scale=0, min_width=200
            )
            which = gr.Dropdown([], label="Person", elem_id="erase-which")
        about = gr.HTML(elem_id="erase-about")
        name = gr.Textbox(label="Type its name to erase it", visible=False, max_length=300, elem_id="erase-name")
        erase = gr.Button("Erase for good", variant="stop", visible=False, elem_id="erase-now")
    return EraseParts(place, kind, which, about, name, erase)


def wire(studio: Studio, parts: EraseParts) -> None:
    erasing_here = Erasing(parts)
    parts.place.expand(guarded(studio, erasing_here.offer), [parts.kind], [parts.which], **PRIVATE)
    parts.kind.input(guarded(studio, erasing_here.choose_kind), [parts.kind], parts.shown, **PRIVATE)
    looked_at = [parts.about, parts.name, parts.erase]
    parts.which.input(guarded(studio, erasing_here.look), [parts.kind, parts.which], looked_at, **PRIVATE)
    parts.erase.click(
        guarded(studio, erasing_here.erase), [parts.kind, parts.which, parts.name], parts.shown, **PRIVATE
    )
