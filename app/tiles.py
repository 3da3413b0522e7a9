"""Thumbnails of cases side by side, each of which can be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import gradio as gr

from app.html import script_beside


def tiles(value: str = "", elem_id: str | None = None) -> gr.HTML:
    """A place for drawn tiles; its click tells the `number` of the case that was chosen."""
    return gr.HTML(value, js_on_load=script_beside(__file__), elem_id=elem_id)


def draw_tiles(drawn: Iterable[str]) -> str:
    return f'<div class="vt"><div class="gallery">{"".join(drawn)}</div></div>'


def tile(version_id: int, number: int, name: str, label: str, below: str) -> str:
    """A case's thumbnail with two lines under it."""
    return (
        f'<button type="button" data-number="{number}" aria-pressed="false" title="{escape(f"{name}: {label}")}">'
        f'<img loading="lazy" src="/images/{version_id}/{number}?size=thumb" alt="{escape(name)}">'
        f'<span class="name"><b>{escape(label)}</b><span>{escape(below)}</span></span></button>'
    )
