"""The tab of a run's name, tags and note; its way into the archive and back; and its end for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.blocks import Block

from app.context import PRIVATE, Studio
from app.erasing import Confirmation, lay_out_confirmation
from app.pages.runs import acts
from app.run_choices import run_there
from app.visit import Updates, Visit, guarded, live
from core.records.erasing import erasing
from core.records.runs import run_search, run_upkeep
from core.records.runs.run_upkeep import LONGEST_NAME, LONGEST_NOTE, MOST_TAGS, Rights

NOBODY = Rights(write=False, settle=False)


@dataclass(frozen=True)
class UpkeepParts:
    of: gr.Number
    """The run whose name, tags and note they are."""
    rights: gr.HTML
    name: gr.Textbox
    tags: gr.Dropdown
    note: gr.Textbox
    save: gr.Button
    archive: gr.Button
    bring_back: gr.Button
    place: gr.Accordion
    confirmation: Confirmation

    @property
    def shown(self) -> list[Block]:
        """All that changes with the run."""
        written: list[Block] = [self.of, self.rights, self.name, self.tags, self.note, self.save]
        return [*written, self.archive, self.bring_back, self.place, *self.confirmation.shown]


@dataclass(frozen=True)
class Upkeep:
    """Follows the run that is looked at. Timers leave the tab alone: somebody may be writing in it."""

    parts: UpkeepParts

    def show(self, visit: Visit, run_id: int | None) -> Updates:
        parts, run = self.parts, run_there(visit, run_id)
        rights = run_upkeep.rights(visit.who, run) if run else NOBODY
        tags = run_search.tags(visit.database, visit.who, run.project_id) if run else []
        is_archived = run is not None and run.archived is not None
        return {
            parts.of: run_id,
            parts.rights: words(rights, run.person if run else ""),
            parts.name: gr.update(value=run.name if run else "", interactive=rights.settle),
            parts.tags: gr.update(choices=tags, value=list(run.tags) if run else [], interactive=rights.write),
            parts.note: gr.update(value=run.note if run else "", interactive=rights.write),
            parts.save: gr.update(interactive=rights.write),
            parts.archive: gr.update(visible=not is_archived, interactive=rights.settle),
            parts.bring_back: gr.update(visible=is_archived, interactive=rights.settle),
            parts.place: gr.update(visible=rights.settle, open=False),
        } | parts.confirmation.closed()

    def save(self, visit: Visit, run_id: int | None, name: str, tags: Sequence[str] | None, note: str) -> Updates:
        """What was changed of the three."""
        run_id = acts.chosen(run_id)
        run = run_there(visit, run_id)
        if run and name != run.name:
            acts.rename_run(visit, run_id, name)
        if run and tuple(tags or ()) != run.tags:
            acts.tag_run(visit, run_id, list(tags or ()))
        acts.note_run(visit, run_id, note)
        gr.Info("It is saved.", title="Done")
        return self.show(visit, run_id)

    def archive(self, visit: Visit, run_id: int | None) -> Updates:
        acts.archive_run(visit, acts.chosen(run_id))
        return self.show(visit, run_id)

    def bring_back(self, visit: Visit, run_id: int | None) -> Updates:
        acts.bring_back_run(visit, acts.chosen(run_id))
        return self.show(visit, run_id)

    def look(self, visit: Visit, run_id: int | None) -> Updates:
        """What erasing does, before it can be done."""
        return self.parts.confirmation.of(erasing.run_erasure(visit.database, visit.who, acts.chosen(run_id)))

    def erase(self, visit: Visit, run_id: int | None, typed: str | None) -> None:
        """Whoever erases something types its name: a click may be a slip."""
        acts.erase_run(visit, acts.chosen(run_id), typed or "")
        gr.Info("It is erased.", title="Done")


def words(rights: Rights, owner: str) -> str:
    """Who may do what here, for those who may not do all of it."""
    if rights.settle:
        return ""
    whose = f"{owner}, who began this run," if owner else "Whoever began this run"
    text = f"{whose} and admins rename, archive and erase it. You may write tags and the note."
    if not rights.write:
        text = "You see this run and change nothing of it: that takes the role of a researcher or an admin."
    return f'<div class="vt"><p class="quiet">{escape(text)}</p></div>'


def lay_out() -> UpkeepParts:
    of, rights = gr.Number(visible=False, precision=0), gr.HTML(elem_id="upkeep-rights")
    # Nobody writes in them before the run has filled them: what it brings would take the place of what was typed.
    with gr.Row():
        name = gr.Textbox(label="Name", max_length=LONGEST_NAME, interactive=False, elem_id="upkeep-name")
        tags = gr.Dropdown(
            [],
            multiselect=True,
            allow_custom_value=True,
            max_choices=MOST_TAGS,
            label="Tags",
            info="Short words; type a new one and press Enter.",
            interactive=False,
            elem_id="upkeep-tags",
        )
    note = gr.Textbox(
        label="Note",
        info="Markdown. All who see the run read it.",
        lines=4,
        max_lines=12,
        max_length=LONGEST_NOTE,
        interactive=False,
        elem_id="upkeep-note",
    )
    with gr.Row():
        save = gr.Button("Save", variant="primary", min_width=100, scale=0, interactive=False, elem_id="upkeep-save")
        archive = gr.Button("Archive", min_width=120, scale=0, elem_id="upkeep-archive")
        bring_back = gr.Button(
            "Bring back from the archive", visible=False, min_width=220, scale=0, elem_id="upkeep-back"
        )
    with gr.Accordion("Erase this run for good", open=False, elem_id="upkeep-erase") as place:
        confirmation = lay_out_confirmation("run-erase")
    return UpkeepParts(of, rights, name, tags, note, save, archive, bring_back, place, confirmation)


def wire(studio: Studio, parts: UpkeepParts, run: gr.Dropdown) -> None:
    """All but what changes the list as well, which the page wires."""
    tab = Upkeep(parts)
    run.change(live(studio, tab.show), [run], parts.shown, **PRIVATE)
    parts.place.expand(guarded(studio, tab.look), [run], parts.confirmation.shown, **PRIVATE)
