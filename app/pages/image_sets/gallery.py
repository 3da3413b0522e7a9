"""The tab “Cases”: pages of thumbnails made by the server, filters, how many cases a label has, one case closely."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from app.context import PRIVATE, Studio, guarded
from app.html import empty
from app.set_words import ANY, SPLIT_NAMES, splits
from app.viewer import Pane, shown, viewer
from core.case import NO_FINDING
from core.records import sets
from core.records.sets import CaseRow, Page
from core.records.tables import Version

PER_PAGE = 24
CHOOSING = """
element.addEventListener("click", event => {
  const chosen = event.target.closest("button[data-number]");
  if (!chosen) return;
  element.querySelectorAll("button[aria-pressed=true]").forEach(one => one.setAttribute("aria-pressed", "false"));
  chosen.setAttribute("aria-pressed", "true");
  trigger("click", {number: Number(chosen.dataset.number)});
});
"""
NOTHING = empty("No image set yet", "Bring your own under “Add images”, or fetch a public set there.")
NO_MATCH = empty("No case fits these filters", "Choose “any” again, or write less into the search.")


class Gallery:
    """The tab's components. `opened` is what has to be filled when a version is chosen."""

    def __init__(self, studio: Studio, version: gr.Dropdown) -> None:
        self.studio, self.version = studio, version
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=480):
                self._filters()
                with gr.Row(elem_classes="pager"):
                    self.total = gr.HTML(min_width=160)
                    self.back = gr.Button("← Previous", size="sm", interactive=False, min_width=110)
                    self.page = gr.Number(1, label="Page", minimum=1, precision=0, show_label=False, min_width=70)
                    self.forth = gr.Button("Next →", size="sm", interactive=False, min_width=110)
                self.pictures = gr.HTML(NOTHING, js_on_load=CHOOSING)
            with gr.Column(scale=3, min_width=320):
                self.histogram = gr.HTML()
                self.about = gr.HTML()
                self.viewer = viewer(height=300, visible=False)
        self.filters: list[Any] = [self.split, self.label, self.patient, self.text]
        self.turned = [self.pictures, self.total, self.page, self.back, self.forth]
        self.opened = [self.label, self.histogram, self.viewer, self.about, *self.turned]
        self._wire()

    def _filters(self) -> None:
        with gr.Row():
            self.split = gr.Dropdown(splits(), value="", label="Split", min_width=100)
            self.label = gr.Dropdown([(ANY, "")], value="", label="Label", min_width=150)
            self.patient = gr.Textbox(label="Patient", placeholder="exactly", min_width=100, max_lines=1)
            self.text = gr.Textbox(label="Search", placeholder="in file names", min_width=120, max_lines=1)

    def open(self, version_id: int | None, request: gr.Request) -> list[Any]:
        """A version's first page."""
        if version_id is None:
            return [
                gr.skip(),
                "",
                gr.update(visible=False),
                "",
                NOTHING,
                "",
                1,
                gr.update(interactive=False),
                gr.update(interactive=False),
            ]
        found = sets.version(self.studio.database, self.studio.who(request), int(version_id))
        counts = sets.histogram(found)
        labels = [(ANY, ""), *((name, name) for name in next(iter(counts.values()), {}))]
        turned = self.turn(version_id, "", "", "", "", 1, request)
        return [
            gr.update(choices=labels, value=""),
            draw_histogram(counts, found),
            gr.update(visible=False),
            "",
            *turned,
        ]

    def turn(
        self, version_id: int | None, split: str, label: str, patient: str, text: str, page: int, request: gr.Request
    ) -> list[Any]:
        if version_id is None:
            return [gr.skip()] * len(self.turned)
        who, number = self.studio.who(request), max(1, int(page or 1))
        found = self._find(who, int(version_id), split, label, patient, text, number)
        last = max(1, -(-found.total // PER_PAGE))
        if number > last:
            number, found = last, self._find(who, int(version_id), split, label, patient, text, last)
        return [
            draw_page(found),
            f'<div class="vt small quiet">{found.total:,} cases, page {number:,} of {last:,}</div>',
            gr.update(value=number, maximum=last),
            gr.update(interactive=number > 1),
            gr.update(interactive=number < last),
        ]

    def look(self, version_id: int, event: gr.EventData, request: gr.Request) -> list[Any]:
        """One case, large."""
        number = int(event.number)
        found = sets.case(self.studio.database, self.studio.who(request), int(version_id), number)
        source = f"/images/{found.version_id}/{found.number}"
        return [gr.update(visible=True, value=shown([Pane(source, found.name)])), draw_case(found)]

    def _find(self, who: Any, version_id: int, split: str, label: str, patient: str, text: str, page: int) -> Page:
        patient, text = (patient or "").strip(), (text or "").strip()
        return sets.cases(
            self.studio.database,
            who,
            version_id,
            split or None,
            label or None,
            patient or None,
            text,
            page - 1,
            PER_PAGE,
        )

    def _wire(self) -> None:
        @guarded
        def first(
            version_id: int | None, split: str, label: str, patient: str, text: str, request: gr.Request
        ) -> list[Any]:
            return self.turn(version_id, split, label, patient, text, 1, request)

        @guarded
        def step(
            by: int,
            version_id: int | None,
            split: str,
            label: str,
            patient: str,
            text: str,
            page: int,
            request: gr.Request,
        ) -> list[Any]:
            return self.turn(version_id, split, label, patient, text, int(page or 1) + by, request)

        def backwards(
            version_id: int | None, split: str, label: str, patient: str, text: str, page: int, request: gr.Request
        ) -> list[Any]:
            return step(-1, version_id, split, label, patient, text, page, request)

        def forwards(
            version_id: int | None, split: str, label: str, patient: str, text: str, page: int, request: gr.Request
        ) -> list[Any]:
            return step(1, version_id, split, label, patient, text, page, request)

        given = [self.version, *self.filters]
        for chooser in (self.split, self.label):
            chooser.input(first, given, self.turned, **PRIVATE)
        for box in (self.patient, self.text):
            box.submit(first, given, self.turned, **PRIVATE)
            box.blur(first, given, self.turned, **PRIVATE)
        self.back.click(backwards, [*given, self.page], self.turned, **PRIVATE)
        self.forth.click(forwards, [*given, self.page], self.turned, **PRIVATE)
        self.page.submit(guarded(self.turn), [*given, self.page], self.turned, **PRIVATE)
        self.pictures.click(guarded(self.look), [self.version], [self.viewer, self.about], **PRIVATE)


def draw_page(page: Page) -> str:
    if not page.rows:
        return NO_MATCH
    return f'<div class="vt"><div class="gallery">{"".join(_tile(row) for row in page.rows)}</div></div>'


def _tile(row: CaseRow) -> str:
    name = escape(row.name)
    split = SPLIT_NAMES.get(row.split or "", "no split")
    return (
        f'<button type="button" data-number="{row.number}" aria-pressed="false" title="{name}">'
        f'<img loading="lazy" src="/images/{row.version_id}/{row.number}?size=thumb" alt="{name}">'
        f'<span class="name"><b>{escape(row.label)}</b><span>{split}</span></span></button>'
    )


def draw_case(row: CaseRow) -> str:
    facts = {
        "Reference label": row.label,
        "Split": SPLIT_NAMES.get(row.split or "", "none"),
        "Patient": row.patient or "not given",
        "File": row.name,
        **({"Report": row.report} if row.report else {}),
        **({"Boxes": str(len(row.boxes))} if row.boxes else {}),
        **({"Mask": "yes"} if row.mask else {}),
        **row.columns,
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    return f'<div class="vt case"><dl>{listed}</dl></div>'


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
