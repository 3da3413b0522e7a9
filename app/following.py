"""A job that a page waits for: a timer looks after it until it is done."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.visit import Act, live


def follow(studio: Studio, timer: gr.Timer, look: Act, given: Sequence[Component], shown: Sequence[Block]) -> None:
    """`given` begins with the job's number. A look that ends only after another job was asked for shows what came of
    the one before, and has the timer rest: then the timer goes on, and the next look is at the other."""
    seen = f"window.vitaskSeen{timer._id}"
    looked = timer.tick(
        live(studio, look), given, shown, js=f"(job, ...more) => [{seen} = job, ...more]", queue=False, **PRIVATE
    )
    goes_on = f"(job) => ({{ __type__: 'update', ...(job !== {seen} && {{ active: true }}) }})"
    looked.then(None, [given[0]], [timer], js=goes_on, **LATEST)
