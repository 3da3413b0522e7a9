"""A set or a review as its owner and admins keep it: another name, out of the lists and back; for admins, erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.erasing import Confirmation, lay_out_confirmation
from app.visit import Updates, Visit
from core.errors import SettingsError
from core.records import archiving
from core.records.access import Who
from core.records.database import Database
from core.records.erasing.erasable import erasable_kind, erase_named
from core.records.review import reviews
from core.records.review.reviews import ReviewView
from core.records.sets import sets
from core.records.sets.sets import SetView


@dataclass(frozen=True)
class Kept:
    """A kind of thing that is kept so, and the acts of the records."""

    word: str
    open: Callable[[Database, Who, int], SetView | ReviewView]
    may_change: Callable[[Who, int, int | None], bool]
    rename: Callable[[Database, Who, int, str], None]
    archive: Callable[[Database, Who, int], None]
    bring_back: Callable[[Database, Who, int], None]


SET = Kept(
    "image set",
    sets.image_set,
    archiving.may_change,
    archiving.rename_set,
    archiving.archive_set,
    archiving.bring_back_set,
)
REVIEW = Kept(
    "review",
    reviews.review,
    archiving.may_change,
    archiving.rename_review,
    archiving.archive_review,
    archiving.bring_back_review,
)


@dataclass(frozen=True)
class KeepParts:
    place: gr.Accordion
    of: gr.Number
    """Whose name it is."""
    name: gr.Textbox
    rename: gr.Button
    archive: gr.Button
    back: gr.Button
    eraser: gr.Column
    kind: gr.Radio
    look: gr.Button
    confirmation: Confirmation

    @property
    def shown(self) -> list[Block]:
        """What another one that is chosen fills."""
        own = [self.place, self.of, self.name, self.rename, self.archive, self.back, self.eraser]
        return [*own, *self.confirmation.shown]


@dataclass(frozen=True)
class Keeping:
    parts: KeepParts
    kept: Kept

    def open(self, visit: Visit, number: int | None) -> Updates:
        """Nothing of it for whoever may not."""
        parts, view = self.parts, None if number is None else self.kept.open(visit.database, visit.who, number)
        may = view is not None and self.kept.may_change(visit.who, view.project_id, view.person_id)
        if view is None or not may:
            hidden: Updates = {parts.place: gr.update(visible=False), parts.of: None, parts.name: ""}
            return hidden | parts.confirmation.closed()
        return {
            parts.place: gr.update(visible=True),
            parts.of: number,
            parts.name: view.name,
            parts.archive: gr.update(visible=not view.is_archived),
            parts.back: gr.update(visible=view.is_archived),
            parts.eraser: gr.update(visible=visit.who.may("manage")),
        } | parts.confirmation.closed()

    def rename(self, visit: Visit, number: int | None, name: str | None) -> Updates:
        self.kept.rename(visit.database, visit.who, self.chosen(number), name or "")
        return self.open(visit, number)

    def archive(self, visit: Visit, number: int | None) -> Updates:
        self.kept.archive(visit.database, visit.who, self.chosen(number))
        gr.Info("It is out of the lists. “Show archived” lists it, and it can be brought back.", title="Archived")
        return self.open(visit, number)

    def bring_back(self, visit: Visit, number: int | None) -> Updates:
        self.kept.bring_back(visit.database, visit.who, self.chosen(number))
        return self.open(visit, number)

    def look(self, visit: Visit, kind: str, which: int | None) -> Updates:
        """What erasing it would do."""
        planned = erasable_kind(kind).plan(visit.database, visit.place, visit.who, str(self.chosen(which)))
        return self.parts.confirmation.of(planned)

    def close(self, visit: Visit) -> Updates:
        return self.parts.confirmation.closed()

    def erase(self, visit: Visit, kind: str, which: int | None, name: str | None) -> None:
        erase_named(visit.database, visit.place, visit.who, kind, str(self.chosen(which)), name or "")
        gr.Info("It is erased.", title="Done")

    def chosen(self, number: int | None) -> int:
        if number is None:
            raise SettingsError(f"No {self.kept.word} is chosen. Choose one first.")
        return int(number)


def lay_out(kept: Kept, name: str, kinds: Sequence[tuple[str, str]]) -> KeepParts:
    """`kinds` are words and kinds of what can be erased; one alone needs no choice."""
    with gr.Accordion(f"Rename, archive or erase this {kept.word}", open=False, visible=False, elem_id=name) as place:
        with gr.Row(equal_height=True):
            new_name = gr.Textbox(label="Name", max_length=255, max_lines=1, elem_id=f"{name}-new")
            rename = gr.Button("Rename", scale=0, min_width=140, elem_id=f"{name}-rename")
            archive = gr.Button("Archive", scale=0, min_width=140, elem_id=f"{name}-archive")
            back = gr.Button("Bring back", scale=0, min_width=140, visible=False, elem_id=f"{name}-back")
        gr.HTML(
            '<div class="vt"><p class="small quiet">Runs and reviews follow another name. What is archived is out of '
            "the lists and otherwise as before; nothing of it is lost.</p></div>"
        )
        with gr.Column(visible=False) as eraser:
            with gr.Row(equal_height=True):
                kind = gr.Radio(
                    list(kinds),
                    value=kinds[0][1],
                    label="Erase for good",
                    visible=len(kinds) > 1,
                    elem_id=f"{name}-kind",
                )
                look = gr.Button("See what would go", scale=0, min_width=200, elem_id=f"{name}-look")
            confirmation = lay_out_confirmation(name)
    return KeepParts(
        place, gr.Number(visible=False, precision=0), new_name, rename, archive, back, eraser, kind, look, confirmation
    )
