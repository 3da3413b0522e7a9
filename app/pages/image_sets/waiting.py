"""Pictures of an upload that wait for a look: one after the other, with what is written in it, to release, mask or
reject by buttons and keys."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from app.context import LATEST, PRIVATE, Studio
from app.html import script_beside
from app.pages.image_sets.acts import settle_picture
from app.visit import Updates, Visit, Wire, guarded, refuse_unshown
from core.deid.tray import Held
from core.deid.waiting import WAITING
from core.records.sets import tray
from core.records.sets.sets import UploadView

LATER = "later"
BUTTONS = (
    ("release", "Release", "r", "The picture is kept as it is."),
    ("mask", "Mask", "m", "The ticked rectangles are made black, and what is left is read again."),
    ("reject", "Reject", "x", "The picture is removed."),
    (LATER, "Later", "l", "Shows the next one."),
)
VERDICTS = {
    "person": "looks like somebody's data",
    "unsure": "something else is written",
    "kept": "looks like a measurement",
}


@dataclass(frozen=True)
class WaitParts:
    column: gr.Column
    picture: gr.HTML

    @property
    def shown(self) -> list[gr.Column | gr.HTML]:
        return [self.column, self.picture]


@dataclass(frozen=True)
class WaitTab:
    parts: WaitParts

    def fill(self, visit: Visit, upload: UploadView, is_open: bool) -> Updates:
        """The first picture that waits, where somebody may look at it."""
        if not is_open or upload.state != "checked" or not (upload.report or {}).get(WAITING):
            return {self.parts.column: gr.update(visible=False), self.parts.picture: ""}
        return self._show(visit, upload.id, 0)

    def act(self, visit: Visit, upload_id: int, click: gr.EventData) -> Updates:
        """About the picture that is shown; the next one comes by itself."""
        refuse_unshown(upload_id, int(click.upload), "upload")
        number, act = int(click.number), str(click.act)
        if act != LATER:
            numbers = settle_picture(visit, upload_id, number, act, list(click.spots), bool(click.alike))
            if len(numbers) > 1:
                gr.Info(f"Done with {len(numbers):,} pictures.")
        return self._show(visit, int(upload_id), number)

    def _show(self, visit: Visit, upload_id: int, after: int) -> Updates:
        waiting = tray.waiting(visit.database, visit.place, visit.who, upload_id)
        later = [held for held in waiting if held.number > after] or waiting
        if not later:
            return {self.parts.column: gr.update(visible=False), self.parts.picture: ""}
        alike = sum(held.is_alike(later[0]) for held in waiting)
        drawn = draw(upload_id, later[0], len(waiting), alike)
        return {self.parts.column: gr.update(visible=True), self.parts.picture: drawn}


def draw(upload_id: int, held: Held, waiting: int, alike: int) -> str:
    address = f"/uploads/{upload_id}/waiting/{held.number}"
    left = f"{waiting:,} wait" if waiting > 1 else "the last one"
    return (
        f'<div class="vt waiting" data-upload="{upload_id}" data-number="{held.number}" data-views="{held.views}" '
        f'data-address="{address}">'
        f'<h2>Waiting for a look <span class="chip">{left}</span></h2>'
        f"<p>{escape(held.why())}</p>{_picture(address, held)}"
        f'<p class="small quiet">{escape(_about(held))}</p>{_views(held)}{_rectangles(held)}'
        f"{_alike(alike)}{_buttons()}</div>"
    )


def _picture(address: str, held: Held) -> str:
    if not held.views:
        return '<p class="small quiet">There is nothing of it that could be shown.</p>'
    boxes = "".join(
        f'<rect x="{each.spot.left}" y="{each.spot.top}" width="{each.spot.right - each.spot.left}" '
        f'height="{each.spot.height}" data-spot="{number}" class="{each.verdict}"><title>{number}</title></rect>'
        for number, each in enumerate(held.written, 1)
    )
    view = f'viewBox="0 0 {held.width} {held.height}" preserveAspectRatio="none"'
    return (
        f'<div class="held"><img src="{address}/0" alt="Picture {held.number}" draggable="false">'
        f'<svg {view} aria-hidden="true">{boxes}</svg></div>'
    )


def _about(held: Held) -> str:
    frames = f", {held.frames:,} frames" if held.frames > 1 else ""
    return f"{held.place}: {held.width:,} × {held.height:,}{frames}. {held.device}"


def _views(held: Held) -> str:
    if held.views < 2:
        return ""
    return (
        '<div class="choices"><button type="button" data-step="-1">Previous view</button>'
        f'<span class="small" role="status"><b class="view">1</b> of {held.views}</span>'
        '<button type="button" data-step="1">Next view</button></div>'
    )


def _rectangles(held: Held) -> str:
    """What is ticked is masked. Drawing on the picture adds one; so does typing."""
    rows = "".join(
        f'<li><label><input type="checkbox" data-spot="{number}" value="{_corners(held, number)}"'
        f"{' checked' if each.verdict == 'person' else ''}> {number}: {VERDICTS[each.verdict]}</label></li>"
        for number, each in enumerate(held.written, 1)
    )
    return (
        f'<ul class="spots small">{rows}</ul><label class="small">Another rectangle: draw it on the picture, or type '
        'left, top, right, bottom in pixels and press Enter <input type="text" class="typed" inputmode="numeric" '
        f'data-width="{held.width}" data-height="{held.height}"></label>'
    )


def _corners(held: Held, number: int) -> str:
    spot = held.written[number - 1].spot
    return f"{spot.left},{spot.top},{spot.right},{spot.bottom}"


def _alike(alike: int) -> str:
    if alike < 2:
        return ""
    return (
        f'<p><label><input type="checkbox" class="alike"> with all {alike:,} alike: the same device, text in the same '
        "places <kbd>a</kbd></label></p>"
    )


def _buttons() -> str:
    rows = "".join(
        f'<button type="button" data-act="{act}" title="{escape(about)}">{title} <kbd>{key}</kbd></button>'
        for act, title, key, about in BUTTONS
    )
    return f'<div class="choices acts">{rows}</div>'


def lay_out() -> WaitParts:
    with gr.Column(visible=False) as column:
        picture = gr.HTML(js_on_load=script_beside(__file__), elem_id="waiting")
    return WaitParts(column, picture)


def wire(studio: Studio, tab: WaitTab, upload: gr.Dropdown, show_again: Wire) -> None:
    """`show_again` has the whole upload drawn anew."""
    acted = tab.parts.picture.click(guarded(studio, tab.act), [upload], tab.parts.shown, **PRIVATE)
    acted.then(*show_again, **LATEST)
