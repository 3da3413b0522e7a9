"""Home: what to do next, the sample run, recent work, and whether the studio is well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.context import PRIVATE, Studio, on_load
from app.health import signs
from app.pages.home.cards import draw_health, draw_recent, draw_showcase, draw_steps, make_words
from app.pages.home.work import Work, gather
from app.visit import Updates, Visit, guarded, live, offer
from core.records.runs.samples import SHOWCASES, queue_showcase, showcase_run

TITLE = "Home"
PATH = "/"
SECONDS = 3


@dataclass(frozen=True)
class ShowcaseParts:
    about: gr.HTML
    make: gr.Button


@dataclass(frozen=True)
class Parts:
    steps: gr.HTML
    showcases: Mapping[str, ShowcaseParts]
    recent: gr.HTML
    health: gr.HTML
    timer: gr.Timer


@dataclass(frozen=True)
class Home:
    parts: Parts

    def show(self, visit: Visit) -> Updates:
        work = gather(visit)
        shown: Updates = {
            self.parts.steps: draw_steps(work),
            self.parts.recent: draw_recent(work),
            self.parts.health: draw_health(signs(visit.studio)),
        }
        for name, parts in self.parts.showcases.items():
            shown |= showcase(work, name, parts, visit.who.may("work"))
        return shown

    def making(self, name: str) -> Callable[[Visit], Updates]:
        def make(visit: Visit) -> Updates:
            show_sample(visit, name)
            return self.show(visit)

        return make


def show_sample(visit: Visit, name: str) -> int:
    """Have a further run made on the sample, unless it is there: "places" (boxes and masks) or "search"; returns the
    run."""
    return queue_showcase(visit.database, visit.place, visit.who, visit.project, name)


def showcase(work: Work, name: str, parts: ShowcaseParts, may_make: bool) -> Updates:
    """What can be seen of a showcase, or the button that has it made once the sample run is there."""
    can_be_made = may_make and work.sample is not None and work.sample.state == "done"
    is_missing = showcase_run(work.sample_runs, SHOWCASES[name]) is None
    return {
        parts.about: draw_showcase(work, name),
        parts.make: gr.update(visible=can_be_made and is_missing, value=make_words(work, name)),
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
    with gr.Row(equal_height=True):
        showcases = {name: _lay_out_showcase(name) for name in SHOWCASES}
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=420):
            recent = gr.HTML()
        with gr.Column(scale=1, min_width=280):
            health = gr.HTML()
    return Parts(steps, showcases, recent, health, gr.Timer(SECONDS))


def _lay_out_showcase(name: str) -> ShowcaseParts:
    with gr.Column(min_width=320):
        about = gr.HTML()
        with gr.Row():
            make = gr.Button(visible=False, size="sm", scale=0, min_width=280, elem_id=f"home-make-{name}")
    return ShowcaseParts(about, make)


def build(studio: Studio) -> None:
    parts = lay_out()
    page = Home(parts)
    shown: list[Component] = [parts.steps, parts.recent, parts.health]
    shown += [part for showcase in parts.showcases.values() for part in (showcase.about, showcase.make)]
    on_load(guarded(studio, page.show), outputs=shown)
    parts.timer.tick(live(studio, page.show), None, shown, queue=False, **PRIVATE)
    for name, showcase in parts.showcases.items():
        showcase.make.click(guarded(studio, page.making(name)), None, shown, **PRIVATE)
    offer(studio, overview, show_sample)
