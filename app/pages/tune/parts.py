"""What the page Tune is laid out of: the choices, every setting, and the run file that comes of them."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.pages.tune.forms import NO_TSM, USUAL, Forms
from app.pages.tune.forms import lay_out as lay_out_forms
from app.row_choice import RowChoice
from app.visit import Json
from core.records.runs.seeds import MOST

PRESETS = [("Quick look", "quick"), ("Balanced", "balanced"), ("Thorough", "thorough")]
ABOUT_NAMES = "Left empty, it is called as is shown here."
ABOUT_SEEDS = "So many runs, a seed each."
SHELL = (
    "In a shell on the studio's machine: `vitask tune run.yaml --out FOLDER`. With `vitask up --data DIR`, "
    "add `--data DIR` there too. Elsewhere, let `images:` name your own files."
)


@dataclass(frozen=True)
class Choices:
    family: gr.Dropdown
    tsm: gr.Dropdown
    method: gr.Radio
    preset: gr.Radio

    @property
    def inputs(self) -> list[Component]:
        return [self.family, self.tsm, self.method, self.preset]


@dataclass(frozen=True)
class FileParts:
    """The run file as it would be frozen."""

    facts: gr.Markdown
    text: gr.Code
    save: gr.Button
    load: gr.UploadButton


@dataclass(frozen=True)
class Parts:
    notice: gr.HTML
    image_set: RowChoice
    version: RowChoice
    choices: Choices
    name: gr.Textbox
    seeds: gr.Number
    """How many runs, a seed each."""
    start: gr.Button
    ask: gr.Button
    estimate: gr.Markdown
    forms: Forms
    file: FileParts
    task: gr.State
    """What a run file asks otherwise than its set."""
    copied: gr.State
    """The run that this one is a copy of."""
    job: gr.Number
    """The estimate's."""
    queued: gr.Textbox
    timer: gr.Timer

    @property
    def given(self) -> set[Block]:
        """What a run file is made of."""
        return {self.version, self.task, *self.choices.inputs, *self.forms.inputs}

    @property
    def begin(self) -> list[Component]:
        """What takes the run file as it stands."""
        return [self.start, self.ask]

    @property
    def filled(self) -> list[Component]:
        """What a run file fills."""
        return [*self.choices.inputs, self.task, self.name, *self.forms.inputs]


def lay_out(offered: Json) -> Parts:
    gr.Markdown("# Tune\nChoose images and a preset, then start. Everything else has a default that you may change.")
    notice = gr.HTML()
    with gr.Row():
        with gr.Column(scale=3):
            with gr.Row():
                image_set = RowChoice([], label="Image set", elem_id="tune-set")
                version = RowChoice([], label="Version", elem_id="tune-version")
            choices = _choices(offered)
            with gr.Row(equal_height=True):
                name = gr.Textbox(
                    label="Name of the run", max_length=200, elem_id="tune-name", info=ABOUT_NAMES, scale=3
                )
                seeds = gr.Number(
                    1, label="Seeds", info=ABOUT_SEEDS, precision=0, minimum=1, maximum=MOST, elem_id="tune-seeds"
                )
            with gr.Row():
                start = gr.Button("Start the run", variant="primary", elem_id="tune-start")
                ask = gr.Button("Estimate memory and time")
            estimate = gr.Markdown(elem_id="tune-estimate")
            gr.Markdown("## Every setting")
            forms = lay_out_forms(offered)
        with gr.Column(scale=2):
            file = _file_parts()
    job = gr.Number(visible=False, precision=0)
    kept = (gr.State({}), gr.State(), job, gr.Textbox(visible=False), gr.Timer(2, active=False))
    return Parts(notice, image_set, version, choices, name, seeds, start, ask, estimate, forms, file, *kept)


def _choices(offered: Json) -> Choices:
    family, tsm, method, preset = USUAL
    with gr.Row():
        families = gr.Dropdown(_titles(offered["families"]), value=family, label="VLM", elem_id="tune-vlm")
        tsms = gr.Dropdown([*_titles(offered["tsms"]), ("None", NO_TSM)], value=tsm, label="TSM")
    with gr.Row():
        methods = gr.Radio(_titles(offered["methods"]), value=method, label="Method", elem_id="tune-method")
        presets = gr.Radio(PRESETS, value=preset, label="Preset", elem_id="tune-preset")
    return Choices(families, tsms, methods, presets)


def _file_parts() -> FileParts:
    facts = gr.Markdown(elem_id="tune-facts")
    text = gr.Code(
        label="The run file, as it will be frozen",
        language="yaml",
        lines=22,
        max_lines=30,
        interactive=False,
        elem_id="tune-file",
    )
    with gr.Row():
        save = gr.Button("Save as file", size="sm", elem_id="tune-save", interactive=False)
        load = gr.UploadButton("Load from file", file_types=[".yaml", ".yml"], size="sm")
    gr.Markdown(SHELL)
    return FileParts(facts, text, save, load)


def _titles(entries: Json) -> list[tuple[str, str]]:
    return [(entry["title"], name) for name, entry in entries.items()]
