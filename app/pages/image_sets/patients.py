"""Erasing a patient or a case of a set, by admins: what goes and what stays is read first, the name typed once more."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.context import LATEST, PRIVATE, Studio
from app.erasing import Confirmation, lay_out_confirmation
from app.row_choice import RowChoice
from app.visit import Updates, Visit, guarded
from core.errors import SettingsError
from core.records.erasing.erasable import AND_RUNS, erasable_kind, erase_named

KINDS = [("a patient", "patient"), ("a single case", "case")]
UPLOADS = [("of this project", "project"), ("none", "none"), ("of all my projects", "all")]
AFTER_THE_KIND = {"project": "", "none": "-but-uploads", "all": "-and-uploads"}


@dataclass(frozen=True)
class PatientParts:
    place: gr.Accordion
    kind: gr.Radio
    name: gr.Textbox
    takes_runs: gr.Checkbox
    uploads: gr.Radio
    look: gr.Button
    confirmation: Confirmation

    @property
    def shown(self) -> list[Block]:
        """What another set that is chosen fills."""
        return [self.place, self.name, *self.confirmation.shown]


@dataclass(frozen=True)
class ErasingPatients:
    parts: PatientParts

    def open(self, visit: Visit, set_id: int | None) -> Updates:
        """Nothing of it for whoever may not."""
        may = set_id is not None and visit.who.may("manage")
        return {self.parts.place: gr.update(visible=may), self.parts.name: ""} | self.parts.confirmation.closed()

    def close(self, visit: Visit) -> Updates:
        return self.parts.confirmation.closed()

    def look(
        self, visit: Visit, kind: str, name: str | None, takes_runs: bool, uploads: str, set_id: int | None
    ) -> Updates:
        which = _which(set_id, name)
        planned = erasable_kind(_kind(kind, takes_runs, uploads)).plan(visit.database, visit.place, visit.who, which)
        return self.parts.confirmation.of(planned)

    def erase(
        self,
        visit: Visit,
        kind: str,
        name: str | None,
        takes_runs: bool,
        uploads: str,
        set_id: int | None,
        typed: str | None,
    ) -> None:
        whole_kind, which = _kind(kind, takes_runs, uploads), _which(set_id, name)
        erase_named(visit.database, visit.place, visit.who, whole_kind, which, typed or "")
        gr.Info("It is erased. The versions that showed it have others in their place.", title="Done")


def _kind(kind: str, takes_runs: bool, uploads: str) -> str:
    return kind + AND_RUNS * takes_runs + AFTER_THE_KIND.get(uploads, uploads)


def _which(set_id: int | None, name: str | None) -> str:
    if set_id is None or not (name or "").strip():
        raise SettingsError("Choose an image set, and write the patient or the case as it stands there.")
    return f"{int(set_id)}/{(name or '').strip()}"


def lay_out() -> ErasingPatients:
    with gr.Accordion("Erase a patient or a case", open=False, visible=False, elem_id="erase-patient") as place:
        gr.HTML(
            '<div class="vt"><p class="small quiet">From all versions of this set, for good: each version that shows '
            "them has another in its place, without them.</p></div>"
        )
        with gr.Row(equal_height=True):
            kind = gr.Radio(KINDS, value="patient", label="Erase", elem_id="erase-patient-kind")
            name = gr.Textbox(
                label="Called in the set", max_length=1024, max_lines=1, elem_id="erase-patient-which", scale=2
            )
            look = gr.Button("See what would go", scale=0, min_width=200, elem_id="erase-patient-look")
        takes_runs = gr.Checkbox(
            False, label="With the runs that were tuned on them", elem_id="erase-patient-runs", container=False
        )
        uploads = gr.Radio(
            UPLOADS,
            value="project",
            label="With other uploads that hold them",
            info="Whole, with pictures of others in them. What will go is listed first.",
            elem_id="erase-patient-uploads",
        )
        confirmation = lay_out_confirmation("erase-patient")
    return ErasingPatients(PatientParts(place, kind, name, takes_runs, uploads, look, confirmation))


def wire(studio: Studio, erasing: ErasingPatients, image_set: RowChoice) -> None:
    """But for the button that erases: what is chosen after that, the page knows."""
    parts = erasing.parts
    for event in (parts.kind.input, parts.name.input, parts.takes_runs.input, parts.uploads.input):
        event(guarded(studio, erasing.close), None, parts.confirmation.shown, **LATEST)
    chosen = [parts.kind, parts.name, parts.takes_runs, parts.uploads, image_set]
    parts.look.click(guarded(studio, erasing.look), chosen, parts.confirmation.shown, **PRIVATE)
