"""Mending an upload on the page: what can't be used stays out, labels get other names, copies are settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from unicodedata import normalize

import gradio as gr
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.html import script_beside
from app.pages.image_sets.acts import check_upload
from app.visit import Json, Updates, Visit, Wire, guarded, of_shown
from core.checks.check import FEW_CASES
from core.checks.mending import MENDING, Mending, taken_apart
from core.errors import CoreError
from core.records.sets import sets
from core.records.sets.sets import UploadView

HEADERS = ["Label as it came", "Cases", "Name from now on"]
CLICKS = script_beside(__file__)
OTHER = "other"
KEPT = {"first": "Keep the left one", "second": "Keep the right one", "both": "Keep both", "none": "Leave out both"}
"""What can be decided about two copies, and how it is called."""


@dataclass(frozen=True)
class MendParts:
    column: gr.Column
    without: gr.Button
    one_copy: gr.Button
    back: gr.Button
    labels: gr.Accordion
    table: gr.Dataframe
    rare: gr.Number
    merge: gr.Button
    drop: gr.Button
    rename: gr.Button
    copies: gr.Accordion
    pairs: gr.HTML

    @property
    def shown(self) -> list[Component | gr.Column | gr.Accordion]:
        """What opening an upload may change."""
        buttons = (self.column, self.without, self.one_copy, self.back)
        return [*buttons, self.labels, self.table, self.copies, self.pairs]


@dataclass(frozen=True)
class MendTab:
    """What is decided is kept with the upload at once; the page shows it from there."""

    parts: MendParts

    def fill(self, upload: UploadView, is_open: bool) -> Updates:
        """What can be mended of an upload, where it was checked."""
        parts, facts = self.parts, (upload.report or {}).get(MENDING)
        mending = decided(upload.options)
        if is_open and upload.state == "refused" and mending != Mending():
            return self._only_back()
        if not is_open or facts is None or upload.state != "checked":
            return {parts.column: gr.update(visible=False)}
        bad, copies = facts["unusable"], facts["copies"]
        rows = [
            [label, count, mending.labels.get(label, normalize("NFC", label))]
            for label, count in facts["labels"].items()
        ]
        merged: Counter[str] = Counter()
        for _, count, name in rows:
            merged[name] += count
        del merged[""]  # those that are dropped
        few = sum(0 < count < FEW_CASES for count in merged.values())
        title = f"Names of labels ({len(merged)}, {few} of them rare)" if few else f"Names of labels ({len(merged)})"
        return {
            parts.column: gr.update(visible=True),
            parts.without: gr.update(
                visible=bad > 0, value=f"Keep the rest without {f'these {bad:,}' if bad > 1 else 'this one'}"
            ),
            parts.one_copy: gr.update(visible=copies > 0, value=plain_copies(copies)),
            parts.back: gr.update(visible=mending != Mending()),
            parts.labels: gr.update(visible=True, label=title),
            parts.table: rows,
        } | self.copies(upload)

    def _only_back(self) -> Updates:
        """Where the files can't be read as it was decided."""
        parts = self.parts
        hidden = (parts.without, parts.one_copy, parts.labels, parts.copies)
        shown: Updates = {part: gr.update(visible=False) for part in hidden}
        return shown | {parts.column: gr.update(visible=True), parts.back: gr.update(visible=True)}

    def copies(self, upload: UploadView) -> Updates:
        """The copies that wait for a decision."""
        waiting = undecided(upload.report, upload.options)
        title = f"Copies to decide on ({len(waiting):,})"
        return {
            self.parts.copies: gr.update(visible=bool(waiting), label=title),
            self.parts.pairs: draw_pairs(upload.id, waiting),
        }

    def without(self, visit: Visit, upload_id: int) -> None:
        change(visit, upload_id, leaves_out_unusable=True)

    def one_copy(self, visit: Visit, upload_id: int) -> None:
        change(visit, upload_id, keeps_one_copy=True)

    def fix(self, visit: Visit, upload_id: int, click: gr.EventData) -> None:
        apply_fix(visit, upload_id, int(click.fix))

    def back(self, visit: Visit, upload_id: int) -> None:
        """Nothing is decided any more."""
        row = sets.upload(visit.database, visit.who, int(upload_id))
        check_upload(visit, row.id, taken_apart(row.options)[0])

    def rename(self, visit: Visit, upload_id: int, rows: list[list[Any]]) -> None:
        names = {str(label): " ".join(str(name or "").split()) for label, _, name in rows}
        if len({name for name in names.values() if name}) < 2:
            raise CoreError("A question needs two labels to choose from. Give at least two different names.")
        change(visit, upload_id, labels={label: name for label, name in names.items() if name != label})

    def merge(self, visit: Visit, rows: list[list[Any]], fewer: float | None) -> Updates:
        return {self.parts.table: with_rare(rows, fewer, OTHER)}

    def drop(self, visit: Visit, rows: list[list[Any]], fewer: float | None) -> Updates:
        return {self.parts.table: with_rare(rows, fewer, "")}

    def settle(self, visit: Visit, upload_id: int, click: gr.EventData) -> None:
        """About one pair of copies. Once none waits any more, the upload is checked with what was decided."""
        decide_copies(visit, upload_id, int(click.pair), str(click.kept))


def decided(options: Mapping[str, Any]) -> Mending:
    return taken_apart(options)[1]


def change(visit: Visit, upload_id: int, **decisions: Any) -> None:
    """Has the upload checked with these decisions over those of before."""
    row = sets.upload(visit.database, visit.who, int(upload_id))
    rest, before = taken_apart(row.options)
    mending = before.model_copy(update=decisions)
    check_upload(visit, row.id, {**rest, MENDING: mending.model_dump(mode="json")})


def plain_copies(copies: int) -> str:
    """What the button says that leaves them out."""
    if copies == 1:
        return "Leave out the plain copy, keep the other"
    return f"Leave out {copies:,} plain copies, keep one of each"


def apply_fix(visit: Visit, upload_id: int, number: int) -> None:
    """Does what the button of that number says, over what was decided before."""
    row = sets.upload(visit.database, visit.who, int(upload_id))
    offered = ((row.report or {}).get(MENDING) or {}).get("fixes", [])
    if not 0 <= number < len(offered):
        raise CoreError("This is not offered any more. Reload the page.")
    chosen, before = offered[number], decided(row.options)
    kinds = dict.fromkeys((*before.leaves_out_kinds, *filter(None, [chosen["leaves_out_kind"]])))
    columns = dict.fromkeys((*before.drops_columns, *filter(None, [chosen.get("drops_column")])))
    change(
        visit,
        row.id,
        leaves_out_kinds=tuple(kinds),
        divides_anew=before.divides_anew or chosen["divides_anew"],
        labels={**before.labels, **chosen["labels"]},
        drops_columns=tuple(columns),
        names_patients=before.names_patients or chosen.get("names_patients", False),
        pseudonymizes=before.pseudonymizes or chosen.get("pseudonymizes", False),
        numbers_cases=before.numbers_cases or chosen.get("numbers_cases", False),
    )


def draw_fixes(offered: Sequence[tuple[int, Json]]) -> str:
    """A button for each thing that one click does, with its number in the report."""
    buttons = "".join(
        f'<button type="button" data-fix="{number}">{escape(fix["text"])}</button>' for number, fix in offered
    )
    return f'<div class="choices">{buttons}</div>' if buttons else ""


def decide_copies(visit: Visit, upload_id: int, pair: int, kept: str) -> None:
    row = sets.upload(visit.database, visit.who, int(upload_id))
    waiting = dict(undecided(row.report, row.options))
    if kept not in KEPT or pair not in waiting:
        raise CoreError("These two are not waiting for a decision any more. Reload the page.")
    first, second = (side["case"] for side in waiting[pair]["cases"])
    stays = {"first": (first,), "second": (second,), "both": (first, second), "none": ()}[kept]
    before = decided(row.options)
    leaves_out = dict.fromkeys((*before.leaves_out, *(name for name in (first, second) if name not in stays)))
    keeps = dict.fromkeys((*before.keeps, *(name for name in stays if kept == "both")))
    mending = before.model_copy(update={"leaves_out": tuple(leaves_out), "keeps": tuple(keeps)})
    sets.decide(visit.database, visit.who, row.id, mending.model_dump(mode="json"))
    if not undecided(row.report, {MENDING: mending.model_dump()}):
        change(visit, row.id)


def undecided(report: Mapping[str, Any] | None, options: Mapping[str, Any]) -> list[tuple[int, Json]]:
    """The pairs of copies about which nobody has said anything yet, each with its number."""
    mending = decided(options)
    gone, kept = set(mending.leaves_out), set(mending.keeps)
    pairs = ((report or {}).get(MENDING) or {}).get("pairs", [])
    named = [(number, pair, {side["case"] for side in pair["cases"]}) for number, pair in enumerate(pairs)]
    return [(number, pair) for number, pair, names in named if not names & gone and not names <= kept]


def with_rare(rows: Sequence[Sequence[Any]], fewer: float | None, name: str) -> list[list[Any]]:
    """The table with another name for every label that has fewer cases than that."""
    return [[label, count, name if int(count) < (fewer or 0) else now] for label, count, now in rows]


def draw_pairs(upload_id: int, pairs: Sequence[tuple[int, Json]]) -> str:
    if not pairs:
        return ""
    number, pair = pairs[0]
    altered = f": one is {pair['alteration']}" if pair.get("alteration") else ""
    alike = "show exactly the same" if pair["is_exact"] else f"show almost the same{altered}"
    sides = "".join(_side(upload_id, side) for side in pair["cases"])
    buttons = "".join(
        f'<button type="button" data-pair="{number}" data-kept="{kept}">{escape(text)}</button>'
        for kept, text in KEPT.items()
    )
    left = f"{len(pairs):,} to decide" if len(pairs) > 1 else "the last one"
    return (
        f'<div class="vt copies"><p>These two {escape(alike)} ({left}).</p><div class="pair">{sides}</div>'
        f'<div class="choices">{buttons}</div></div>'
    )


def _side(upload_id: int, side: Json) -> str:
    labels = ", ".join(side["labels"]) or "no label"
    size = " × ".join(map(str, side["size"]))
    split = f", {side['split']}" if side["split"] else ""
    return (
        f'<figure><img src="/uploads/{upload_id}/copies/{escape(side["shown"])}" alt="{escape(side["case"])}">'
        f"<figcaption><b>{escape(labels)}</b><br>{escape(side['case'])}<br>"
        f'<span class="quiet">{size}{escape(split)}</span></figcaption></figure>'
    )


def lay_out() -> MendParts:
    with gr.Column(visible=False) as column:
        with gr.Row():
            without = gr.Button("Keep the rest", variant="primary", visible=False, elem_id="mend-without")
            one_copy = gr.Button("Keep one of each copy", visible=False, elem_id="mend-copies")
            back = gr.Button("Take back all decisions", visible=False, elem_id="mend-back")
        with gr.Accordion("Copies to decide on", open=True, visible=False) as copies:
            pairs = gr.HTML(js_on_load=CLICKS, elem_id="mend-pairs")
        with gr.Accordion("Names of labels", open=False, elem_id="mend-labels") as labels:
            gr.HTML(
                '<div class="vt"><p class="small quiet">The same name twice makes one label of two. An empty name '
                "drops the label: its cases are left out, or stay without it where a case may have several.</p></div>"
            )
            table = gr.Dataframe(
                headers=HEADERS,
                datatype=["str", "number", "str"],
                column_count=3,
                static_columns=[0, 1],
                type="array",
                interactive=True,
                show_label=False,
                max_height=320,
            )
            with gr.Row(equal_height=True):
                rare = gr.Number(FEW_CASES, precision=0, minimum=1, label="Rare: fewer cases than", min_width=120)
                merge = gr.Button(f"Name the rare ones “{OTHER}”", size="sm")
                drop = gr.Button("Drop the rare ones", size="sm")
            rename = gr.Button("Use these names", variant="primary", elem_id="mend-rename")
    return MendParts(column, without, one_copy, back, labels, table, rare, merge, drop, rename, copies, pairs)


def wire(studio: Studio, tab: MendTab, report: gr.HTML, upload: list[Component], show_again: Wire) -> None:
    """`report` has the buttons of findings; `upload` are the chosen one and the one that is shown; `show_again` has the
    whole upload drawn anew."""
    parts = tab.parts
    for event, act, more in (
        (parts.without.click, tab.without, []),
        (parts.one_copy.click, tab.one_copy, []),
        (parts.back.click, tab.back, []),
        (parts.rename.click, tab.rename, [parts.table]),
        (report.click, tab.fix, []),
        (parts.pairs.click, tab.settle, []),
    ):
        acted = event(guarded(studio, of_shown(act, "upload")), [*upload, *more], None, **PRIVATE)
        acted.then(*show_again, **LATEST)
    rows = [parts.table, parts.rare]
    parts.merge.click(guarded(studio, tab.merge), rows, [parts.table], **PRIVATE)
    parts.drop.click(guarded(studio, tab.drop), rows, [parts.table], **PRIVATE)
