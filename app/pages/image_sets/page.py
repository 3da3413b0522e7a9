"""Image sets: bring images, have them checked, look at them, say what is asked of them, and follow their versions."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app import keeping
from app.context import LATEST, PRIVATE, Studio, on_load
from app.keeping import Keeping
from app.pages.image_sets import acts, adding, changes, gallery, patients, settling, task, versions
from app.pages.image_sets.changes import ChangesTab
from app.pages.image_sets.gallery import Gallery
from app.pages.image_sets.patients import ErasingPatients
from app.pages.image_sets.settling import Settling
from app.pages.image_sets.task import TaskTab
from app.row_choice import RowChoice
from app.visit import Updates, Visit, guarded, of_shown, offer
from core.records.access import NotAllowed
from core.records.sets import drawn, sets
from core.records.sets.mended import has_left_out
from core.records.sets.sets import SetView

TITLE = "Image sets"
PATH = "/image-sets"
TABS = ("add", "cases", "task", "versions")
ERASABLE = [("the whole set, all versions", "set"), ("only the version that is shown", "version")]


@dataclass(frozen=True)
class Parts:
    image_set: RowChoice
    version: RowChoice
    with_archived: gr.Checkbox
    tabs: gr.Tabs
    add: adding.AddParts
    versions: gr.HTML

    @property
    def choosers(self) -> list[Component]:
        return [self.image_set, self.version, self.with_archived]


@dataclass(frozen=True)
class ImageSetsPage:
    parts: Parts
    gallery: Gallery
    task: TaskTab
    settling: Settling
    changes: ChangesTab
    keeping: Keeping
    patients: ErasingPatients

    def open(self, visit: Visit) -> Updates:
        """With ?set=, ?version= and ?tab= as asked for; where there is nothing to look at yet, images can be added."""
        choosers = self.choose(visit, visit.number("set"), visit.number("version"))
        wanted = "add" if choosers[self.parts.image_set]["value"] is None else visit.query("tab")
        return choosers | {self.parts.tabs: gr.update(selected=wanted)} if wanted in TABS else choosers

    def choose(self, visit: Visit, set_id: int | None, version_id: int | None, with_archived: bool = False) -> Updates:
        """The choosers. An archived set is among them where that is wished, or where it is the chosen one."""
        every = sets.sets(visit.database, visit.who, visit.project, with_archived=True)
        if version_id is not None:
            set_id = sets.version(visit.database, visit.who, version_id).set_id
        if set_id is not None and set_id not in [image_set.id for image_set in every]:
            raise NotAllowed("There is no such image set in this project. Choose one of those listed.")
        listed = [each for each in every if with_archived or not each.is_archived or each.id == set_id]
        choosers: Updates = {self.parts.with_archived: gr.update(visible=any(each.is_archived for each in every))}
        if not listed:
            nothing = gr.update(visible=False, value=None)
            return choosers | {self.parts.image_set: nothing, self.parts.version: nothing}
        chosen, choices = set_id or listed[0].id, [(title_of(image_set), image_set.id) for image_set in listed]
        chooser = gr.update(choices=choices, value=chosen, visible=True)
        return choosers | {self.parts.image_set: chooser} | self.choose_version(visit, chosen, version_id)

    def other_set(self, visit: Visit, set_id: int) -> Updates:
        return self.choose_version(visit, int(set_id), None)

    def choose_version(self, visit: Visit, set_id: int, version_id: int | None) -> Updates:
        rows = sets.versions(visit.database, visit.who, set_id)
        choices = [(f"v{version.number}: {version.cases:,} cases", version.id) for version in rows]
        return {self.parts.version: gr.update(choices=choices, value=version_id or rows[0].id, visible=True)}

    def fill(self, visit: Visit, set_id: int | None, version_id: int | None, side: int) -> Updates:
        rows = [] if set_id is None else sets.versions(visit.database, visit.who, int(set_id))
        tabs = self.gallery.open(visit, version_id) | self.task.open(visit, version_id, side)
        is_drawn_on = version_id is not None and drawn.is_drawn_on(visit.database, visit.who, version_id)
        without = [row.id for row in rows if has_left_out(visit.place, row)]
        number = None if set_id is None else int(set_id)
        keeping = self.keeping.open(visit, number) | self.patients.open(visit, number)
        settling = self.settling.open(visit, version_id) | self.changes.open(visit, rows, version_id)
        return tabs | keeping | settling | {self.parts.versions: versions.draw(rows, version_id, is_drawn_on, without)}

    def bring_back_version(self, visit: Visit, version_id: int | None) -> Updates:
        """The next version, as the one that is shown; it is chosen."""
        return self.choose(visit, None, self.changes.bring_back(visit, version_id))

    def show_made(self, visit: Visit, made: int | None) -> Updates:
        """The version that a job has made."""
        return {} if made is None else self.choose(visit, None, int(made))

    def save_task(
        self,
        visit: Visit,
        version_id: int | None,
        modality: str,
        kind: str,
        answers: str,
        template: str,
        separator: str,
        mirrored: str,
        note: str,
    ) -> Updates:
        made = task.save(visit, version_id, modality, kind, answers, template, separator, mirrored, note)
        gr.Info("The new version is kept. Runs that saw the earlier one still name it.")
        return self.choose(visit, None, made) | {self.task.parts.note: ""}

    def make_version(self, visit: Visit, version_id: int | None, note: str) -> Updates:
        """The next version, with the boxes that were corrected; it is chosen."""
        made = self.gallery.editing.make(visit, version_id, note)
        return self.choose(visit, None, made) | {self.gallery.parts.edit.note: ""}

    def refresh(self, visit: Visit, set_id: int | None, version_id: int | None, with_archived: bool) -> Updates:
        """After something was added: it is in the choosers when the tab is opened."""
        if version_id is None:  # the page has only just been opened
            set_id, version_id = visit.number("set"), visit.number("version")
        return self.choose(visit, set_id, version_id, with_archived)

    def rename(
        self, visit: Visit, set_id: int | None, version_id: int | None, with_archived: bool, name: str | None
    ) -> Updates:
        renamed = self.keeping.rename(visit, set_id, name)
        return renamed | self.choose(visit, set_id, version_id, with_archived)

    def archive(self, visit: Visit, set_id: int | None, version_id: int | None, with_archived: bool) -> Updates:
        archived = self.keeping.archive(visit, set_id)
        return archived | self.choose(visit, set_id, version_id, with_archived)

    def bring_back(self, visit: Visit, set_id: int | None, version_id: int | None, with_archived: bool) -> Updates:
        back = self.keeping.bring_back(visit, set_id)
        return back | self.choose(visit, set_id, version_id, with_archived)

    def look_at_erasing(self, visit: Visit, kind: str, set_id: int | None, version_id: int | None) -> Updates:
        return self.keeping.look(visit, kind, set_id if kind == "set" else version_id)

    def erase(
        self, visit: Visit, kind: str, set_id: int | None, version_id: int | None, with_archived: bool, name: str | None
    ) -> Updates:
        """Then what is left to look at: of a version that went, the newest of its set."""
        is_set = kind == "set"
        self.keeping.erase(visit, kind, set_id if is_set else version_id, name)
        return self.choose(visit, None if is_set else set_id, None, with_archived)

    def erase_patient(
        self,
        visit: Visit,
        kind: str,
        called: str | None,
        takes_runs: bool,
        uploads: str,
        set_id: int | None,
        with_archived: bool,
        typed: str | None,
    ) -> Updates:
        """Then the newest version of its set, which takes the place of the one that went."""
        self.patients.erase(visit, kind, called, takes_runs, uploads, set_id, typed)
        return self.choose(visit, set_id, None, with_archived)


def title_of(image_set: SetView) -> str:
    return f"{image_set.name} (archived)" if image_set.is_archived else image_set.name


def lay_out() -> ImageSetsPage:
    with gr.Row(equal_height=True):
        gr.HTML('<div class="vt"><h1>Image sets</h1></div>', min_width=160)
        image_set = RowChoice([], label="Image set", visible=False, scale=2)
        version = RowChoice([], label="Version", visible=False, scale=1)
        with_archived = gr.Checkbox(
            False, label="Show archived", visible=False, scale=0, min_width=160, elem_id="sets-archived"
        )
    with gr.Tabs(selected="cases") as tabs:
        with gr.Tab("Add images", id="add"):
            add = adding.lay_out()
        with gr.Tab("Cases", id="cases"):
            cases = Gallery(gallery.lay_out(), version)
        with gr.Tab("Task", id="task"):
            asking = TaskTab(task.lay_out())
        with gr.Tab("Versions", id="versions"):
            listed = gr.HTML(versions.draw([], None))
            changed = ChangesTab(changes.lay_out())
            settled = Settling(settling.lay_out())
            kept = keeping.lay_out(keeping.SET, "set-keep", ERASABLE)
            erasing = patients.lay_out()
    parts = Parts(image_set, version, with_archived, tabs, add, listed)
    return ImageSetsPage(parts, cases, asking, settled, changed, Keeping(kept, keeping.SET), erasing)


def build(studio: Studio) -> None:
    page = lay_out()
    parts, asking = page.parts, page.task.parts
    choosers = parts.choosers
    offer(studio, *acts.OFFERED)
    adding.wire(studio, parts.add)
    gallery.wire(studio, page.gallery)
    task.wire(studio, page.task, parts.version)
    on_load(guarded(studio, page.open), None, [*choosers, parts.tabs])
    parts.image_set.input(guarded(studio, page.other_set), [parts.image_set], [parts.version], **LATEST)
    # Whoever changes the version, what is shown follows; where it stays, what somebody is typing is left alone.
    filled = [
        *page.gallery.opened,
        *page.task.opened,
        parts.versions,
        *page.settling.opened,
        *page.changes.opened,
        *page.keeping.parts.shown,
        *page.patients.parts.shown,
    ]
    of_version = [parts.image_set, parts.version, asking.side]
    parts.version.change(guarded(studio, page.fill), of_version, filled, **PRIVATE)
    given = [parts.version, asking.of, *asking.fields, asking.note]
    saving = guarded(studio, of_shown(page.save_task, "version"))
    asking.save.click(saving, given, [*choosers, asking.note], **PRIVATE)
    edit = page.gallery.parts.edit
    next_version = [parts.version, edit.note], [*choosers, edit.note]
    edit.make.click(guarded(studio, page.make_version), *next_version, **{**PRIVATE, "show_progress": "full"})
    parts.tabs.select(guarded(studio, page.refresh), choosers, choosers, **PRIVATE)
    parts.with_archived.input(guarded(studio, page.refresh), choosers, choosers, **LATEST)
    settling.wire(studio, page.settling, parts.version)
    wire_changes(studio, page)
    made = page.settling.parts.made
    made.change(guarded(studio, page.show_made), [made], choosers, **PRIVATE)
    wire_keeping(studio, page)
    wire_patients(studio, page)


def wire_changes(studio: Studio, page: ImageSetsPage) -> None:
    changed, version = page.changes.parts, page.parts.version
    compared = [changed.against, version], [changed.shown]
    changed.against.input(guarded(studio, page.changes.held_against), *compared, **LATEST)
    changed.back.click(guarded(studio, page.bring_back_version), [version], page.parts.choosers, **PRIVATE)


def wire_keeping(studio: Studio, page: ImageSetsPage) -> None:
    choosers, kept = page.parts.choosers, page.keeping.parts
    changed, confirmation = [*choosers, *kept.shown], kept.confirmation
    renaming, (image_set, *others) = guarded(studio, of_shown(page.rename, "image set")), choosers
    for event in (kept.rename.click, kept.name.submit):
        event(renaming, [image_set, kept.of, *others, kept.name], changed, **PRIVATE)
    kept.archive.click(guarded(studio, page.archive), choosers, changed, **PRIVATE)
    kept.back.click(guarded(studio, page.bring_back), choosers, changed, **PRIVATE)
    kept.kind.input(guarded(studio, page.keeping.close), None, confirmation.shown, **LATEST)
    which = [kept.kind, page.parts.image_set, page.parts.version]
    kept.look.click(guarded(studio, page.look_at_erasing), which, confirmation.shown, **PRIVATE)
    erased = [kept.kind, *choosers, confirmation.name]
    confirmation.erase.click(guarded(studio, page.erase), erased, choosers, **{**PRIVATE, "show_progress": "full"})


def wire_patients(studio: Studio, page: ImageSetsPage) -> None:
    parts, of_page = page.patients.parts, page.parts
    patients.wire(studio, page.patients, of_page.image_set)
    chosen = [parts.kind, parts.name, parts.takes_runs, parts.uploads, of_page.image_set, of_page.with_archived]
    erased = [*chosen, parts.confirmation.name]
    erase = guarded(studio, page.erase_patient)
    parts.confirmation.erase.click(erase, erased, of_page.choosers, **{**PRIVATE, "show_progress": "full"})
