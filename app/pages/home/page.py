"""Home: what to do next, the sample run, recent work, and whether the studio is well."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.context import PRIVATE, Studio, on_load
from app.health import signs
from app.pages.home.cards import draw_health, draw_recent, draw_steps
from app.pages.home.work import gather
from app.visit import Updates, Visit, guarded, live, offer

TITLE = "Home"
PATH = "/"
SECONDS = 3


@dataclass(frozen=True)
class Parts:
    steps: gr.HTML
    recent: gr.HTML
    health: gr.HTML
    timer: gr.Timer


@dataclass(frozen=True)
class Home:
    parts: Parts

    def show(self, visit: Visit) -> Updates:
        work = gather(visit)
        return {
            self.parts.steps: draw_steps(work),
            self.parts.recent: draw_recent(work),
            self.parts.health: draw_health(signs(visit.studio)),
        }


def overview(visit: Visit) -> dict[str, object]:
    """What there is in the project: image sets and runs with their states."""
    work = gather(visit)
    return {
        "image_sets": [{"id": each.id, "name": each.name, "cases": each.latest.cases} for each in work.sets],
        "runs": [{"id": run.id, "name": run.name, "state": run.state} for run in work.runs],
        "health": {sign.name.lower(): sign.text for sign in signs(visit.studio)},
    }


def lay_out() -> Parts:
    gr.HTML(
        '<div class="vt"><h1>Home</h1><p class="quiet">Tune a vision-language model on your own labelled images, '
        "see the answers of models side by side, and find the labels that need a second look.</p></div>"
    )
    steps = gr.HTML('<div class="vt"><p class="quiet">Looking …</p></div>')
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=420):
            recent = gr.HTML()
        with gr.Column(scale=1, min_width=280):
            health = gr.HTML()
    return Parts(steps, recent, health, gr.Timer(SECONDS))


def build(studio: Studio) -> None:
    parts = lay_out()
    page, shown = Home(parts), [parts.steps, parts.recent, parts.health]
    on_load(guarded(studio, page.show), outputs=shown)
    parts.timer.tick(live(studio, page.show), None, shown, queue=False, **PRIVATE)
    offer(studio, overview)
