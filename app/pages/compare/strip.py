"""The strip of Compare: thumbnails of the cases round the one that is shown, and the page's keys."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import gradio as gr

from app.html import script_beside
from core.records.runs.comparison import Comparison

ON_EACH_SIDE = 4
KEYS = "Keys: ← previous case, → next case, f full screen."
ORDER_WORDS = {
    "case": "Cases stand as they were read.",
    "entropy": "Cases are sorted by the entropy of A (of any reader, the largest), the largest first.",
    "gap": "Cases are sorted by how much more probability A gave the right label than B did, the largest first.",
}


def strip() -> gr.HTML:
    """A place for drawn thumbnails; a click leaves the name of the case that was chosen in `vitaskCase`."""
    return gr.HTML(js_on_load=script_beside(__file__), elem_id="compare-strip")


def neighbours(at: int, count: int) -> range:
    """Those round the one that is shown; near an end as many, further to the other side."""
    many = 2 * ON_EACH_SIDE + 1
    first = max(0, min(at - ON_EACH_SIDE, count - many))
    return range(first, min(count, first + many))


def draw_strip(comparison: Comparison, places: Sequence[int], at: int, order: str) -> str:
    """Of the cases that fit the filter, in their order."""
    drawn = [_thumbnail(comparison, places[each], each == at) for each in neighbours(at, len(places))]
    return (
        f'<div class="vt around"><div class="strip" role="group" aria-label="Cases before and after">{"".join(drawn)}'
        f'</div><p class="small quiet">{KEYS}<br>{ORDER_WORDS[order]}</p></div>'
    )


def _thumbnail(comparison: Comparison, place: int, is_shown: bool) -> str:
    case = comparison.case(place)
    name = escape(case.name)
    src = f"/images/{comparison.run.version_id}/{case.number}?size=thumb"
    picture = f"<span>{name}</span>" if case.number is None else f'<img src="{src}" alt="{name}">'
    current = ' aria-current="true"' if is_shown else ""
    return f'<button type="button" data-case="{name}" title="{name}"{current}>{picture}</button>'
