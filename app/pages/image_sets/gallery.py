"""The tab “Cases”: pages of thumbnails made by the server, filters, how many cases a label has, one case closely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.drawings import REFERENCE_COLOUR, boxed, colours_of, listed
from app.drawings import drawn as drawn_over
from app.html import empty
from app.pages.image_sets.boxes import Editing, EditParts, lay_out_editor, lay_out_list
from app.set_words import ANY, SPLIT_NAMES, named, splits
from app.tiles import draw_tiles, tile, tiles
from app.viewer import Shape, pane_of, shown, viewer
from app.visit import Given, Updates, Visit, guarded
from core.case import NO_FINDING
from core.readings.mask import Mask
from core.records.access import NotAllowed
from core.records.review import boxes
from core.records.sets import drawn, sets
from core.records.sets.sets import CaseRow, Page
from core.records.tables import Version

PER_PAGE = 24
NOTHING = empty("No image set yet", "Bring your own under “Add images”, or fetch a public set there.")
NO_MATCH = empty("No case fits these filters", "Choose “any” again, or write less into the search.")


@dataclass(frozen=True)
class Wanted:
    """Which cases of a version, and which page of them."""

    version_id: int
    split: str = ""
    label: str = ""
    patient: str = ""
    text: str = ""
    page: int = 1


@dataclass(frozen=True)
class GalleryParts:
    split: gr.Dropdown
    label: gr.Dropdown
    patient: gr.Textbox
    text: gr.Textbox
    total: gr.HTML
    back: gr.Button
    page: gr.Number
    forth: gr.Button
    pictures: gr.HTML
    histogram: gr.HTML
    about: gr.HTML
    viewer: gr.HTML
    edit: EditParts

    @property
    def turned(self) -> list[Component]:
        """What turning a page changes."""
        return [self.pictures, self.total, self.page, self.back, self.forth]


@dataclass(frozen=True)
class Gallery:
    parts: GalleryParts
    version: gr.Dropdown

    @property
    def editing(self) -> Editing:
        return Editing(self.parts.edit)

    def open(self, visit: Visit, version_id: int | None) -> Updates:
        """A version's first page, with ?case= and ?edit= of it as asked for; `opened` is what that fills."""
        parts = self.parts
        shown: Updates = {parts.viewer: gr.update(visible=False), parts.about: ""}
        shown |= self.editing.none() | self.editing.list(visit, version_id)
        if version_id is None:
            shown |= {parts.histogram: "", parts.total: "", parts.pictures: NOTHING, parts.page: 1}
            return shown | {button: gr.update(interactive=False) for button in (parts.back, parts.forth)}
        version = sets.version(visit.database, visit.who, int(version_id))
        counts = sets.histogram(version)
        labels = [(ANY, ""), *((name, name) for name in next(iter(counts.values()), {}))]
        shown |= {parts.label: gr.update(choices=labels, value=""), parts.histogram: draw_histogram(counts, version)}
        return shown | self.turn(visit, Wanted(version.id)) | self._asked_for(visit, version.id)

    @property
    def opened(self) -> list[Block]:
        parts = self.parts
        return [parts.label, parts.histogram, *parts.turned, *self.shown, *parts.edit.panels, *parts.edit.listed]

    @property
    def shown(self) -> list[Block]:
        """What a chosen case fills."""
        return [self.parts.viewer, self.parts.about, self.parts.edit.edit, self.parts.edit.number]

    def turn(self, visit: Visit, wanted: Wanted) -> Updates:
        fitting = cases(visit, wanted)
        last = max(1, -(-fitting.total // PER_PAGE))
        number = min(wanted.page, last)
        if number < wanted.page:
            fitting = cases(visit, replace(wanted, page=last))
        parts = self.parts
        counted = f"{fitting.total:,} cases, page {number:,} of {last:,}"
        return {
            parts.pictures: draw_page(fitting),
            parts.total: f'<div class="vt small quiet">{counted}</div>',
            parts.page: gr.update(value=number, maximum=last),
            parts.back: gr.update(interactive=number > 1),
            parts.forth: gr.update(interactive=number < last),
        }

    def first(self, visit: Visit, given: Given) -> Updates:
        """The first page of what fits other filters."""
        return self._turned(visit, given, 1)

    def typed(self, visit: Visit, given: Given) -> Updates:
        return self._turned(visit, given, self._page(given))

    def back(self, visit: Visit, given: Given) -> Updates:
        return self._turned(visit, given, self._page(given) - 1)

    def forth(self, visit: Visit, given: Given) -> Updates:
        return self._turned(visit, given, self._page(given) + 1)

    def look_at(self, visit: Visit, version_id: int, event: gr.EventData) -> Updates:
        """One case, large."""
        return self.show(visit, int(version_id), int(event.number))

    def show(self, visit: Visit, version_id: int, number: int) -> Updates:
        """A case with the version's boxes, and beside them those that stand where they were corrected since."""
        row = sets.case(visit.database, visit.who, version_id, number)
        newest = boxes.place_in_newest(visit.database, visit.who, version_id, number)
        stands = None if newest is None else boxes.standing_boxes(visit.database, visit.who, *newest)
        standing = row.boxes if stands is None else stands.boxes
        answers = sets.version(visit.database, visit.who, version_id).task["answers"]
        colours = colours_of([*answers, *(box.label for box in (*row.boxes, *standing))])
        shapes = (*_mask(visit, row), *boxed(row.boxes, colours))
        panes = [pane_of(visit.place, row, row.name, shapes)]
        if newest == (version_id, number) and standing != row.boxes:
            title = "corrected, in no version yet"
            panes.append(replace(panes[0], title=title, shapes=boxed(standing, colours)))
        shown_case: Updates = {
            self.parts.viewer: gr.update(visible=True, value=shown(panes)),
            self.parts.about: draw_case(row, colours),
        }
        if newest is None:
            return shown_case | self.editing.none()
        return shown_case | self.editing.offer(visit, number, len(standing))

    def close_editor(self, visit: Visit, version_id: int | None, number: int | None) -> Updates:
        """Back to the cases, with what was corrected."""
        changed = self.editing.close() | self.editing.list(visit, version_id)
        if version_id is None or number is None:
            return changed
        return changed | self.show(visit, int(version_id), int(number))

    def _asked_for(self, visit: Visit, version_id: int) -> Updates:
        """The case that the page's address names, in the editor where it says so."""
        number = visit.number("case")
        if number is None or visit.number("version") != version_id:
            return {}
        try:
            changed = self.show(visit, version_id, number)
        except NotAllowed:
            return {}  # an address of another time
        may_edit = visit.query("edit") is not None and visit.who.may("review")
        return changed | (self.editing.open(visit, version_id, number) if may_edit else {})

    def _page(self, given: Given) -> int:
        return int(given[self.parts.page] or 1)

    def _turned(self, visit: Visit, given: Given, page: int) -> Updates:
        if given[self.version] is None:
            return {}
        parts = self.parts
        patient, text = ((given[box] or "").strip() for box in (parts.patient, parts.text))
        filters = (given[parts.split], given[parts.label], patient, text)
        return self.turn(visit, Wanted(int(given[self.version]), *filters, page=max(1, page)))


def cases(visit: Visit, wanted: Wanted) -> Page:
    return sets.cases(
        visit.database,
        visit.who,
        wanted.version_id,
        wanted.split or None,
        wanted.label or None,
        wanted.patient or None,
        wanted.text,
        wanted.page - 1,
        PER_PAGE,
    )


def lay_out() -> GalleryParts:
    with gr.Column() as browsed, gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=480):
            with gr.Row():
                split = gr.Dropdown(splits(), value="", label="Split", min_width=100)
                label = gr.Dropdown([(ANY, "")], value="", label="Label", min_width=150)
                patient = gr.Textbox(label="Patient", placeholder="exactly", min_width=100, max_lines=1)
                text = gr.Textbox(label="Search", placeholder="in file names", min_width=120, max_lines=1)
            with gr.Row(elem_classes="pager"):
                total = gr.HTML(min_width=160)
                back = gr.Button("← Previous", size="sm", interactive=False, min_width=110)
                page = gr.Number(1, label="Page", minimum=1, precision=0, show_label=False, min_width=70)
                forth = gr.Button("Next →", size="sm", interactive=False, min_width=110)
            pictures = tiles(NOTHING)
        with gr.Column(scale=3, min_width=320):
            large = viewer(height=300, visible=False)
            edit = gr.Button("", size="sm", visible=False, elem_id="boxes-edit")
            about = gr.HTML()
            listed = lay_out_list()
            histogram = gr.HTML()
    edited, editor = lay_out_editor()
    number = gr.Number(precision=0, visible=False)
    editing = EditParts(browsed, edited, editor, edit, number, *listed)
    return GalleryParts(
        split, label, patient, text, total, back, page, forth, pictures, histogram, about, large, editing
    )


def wire(studio: Studio, tab: Gallery) -> None:
    parts, editing = tab.parts, tab.parts.edit
    filters: set[Block] = {tab.version, parts.split, parts.label, parts.patient, parts.text}
    first = (guarded(studio, tab.first), filters, parts.turned)
    for event in (parts.split.input, parts.label.input):
        event(*first, **LATEST)
    for box in (parts.patient, parts.text):
        box.submit(*first, **LATEST)
        box.blur(*first, **LATEST)
    for turning, act in ((parts.back.click, tab.back), (parts.forth.click, tab.forth), (parts.page.submit, tab.typed)):
        turning(guarded(studio, act), filters | {parts.page}, parts.turned, **PRIVATE)
    parts.pictures.click(guarded(studio, tab.look_at), [tab.version], tab.shown, **PRIVATE)
    chosen = [tab.version, editing.number]
    editing.edit.click(guarded(studio, tab.editing.open), chosen, editing.panels, **PRIVATE)
    closed = [*editing.panels, *editing.listed, *tab.shown]
    editing.editor.editor.collapse(guarded(studio, tab.close_editor), chosen, closed, **PRIVATE)


def draw_page(page: Page) -> str:
    if not page.rows:
        return NO_MATCH
    return draw_tiles(
        tile(row.version_id, row.number, row.name, named(row.labels), SPLIT_NAMES.get(row.split or "", "no split"))
        for row in page.rows
    )


def draw_case(row: CaseRow, colours: Mapping[str, str]) -> str:
    """What is known of a case; of its boxes how many there are of each label, and in which colour they are drawn."""
    facts = {
        "Reference label": named(row.labels),
        "Split": SPLIT_NAMES.get(row.split or "", "none"),
        "Patient": row.patient or "not given",
        "File": row.name,
        **({"Report": row.report} if row.report else {}),
        **({"Mask": "yes"} if row.mask else {}),
        **row.columns,
    }
    facts_listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    boxes = f"<dt>Boxes</dt><dd>{listed(row.boxes, colours)}</dd>" if row.boxes else ""
    return f'<div class="vt case"><dl>{facts_listed}{boxes}</dl></div>'


def _mask(visit: Visit, row: CaseRow) -> list[Shape]:
    if row.mask is None:
        return []
    return drawn_over(Mask.of("", drawn.mask_inside(visit.place, row.mask)), REFERENCE_COLOUR, "mask")


def draw_histogram(counts: Mapping[str, Mapping[str, int]], version: Version) -> str:
    """Every label's cases, stacked by split."""
    names = next(iter(counts.values()), {})
    totals = {name: sum(labels.get(name, 0) for labels in counts.values()) for name in names}
    most = max(totals.values(), default=0) or 1
    rows = "".join(_row(name, counts, total, most) for name, total in totals.items())
    key = "".join(f'<span><i class="{_colour(split)}"></i>{SPLIT_NAMES[split]}</span>' for split in counts)
    several = "" if version.task["kind"] != "multi" else '<p class="small quiet">A case may have several labels.</p>'
    return (
        f'<div class="vt"><h2>{version.cases:,} cases by label</h2><div class="histogram">{rows}</div>'
        f'<div class="key">{key}</div>{several}</div>'
    )


def _row(name: str, counts: Mapping[str, Mapping[str, int]], total: int, most: int) -> str:
    parts = "".join(
        f'<i class="{_colour(split)}" style="width:{100 * labels.get(name, 0) / most:.2f}%" '
        f'title="{SPLIT_NAMES[split]}: {labels.get(name, 0):,}"></i>'
        for split, labels in counts.items()
    )
    shown_name = name if name != NO_FINDING else "no finding"
    return f'<span>{escape(shown_name)}</span><span class="stack">{parts}</span><span class="n">{total:,}</span>'


def _colour(split: str) -> str:
    return f"of-{split if split in ('train', 'val', 'test') else 'none'}"
