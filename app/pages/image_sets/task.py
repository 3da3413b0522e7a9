"""The tab “Task”: what a set asks, with the exact prompt and the picture as the model gets it beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio
from app.html import notice
from app.pages.image_sets.acts import edit_task
from app.pages.image_sets.adding import lines_of
from app.set_words import kinds
from app.visit import Json, Updates, Visit, guarded
from core.case import COMMA, INCOMPLETE_TEMPLATE, TEMPLATE, Task
from core.errors import CoreError
from core.records.sets import sets
from core.sets.responses import shared_words

SIDES = [
    ("64 × 64: the starter model", 64),
    ("224 × 224: PaliGemma, many TSMs", 224),
    ("384 × 384: LLaVA-OneVision, SmolVLM", 384),
    ("448 × 448: InternVL", 448),
]
SEPARATORS = [("comma", ", "), ("semicolon", "; "), ("upright line", " | ")]
MIRRORED = [("no, or not known", ""), ("left and right", "sideways"), ("up and down too", "all")]
FIELDS = Task.model_fields
A_MOMENT = "() => new Promise(go => setTimeout(go, 200))"


@dataclass(frozen=True)
class TaskParts:
    of: gr.Number
    """The version whose task it is."""
    modality: gr.Textbox
    kind: gr.Radio
    answers: gr.Textbox
    template: gr.Textbox
    separator: gr.Radio
    mirrored: gr.Radio
    full: gr.Button
    incomplete: gr.Button
    note: gr.Textbox
    save: gr.Button
    prompt: gr.HTML
    side: gr.Dropdown
    seen: gr.HTML

    @property
    def fields(self) -> list[Component]:
        return [self.modality, self.kind, self.answers, self.template, self.separator, self.mirrored]


@dataclass(frozen=True)
class TaskTab:
    parts: TaskParts

    def open(self, visit: Visit, version_id: int | None, side: int) -> Updates:
        """A version's task; `opened` is what that fills."""
        parts, task = self.parts, None
        if version_id is not None:
            task = sets.task_of(sets.version(visit.database, visit.who, int(version_id)))
        return {
            parts.of: version_id,
            parts.modality: task.modality if task else "",
            parts.kind: task.kind if task else "single",
            parts.answers: "\n".join(task.answers) if task else "",
            parts.template: task.template if task else TEMPLATE,
            parts.separator: task.separator if task else COMMA,
            parts.mirrored: (task.mirrored if task else None) or "",
            parts.prompt: draw_prompt(task) if task else "",
            parts.seen: draw_seen(version_id, side),
        }

    @property
    def opened(self) -> Sequence[Component]:
        return [self.parts.of, *self.parts.fields, self.parts.prompt, self.parts.seen]

    def preview(
        self, visit: Visit, modality: str, kind: str, answers: str, template: str, separator: str, mirrored: str
    ) -> Updates:
        try:
            shown = draw_prompt(task_from(modality, kind, answers, template, separator, mirrored))
        except CoreError as error:
            shown = f'<div class="vt"><h2>What the model is asked</h2>{notice(str(error), "bad")}</div>'
        return {self.parts.prompt: shown}

    def see(self, visit: Visit, version_id: int | None, side: int) -> Updates:
        return {self.parts.seen: draw_seen(version_id, int(side))}

    def full(self, visit: Visit) -> Updates:
        return {self.parts.template: TEMPLATE}

    def incomplete(self, visit: Visit) -> Updates:
        return {self.parts.template: INCOMPLETE_TEMPLATE}


def save(
    visit: Visit,
    version_id: int | None,
    modality: str,
    kind: str,
    answers: str,
    template: str,
    separator: str,
    mirrored: str,
    note: str,
) -> int:
    """The task as a new version; returns its id."""
    if version_id is None:
        raise CoreError("There is no image set yet. Bring one under “Add images” first.")
    task = task_values(modality, kind, answers, template, separator, mirrored)
    return edit_task(visit, version_id, task, (note or "").strip() or "task edited")


def lay_out() -> TaskParts:
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=400):
            modality = gr.Textbox(
                label=FIELDS["modality"].title, info=FIELDS["modality"].description, elem_id="task-modality"
            )
            kind = gr.Radio(kinds(), value="single", label="Labels of a case")
            answers = gr.Textbox(
                label="Labels, one on each line, in the order for prompts",
                info="Labels that cases have must stay; another order or a new label is fine.",
                lines=5,
                max_lines=14,
            )
            template = gr.Textbox(
                label="Instruction template", info=FIELDS["template"].description, lines=2, max_lines=6
            )
            separator = gr.Radio(
                SEPARATORS, value=COMMA, label=FIELDS["separator"].title, info=FIELDS["separator"].description
            )
            mirrored = gr.Radio(
                MIRRORED,
                value="",
                label=FIELDS["mirrored"].title,
                info="The small classifier (TSM) then also learns from mirror images. Say no where a label depends on "
                "the side of the body.",
            )
            with gr.Row():
                full = gr.Button("Instruction with the labels", size="sm")
                incomplete = gr.Button("Instruction without them", size="sm")
            note = gr.Textbox(label="Note", placeholder="Why this changes", max_lines=1)
            save = gr.Button("Save as a new version", variant="primary")
        with gr.Column(scale=1, min_width=400):
            prompt = gr.HTML()
            side = gr.Dropdown(SIDES, value=64, label="Picture as the model gets it")
            seen = gr.HTML()
    fields = (modality, kind, answers, template, separator, mirrored)
    return TaskParts(gr.Number(visible=False, precision=0), *fields, full, incomplete, note, save, prompt, side, seen)


def wire(studio: Studio, tab: TaskTab, version: gr.Dropdown) -> None:
    parts = tab.parts
    # When the tab is opened its fields change one after the other, and each tells of it before the next has its value:
    # so what they hold is asked for a moment later.
    changes = [field.change for field in (parts.modality, parts.answers, parts.template, parts.kind, parts.separator)]
    changed = gr.on(changes, None, None, None, js=A_MOMENT, trigger_mode="multiple", queue=False, **PRIVATE)
    changed.then(guarded(studio, tab.preview), parts.fields, [parts.prompt], **LATEST)
    parts.full.click(guarded(studio, tab.full), None, [parts.template], **PRIVATE)
    parts.incomplete.click(guarded(studio, tab.incomplete), None, [parts.template], **PRIVATE)
    parts.side.input(guarded(studio, tab.see), [version, parts.side], [parts.seen], **LATEST)


def task_values(modality: str, kind: str, answers: str, template: str, separator: str, mirrored: str) -> Json:
    """The task's fields, as they are typed."""
    values = {"modality": (modality or "").strip(), "kind": kind, "template": (template or "").strip()}
    return {**values, "separator": separator, "mirrored": mirrored or None, "answers": lines_of(answers or "")}


def task_from(modality: str, kind: str, answers: str, template: str, separator: str, mirrored: str) -> Task:
    return Task.parse(task_values(modality, kind, answers, template, separator, mirrored), "task")


def draw_prompt(task: Task) -> str:
    """The instruction to the letter, with what stands around it: the picture, the exemplar's place, the answer's."""
    instruction = escape(task.instruction())
    for filled in (task.modality, task.separator.join(task.answers)):
        mark = f"<mark>{escape(filled)}</mark>"
        instruction = instruction.replace(escape(filled), mark, 1) if filled else instruction
    ends = (
        "The model answers with one of the labels."
        if task.kind != "multi"
        else "The model answers with labels, or “no finding”."
    )
    return (
        f'<div class="vt"><h2>What the model is asked</h2>{_trouble(task)}<pre class="prompt">'
        f'<span class="frame">[picture] [exemplar, where one is used]</span>\n{instruction}\n'
        '<span class="frame">[answer]</span></pre>'
        f'<p class="small quiet">Marked words come from the fields on the left. {ends} '
        "Each model adds its own chat words around this.</p></div>"
    )


def _trouble(task: Task) -> str:
    """What a reader could not tell apart."""
    if shared := shared_words(task):
        return notice(shared, "bad")
    if unclear := task.ambiguous():
        return notice(
            f"“{unclear[0]}” holds what stands between labels, so that a reader can't tell where it ends. Let another "
            "sign stand there (“Between labels”), or bring the set with another name for it.",
            "warn",
        )
    return ""


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
