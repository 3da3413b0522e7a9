"""The image viewer: zoom, pan, brightness and contrast, invert, by mouse, touch and keyboard; its panes move together.

Deep pictures are seen through windows of all their bits, with what is measured under the mouse. It changes what is
seen, never what a reader is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import gradio as gr

from app.html import component_beside
from core.pictures.levels import has_levels
from core.records.place import Place
from core.records.sets.sets import CaseRow


@dataclass(frozen=True)
class Shape:
    """Something drawn over a picture, as SVG has it. Its numbers are fractions: of the width (x, cx, x1, width, …), of
    the height (y, …), of the shorter side (r). The title is told where the mouse rests on it.

    A path goes round `rings`, each of corners (x, y), and is filled thinly enough to see through; a ring within a ring
    is a hole. A text stands on (x, y) with its `words`.
    """

    tag: Literal["circle", "ellipse", "line", "rect", "path", "text"]
    numbers: Mapping[str, float]
    colour: str
    title: str
    rings: tuple[tuple[tuple[float, float], ...], ...] = ()
    words: str = ""


@dataclass(frozen=True)
class Pane:
    """A picture's address (or data URL), what stands above it, what is drawn over it; of a deep one also the address of
    its levels (core/pictures/levels)."""

    src: str
    title: str = ""
    shapes: tuple[Shape, ...] = ()
    levels: str = ""


def pane_of(place: Place, case: CaseRow, title: str = "", shapes: tuple[Shape, ...] = ()) -> Pane:
    """A case of a version."""
    address = f"/images/{case.version_id}/{case.number}"
    return Pane(address, title, shapes, f"{address}/levels" if has_levels(place.store, case.digest) else "")


def viewer(panes: Sequence[Pane] = (), height: int = 400, **options: Any) -> gr.HTML:
    """The component; its value is what `shown` makes of panes."""
    return gr.HTML(shown(panes), height=height, **component_beside(__file__, "viewer"), **options)


def shown(panes: Sequence[Pane]) -> dict[str, Any]:
    """Pictures beside each other, as the component takes them."""
    return {"panes": [asdict(pane) for pane in panes]}
