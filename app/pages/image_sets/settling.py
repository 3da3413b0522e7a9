"""Settling what the splits of a version share: one click makes the next version, by a job."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.context import PRIVATE, Studio
from app.following import follow
from app.html import bar, notice
from app.pages.image_sets.acts import settle_leakage
from app.visit import Updates, Visit, guarded
from core.checks.leakage import Leakage, Shared
from core.errors import CoreError
from core.records import jobs
from core.records.runs.outcomes import Settled, outcome
from core.records.sets.leaking import version_leaks
from core.records.tables import UNDER_WAY, Job

SECONDS = 2
ABOUT = (
    "A patient, or a picture and its copies, belongs into one split: else a model is measured on what it learned from. "
    "Near copies are looked for too, for which every picture is opened."
)


@dataclass(frozen=True)
class SettleParts:
    shared: gr.HTML
    ways: gr.Accordion
    regroup: gr.Button
    withdraw: gr.Button
    progress: gr.HTML
    job: gr.Number
    made: gr.Number
    """The version, once there is one."""
    timer: gr.Timer


@dataclass(frozen=True)
class Settling:
    parts: SettleParts

    @property
    def opened(self) -> list[Component | gr.Accordion]:
        """What another version changes."""
        return [self.parts.shared, self.parts.ways]

    def open(self, visit: Visit, version_id: int | None) -> Updates:
        """What is known of the version that is chosen. Where no run begins on it, the ways out of that lie open."""
        if version_id is None:
            return {self.parts.shared: ""}
        leaks = version_leaks(visit.database, visit.who, version_id)
        return {self.parts.shared: draw_shared(leaks), self.parts.ways: gr.update(open=bool(leaks.reasons()))}

    def regroup(self, visit: Visit, version_id: int | None) -> Updates:
        return self._ask(visit, version_id, "regroup")

    def withdraw(self, visit: Visit, version_id: int | None) -> Updates:
        return self._ask(visit, version_id, "withdraw")

    def _ask(self, visit: Visit, version_id: int | None, way: str) -> Updates:
        if version_id is None:
            raise CoreError("No version is chosen. Choose an image set first.")
        return {self.parts.job: settle_leakage(visit, version_id, way), self.parts.timer: gr.Timer(active=True)}

    def look(self, visit: Visit, job_id: int | None) -> Updates:
        if job_id is None:
            return {self.parts.timer: gr.Timer(active=False)}
        job = jobs.job(visit.database, visit.who, int(job_id))
        shown: Updates = {
            self.parts.progress: draw(job),
            self.parts.timer: gr.Timer(active=job.state in UNDER_WAY),
        }
        made = outcome(job, Settled)
        return shown if made is None else shown | {self.parts.made: made.version}


def draw_shared(leaks: Leakage) -> str:
    counted = [
        f"of {shared.cases:,} {split} cases {_shares(shared)}"
        for split, shared in leaks.splits.items()
        if shared.pictures or shared.patients
    ]
    if not counted:
        return ""
    is_shut = bool(leaks.reasons())
    text = f"Splits share what belongs into one: {'; '.join(counted)}."
    if is_shut:
        text += " No run begins on this version until it is settled here by one click, or accepted on the page Tune."
    return f'<div class="vt">{notice(text, "bad" if is_shut else "warn")}</div>'


def _shares(shared: Shared) -> str:
    words = (
        (shared.patients, "are of patients who are learned from"),
        (shared.pictures, "show pictures that are learned from"),
    )
    return " and ".join(f"{count:,} {shares}" for count, shares in words if count)


def draw(job: Job) -> str:
    """How far the job is."""
    if job.state == "failed":
        return f'<div class="vt">{notice(job.error or "No version was made.", "bad")}</div>'
    if (made := outcome(job, Settled)) is not None:
        left_out = f", {made.left_out:,} left out" if made.left_out else ""
        text = f"Version {made.number} is kept: {made.cases:,} cases{left_out}. It is chosen now."
        return f'<div class="vt">{notice(text, "good")}</div>'
    progress = job.how_far
    text = progress.text or ("Waits for its turn …" if job.state == "waiting" else "Begins …")
    return f'<div class="vt">{bar(progress.share, text)}<p class="small">{text}</p></div>'


def lay_out() -> SettleParts:
    shared = gr.HTML()
    with gr.Accordion("Splits that share pictures or patients", open=False, elem_id="settle") as ways:
        gr.Markdown(ABOUT)
        with gr.Row():
            regroup = gr.Button(
                "Draw the split anew, patients and copies together", size="sm", elem_id="settle-regroup"
            )
            withdraw = gr.Button(
                "Leave out of training what validation and test show", size="sm", elem_id="settle-withdraw"
            )
    progress = gr.HTML()
    job, made = gr.Number(visible=False, precision=0), gr.Number(visible=False, precision=0)
    return SettleParts(shared, ways, regroup, withdraw, progress, job, made, gr.Timer(SECONDS, active=False))


def wire(studio: Studio, tab: Settling, version: gr.Dropdown) -> None:
    parts = tab.parts
    for button, act in ((parts.regroup, tab.regroup), (parts.withdraw, tab.withdraw)):
        button.click(guarded(studio, act), [version], [parts.job, parts.timer], **PRIVATE)
    shown = [parts.progress, parts.timer, parts.made]
    follow(studio, parts.timer, tab.look, [parts.job], shown)
