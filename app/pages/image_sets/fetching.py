"""Fetching a public set (MedMNIST) where there is a network: a job, and then an upload like others."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.context import PRIVATE, Studio
from app.html import bar, notice, size
from app.pages.image_sets.acts import fetch_public_set
from app.visit import Updates, Visit, guarded, live
from core.layouts.medmnist import SETS, SIZES
from core.records import jobs
from core.records.runs.outcomes import Fetched, outcome
from core.records.sets import sets
from core.records.tables import UNDER_WAY, Job

SECONDS = 2


@dataclass(frozen=True)
class FetchParts:
    name: gr.Dropdown
    side: gr.Radio
    fetch: gr.Button
    progress: gr.HTML
    job: gr.Number
    arrived: gr.Number
    """The upload's number, once the set has arrived."""
    timer: gr.Timer


@dataclass(frozen=True)
class Fetching:
    parts: FetchParts

    def fetch(self, visit: Visit, name: str, side: int) -> Updates:
        return {self.parts.job: fetch_public_set(visit, name, side), self.parts.timer: gr.Timer(active=True)}

    def look(self, visit: Visit, job_id: int | None) -> Updates:
        if job_id is None:
            return {self.parts.timer: gr.Timer(active=False)}
        job = jobs.job(visit.database, visit.who, int(job_id))
        is_going = job.state in UNDER_WAY
        shown: Updates = {self.parts.progress: draw(job), self.parts.timer: gr.Timer(active=is_going)}
        fetched = outcome(job, Fetched)
        return shown if fetched is None else shown | {self.parts.arrived: fetched.upload}

    def check(self, visit: Visit, upload_id: int | None) -> None:
        """Has what arrived checked, where nobody has asked for that yet."""
        if upload_id and sets.upload(visit.database, visit.who, int(upload_id)).state == "arriving":
            sets.request_check(visit.database, visit.place, visit.who, int(upload_id), {})


def lay_out() -> FetchParts:
    with gr.Accordion("Fetch a public set (MedMNIST)", open=False):
        gr.Markdown("Twelve small sets of medical images, for trying out. Needs a network; not for clinical use.")
        name = gr.Dropdown(published(), value="bloodmnist", label="Set")
        side = gr.Radio(list(SIZES), value=28, label="Pixels a side")
        fetch = gr.Button("Fetch it", size="sm")
        progress = gr.HTML()
    job, arrived = gr.Number(visible=False, precision=0), gr.Number(visible=False, precision=0)
    return FetchParts(name, side, fetch, progress, job, arrived, gr.Timer(SECONDS, active=False))


def wire(studio: Studio, tab: Fetching) -> None:
    parts = tab.parts
    parts.fetch.click(guarded(studio, tab.fetch), [parts.name, parts.side], [parts.job, parts.timer], **PRIVATE)
    shown = [parts.progress, parts.timer, parts.arrived]
    parts.timer.tick(live(studio, tab.look), [parts.job], shown, queue=False, **PRIVATE)


def draw(job: Job) -> str:
    """How far the job is, in bytes."""
    if job.state == "failed":
        return f'<div class="vt">{notice(job.error or "It could not be fetched.", "bad")}</div>'
    if job.state == "done":
        fetched = outcome(job, Fetched)
        licence = f" Its pictures are under {fetched.licence}." if fetched and fetched.licence else ""
        text = f"It has arrived and is being checked.{licence}"
        return f'<div class="vt">{notice(text, "good")}</div>'
    progress = job.how_far
    text = "Waits for its turn …" if job.state == "waiting" else "Begins …"
    if progress.whole:
        text = f"{size(progress.done or 0)} of {size(progress.whole)}"
    return f'<div class="vt">{bar(progress.share, "Fetching")}<p class="small">{text}</p></div>'


def published() -> list[tuple[str, str]]:
    return [(f"{each.name}: {each.modality}, {sum(each.counts):,} ({each.licence})", each.name) for each in SETS]
