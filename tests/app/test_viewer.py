"""The viewer's parts fit together; how it behaves is tested in the browser."""

from __future__ import annotations

import re

import gradio as gr

from app.viewer import HERE, Pane, viewer


def test_panes_become_the_components_value() -> None:
    with gr.Blocks():
        made = viewer([Pane("/images/1/2", "Case b")])
    pane = {"src": "/images/1/2", "title": "Case b", "shapes": []}
    assert made.value == {"panes": [pane]}


def test_every_button_has_an_action() -> None:
    buttons = set(re.findall(r'data-do="(\w+)"', (HERE / "viewer.html").read_text()))
    actions = (HERE / "viewer.js").read_text().partition("const ACTIONS = {")[2].partition("};")[0]
    assert buttons == set(re.findall(r"^  (\w+):", actions, re.MULTILINE))
