"""Tune: choose an image set, a VLM, a TSM and a method; see the exact run file; queue the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import gradio as gr
from gradio.events import api

from app.context import PRIVATE, Studio, asked_number, guarded, live, on_load
from app.engine import ENGINE, Engine
from app.html import in_markdown
from app.pages.tune.parts import NO_TSM, Forms, Values, build_forms
from app.words import lasting
from core.errors import CoreError, SettingsError
from core.records import jobs, runs, sets
from core.sets.version import kept_name
from core.yamls import read_yaml_file

TITLE = "Tune"
PATH = "/tune"
LONGEST_CHOICE = 34
USUAL = ("starter", "convnet", "vitask", "quick")
"""Family, TSM, method and preset of somebody who has not chosen."""
PRESETS = [("Quick look", "quick"), ("Balanced", "balanced"), ("Thorough", "thorough")]
COPY = " (copy)"
PLACE_OF_IMAGES = "the version chosen above"
ABOUT_NAMES = "Left empty, it is called as is shown here."
EMPTY = "There is no image set in this project yet. Add one on the page **[Image sets](/image-sets)**, then come back."
SHELL = (
    "In a shell on the studio's machine: `vitask tune run.yaml --out FOLDER`. With `vitask up --data DIR`, "
    "add `--data DIR` there too. Elsewhere, let `images:` name your own files."
)
GO_TO_RUN = "(run) => { if (run) window.location.href = '/runs?run=' + run; }"
SAVE = """(text) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text.trimEnd() + '\\n'], { type: 'application/yaml' }));
  link.download = 'run.yaml';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""
"""What is saved is what is shown, at the first click: Gradio's own button fetches what it held before its click."""


@dataclass(frozen=True)
class TunePage:
    """What the page's events do. Every `given` begins with the choices and the task, then come the forms' inputs."""

    studio: Studio
    forms: Forms
    engine: Engine = ENGINE

    def open(self, request: gr.Request) -> list[Any]:
        """Sets of the project; ?version= chooses one. With ?copy= everything is as in that run, its images too."""
        who = self.studio.who(request)
        copied = asked_number(request, "copy")
        old = None if copied is None else runs.run(self.studio.database, who, copied)
        project_sets = sets.sets(self.studio.database, who, self.studio.project(request))
        wanted = asked_number(request, "version") if old is None else old.version_id
        if not project_sets:
            nothing = gr.update(choices=[], value=None)
            return [nothing, nothing, EMPTY, None, *self.usual()]
        set_id = project_sets[0].id
        if wanted is not None:
            set_id = sets.version(self.studio.database, who, wanted).set_id
        shown = gr.update(choices=[(each.name, each.id) for each in project_sets], value=set_id)
        filled = self.usual() if old is None else self.filled(old.settings, copy_name(old))
        return [shown, self.versions(set_id, request, wanted), "", copied, *filled]

    def usual(self) -> list[Any]:
        """The choices as they are at first, and the forms as their preset fills them."""
        return [*USUAL, {}, "", *self.chosen(*USUAL)]

    def versions(self, set_id: int | None, request: gr.Request, wanted: int | None = None) -> Any:
        """The versions of a set, the newest chosen."""
        if set_id is None:
            return gr.update(choices=[], value=None)
        listed = sets.versions(self.studio.database, self.studio.who(request), set_id)
        choices = [
            (
                shorten(
                    f"{each.number}: {each.cases:,} cases · {each.note}".rstrip(" ·"), LONGEST_CHOICE, placeholder=" …"
                ),
                each.id,
            )
            for each in listed
        ]
        numbers = [each.id for each in listed]
        return gr.update(choices=choices, value=wanted if wanted in numbers else numbers[0])

    def other_set(self, set_id: int | None, request: gr.Request) -> tuple[Any, Values]:
        """The versions of another set; what a run file asked of the set before is not asked of this one."""
        return self.versions(set_id, request), {}

    def chosen(self, family: str, tsm: str, method: str, preset: str) -> list[Any]:
        """Another VLM, TSM, method or preset: the forms that belong to it, filled with what the preset sets."""
        block = {"tsm": [{"name": tsm}]} if tsm != NO_TSM else {}
        values = {"images": PLACE_OF_IMAGES, "method": {"name": method}, "preset": preset, **block}
        if tsm == NO_TSM and method == "vitask":
            values["method"] = {"name": method, "exemplar": False}
        checkpoint = next(entry for entry in self.forms.families[family].entries if entry.name == "checkpoint")
        values["vlm"] = {"family": family, "checkpoint": checkpoint.default or "."}
        whole = self.engine.complete(values)["values"]
        if checkpoint.default is None:
            whole["vlm"]["checkpoint"] = ""
        kept = len(self.forms.limits)
        return [*(gr.skip() for _ in range(kept)), *self.forms.shown(whole)[kept:-1], gr.skip()]

    def preview(self, request: gr.Request, version_id: int | None, *given: Any) -> tuple[str, str, Any]:
        """The run file as it would be frozen, or what is wrong with it; only a whole one can be saved."""
        try:
            images = PLACE_OF_IMAGES if version_id is None else self.named(version_id, request)
            whole = self.engine.complete(self.values(*given) | {"images": images})
        except CoreError as error:
            return "", f"⚠ {in_markdown(str(error))}", gr.update(interactive=False)
        stages = " → ".join((["TSM"] if whole["values"]["tsm"] else []) + whole["stages"])
        facts = f"**Stages:** {stages}  \n**Readers to compare:** {', '.join(whole['readers'])}"
        return whole["yaml"], facts, gr.update(interactive=version_id is not None)

    def named(self, version_id: int, request: gr.Request) -> str:
        """How a run file names a version, so that a shell on the studio's machine finds it."""
        return kept_name(sets.version(self.studio.database, self.studio.who(request), version_id).hash)

    def name(self, request: gr.Request, version_id: int | None, method: str, preset: str) -> Any:
        """What the run is called where nobody writes a name."""
        if version_id is None:
            return gr.update(placeholder="")
        who = self.studio.who(request)
        settings = {"method": {"name": method}, "preset": preset}
        return gr.update(placeholder=runs.next_name(self.studio.database, who, version_id, settings))

    def values(self, family: str, tsm: str, method: str, preset: str, task: Values, *given: Any) -> Values:
        values = self.forms.values(family, tsm, method, list(given))
        return {"images": PLACE_OF_IMAGES, "task": task, "preset": preset} | values

    def start(
        self,
        request: gr.Request,
        set_id: int | None,
        version_id: int | None,
        name: str,
        copied: int | None,
        *given: Any,
    ) -> str:
        """Queues the run; returns its number."""
        version = self.version_of(set_id, version_id, request)
        return str(self._queued(version, name, self.values(*given), request, copied))

    def version_of(self, set_id: int | None, version_id: int | None, request: gr.Request) -> int:
        """The chosen version; never one of the set that was chosen before, whose list may still stand there."""
        if set_id is None or version_id is None:
            raise SettingsError("No image set is chosen. Choose one, or add one on the page Image sets.")
        listed = [each.id for each in sets.versions(self.studio.database, self.studio.who(request), set_id)]
        if version_id not in listed:
            raise SettingsError("The versions of this image set are still being listed. Look at them and start again.")
        return version_id

    def tune(self, version_id: int, name: str, settings: dict[str, Any], request: gr.Request) -> int:
        """Queue a tuning run on a version of an image set. `settings` is a run file without `images`.

        An empty name is made from set, method, preset and a number. Returns the run's number."""
        return self._queued(version_id, name, settings, request)

    def _queued(
        self, version_id: int, name: str, settings: Values, request: gr.Request, copied: int | None = None
    ) -> int:
        whole = self.engine.complete({**settings, "images": PLACE_OF_IMAGES})["values"]
        studio = self.studio
        return runs.queue_run(studio.database, studio.place, studio.who(request), version_id, name, whole, copied).id

    def ask_estimate(
        self, request: gr.Request, set_id: int | None, version_id: int | None, *given: Any
    ) -> tuple[Any, str, Any]:
        """Has a worker try one real step; the timer looks for the answer."""
        version = self.version_of(set_id, version_id, request)
        whole = self.engine.complete(self.values(*given))["values"]
        studio, who = self.studio, self.studio.who(request)
        job = runs.queue_estimate(studio.database, studio.place, who, studio.project(request), version, whole)
        return job, "Trying one step on the largest case …", gr.Timer(active=True)

    def look_at_estimate(self, job_id: int | None, request: gr.Request) -> tuple[str, Any]:
        if job_id is None:
            return "", gr.Timer(active=False)
        job = jobs.job(self.studio.database, self.studio.who(request), int(job_id))
        if job.state in ("waiting", "running"):
            return f"Trying one step on the largest case: {job.state} …", gr.Timer(active=True)
        return estimated(job.state, job.result, job.error), gr.Timer(active=False)

    def load(self, path: str | None) -> list[Any]:
        """Everything as in a run file; its `images` are replaced by the version that is chosen here."""
        if path is None:
            return [gr.skip() for _ in range(len(USUAL) + 2 + len(self.forms.inputs))]
        values = read_yaml_file(Path(path), "The file")
        if not isinstance(values, dict):
            raise SettingsError("A run file holds settings like `seed: 0`, one a line. This one does not.")
        return self.filled(values)

    def filled(self, values: Mapping[str, Any], name: str | None = None) -> list[Any]:
        """The choices, the task, the name and the forms as in a run file."""
        whole = self.engine.complete({**values, "images": PLACE_OF_IMAGES})["values"]
        family, method = whole["vlm"]["family"], whole["method"]["name"]
        tsm = whole["tsm"][0]["name"] if whole["tsm"] else NO_TSM
        named = gr.skip() if name is None else name
        return [family, tsm, method, whole["preset"], whole["task"], named, *self.forms.shown(whole)]

    def visible(self, family: str, tsm: str, method: str) -> list[Any]:
        kinds = ((self.forms.families, family), (self.forms.tsms, tsm), (self.forms.methods, method))
        return [gr.update(visible=name == wanted) for forms, wanted in kinds for name in forms]


def copy_name(old: runs.RunView) -> str:
    """What a person wrote, marked as a copy; nothing where nobody did, so that a name is made again."""
    return "" if runs.is_made(old.name, old.set, old.settings) else f"{old.name.removesuffix(COPY)}{COPY}"


def estimated(state: str, result: Mapping[str, Any] | None, error: str | None) -> str:
    """An estimate in words."""
    if state != "done" or not result:
        return f"⚠ {in_markdown(error or 'The estimate was ended.')}"
    steps = sum(result["steps"].values())
    room = f" of {result['available_gib']:.1f}" if result.get("available_gib") else ""
    warning = "" if result["fits"] else "\n\n⚠ That is more than there is. Choose fewer cases at a time (Training)."
    return (
        f"Real steps on the largest cases say: about **{lasting(result['seconds'])}** for {steps:,} steps, "
        f"**{result['memory_gib']:.1f}{room} GiB** of memory, on {result['device']}.{warning}"
    )


def build(studio: Studio) -> None:
    offered = ENGINE.choices
    gr.Markdown("# Tune\nChoose images and a preset, then start. Everything else has a default that you may change.")
    notice = gr.Markdown()
    with gr.Row():
        with gr.Column(scale=3):
            with gr.Row():
                image_set = gr.Dropdown([], label="Image set", elem_id="tune-set")
                version = gr.Dropdown([], label="Version", elem_id="tune-version")
            with gr.Row():
                family = gr.Dropdown(_titles(offered["families"]), value=USUAL[0], label="VLM", elem_id="tune-vlm")
                tsm = gr.Dropdown([*_titles(offered["tsms"]), ("None", NO_TSM)], value=USUAL[1], label="TSM")
            with gr.Row():
                method = gr.Radio(_titles(offered["methods"]), value=USUAL[2], label="Method", elem_id="tune-method")
                preset = gr.Radio(PRESETS, value=USUAL[3], label="Preset", elem_id="tune-preset")
            name = gr.Textbox(label="Name of the run", max_length=200, elem_id="tune-name", info=ABOUT_NAMES)
            with gr.Row():
                start = gr.Button("Start the run", variant="primary", elem_id="tune-start")
                ask = gr.Button("Estimate memory and time")
            estimate = gr.Markdown(elem_id="tune-estimate")
            gr.Markdown("### Every setting")
            groups, forms = build_forms(offered)
        with gr.Column(scale=2):
            facts = gr.Markdown(elem_id="tune-facts")
            file = gr.Code(
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
    page = TunePage(studio, forms)
    job, made, timer = gr.State(), gr.Textbox(visible=False), gr.Timer(2, active=False)
    task, copied = gr.State({}), gr.State()
    choices: list[Any] = [family, tsm, method, preset]
    given = [*choices, task, *forms.inputs]
    everything = [*choices, task, name, *forms.inputs]
    previewing = (guarded(page.preview), [version, *given], [file, facts, save])
    naming = (guarded(page.name), [version, method, preset], [name])

    def previewed(event: Any) -> None:
        seen = event.then(guarded(page.visible), choices[:3], groups, **PRIVATE)
        seen.then(*previewing, **PRIVATE).then(*naming, **PRIVATE)

    previewed(on_load(guarded(page.open), None, [image_set, version, notice, copied, *everything]))
    previewed(image_set.input(guarded(page.other_set), [image_set], [version, task], **PRIVATE))
    version.input(*previewing, **PRIVATE).then(*naming, **PRIVATE)
    for choice in choices:
        previewed(choice.input(guarded(page.chosen), choices, forms.inputs, **PRIVATE))
    # Gradio tells of what was deleted or pasted in a text as a change alone.
    typed = [part.change if isinstance(part, gr.Textbox) else part.input for part in forms.inputs]
    gr.on(typed, *previewing, trigger_mode="always_last", **PRIVATE)
    started = start.click(guarded(page.start), [image_set, version, name, copied, *given], [made], **PRIVATE)
    started.success(None, [made], None, js=GO_TO_RUN)
    ask.click(guarded(page.ask_estimate), [image_set, version, *given], [job, estimate, timer], **PRIVATE)
    timer.tick(live(page.look_at_estimate), [job], [estimate, timer], queue=False, **PRIVATE)
    save.click(None, [file], None, js=SAVE)
    previewed(load.upload(guarded(page.load), [load], everything, **PRIVATE))
    api(guarded(page.tune), api_name="tune")


def _titles(entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(entry["title"], name) for name, entry in entries.items()]
