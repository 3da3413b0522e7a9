"""What the page Compare is laid out of: which run and cases, the case that is shown, and asking anew."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app import charts
from app.pages.compare import wish
from app.pages.compare.strip import strip
from app.row_choice import RowChoice
from app.set_words import titled
from app.viewer import shown, viewer
from app.visit import Updates
from core.case import READ_SPLITS
from core.catalog import TSMS

ONLY = [("All", "all"), ("Readers disagree", "disagree"), ("Wrong answers", "wrong"), ("A right, B wrong", "beats")]
ORDER = [("As they were read", "case"), ("Entropy of A", "entropy"), ("Gap from A to B", "gap")]
THE_CASE, A_FILE = "case", "file"
NOT_CALIBRATED = "This run learned none: they are raw."
ABOUT = [("The case above", THE_CASE), ("Another image", A_FILE)]


@dataclass(frozen=True)
class Chooser:
    """Which run's cases, and which of them."""

    run: RowChoice
    split: gr.Radio
    only: gr.Radio
    order: gr.Dropdown
    reader: gr.Dropdown
    other: gr.Dropdown
    label: gr.Dropdown
    answer: gr.Dropdown
    text: gr.Textbox
    beside: gr.CheckboxGroup
    """Whose distributions stand side by side."""


@dataclass(frozen=True)
class CaseParts:
    strip: gr.HTML
    back: gr.Button
    forth: gr.Button
    title: gr.HTML
    is_shown: gr.Checkbox
    is_calibrated: gr.Checkbox
    """Whether probabilities are shown calibrated, as far as the run learned to."""
    picture: gr.HTML
    figure: gr.Plot
    table: gr.HTML
    alike: gr.HTML


@dataclass(frozen=True)
class AskParts:
    """A question to live readers, and their answer."""

    instruction: gr.Textbox
    bare: gr.Button
    whole: gr.Button
    readers: gr.CheckboxGroup
    exemplar: gr.Checkbox
    about: gr.Radio
    image: gr.File
    read: gr.Button
    outcome: gr.Markdown
    seen: gr.HTML
    figure: gr.Plot
    table: gr.HTML
    job: gr.Number
    timer: gr.Timer

    @property
    def answer(self) -> list[Block]:
        return [self.outcome, self.figure, self.table, self.seen, self.timer]

    @property
    def nothing(self) -> Updates:
        """Where no answer stands, and none is waited for."""
        return {self.job: None, self.figure: None, self.table: "", self.seen: shown([]), self.timer: waits(False)}


@dataclass(frozen=True)
class PlugParts:
    tsm: gr.Dropdown
    queue: gr.Button
    made: gr.Textbox


@dataclass(frozen=True)
class Parts:
    notice: gr.Markdown
    choose: Chooser
    case: CaseParts
    ask: AskParts
    tokens: gr.Dataframe
    plug: PlugParts
    name: gr.Textbox
    """Of the case that is shown."""
    wish: wish.Wish


def waits(is_waiting: bool) -> gr.Timer:
    return gr.Timer(active=is_waiting)


def lay_out() -> Parts:
    gr.HTML(charts.STYLE, visible="hidden")
    gr.Markdown("# Compare")
    notice = gr.Markdown()
    choose, case = _chooser(), _case()
    with gr.Accordion("Ask again: in other words, without the exemplar, about another image", open=False):
        ask = _ask()
    with gr.Accordion("Token by token", open=False):
        tokens = gr.Dataframe(
            headers=["Reader", "Candidate answer", "Log-likelihood", "Mean a token", "PMI", "Of each token"],
            interactive=False,
            show_label=False,
        )
    with gr.Accordion("Plug another TSM into this run", open=False):
        plug = _plug()
    return Parts(notice, choose, case, ask, tokens, plug, gr.Textbox(visible=False), wish.lay_out())


def _chooser() -> Chooser:
    any_reader = [("any reader", "")]
    with gr.Row():
        run = RowChoice([], label="Run", scale=3, min_width=200, elem_id="compare-run")
        split = gr.Radio(titled(reversed(READ_SPLITS)), value="test", label="Cases", elem_id="compare-split", scale=2)
        only = gr.Radio(ONLY, value="all", label="Show", elem_id="compare-only", scale=5, min_width=400)
    with gr.Row():
        reader = gr.Dropdown(any_reader, value="", label="A: whose answers", scale=3, min_width=140)
        other = gr.Dropdown(any_reader, value="", label="B: held against A", scale=3, min_width=140)
        label = gr.Dropdown([("any label", "")], value="", label="Reference label", scale=2, min_width=120)
        answer = gr.Dropdown([("any answer", "")], value="", label="A's answer", scale=2, min_width=120)
        text = gr.Textbox(label="Contains", placeholder="name, patient", elem_id="compare-text", scale=2, min_width=120)
        order = gr.Dropdown(ORDER, value="case", label="Order", elem_id="compare-order", scale=2, min_width=120)
    with gr.Accordion("Readers side by side", open=False, elem_id="compare-beside"):
        beside = gr.CheckboxGroup([], show_label=False, container=False)
    return Chooser(run, split, only, order, reader, other, label, answer, text, beside)


def _case() -> CaseParts:
    thumbnails = strip()
    with gr.Row():
        with gr.Column(scale=2, min_width=300, elem_id="compare-case"):
            with gr.Row():
                back = gr.Button("◀ Previous", min_width=90, elem_id="compare-previous")
                forth = gr.Button("Next ▶", min_width=90, elem_id="compare-next")
            title = gr.HTML(elem_id="compare-title")
            is_shown = gr.Checkbox(False, label="Show the reference label", elem_id="compare-reference")
            is_calibrated = gr.Checkbox(True, label="Calibrated probabilities", elem_id="compare-calibrated")
            picture = viewer(height=280, elem_id="compare-picture")
        with gr.Column(scale=6, min_width=600):
            figure = gr.Plot(show_label=False, elem_id="compare-figure")
            table = gr.HTML(elem_id="compare-answers")
            alike = gr.HTML(elem_id="compare-alike")
    return CaseParts(thumbnails, back, forth, title, is_shown, is_calibrated, picture, figure, table, alike)


def _ask() -> AskParts:
    with gr.Row():
        with gr.Column(scale=3):
            instruction = gr.Textbox(label="Instruction", lines=3, elem_id="compare-instruction")
            with gr.Row():
                bare = gr.Button("Without the label list", size="sm")
                whole = gr.Button("As it was", size="sm")
            readers = gr.CheckboxGroup([], label="Readers", elem_id="compare-readers")
            exemplar = gr.Checkbox(
                True, label="Also with the exemplar", info="Off: readers that see the TSM's exemplar are left out."
            )
        with gr.Column(scale=2):
            about = gr.Radio(ABOUT, value=THE_CASE, label="Ask about", elem_id="compare-about")
            # Any file is taken here: one that Gradio refuses leaves nothing behind that could be told of it.
            image = gr.File(label="Its file", height=120, elem_id="compare-image", visible=False)
            read = gr.Button("Read", variant="primary", elem_id="compare-read")
            outcome = gr.Markdown(elem_id="compare-said")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            seen = viewer(height=200)
        with gr.Column(scale=6, min_width=600):
            figure = gr.Plot(show_label=False, elem_id="compare-new-figure")
            table = gr.HTML(elem_id="compare-new-answers")
    shown_there = (seen, figure, table, gr.Number(visible=False, precision=0), gr.Timer(1, active=False))
    return AskParts(instruction, bare, whole, readers, exemplar, about, image, read, outcome, *shown_there)


def _plug() -> PlugParts:
    gr.Markdown(
        "The VLM and its adapters stay as they are; the new TSM is trained, and a connector where it is needed."
    )
    with gr.Row(equal_height=True):
        tsm = gr.Dropdown(list(TSMS), value=next(iter(TSMS)), label="TSM")
        queue = gr.Button("Queue it", min_width=120)
    return PlugParts(tsm, queue, gr.Textbox(visible=False))
