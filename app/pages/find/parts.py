"""What the page Find is laid out of: which run and cases, what is searched for, what was found, one case closely."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.row_choice import RowChoice
from app.set_words import titled
from app.tiles import tiles
from app.viewer import viewer
from app.visit import Updates
from core.case import SPLITS

WORDS, AN_IMAGE, A_CASE = "words", "image", "case"
BY = [("Words", WORDS), ("An image", AN_IMAGE), ("A case of the set", A_CASE)]


@dataclass(frozen=True)
class Wanted:
    """What is searched for, and where."""

    run: RowChoice
    splits: gr.CheckboxGroup
    most: gr.Slider
    by: gr.Radio
    words: gr.Textbox
    image: gr.File
    case: gr.Textbox
    leaves_out_patient: gr.Checkbox

    @property
    def inputs(self) -> set[Block]:
        return set(vars(self).values())


@dataclass(frozen=True)
class Parts:
    notice: gr.Markdown
    wanted: Wanted
    search: gr.Button
    outcome: gr.Markdown
    pictures: gr.HTML
    large: gr.HTML
    about: gr.HTML
    like: gr.Button
    job: gr.Number
    timer: gr.Timer

    @property
    def searched(self) -> list[Block]:
        """What a search changes."""
        return [self.outcome, self.pictures, self.large, self.about, self.like, self.job, self.timer]

    @property
    def nothing(self) -> Updates:
        """Where nothing was found, and nothing is waited for."""
        hidden = gr.update(visible=False)
        empty: Updates = {self.pictures: "", self.large: hidden, self.about: "", self.like: hidden}
        return empty | {self.outcome: "", self.job: None, self.timer: gr.Timer(active=False)}


def lay_out() -> Parts:
    gr.Markdown("# Find")
    notice = gr.Markdown(elem_id="find-notice")
    wanted = _wanted()
    # Nothing is searched for before the page knows in which run.
    search = gr.Button("Search", variant="primary", interactive=False, elem_id="find-search")
    outcome = gr.Markdown(elem_id="find-outcome")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=480):
            pictures = tiles(elem_id="find-pictures")
        with gr.Column(scale=3, min_width=320):
            large, about = viewer(height=300, visible=False), gr.HTML(elem_id="find-about")
            like = gr.Button("Find the like of this case", visible=False, elem_id="find-like")
    shown, job = (pictures, large, about, like), gr.Number(visible=False, precision=0)
    return Parts(notice, wanted, search, outcome, *shown, job, gr.Timer(1, active=False))


def _wanted() -> Wanted:
    with gr.Row():
        run = RowChoice([], label="Run", elem_id="find-run", scale=3)
        splits = gr.CheckboxGroup(titled(SPLITS), value=list(SPLITS), label="Cases", scale=2)
        most = gr.Slider(6, 96, 24, step=6, label="How many", scale=2)
    with gr.Row():
        by = gr.Radio(BY, value=WORDS, label="Search by", elem_id="find-by", scale=2)
        words = gr.Textbox(
            label="Words",
            placeholder="what the images should show",
            interactive=False,
            elem_id="find-words",
            scale=4,
        )
        # Any file is taken here: one that Gradio refuses leaves nothing behind that could be told of it.
        image = gr.File(label="Its file", height=120, elem_id="find-image", visible=False, scale=4)
        case = gr.Textbox(label="The case's file name", elem_id="find-case", visible=False, scale=4, max_lines=1)
    leaves_out = gr.Checkbox(
        False, label="Leave out other images of the case's patient", visible=False, elem_id="find-patient"
    )
    return Wanted(run, splits, most, by, words, image, case, leaves_out)
