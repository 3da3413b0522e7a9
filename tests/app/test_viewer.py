"""The viewer's parts fit together; how it behaves is tested in the browser."""

from __future__ import annotations

import gradio as gr

from app.viewer import Pane, viewer


def test_panes_become_the_components_value() -> None:
    with gr.Blocks():
        made = viewer([Pane("/images/1/2", "Case b")])
    pane = {"src": "/images/1/2", "title": "Case b", "shapes": [], "levels": ""}
    assert made.value == {"panes": [pane]}
