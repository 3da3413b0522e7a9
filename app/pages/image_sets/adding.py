"""The tab “Add images”: files arrive, are checked, and become an image set; or a public set is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.context import LATEST, PRIVATE, Studio, on_load
from app.following import follow
from app.forms import Form, form
from app.pages.image_sets import columns, fetching, mending, reading, report, waiting
from app.pages.image_sets.acts import add_upload, check_upload, discard_upload
from app.pages.image_sets.fetching import Fetching, FetchParts
from app.pages.image_sets.mending import MendParts, MendTab
from app.pages.image_sets.reading import ReadingParts
from app.pages.image_sets.waiting import WaitParts, WaitTab
from app.row_choice import RowChoice
from app.set_words import kinds
from app.visit import Given, Updates, Visit, guarded, of_shown, refuse_unshown
from core.checks.mending import MENDING
from core.deid.door import DEID, Door
from core.deid.waiting import WAITING
from core.errors import CoreError
from core.records import jobs
from core.records.place import Place
from core.records.runs.outcomes import Kept, outcome
from core.records.sets import sets
from core.records.sets.sets import UploadError, UploadView

SECONDS = 2
ARRIVING = Path(__file__).with_name("arriving.js").read_text(encoding="utf-8")
"""How much of a file has come, in percent."""
SEPARATORS = ";|"
HOW = """
**A zip with a folder for each label** — `benign/004.png`, `malignant/017.png`, and, if you have splits,
`train/benign/…`, `val/…`, `test/…`.

**A table and its images** — CSV, TSV or Excel with a column for the file and one for the label; patient, split, report
and any other column are kept. In one zip, or all files dropped together.

**Images with boxes** — Pascal VOC (an XML file for each image) or COCO (a JSON file), zipped with the images. What is
in an image becomes its labels; outlines in a COCO file become its mask.

**Images with masks** — `images/` and `masks/` with the same names, in class folders or beside a table of labels.

**DICOM** — a zip or folder of files as they were exported, with a table of labels by file, series, study or patient, or
in a folder for each label. All bits and windows are kept; of several frames each is a case, with a label of its own
where the table has a column of frames. Labels from an element of the files, and fewer frames, are chosen under “How
the files are read” once they are here.

**Volumes** — NIfTI (`.nii`, `.nii.gz`) in a folder for each label or beside a table, in one zip. Each slice is a case,
with its volume's label, or one of its own where the table has a column of slices; plane, slices, their numbering and
the window are chosen under “How the files are read” once they are here.

**A Hugging Face data set** — its `.parquet` files in a zip, or one such file, with a column of images.

**A MedMNIST file** — an `.npz` with `train_images`, `train_labels` and so on.

A patient column keeps all pictures of a patient in one split. DICOM files and the tables beside them are de-identified
before anything else happens, as it is chosen under “De-identification”. Of other files the report says where a table or
names of files look like somebody's; what is written in PNG and JPEG is looked for where you tick it there. What you
bring is shown to the members of this project.
"""


@dataclass(frozen=True)
class MappingParts:
    """Which column means what."""

    fold: gr.Accordion
    roles: Mapping[str, gr.Dropdown]
    label_columns: gr.Dropdown
    separators: gr.Textbox

    @property
    def inputs(self) -> list[Component]:
        return [*self.roles.values(), self.label_columns, self.separators]


@dataclass(frozen=True)
class KeepParts:
    """What an upload is kept as."""

    column: gr.Column
    set_name: gr.Dropdown
    modality: gr.Textbox
    kind: gr.Radio
    answers: gr.Textbox

    @property
    def inputs(self) -> list[Component]:
        return [self.set_name, self.modality, self.kind, self.answers]


@dataclass(frozen=True)
class AddParts:
    files: gr.File
    door: Form
    by_program: gr.Button
    """Never pressed: what programs call, which send files and nothing else."""
    fetch: FetchParts
    upload: RowChoice
    of: gr.Number
    """The upload that all below is of."""
    report: gr.HTML
    wait: WaitParts
    mend: MendParts
    mapping: MappingParts
    reading: ReadingParts
    keep: KeepParts
    add: gr.Button
    check: gr.Button
    discard: gr.Button
    timer: gr.Timer
    state: gr.State
    """Of the upload whose fields are filled; see `Adding.show`."""
    brought: gr.Number
    """The upload that was brought last."""


@dataclass(frozen=True)
class Adding:
    """What the tab shows comes from the records each time."""

    parts: AddParts

    def bring(self, visit: Visit, files: list[str]) -> Updates:
        """Brings files (a zip, an npz, or a table with its images) and has them checked; returns the upload's id."""
        return {self.parts.brought: bring(visit, files), self.parts.files: None}

    def bring_as_chosen(self, visit: Visit, given: Given) -> Updates:
        """The same, de-identified as it stands in the form."""
        door = Door.parse(self.parts.door.values(given), DEID)
        options = {} if door == Door() else {DEID: door.model_dump(mode="json")}
        return {self.parts.brought: bring(visit, given[self.parts.files], options), self.parts.files: None}

    def open(self, visit: Visit, upload_id: int | None) -> Updates:
        return self.show(visit, upload_id, "")

    def show(self, visit: Visit, upload_id: int | None, state: str) -> Updates:
        """Everything about an upload. Fields are filled once for each of its states, so that typing is left alone."""
        uploads = sets.uploads(visit.database, visit.who, visit.project)
        upload = next((view for view in uploads if view.id == upload_id), uploads[0] if uploads else None)
        if upload is None:
            return self._nothing()
        mend, is_open = MendTab(self.parts.mend), may_change(visit, upload)
        drawn = report.draw(upload, kept_as(visit, upload), is_open)
        timer = gr.Timer(active=report.is_busy(upload))
        shown: Updates = {self.parts.of: upload.id, self.parts.report: drawn, self.parts.timer: timer}
        if is_open and upload.state == "checked":
            shown |= mend.copies(upload)
        now = f"{upload.id} {upload.state} {upload.job_id} {upload.job_state}"
        if now == state:
            return shown
        listed = [(f"{view.name} · {report.state_of(view)}", view.id) for view in uploads]
        chooser = gr.update(choices=listed, value=upload.id, visible=len(uploads) > 1)
        shown |= {self.parts.upload: chooser, self.parts.state: now}
        shown |= mend.fill(upload, is_open) | WaitTab(self.parts.wait).fill(visit, upload, is_open)
        shown |= self._buttons(visit, upload) | self._keep(visit, upload) | self._mapping(visit, upload)
        return shown | self._reading(visit, upload)

    def check_again(self, visit: Visit, given: Given) -> None:
        upload_id = given[self.parts.upload]
        refuse_unshown(upload_id, given[self.parts.of], "upload")
        parts, row = self.parts.mapping, sets.upload(visit.database, visit.who, int(upload_id))
        path = sets.upload_path(visit.place, row)
        roles = {role: given[chooser] for role, chooser in parts.roles.items()}
        separators = given[parts.separators] or ""
        options = columns.options_from(
            columns.columns_of(path),
            roles,
            given[parts.label_columns] or [],
            "" if separators == SEPARATORS else separators,
        )
        options |= self.parts.reading.chosen(path, given)
        decisions = {name: row.options[name] for name in (MENDING, DEID) if name in row.options}
        check_upload(visit, row.id, options | decisions)

    def add(self, visit: Visit, upload_id: int, name: str, modality: str, kind: str, answers: str) -> None:
        add_upload(
            visit,
            upload_id,
            str(name or ""),
            {"modality": modality.strip(), "kind": kind, "answers": lines_of(answers)},
        )

    def _nothing(self) -> Updates:
        """Where nothing has been brought yet."""
        parts = self.parts
        hidden = (
            parts.upload,
            parts.wait.column,
            parts.mend.column,
            parts.mapping.fold,
            parts.keep.column,
            parts.add,
            parts.check,
            parts.discard,
        )
        shown: Updates = {part: gr.update(visible=False) for part in hidden}
        shown |= parts.reading.nothing
        return shown | {parts.report: report.draw(None), parts.timer: gr.Timer(active=False), parts.state: ""}

    def _buttons(self, visit: Visit, upload: UploadView) -> Updates:
        parts, may, ready = self.parts, may_change(visit, upload), is_ready(visit, upload)
        is_added = upload.state == "added"
        return {
            parts.keep.column: gr.update(visible=ready),
            parts.add: gr.update(visible=ready),
            parts.check: gr.update(visible=may and not is_added),
            parts.discard: gr.update(visible=may, value="Take off this list" if is_added else "Throw away"),
        }

    def _keep(self, visit: Visit, upload: UploadView) -> Updates:
        if not is_ready(visit, upload) or upload.report is None:
            return {}
        parts, task = self.parts.keep, upload.report["task"]
        names = [image_set.name for image_set in sets.sets(visit.database, visit.who, visit.project)]
        name = Path(upload.name).stem if "files" not in upload.name else upload.report["name"]
        return {
            parts.set_name: gr.update(choices=names, value=name),
            parts.modality: task["modality"],
            parts.kind: task["kind"],
            parts.answers: "\n".join(task["answers"]),
        }

    def _mapping(self, visit: Visit, upload: UploadView) -> Updates:
        is_open = may_change(visit, upload) and upload.state != "added"
        table, parts = table_of(visit, upload) if is_open else None, self.parts.mapping
        shown: Updates = {parts.fold: gr.update(visible=table is not None, open=upload.state == "refused")}
        if table is None:
            return shown
        offered, options = [columns.NONE, *table.header], upload.options
        for role, chooser in parts.roles.items():
            value = options.get(role) or table.likely.get(role) or columns.NONE
            shown[chooser] = gr.update(choices=offered, value=value, visible=role in table.likely)
        several = gr.update(choices=list(table.header), value=options.get("label_columns", []))
        return shown | {parts.label_columns: several, parts.separators: options.get("separators", SEPARATORS)}

    def _reading(self, visit: Visit, upload: UploadView) -> Updates:
        if not may_change(visit, upload) or upload.state == "added":
            return self.parts.reading.nothing
        row = sets.upload(visit.database, visit.who, upload.id)
        return self.parts.reading.shown(sets.upload_path(visit.place, row), upload.options)


def bring(visit: Visit, files: Sequence[str] | None, options: Mapping[str, Any] | None = None) -> int:
    """Takes uploaded files over and has them checked; returns the upload's number."""
    arrived = [Path(file) for file in files or []]
    if any(not _is_arrived(visit.place, file) for file in arrived):
        raise UploadError("Only files that were just uploaded can be taken. Choose them again.")
    name = arrived[0].name if len(arrived) == 1 else f"{len(arrived)} files"
    upload = sets.new_upload(visit.database, visit.place, visit.who, visit.project, arrived, name)
    check_upload(visit, upload.id, dict(options or {}))
    return upload.id


def kept_as(visit: Visit, upload: UploadView) -> int | None:
    """The version that an upload became."""
    if upload.state != "added" or upload.job_id is None:
        return None
    kept = outcome(jobs.job(visit.database, visit.who, upload.job_id), Kept)
    return None if kept is None else kept.version


def table_of(visit: Visit, upload: UploadView) -> columns.Columns | None:
    row = sets.upload(visit.database, visit.who, upload.id)
    return columns.columns_of(sets.upload_path(visit.place, row))


def may_change(visit: Visit, upload: UploadView) -> bool:
    return visit.who.may("work") and not report.is_busy(upload)


def is_ready(visit: Visit, upload: UploadView) -> bool:
    """Whether it can be kept as it is."""
    findings = (upload.report or {}).get("findings", ())
    is_sound = not any(finding["severity"] == "error" for finding in findings)
    is_looked_at = not (upload.report or {}).get(WAITING)
    return may_change(visit, upload) and upload.state == "checked" and is_sound and is_looked_at


def lines_of(text: str) -> list[str]:
    """One label a line; empty lines don't count."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _is_arrived(place: Place, file: Path) -> bool:
    try:
        whole = file.resolve(strict=True)
        return whole.is_file() and whole.is_relative_to((place.data / "arriving").resolve())
    except OSError as error:
        raise CoreError(f'"{file.name}" has not arrived ({error.strerror}). Upload it again.') from None


def lay_out() -> AddParts:
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=360):
            files = gr.File(
                label="Drop a zip, an npz, or a table with its images",
                file_count="multiple",
                height=170,
                elem_id="bring-files",
            )
            gr.HTML(js_on_load=ARRIVING)
            with gr.Accordion("What can I bring?", open=False):
                gr.Markdown(HOW)
            with gr.Accordion("De-identification", open=False):
                door = form(Door, columns=1)
            fetch = fetching.lay_out()
        with gr.Column(scale=3, min_width=480):
            upload = RowChoice([], label="Upload", visible=False)
            shown = gr.HTML(report.draw(None), js_on_load=mending.CLICKS, elem_id="upload-report")
            wait, mend = waiting.lay_out(), mending.lay_out()
            mapping, read, keep = _mapping_parts(), reading.lay_out(), _keep_parts()
            with gr.Row():
                add = gr.Button("Add to my image sets", variant="primary", visible=False)
                check = gr.Button("Check again", visible=False)
                discard = gr.Button("Throw away", variant="stop", visible=False)
    timer, state, brought = gr.Timer(SECONDS, active=False), gr.State(""), gr.Number(visible=False, precision=0)
    by_program = gr.Button(visible=False)
    kept = (mend, mapping, read, keep, add, check, discard, timer, state, brought)
    of = gr.Number(visible=False, precision=0)
    return AddParts(files, door, by_program, fetch, upload, of, shown, wait, *kept)


def _mapping_parts() -> MappingParts:
    with gr.Accordion("Which column means what", open=False, visible=False) as fold:
        roles = {}
        for row in (columns.ROLES[:4], columns.ROLES[4:]):  # of the second no format has more than four
            with gr.Row():
                for role in row:
                    title = columns.title_of(role)
                    roles[role] = gr.Dropdown([columns.NONE], value=columns.NONE, label=title, min_width=120)
        with gr.Row():
            label_columns = gr.Dropdown(
                [], multiselect=True, label="Label columns", info="Columns of 0 and 1, one for each label."
            )
            separators = gr.Textbox(SEPARATORS, label="Separators", info="Stand between several labels.", max_lines=1)
    return MappingParts(fold, roles, label_columns, separators)


def _keep_parts() -> KeepParts:
    with gr.Column(visible=False) as column:
        gr.HTML('<div class="vt"><h2>Keep it as an image set</h2></div>')
        with gr.Row():
            set_name = gr.Dropdown(
                [],
                allow_custom_value=True,
                label="Name of the image set",
                info="A name that exists gets a new version.",
            )
            modality = gr.Textbox(label="Modality", info="What kind of picture: “chest X-ray”.", max_lines=1)
        kind = gr.Radio(kinds(), value="single", label="Labels of a case")
        answers = gr.Textbox(label="Labels, one on each line, in the order for prompts", lines=4, max_lines=12)
    return KeepParts(column, set_name, modality, kind, answers)


def wire(studio: Studio, parts: AddParts) -> None:
    tab, fetch = Adding(parts), Fetching(parts.fetch)
    buttons = [parts.add, parts.check, parts.discard, parts.timer, parts.state]
    filled = [*parts.keep.inputs, *parts.mapping.inputs, *parts.reading.inputs]
    columns_shown = [
        parts.mapping.fold,
        *parts.reading.folds.values(),
        parts.keep.column,
        *parts.wait.shown,
        *parts.mend.shown,
    ]
    shown = [parts.upload, parts.of, parts.report, *columns_shown, *buttons, *filled]
    opened, again = guarded(studio, tab.open), guarded(studio, tab.show)
    parts.by_program.click(
        guarded(studio, tab.bring),
        [parts.files],
        [parts.brought, parts.files],
        api_name="upload_images",
        api_description=tab.bring.__doc__,
    )
    parts.files.upload(
        guarded(studio, tab.bring_as_chosen),
        {parts.files, *parts.door.all_inputs},
        [parts.brought, parts.files],
        **PRIVATE,
    ).then(opened, [parts.brought], shown, **LATEST)
    parts.upload.input(opened, [parts.upload], shown, **LATEST)
    on_load(opened, [parts.upload], shown)
    looked_at = [parts.upload, parts.state]
    follow(studio, parts.timer, tab.show, looked_at, shown)
    chosen: set[Block] = {parts.upload, parts.of, *parts.mapping.inputs, *parts.reading.inputs}
    checked = parts.check.click(guarded(studio, tab.check_again), chosen, None, **PRIVATE)
    checked.then(again, looked_at, shown, **LATEST)
    waiting.wire(studio, WaitTab(parts.wait), parts.upload, (again, looked_at, shown))
    mending.wire(studio, MendTab(parts.mend), parts.report, [parts.upload, parts.of], (again, looked_at, shown))
    given = [parts.upload, parts.of, *parts.keep.inputs]
    added = parts.add.click(guarded(studio, of_shown(tab.add, "upload")), given, None, **PRIVATE)
    added.then(again, looked_at, shown, **LATEST)
    discarded = parts.discard.click(guarded(studio, discard_upload), [parts.upload], None, **PRIVATE)
    discarded.then(opened, [parts.upload], shown, **LATEST)
    arrived = parts.fetch.arrived
    arrived.change(guarded(studio, fetch.check), [arrived], None, **PRIVATE).then(opened, [arrived], shown, **LATEST)
    fetching.wire(studio, fetch)
