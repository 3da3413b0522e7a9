"""Fetching a public set (MedMNIST) where there is a network: a job, and then an upload like others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.context import PRIVATE, Studio, guarded, live
from app.html import bar, notice, size
from core.records import jobs, sets, wake
from core.records.sets import UploadError
from core.records.tables import Job
from core.sets.medmnist import SETS, SIZES

SECONDS = 2


def fetch(studio: Studio, name: str, side: int, request: gr.Request) -> int:
    """Has a set fetched; returns the job."""
    who, project_id = studio.who(request), studio.project(request)
    if name not in {one.name for one in SETS} or int(side) not in SIZES:
        raise UploadError("Only the listed sets and sizes can be fetched. Choose one of them.")
    with studio.database.session() as session:
        job = jobs.enqueue(session, who, "intake", "fetch", project_id, {"name": name, "size": int(side)})
    wake.send(studio.place, "intake", job.id)
    return job.id


def build(studio: Studio) -> gr.Number:
    """Lays it out; returns what holds the upload's number once the set has arrived."""
    with gr.Accordion("Fetch a public set (MedMNIST)", open=False):
        gr.Markdown("Twelve small sets of medical images, for trying out. Needs a network; not for clinical use.")
        name = gr.Dropdown(listed(), value="bloodmnist", label="Set")
        side = gr.Radio(list(SIZES), value=28, label="Pixels a side")
        get = gr.Button("Fetch it", size="sm")
        told = gr.HTML()
    number, arrived = gr.Number(visible=False, precision=0), gr.Number(visible=False, precision=0)
    timer = gr.Timer(SECONDS, active=False)

    @guarded
    def begin(name: str, side: int, request: gr.Request) -> tuple[int, Any]:
        return fetch(studio, name, side, request), gr.Timer(active=True)

    @live
    def look(job_id: int | None, request: gr.Request) -> tuple[Any, Any, Any]:
        if job_id is None:
            return gr.skip(), gr.Timer(active=False), gr.skip()
        job = jobs.job(studio.database, studio.who(request), int(job_id))
        new = (job.result or {}).get("upload") if job.state == "done" else None
        is_going = job.state in ("waiting", "running")
        return draw(job), gr.Timer(active=is_going), new or gr.skip()

    get.click(begin, [name, side], [number, timer], **PRIVATE)
    timer.tick(look, [number], [told, timer, arrived], queue=False, **PRIVATE)
    return arrived


def check(studio: Studio) -> Callable[..., Any]:
    """Has what arrived checked, where nobody has asked for that yet."""

    @guarded
    def checked(upload_id: int | None, request: gr.Request) -> None:
        who = studio.who(request)
        if upload_id and sets.upload(studio.database, who, int(upload_id)).state == "arriving":
            sets.request_check(studio.database, studio.place, who, int(upload_id), {})

    return checked


def draw(job: Job) -> str:
    """How far the job is, in bytes."""
    if job.state == "failed":
        return f'<div class="vt">{notice(job.error or "It could not be fetched.", "bad")}</div>'
    if job.state == "done":
        licence = str((job.result or {}).get("licence", ""))
        text = f"It has arrived and is being checked. Its pictures are under {licence}."
        return f'<div class="vt">{notice(text, "good")}</div>'
    done, whole = job.progress.get("done") or 0, job.progress.get("whole") or 0
    text = "Waits for its turn …" if job.state == "waiting" else "Begins …"
    if whole:
        text = f"{size(done)} of {size(whole)}"
    return f'<div class="vt">{bar(done / whole if whole else 0, "Fetching")}<p class="small">{text}</p></div>'


def listed() -> list[tuple[str, str]]:
    return [(f"{one.name}: {one.modality}, {sum(one.counts):,} ({one.licence})", one.name) for one in SETS]
