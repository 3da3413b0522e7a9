"""The tab “Add images”: files arrive, are checked, and become an image set; or a public set is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from app.context import PRIVATE, Studio, guarded, live, on_load
from app.pages.image_sets import columns, fetching, report
from app.set_words import kinds
from core.case import Task
from core.errors import CoreError
from core.records import jobs, sets
from core.records.access import Who
from core.records.sets import UploadError, UploadView

SECONDS = 2
HOW = """
**A zip with a folder for each label** — `benign/004.png`, `malignant/017.png`, and, if you have splits,
`train/benign/…`, `val/…`, `test/…`.

**A table and its images** — CSV, TSV or Excel with a column for the file and one for the label; patient, split, report
and any other column are kept. In one zip, or all files dropped together.

**A MedMNIST file** — an `.npz` with `train_images`, `train_labels` and so on.

A patient column keeps all pictures of a patient in one split. Take names and dates out of your files first: what you
bring is shown to the members of this project.
"""


class Adding:
    """Callbacks of the tab; what they show comes from the records each time."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def take(self, files: list[str], request: gr.Request) -> int:
        """Takes uploaded files over and has them checked; returns the upload's number."""
        studio, who = self.studio, self.studio.who(request)
        arrived = [Path(file) for file in files or []]
        if any(not _is_arrived(studio, file) for file in arrived):
            raise UploadError("Only files that were just uploaded can be taken. Choose them again.")
        name = arrived[0].name if len(arrived) == 1 else f"{len(arrived)} files"
        upload = sets.new_upload(studio.database, studio.place, who, studio.project(request), arrived, name)
        sets.request_check(studio.database, studio.place, who, upload.id, {})
        return upload.id

    def kept_as(self, who: Who, upload: UploadView) -> int | None:
        """The version that an upload became."""
        if upload.state != "added" or upload.job_id is None:
            return None
        return (jobs.job(self.studio.database, who, upload.job_id).result or {}).get("version")

    def columns(self, who: Who, upload: UploadView) -> columns.Columns | None:
        row = sets.upload(self.studio.database, who, upload.id)
        return columns.columns_of(sets.upload_path(self.studio.place, row))


def build(studio: Studio) -> None:
    adding = Adding(studio)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=360):
            files = gr.File(label="Drop a zip, an npz, or a table with its images", file_count="multiple", height=170)
            with gr.Accordion("What can I bring?", open=False):
                gr.Markdown(HOW)
            fetched = fetching.build(studio)
        with gr.Column(scale=3, min_width=480):
            chosen = gr.Dropdown([], label="Upload", visible=False)
            told = gr.HTML(report.draw(None))
            with gr.Accordion("Which column means what", open=False, visible=False) as mapping:
                roles = _role_choices()
                with gr.Row():
                    label_columns = gr.Dropdown(
                        [], multiselect=True, label="Label columns", info="Columns of 0 and 1, one for each label."
                    )
                    separators = gr.Textbox(";|", label="Separators", info="Stand between several labels.", max_lines=1)
            with gr.Column(visible=False) as keep:
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
            with gr.Row():
                add = gr.Button("Add to my image sets", variant="primary", visible=False)
                check = gr.Button("Check again", visible=False)
                discard = gr.Button("Throw away", variant="stop", visible=False)
    timer = gr.Timer(SECONDS, active=False)
    seen = gr.State("")
    fields: list[Any] = [set_name, modality, kind, answers]
    choices: list[Any] = [*roles.values(), label_columns, separators]
    shown = [chosen, told, mapping, keep, add, check, discard, timer, seen, *fields, *choices]

    def show(upload_id: int | None, before: str, request: gr.Request) -> list[Any]:
        """Everything about an upload. Fields are filled once for each of its states, so that typing is left alone."""
        who, project_id = studio.who(request), studio.project(request)
        known = sets.uploads(studio.database, who, project_id)
        upload = next((one for one in known if one.id == upload_id), known[0] if known else None)
        if upload is None:
            return [
                gr.update(visible=False),
                report.draw(None),
                *[gr.update(visible=False)] * 5,
                gr.Timer(active=False),
                "",
                *[gr.skip()] * (len(fields) + len(choices)),
            ]
        state = f"{upload.id} {upload.state} {upload.job_id} {upload.job_state}"
        if state == before:
            same = [gr.skip()] * len(shown)
            same[1] = report.draw(upload, adding.kept_as(who, upload))
            return same
        may = who.may("work") and not report.is_busy(upload)
        is_ready = may and upload.state == "checked" and not _errors(upload)
        header = adding.columns(who, upload) if may and upload.state != "added" else None
        listed = [(f"{one.name} · {report.state_of(one)}", one.id) for one in known]
        return [
            gr.update(choices=listed, value=upload.id, visible=len(known) > 1),
            report.draw(upload, adding.kept_as(who, upload)),
            gr.update(visible=header is not None, open=upload.state == "refused"),
            gr.update(visible=is_ready),
            gr.update(visible=is_ready),
            gr.update(visible=may and upload.state != "added"),
            gr.update(visible=may, value="Take off this list" if upload.state == "added" else "Throw away"),
            gr.Timer(active=report.is_busy(upload)),
            state,
            *_filled(studio, who, project_id, upload, is_ready),
            *_chosen(header, upload),
        ]

    shows = guarded(show)

    @guarded
    def upload_images(files: list[str], request: gr.Request) -> tuple[int, None]:
        """Brings files (a zip, an npz, or a table with its images) and has them checked; returns the upload's id."""
        return adding.take(files, request), None

    number = gr.Number(visible=False, precision=0)

    def opened(upload_id: int | None, request: gr.Request) -> list[Any]:
        return shows(upload_id, "", request)

    files.upload(
        upload_images, [files], [number, files], api_name="upload_images", api_description=upload_images.__doc__
    ).then(guarded(opened), [number], shown, **PRIVATE)
    chosen.input(guarded(opened), [chosen], shown, **PRIVATE)
    on_load(guarded(opened), [chosen], shown)
    timer.tick(live(show), [chosen, seen], shown, queue=False, **PRIVATE)

    @guarded
    def again(request: gr.Request, upload_id: int, *given: Any) -> None:
        asked = columns.options_from(dict(zip(roles, given, strict=False)), given[-2] or [], given[-1] or "")
        if asked.get("separators") == ";|":
            del asked["separators"]
        sets.request_check(studio.database, studio.place, studio.who(request), int(upload_id), asked)

    check.click(again, [chosen, *choices], None, **PRIVATE).then(shows, [chosen, seen], shown, **PRIVATE)

    @guarded
    def keep_it(upload_id: int, name: str, modality: str, kind: str, answers: str, request: gr.Request) -> None:
        who = studio.who(request)
        upload = sets.upload(studio.database, who, int(upload_id))
        before = (upload.report or {}).get("task", {})
        task = {**before, "modality": modality.strip(), "kind": kind, "answers": lines_of(answers)}
        known = Task.parse(task, "task").model_dump(mode="json")
        sets.request_add(studio.database, studio.place, who, upload.id, str(name or ""), known, upload.options)

    add.click(keep_it, [chosen, *fields], None, **PRIVATE).then(shows, [chosen, seen], shown, **PRIVATE)

    @guarded
    def throw(upload_id: int, request: gr.Request) -> None:
        sets.discard_upload(studio.database, studio.place, studio.who(request), int(upload_id))

    discard.click(throw, [chosen], None, **PRIVATE).then(guarded(opened), [chosen], shown, **PRIVATE)
    fetched.change(fetching.check(studio), [fetched], None, **PRIVATE).then(
        guarded(opened), [fetched], shown, **PRIVATE
    )


def _role_choices() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for first in range(0, len(columns.ROLES), 4):
        with gr.Row():
            for role in columns.ROLES[first : first + 4]:
                found[role] = gr.Dropdown(
                    [columns.NONE], value=columns.NONE, label=columns.title_of(role), min_width=120
                )
    return found


def _filled(studio: Studio, who: Who, project_id: int, upload: UploadView, is_ready: bool) -> list[Any]:
    if not is_ready or upload.report is None:
        return [gr.skip()] * 4
    task, known = upload.report["task"], [one.name for one in sets.sets(studio.database, who, project_id)]
    return [
        gr.update(choices=known, value=Path(upload.name).stem if "files" not in upload.name else upload.report["name"]),
        task["modality"],
        task["kind"],
        "\n".join(task["answers"]),
    ]


def _chosen(header: columns.Columns | None, upload: UploadView) -> list[Any]:
    if header is None:
        return [gr.skip()] * (len(columns.ROLES) + 2)
    listed = [columns.NONE, *header.header]
    chosen = [upload.options.get(role) or header.likely.get(role) or columns.NONE for role in columns.ROLES]
    return [
        *[gr.update(choices=listed, value=value) for value in chosen],
        gr.update(choices=list(header.header), value=upload.options.get("label_columns", [])),
        upload.options.get("separators", ";|"),
    ]


def lines_of(text: str) -> list[str]:
    """One label a line; empty lines don't count."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _errors(upload: UploadView) -> bool:
    return any(one["severity"] == "error" for one in (upload.report or {}).get("findings", ()))


def _is_arrived(studio: Studio, file: Path) -> bool:
    try:
        whole = file.resolve(strict=True)
        return whole.is_file() and whole.is_relative_to((studio.place.data / "arriving").resolve())
    except OSError as error:
        raise CoreError(f'"{file.name}" has not arrived ({error.strerror}). Upload it again.') from None
