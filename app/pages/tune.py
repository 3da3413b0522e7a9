"""Tune: choose an image set, a VLM, a TSM and a method; see the exact run file; queue the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from textwrap import shorten
from typing import Any

import gradio as gr
import yaml
from gradio.events import api

from app.context import PRIVATE, Studio, asked_number, guarded, live, on_load
from app.engine import ENGINE, Engine
from app.forms import Form, form
from app.words import lasting
from core.errors import CoreError, SettingsError
from core.records import jobs, runs, sets
from core.yamls import read_yaml, read_yaml_file

TITLE = "Tune"
PATH = "/tune"
NO_TSM = "none"
LONGEST_CHOICE = 34
CHOSEN = ("images", "task", "limit", "vlm", "tsm", "method", "preset")
PRESETS = [("Quick look", "quick"), ("Balanced", "balanced"), ("Thorough", "thorough")]
SPLITS = ("train", "val", "test")
PLACE_OF_IMAGES = "the version chosen above"
MORE_TSMS = "- {name: convnet, width: 64}"
EMPTY = "There is no image set in this project yet. Add one on the page **[Image sets](/image-sets)**, then come back."
GO_TO_RUN = "(run) => { if (run) window.location.href = '/runs?run=' + run; }"

Values = dict[str, Any]


@dataclass(frozen=True)
class Forms:
    """The forms of everything that a run may choose from; of a kind only the chosen one is seen."""

    families: Mapping[str, Form]
    tsms: Mapping[str, Form]
    methods: Mapping[str, Form]
    rest: Form
    more_tsms: gr.Textbox

    @property
    def all(self) -> list[Form]:
        return [*self.families.values(), *self.tsms.values(), *self.methods.values(), self.rest]

    @property
    def inputs(self) -> list[Any]:
        return [*(one for form in self.all for one in form.all_inputs), self.more_tsms]

    def values(self, family: str, tsm: str, method: str, given: list[Any]) -> Values:
        """The run file's values as they stand in the inputs."""
        at = 0
        found: dict[int, list[Any]] = {}
        for one in self.all:
            found[id(one)] = given[at : at + len(one.all_inputs)]
            at += len(one.all_inputs)
        chosen = {"vlm": self.families[family], "method": self.methods[method]}
        values: Values = {name: one.values(found[id(one)]) for name, one in chosen.items()}
        if tsm != NO_TSM:
            values["tsm"] = [self.tsms[tsm].values(found[id(self.tsms[tsm])]), *listed(given[-1])]
        return values | self.rest.values(found[id(self.rest)])

    def shown(self, whole: Mapping[str, Any]) -> list[Any]:
        """What every input must show for a complete run file; forms that it does not choose stay as they are."""
        tsm: Values = next(iter(whole["tsm"]), {"name": NO_TSM})
        chosen = {
            id(self.families[whole["vlm"]["family"]]): whole["vlm"],
            id(self.methods[whole["method"]["name"]]): whole["method"],
            id(self.tsms.get(tsm["name"])): tsm,
            id(self.rest): whole,
        }
        found: list[Any] = []
        for one in self.all:
            known = chosen.get(id(one))
            found += [gr.skip() for _ in one.all_inputs] if known is None else one.shown(known)
        more = list(whole["tsm"][1:])
        return [*found, yaml.safe_dump(more, default_flow_style=None, sort_keys=False) if more else ""]


def listed(text: str | None) -> list[Values]:
    """The further TSMs of a run file, as they were typed."""
    try:
        found = read_yaml(text or "", "The list") or []
    except SettingsError as error:
        found = str(error)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SettingsError(f"Further TSMs are a list like `{MORE_TSMS}`, one a line. Correct it: {found}")
    return found


@dataclass(frozen=True)
class TunePage:
    """What the page's events do. Every `given` begins with the choices and ends with the forms' inputs."""

    studio: Studio
    forms: Forms
    engine: Engine = ENGINE

    def open(self, request: gr.Request) -> tuple[Any, Any, Any, str]:
        """Sets of the project; ?version= chooses one."""
        who = self.studio.who(request)
        found = sets.sets(self.studio.database, who, self.studio.project(request))
        wanted = asked_number(request, "version")
        if not found:
            return gr.update(choices=[]), gr.update(choices=[]), "", EMPTY
        chosen = found[0]
        if wanted is not None:
            set_id = sets.version(self.studio.database, who, wanted).set_id
            chosen = next((one for one in found if one.id == set_id), chosen)
        versions = self.versions(chosen.id, request, wanted)
        shown = gr.update(choices=[(one.name, one.id) for one in found], value=chosen.id)
        return shown, versions, f"{chosen.name}, quick look", ""

    def copied(self, request: gr.Request) -> list[Any]:
        """With ?copy= everything is as in that run."""
        wanted = asked_number(request, "copy")
        if wanted is None:
            return [gr.skip() for _ in range(9 + len(self.forms.inputs))]
        old = runs.run(self.studio.database, self.studio.who(request), wanted)
        return self.filled(old.settings, f"{old.name} (copy)")

    def versions(self, set_id: int | None, request: gr.Request, wanted: int | None = None) -> Any:
        """The versions of a set, the newest chosen."""
        if set_id is None:
            return gr.update(choices=[], value=None)
        found = sets.versions(self.studio.database, self.studio.who(request), set_id)
        choices = [
            (
                shorten(
                    f"{one.number}: {one.cases:,} cases · {one.note}".rstrip(" ·"), LONGEST_CHOICE, placeholder=" …"
                ),
                one.id,
            )
            for one in found
        ]
        known = [one.id for one in found]
        return gr.update(choices=choices, value=wanted if wanted in known else known[0])

    def chosen(self, family: str, tsm: str, method: str, preset: str) -> list[Any]:
        """Another VLM, TSM, method or preset: the forms that belong to it, filled with what the preset sets."""
        block = {"tsm": [{"name": tsm}]} if tsm != NO_TSM else {}
        values = {"images": PLACE_OF_IMAGES, "method": {"name": method}, "preset": preset, **block}
        if tsm == NO_TSM and method == "vitask":
            values["method"] = {"name": method, "exemplar": False}
        checkpoint = next(one for one in self.forms.families[family].entries if one.name == "checkpoint")
        values["vlm"] = {"family": family, "checkpoint": checkpoint.default or "."}
        whole = self.engine.complete(values)["values"]
        if checkpoint.default is None:
            whole["vlm"]["checkpoint"] = ""
        return [*self.forms.shown(whole)[:-1], gr.skip()]

    def preview(self, *given: Any) -> tuple[str, str]:
        """The run file as it would be frozen, or what is wrong with it."""
        try:
            told = self.engine.complete(self.values(*given))
        except CoreError as error:
            return "", f"⚠ {error}"
        stages = " → ".join((["TSM"] if told["values"]["tsm"] else []) + told["stages"])
        return told["yaml"], f"**Stages:** {stages}  \n**Readers to compare:** {', '.join(told['readers'])}"

    def values(self, family: str, tsm: str, method: str, preset: str, *given: Any) -> Values:
        limits = {split: int(count) for split, count in zip(SPLITS, given[:3], strict=True) if count}
        values = self.forms.values(family, tsm, method, list(given[3:]))
        return {"images": PLACE_OF_IMAGES, "limit": limits, "preset": preset} | values

    def start(self, request: gr.Request, set_id: int | None, version_id: int | None, name: str, *given: Any) -> str:
        """Queues the run; returns its number."""
        return str(self.tune(self.version_of(set_id, version_id, request), name, self.values(*given), request))

    def version_of(self, set_id: int | None, version_id: int | None, request: gr.Request) -> int:
        """The chosen version; never one of the set that was chosen before, whose list may still stand there."""
        if set_id is None or version_id is None:
            raise SettingsError("No image set is chosen. Choose one, or add one on the page Image sets.")
        known = [one.id for one in sets.versions(self.studio.database, self.studio.who(request), set_id)]
        if version_id not in known:
            raise SettingsError("The versions of this image set are still being listed. Look at them and start again.")
        return version_id

    def tune(self, version_id: int, name: str, settings: dict[str, Any], request: gr.Request) -> int:
        """Queue a tuning run on a version of an image set. `settings` is a run file without `images`.

        Returns the run's number."""
        whole = self.engine.complete({**settings, "images": PLACE_OF_IMAGES})["values"]
        studio = self.studio
        return runs.queue_run(studio.database, studio.place, studio.who(request), version_id, name, whole).id

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

    def save(self, *given: Any) -> str:
        """The run file for `vitask tune`; its `images` must then name the files themselves."""
        text = self.engine.complete(self.values(*given))["yaml"]
        path = Path(mkdtemp(prefix="vitask-")) / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def load(self, path: str | None) -> list[Any]:
        """Everything as in a run file; its `images` are replaced by the version that is chosen here."""
        if path is None:
            return [gr.skip() for _ in range(9 + len(self.forms.inputs))]
        values = read_yaml_file(Path(path), "The file")
        if not isinstance(values, dict):
            raise SettingsError("A run file holds settings like `seed: 0`, one a line. This one does not.")
        return self.filled(values)

    def filled(self, values: Mapping[str, Any], name: str | None = None) -> list[Any]:
        whole = self.engine.complete({**values, "images": PLACE_OF_IMAGES})["values"]
        family, method = whole["vlm"]["family"], whole["method"]["name"]
        tsm = whole["tsm"][0]["name"] if whole["tsm"] else NO_TSM
        limits = [whole["limit"].get(split) for split in SPLITS]
        named = gr.skip() if name is None else name
        first = [family, tsm, method, whole["preset"], *limits, named, gr.skip()]
        return [*first, *self.forms.shown(whole)]

    def visible(self, family: str, tsm: str, method: str) -> list[Any]:
        kinds = ((self.forms.families, family), (self.forms.tsms, tsm), (self.forms.methods, method))
        return [gr.update(visible=name == wanted) for forms, wanted in kinds for name in forms]


def estimated(state: str, result: Mapping[str, Any] | None, error: str | None) -> str:
    """An estimate in words."""
    if state != "done" or not result:
        return f"⚠ {error or 'The estimate was ended.'}"
    steps = sum(result["steps"].values())
    room = f" of {result['available_gib']:.1f}" if result.get("available_gib") else ""
    warning = "" if result["fits"] else "\n\n⚠ That is more than there is. Choose fewer cases at a time (Training)."
    return (
        f"Real steps on the largest cases say: about **{lasting(result['seconds'])}** for {steps:,} steps, "
        f"**{result['memory_gib']:.1f}{room} GiB** of memory, on {result['device']}.{warning}"
    )


def build(studio: Studio) -> None:
    told = ENGINE.choices
    gr.Markdown("# Tune\nChoose images and a preset, then start. Everything else has a default that you may change.")
    notice = gr.Markdown()
    with gr.Row():
        with gr.Column(scale=3):
            with gr.Row():
                image_set = gr.Dropdown([], label="Image set", elem_id="tune-set")
                version = gr.Dropdown([], label="Version", elem_id="tune-version")
            with gr.Row():
                family = gr.Dropdown(_titles(told["families"]), value="starter", label="VLM", elem_id="tune-vlm")
                tsm = gr.Dropdown([*_titles(told["tsms"]), ("None", NO_TSM)], value="convnet", label="TSM")
            with gr.Row():
                method = gr.Radio(_titles(told["methods"]), value="vitask", label="Method")
                preset = gr.Radio(PRESETS, value="quick", label="Preset", elem_id="tune-preset")
            name = gr.Textbox(label="Name of the run", max_length=200, elem_id="tune-name")
            with gr.Row():
                start = gr.Button("Start the run", variant="primary", elem_id="tune-start")
                ask = gr.Button("Estimate memory and time")
            said = gr.Markdown(elem_id="tune-estimate")
            gr.Markdown("### Every setting")
            groups, forms, limits = _all_forms(told)
        with gr.Column(scale=2):
            facts = gr.Markdown(elem_id="tune-facts")
            file = gr.Code(label="The run file, as it will be frozen", language="yaml", lines=22, max_lines=30)
            with gr.Row():
                save = gr.DownloadButton("Save as file", size="sm")
                load = gr.UploadButton("Load from file", file_types=[".yaml", ".yml"], size="sm")
            gr.Markdown("From a shell: `vitask tune run.yaml --out FOLDER`, with `images:` naming your files.")
    page = TunePage(studio, forms)
    job, made, timer = gr.State(), gr.Textbox(visible=False), gr.Timer(2, active=False)
    choices: list[Any] = [family, tsm, method, preset]
    given = [*choices, *limits, *forms.inputs]
    everything = [*choices, *limits, name, notice, *forms.inputs]

    def previewed(event: Any) -> None:
        seen = event.then(guarded(page.visible), choices[:3], groups, **PRIVATE)
        seen.then(guarded(page.preview), given, [file, facts], **PRIVATE)

    fill = (guarded(page.chosen), choices, forms.inputs)
    opened = on_load(guarded(page.open), None, [image_set, version, name, notice])
    previewed(opened.then(*fill, **PRIVATE).then(guarded(page.copied), None, everything, **PRIVATE))
    image_set.input(guarded(page.versions), [image_set], [version], **PRIVATE)
    for choice in choices:
        previewed(choice.input(*fill, **PRIVATE))
    typed = limits + forms.inputs
    gr.on(
        [one.input for one in typed],
        guarded(page.preview),
        given,
        [file, facts],
        trigger_mode="always_last",
        **PRIVATE,
    )
    started = start.click(guarded(page.start), [image_set, version, name, *given], [made], **PRIVATE)
    started.success(None, [made], None, js=GO_TO_RUN)
    ask.click(guarded(page.ask_estimate), [image_set, version, *given], [job, said, timer], **PRIVATE)
    timer.tick(live(page.look_at_estimate), [job], [said, timer], queue=False, **PRIVATE)
    save.click(guarded(page.save), given, [save], **PRIVATE)
    loaded = load.upload(guarded(page.load), [load], everything, **PRIVATE)
    previewed(loaded)
    api(guarded(page.tune), api_name="tune")


def _titles(entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(entry["title"], name) for name, entry in entries.items()]


def _all_forms(told: Mapping[str, Any]) -> tuple[list[Any], Forms, list[Any]]:
    """The accordions; returns the groups to show or hide, the forms, and the inputs of limits."""
    groups: dict[str, list[Any]] = {}
    made: dict[str, dict[str, Form]] = {"families": {}, "tsms": {}, "methods": {}}
    for kind, title in (("methods", "Method: switches"), ("families", "VLM"), ("tsms", "TSM")):
        with gr.Accordion(title, open=kind == "methods"):
            for name, entry in told[kind].items():
                with gr.Group(visible=name in ("starter", "convnet", "vitask")) as group:
                    made[kind][name] = form(entry["schema"])
                groups.setdefault(kind, []).append(group)
            if kind == "tsms":
                more = gr.Textbox(
                    label="Further TSMs",
                    info=f"One exemplar token each, one a line, as in a run file: {MORE_TSMS}",
                    lines=2,
                    elem_id="tune-more-tsms",
                )
    with gr.Accordion("Fewer cases", open=False), gr.Row():
        limits = [gr.Number(None, label=f"At most, {split}", minimum=1, precision=0) for split in SPLITS]
    rest = form(told["run"], leave_out=CHOSEN)
    ordered = [group for kind in ("families", "tsms", "methods") for group in groups[kind]]
    return ordered, Forms(made["families"], made["tsms"], made["methods"], rest, more), limits
