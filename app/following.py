"""What a page waits for, a job or an upload: a timer looks after it until it is done."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.visit import Act, live


def follow(studio: Studio, timer: gr.Timer, look: Act, given: Sequence[Component], shown: Sequence[Block]) -> None:
    """`given` begins with its number. A look that ends only after another was asked for, or chosen, shows what came of
    the one before, and has the timer rest: then the timer goes on, and the next look is at the other."""
    seen = f"window.vitaskSeen{timer._id}"
    looked = timer.tick(
        live(studio, look), given, shown, js=f"(number, ...more) => [{seen} = number, ...more]", queue=False, **PRIVATE
    )
    goes_on = f"(number) => ({{ __type__: 'update', ...(number !== {seen} && {{ active: true }}) }})"
    looked.then(None, [given[0]], [timer], js=goes_on, **LATEST)
