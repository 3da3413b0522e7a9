"""Which case of Compare is wished for: one, and so many after it. The browser alone writes that: an answer that comes
late can't put another case in its place."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.html import script_beside

CHOSEN = script_beside(__file__)
"""Takes what is chosen of all cases, the name of the case that is shown, and the wish; returns the wish."""
OF_STRIP = "(wished, step, drawn, asked) => [window.vitaskCase, 0, 0, asked + 1]"
# One may wait while another is drawn: a key that is held down leaves no case out.
FORTH = "(step, drawn, asked) => (step - drawn === 2 ? [step, drawn, asked] : [step + 1, drawn, asked + 1])"
BACK = "(step, drawn, asked) => (drawn - step === 2 ? [step, drawn, asked] : [step - 1, drawn, asked + 1])"
ANEW = "(asked) => asked + 1"


@dataclass(frozen=True)
class Wish:
    case: gr.Textbox
    step: gr.Number
    drawn: gr.Number
    """The step of what is shown."""
    asked: gr.Number
    """How often something was wished for. It stands in the page unseen: others tell of no change."""
    of: gr.State
    """The run and the split of the case that is shown; nothing until the first is."""

    @property
    def steps(self) -> list[Component]:
        return [self.step, self.drawn, self.asked]

    @property
    def whole(self) -> list[Component]:
        return [self.case, *self.steps]


def lay_out() -> Wish:
    step, drawn = (gr.Number(0, visible=False, precision=0) for _ in range(2))
    return Wish(gr.Textbox(visible=False), step, drawn, gr.Number(0, visible="hidden"), gr.State())
