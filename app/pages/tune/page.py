"""Tune: choose an image set, a VLM, a TSM and a method; see the exact run file; queue the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import shorten

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from app.context import LATEST, PRIVATE, Studio, on_load
from app.engine import ENGINE
from app.following import follow
from app.html import go_to, script_beside, warning
from app.pages.tune.acts import PLACE_OF_IMAGES, completed, queue, tune, tune_seeds
from app.pages.tune.forms import NO_TSM, USUAL
from app.pages.tune.parts import Parts, lay_out
from app.visit import Given, Json, Updates, Visit, Wire, guarded, offer
from app.words import lasting
from core.errors import CoreError, SettingsError
from core.records import jobs
from core.records.runs import runs
from core.records.runs.outcomes import Estimated, outcome
from core.records.sets import sets
from core.records.sets.leaking import version_leaks
from core.records.tables import UNDER_WAY
from core.sets.version import kept_name
from core.yamls import read_yaml_file

TITLE = "Tune"
PATH = "/tune"
LONGEST_CHOICE = 34
COPY = " (copy)"
TRYING = "Trying one step on the largest case"
EMPTY = (
    '<div class="vt"><div class="notice">There is no image set in this project yet. Add one on the page '
    '<a href="/image-sets?tab=add">Image sets</a>, then come back.</div></div>'
)

LEAKING = (
    '<div class="vt"><div class="notice bad" role="alert">{reasons}. Figures would come out too good, and no run on '
    'all of these cases begins. <a href="/image-sets?version={version_id}&amp;tab=versions">Settle it by one click</a> '
    "on the page Image sets, or write under Leakage why the run is to go on all the same.</div></div>"
)


@dataclass(frozen=True)
class TunePage:
    """What the page's events do. `given` is what stands in `Parts.given`, and whatever else an event is wired with."""

    parts: Parts

    def open(self, visit: Visit) -> Updates:
        """Sets of the project; ?version= chooses one. With ?copy= everything is as in that run, its images too."""
        parts, copied = self.parts, visit.number("copy")
        old = None if copied is None else runs.run(visit.database, visit.who, copied)
        project_sets = sets.sets(visit.database, visit.who, visit.project)
        wanted = visit.number("version") if old is None or old.is_set_erased else old.version_id
        if not project_sets:
            nothing = gr.update(choices=[], value=None)
            return {parts.image_set: nothing, parts.version: nothing, parts.notice: EMPTY}
        set_id = project_sets[0].id
        if wanted is not None:
            set_id = sets.version(visit.database, visit.who, wanted).set_id
        if set_id not in [each.id for each in project_sets]:  # of an archived set that the address names
            project_sets.append(sets.image_set(visit.database, visit.who, set_id))
        chooser = gr.update(choices=[(each.name, each.id) for each in project_sets], value=set_id)
        filled = {} if old is None else self.filled(old.settings) | {parts.name: copy_name(old)}
        if old is not None and old.is_set_erased:  # what was asked of its set is not asked of another
            filled[parts.task] = {}
        shown: Updates = {parts.image_set: chooser, parts.notice: "", parts.copied: copied}
        return filled | shown | self.versions(visit, set_id, wanted)

    def versions(self, visit: Visit, set_id: int | None, wanted: int | None = None) -> Updates:
        """The versions of a set, the newest chosen."""
        if set_id is None:
            return {self.parts.version: gr.update(choices=[], value=None)}
        rows = sets.versions(visit.database, visit.who, set_id)
        ids = [version.id for version in rows]
        choices = [(version_title(row.number, row.cases, row.note), row.id) for row in rows]
        return {self.parts.version: gr.update(choices=choices, value=wanted if wanted in ids else ids[0])}

    def other_set(self, visit: Visit, set_id: int | None) -> Updates:
        """The versions of another set; what a run file asked of the set before is not asked of this one."""
        return self.versions(visit, set_id) | {self.parts.task: {}}

    def choose(self, visit: Visit, family: str, tsm: str, method: str, preset: str) -> Updates:
        return self.chosen(family, tsm, method, preset) | self.held(True)

    def held(self, is_held: bool) -> Updates:
        """Whether a run can be begun: not while the forms are being filled, which the browser does input by input."""
        return dict.fromkeys(self.parts.begin, gr.update(interactive=not is_held))

    def chosen(self, family: str, tsm: str, method: str, preset: str) -> Updates:
        """Another VLM, TSM, method or preset: the forms that belong to it, filled with what the preset sets."""
        block = {"tsm": [{"name": tsm}]} if tsm != NO_TSM else {}
        values: Json = {"method": {"name": method}, "preset": preset, **block}
        if tsm == NO_TSM and method == "vitask":
            values["method"] = {"name": method, "exemplar": False}
        checkpoint = self.parts.forms.families[family].form.entry("checkpoint")
        values["vlm"] = {"family": family, "checkpoint": checkpoint.default or "."}
        whole = completed(values)["values"]
        if checkpoint.default is None:
            whole["vlm"]["checkpoint"] = ""
        return self.parts.forms.preset(whole)

    def visible(self, visit: Visit, family: str, tsm: str, method: str) -> Updates:
        return self.parts.forms.visible(family, tsm, method)

    def preview(self, visit: Visit, given: Given) -> Updates:
        """The run file as it would be frozen, or what is wrong with it; only a whole one can be saved."""
        file, version_id = self.parts.file, given[self.parts.version]
        try:
            images = PLACE_OF_IMAGES if version_id is None else name_of_images(visit, version_id)
            whole = completed(self.values(given), images)
        except CoreError as error:
            return {file.text: "", file.facts: warning(str(error)), file.save: gr.update(interactive=False)}
        stages = " → ".join((["TSM"] if whole["values"]["tsm"] else []) + whole["stages"])
        readers = [f"{title} ({name})" for title, name in zip(whole["reader_titles"], whole["readers"], strict=True)]
        return {
            file.text: whole["yaml"],
            file.facts: f"**Stages:** {stages}  \n**Readers to compare:** {'; '.join(readers)}",
            file.save: gr.update(interactive=version_id is not None),
        }

    def name(self, visit: Visit, version_id: int | None, method: str, preset: str) -> Updates:
        """What the run is called where nobody writes a name."""
        settings = {"method": {"name": method}, "preset": preset}
        name = "" if version_id is None else runs.next_name(visit.database, visit.who, version_id, settings)
        return {self.parts.name: gr.update(placeholder=name)} | self.held(False)

    def warn(self, visit: Visit, version_id: int | None) -> Updates:
        """That no run on all cases of this version begins, and the ways out, before anybody has filled anything in."""
        if version_id is None:
            return {}
        reasons = version_leaks(visit.database, visit.who, version_id).reasons()
        listed = escape("; ".join(reasons))
        return {self.parts.notice: LEAKING.format(reasons=listed, version_id=version_id) if reasons else ""}

    def values(self, given: Given) -> Json:
        """The run file's values as they stand in the page."""
        parts, choices = self.parts, self.parts.choices
        family, tsm, method = (given[chooser] for chooser in (choices.family, choices.tsm, choices.method))
        values = parts.forms.values(family, tsm, method, given)
        return {"task": given[parts.task], "preset": given[choices.preset]} | values

    def start(self, visit: Visit, given: Given) -> Updates:
        """Queues the run, or one for each of several seeds; leads to the first."""
        parts = self.parts
        version_id = chosen_version(visit, given[parts.image_set], given[parts.version])
        seeds = int(given[parts.seeds] or 1)
        made = queue(visit, version_id, given[parts.name] or "", self.values(given), given[parts.copied], seeds)
        return {parts.queued: str(made[0])}

    def estimate(self, visit: Visit, given: Given) -> Updates:
        """Has a worker try one real step; the timer looks for the answer."""
        parts = self.parts
        version_id = chosen_version(visit, given[parts.image_set], given[parts.version])
        whole = completed(self.values(given))["values"]
        job = runs.queue_estimate(visit.database, visit.place, visit.who, version_id, whole)
        return {parts.job: job, parts.estimate: f"{TRYING} …", parts.timer: gr.Timer(active=True)}

    def look_at_estimate(self, visit: Visit, job_id: int | None) -> Updates:
        parts = self.parts
        if job_id is None:
            return {parts.estimate: "", parts.timer: gr.Timer(active=False)}
        job = jobs.job(visit.database, visit.who, int(job_id))
        is_going = job.state in UNDER_WAY
        text = f"{TRYING}: {job.state} …" if is_going else estimated(outcome(job, Estimated), job.error)
        return {parts.estimate: text, parts.timer: gr.Timer(active=is_going)}

    def load(self, visit: Visit, path: str | None) -> Updates:
        """Everything as in a run file; its `images` are replaced by the version that is chosen here."""
        if path is None:
            return {}
        values = read_yaml_file(Path(path), "The file")
        if not isinstance(values, dict):
            raise SettingsError("A run file holds settings like “seed: 0”, one a line. This one does not.")
        return self.filled(values)

    def filled(self, values: Mapping[str, object]) -> Updates:
        """The choices, the task and the forms as in a run file."""
        whole, choices = completed(values)["values"], self.parts.choices
        return self.parts.forms.shown(whole) | {
            choices.family: whole["vlm"]["family"],
            choices.tsm: whole["tsm"][0]["name"] if whole["tsm"] else NO_TSM,
            choices.method: whole["method"]["name"],
            choices.preset: whole["preset"],
            self.parts.task: whole["task"],
            **self.held(True),
        }


def version_title(number: int, cases: int, note: str) -> str:
    return shorten(f"{number}: {cases:,} cases · {note}".rstrip(" ·"), LONGEST_CHOICE, placeholder=" …")


def chosen_version(visit: Visit, set_id: int | None, version_id: int | None) -> int:
    """Never one of the set that was chosen before, whose list may still stand there."""
    if set_id is None or version_id is None:
        raise SettingsError("No image set is chosen. Choose one, or add one on the page Image sets.")
    if version_id not in [version.id for version in sets.versions(visit.database, visit.who, set_id)]:
        raise SettingsError("The versions of this image set are still being listed. Look at them and start again.")
    return version_id


def name_of_images(visit: Visit, version_id: int) -> str:
    """How a run file names a version, so that a shell on the studio's machine finds it."""
    return kept_name(sets.version(visit.database, visit.who, version_id).hash)


def copy_name(old: runs.RunView) -> str:
    """What a person wrote, marked as a copy; nothing where nobody did, so that a name is made again."""
    return "" if runs.is_made(old.name, old.set, old.settings) else f"{old.name.removesuffix(COPY)}{COPY}"


def estimated(estimate: Estimated | None, error: str | None) -> str:
    """An estimate in words."""
    if estimate is None:
        return warning(error or "The estimate was ended.")
    steps = sum(estimate.steps.values())
    room = f" of {estimate.available_gib:.1f}" if estimate.available_gib else ""
    too_much = "" if estimate.fits else "\n\n⚠ That is more than there is. Choose fewer cases at a time (Training)."
    return (
        f"Real steps on the largest cases say: about **{lasting(estimate.seconds)}** for {steps:,} steps, "
        f"**{estimate.memory_gib:.1f}{room} GiB** of memory, on {estimate.device}.{too_much}"
    )


def build(studio: Studio) -> None:
    parts = lay_out(ENGINE.choices)
    page = TunePage(parts)
    fill_at_first(page)
    offer(studio, tune, tune_seeds)
    wire_choices(studio, page)
    started = parts.start.click(
        guarded(studio, page.start),
        {parts.image_set, parts.name, parts.copied, parts.seeds, *parts.given},
        [parts.queued],
        **PRIVATE,
    )
    started.success(None, [parts.queued], None, js=go_to("/runs?run="))
    tried = [parts.job, parts.estimate, parts.timer]
    parts.ask.click(guarded(studio, page.estimate), {parts.image_set, *parts.given}, tried, **PRIVATE)
    shown = [parts.estimate, parts.timer]
    follow(studio, parts.timer, page.look_at_estimate, [parts.job], shown)
    parts.file.save.click(None, [parts.file.text], None, js=script_beside(__file__))


def fill_at_first(page: TunePage) -> None:
    """What the usual preset sets stands there from the start: filled in later, it would go over what is typed."""
    for part, value in page.chosen(*USUAL).items():
        assert isinstance(part, Component)
        part.value = value


def wire_choices(studio: Studio, page: TunePage) -> None:
    """Whatever is chosen or typed, the run file follows."""
    parts, file, inputs = page.parts, page.parts.file, page.parts.choices.inputs
    seen = (guarded(studio, page.visible), inputs[:3], parts.forms.groups)
    previewing: Wire = (guarded(studio, page.preview), parts.given, [file.text, file.facts, file.save])
    named_after = [parts.version, parts.choices.method, parts.choices.preset]
    naming = (guarded(studio, page.name), named_after, [parts.name, *parts.begin])

    def followed(event: Dependency) -> None:
        event.then(*seen, **LATEST).then(*previewing, **LATEST).then(*naming, **LATEST)

    opened = [parts.image_set, parts.version, parts.notice, parts.copied, *parts.filled, *parts.begin]
    followed(on_load(guarded(studio, page.open), None, opened))
    other_set = guarded(studio, page.other_set)
    followed(parts.image_set.input(other_set, [parts.image_set], [parts.version, parts.task], **LATEST))
    parts.version.change(guarded(studio, page.warn), [parts.version], [parts.notice], **PRIVATE)
    parts.version.input(*previewing, **LATEST).then(*naming, **LATEST)
    for choice in (parts.choices.family, parts.choices.tsm, parts.choices.method, parts.choices.preset):
        followed(choice.input(guarded(studio, page.choose), inputs, [*parts.forms.settings, *parts.begin], **LATEST))
    followed(file.load.upload(guarded(studio, page.load), [file.load], [*parts.filled, *parts.begin], **PRIVATE))
    # Gradio tells of what was deleted or pasted in a text as a change alone.
    typed = [getattr(part, "change" if isinstance(part, gr.Textbox) else "input") for part in parts.forms.inputs]
    gr.on(typed, *previewing, **LATEST)
