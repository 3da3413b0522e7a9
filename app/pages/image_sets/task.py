"""The tab “Task”: what a set asks, with the exact prompt and the picture as the model gets it beside it."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from app.context import PRIVATE, Studio, guarded
from app.html import notice
from app.pages.image_sets.adding import lines_of
from app.set_words import kinds
from core.case import INCOMPLETE_TEMPLATE, TEMPLATE, Task
from core.errors import CoreError
from core.records import sets

SIDES = [
    ("64 × 64: the starter model", 64),
    ("224 × 224: PaliGemma, many TSMs", 224),
    ("384 × 384: LLaVA-OneVision, SmolVLM", 384),
    ("448 × 448: InternVL", 448),
]
FIELDS = Task.model_fields


class TaskTab:
    """The tab's components. `opened` is what has to be filled when a version is chosen."""

    def __init__(self, studio: Studio, version: gr.Dropdown) -> None:
        self.studio, self.version = studio, version
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=400):
                self.modality = gr.Textbox(
                    label=FIELDS["modality"].title, info=FIELDS["modality"].description, elem_id="task-modality"
                )
                self.kind = gr.Radio(kinds(), value="single", label="Labels of a case")
                self.answers = gr.Textbox(
                    label="Labels, one on each line, in the order for prompts",
                    info="Labels that cases have must stay; another order or a new label is fine.",
                    lines=5,
                    max_lines=14,
                )
                self.template = gr.Textbox(
                    label="Instruction template", info=FIELDS["template"].description, lines=2, max_lines=6
                )
                with gr.Row():
                    self.full = gr.Button("Instruction with the labels", size="sm")
                    self.incomplete = gr.Button("Instruction without them", size="sm")
                self.note = gr.Textbox(label="Note", placeholder="Why this changes", max_lines=1)
                self.save = gr.Button("Save as a new version", variant="primary")
            with gr.Column(scale=1, min_width=400):
                self.prompt = gr.HTML()
                self.side = gr.Dropdown(SIDES, value=64, label="Picture as the model gets it")
                self.seen = gr.HTML()
        self.fields: list[Any] = [self.modality, self.kind, self.answers, self.template]
        self.opened = [*self.fields, self.prompt, self.seen]
        self._wire()

    def open(self, version_id: int | None, side: int, request: gr.Request) -> list[Any]:
        if version_id is None:
            return ["", "single", "", TEMPLATE, "", draw_seen(None, 0)]
        task = sets.task_of(sets.version(self.studio.database, self.studio.who(request), int(version_id)))
        values = [task.modality, task.kind, "\n".join(task.answers), task.template]
        return [*values, draw_prompt(task), draw_seen(int(version_id), side)]

    def saved(self, version_id: int, given: tuple[str, str, str, str], note: str, request: gr.Request) -> int:
        who = self.studio.who(request)
        if version_id is None:
            raise CoreError("There is no image set yet. Bring one under “Add images” first.")
        made = sets.new_version_with_task(
            self.studio.database,
            self.studio.place,
            who,
            int(version_id),
            task_from(*given),
            (note or "").strip() or "task edited",
        )
        return made.id

    def _wire(self) -> None:
        def preview(modality: str, kind: str, answers: str, template: str) -> str:
            try:
                return draw_prompt(task_from(modality, kind, answers, template))
            except CoreError as error:
                return f'<div class="vt"><h2>What the model is asked</h2>{notice(str(error), "bad")}</div>'

        @guarded
        def seen(version_id: int | None, side: int, request: gr.Request) -> str:
            self.studio.who(request)
            return draw_seen(None if version_id is None else int(version_id), int(side))

        previewed: dict[str, Any] = {**PRIVATE, "queue": False, "trigger_mode": "always_last"}
        for field in (self.modality, self.answers, self.template, self.kind):
            field.change(preview, self.fields, self.prompt, **previewed)
        self.full.click(lambda: TEMPLATE, None, self.template, **PRIVATE)
        self.incomplete.click(lambda: INCOMPLETE_TEMPLATE, None, self.template, **PRIVATE)
        self.side.input(seen, [self.version, self.side], self.seen, **PRIVATE)


def task_from(modality: str, kind: str, answers: str, template: str) -> Task:
    values = {"modality": (modality or "").strip(), "kind": kind, "template": (template or "").strip()}
    return Task.parse({**values, "answers": lines_of(answers or "")}, "task")


def draw_prompt(task: Task) -> str:
    """The instruction to the letter, with what stands around it: the picture, the exemplar's place, the answer's."""
    asked = escape(task.instruction())
    for filled in (task.modality, ", ".join(task.answers)):
        asked = asked.replace(escape(filled), f"<mark>{escape(filled)}</mark>", 1) if filled else asked
    ends = (
        "The model answers with one of the labels."
        if task.kind != "multi"
        else "The model answers with labels, or “no finding”."
    )
    return (
        '<div class="vt"><h2>What the model is asked</h2><pre class="prompt"><span class="frame">[picture] '
        f'[exemplar, where one is used]</span>\n{asked}\n<span class="frame">[answer]</span></pre>'
        f'<p class="small quiet">Marked words come from the fields on the left. {ends} '
        "Each model adds its own chat words around this.</p></div>"
    )


def draw_seen(version_id: int | None, side: int) -> str:
    if version_id is None:
        return ""
    source = f"/images/{version_id}/0"
    return (
        f'<div class="vt"><div class="seen"><figure><img src="{source}" alt="The first case as it is kept">'
        f'<figcaption>as it is kept</figcaption></figure><figure><img class="model" src="{source}?size={side}" '
        f'alt="The first case as the model gets it"><figcaption>{side} × {side} pixels</figcaption></figure>'
        "</div></div>"
    )
