"""The tab “Find”: has the labels of a version looked through, and shows how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from app.context import Studio, asked_number
from app.html import bar, empty, notice
from app.pages.review.words import LIMITS, PURPOSE, STEPS
from app.words import ago, chip, lasting
from core.errors import SettingsError
from core.records import jobs, runs, sets
from core.records.access import Who
from core.records.review import reviews
from core.records.review.reviews import ReviewView
from core.records.wake import send

OWN = "none: the studio's own small model"
NO_SETS = empty(
    "No image set yet", "Bring your images on the page Image sets; then their labels can be looked through."
)


class Finding:
    """The tab's components, and what its events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=420):
                self.version = gr.Dropdown([], label="Image set", elem_id="review-version")
                self.run = gr.Dropdown(
                    [(OWN, 0)],
                    value=0,
                    label="A finished run to build on",
                    info="Its settings are used, and what its readers know of the test cases. None is needed.",
                )
                with gr.Row():
                    self.readers = gr.Radio([("one", 1), ("two", 2)], value=1, label="People who look at each case")
                    self.is_blind = gr.Checkbox(
                        True, label="Blind", info="Nobody sees another's verdict before both decided.", visible=False
                    )
                self.name = gr.Textbox(label="Name, not required", max_lines=1, placeholder="as the image set")
                self.start = gr.Button("Find labels that need a second look", variant="primary", elem_id="review-find")
                self.told = gr.HTML(elem_id="review-state")
                with gr.Row():
                    self.stop = gr.Button("Stop and save", visible=False, min_width=110)
                    self.resume = gr.Button("Resume", visible=False, min_width=90)
            with gr.Column(scale=4, min_width=360):
                gr.HTML(about())
        self.listed = gr.HTML(elem_id="review-list")
        self.form = [self.version, self.run, self.readers, self.is_blind, self.name]
        self.shown = [self.told, self.stop, self.resume, self.listed]

    def versions(self, who: Who, project_id: int, wanted: int | None) -> Any:
        """Every version of every set, the newest of each first."""
        db = self.studio.database
        known = [one for image_set in sets.sets(db, who, project_id) for one in sets.versions(db, who, image_set.id)]
        choices = [(f"{one.image_set.name} v{one.number} · {one.cases:,} cases", one.id) for one in known]
        ids = [one.id for one in known]
        return gr.update(choices=choices, value=wanted if wanted in ids else next(iter(ids), None))

    def runs_of(self, version_id: int | None, request: gr.Request) -> Any:
        """Finished runs on a version; the one that ?run= names is chosen."""
        if version_id is None:
            return gr.update(choices=[(OWN, 0)], value=0)
        who, db = self.studio.who(request), self.studio.database
        found = runs.runs(db, who, self.studio.project(request), states=("done",), version_id=int(version_id))
        wanted = asked_number(request, "run")
        value = wanted if wanted in {one.id for one in found} else 0
        return gr.update(choices=[(OWN, 0), *((f"{one.id} · {one.name}", one.id) for one in found)], value=value)

    def queue(
        self,
        version_id: int | None,
        run_id: int | None,
        readers: int,
        is_blind: bool,
        name: str | None,
        request: gr.Request,
    ) -> int:
        if version_id is None:
            raise SettingsError(
                "No image set is chosen. Bring your images on the page Image sets, then choose them here."
            )
        studio = self.studio
        return reviews.queue_review(
            studio.database,
            studio.place,
            studio.who(request),
            int(version_id),
            run_id=run_id or None,
            name=(name or "").strip(),
            readers=int(readers),
            is_blind=is_blind and int(readers) > 1,
        ).id

    def stop_search(self, review_id: int | None, request: gr.Request) -> None:
        """Saves what is done and leaves; it can be resumed."""
        view = chosen(self.studio, review_id, request)
        jobs.wish(self.studio.database, self.studio.who(request), view.job_id, "stop")

    def resume_search(self, review_id: int | None, request: gr.Request) -> None:
        view = chosen(self.studio, review_id, request)
        job = jobs.resume(self.studio.database, self.studio.who(request), view.job_id)
        send(self.studio.place, job.queue, job.id)

    def draw(self, found: Sequence[ReviewView], view: ReviewView | None) -> list[Any]:
        """What `shown` shows."""
        state = view.state if view is not None else ""
        return [
            "" if view is None else state_of(view),
            gr.update(visible=state in ("waiting", "running")),
            gr.update(visible=state in ("stopped", "failed")),
            table(found, view),
        ]


def chosen(studio: Studio, review_id: int | None, request: gr.Request) -> ReviewView:
    if review_id is None:
        raise SettingsError("No search is chosen. Begin one under Find, or choose one at the top of the page.")
    return reviews.review(studio.database, studio.who(request), int(review_id))


def about() -> str:
    """For whoever sees the page for the first time."""
    steps = "".join(f"<li><b>{name}.</b> {text}</li>" for name, text in STEPS.items())
    limits = "".join(f"<li>{line}</li>" for line in LIMITS)
    return (
        f'<div class="vt"><h2>Which labels need a second look?</h2><p>{PURPOSE}</p><ol class="told">{steps}'
        f'</ol><h2>What to keep in mind</h2><ul class="told quiet small">{limits}</ul></div>'
    )


def state_of(view: ReviewView) -> str:
    """How far a search is, or what came of it, in the words of whoever waits for it."""
    title = f"<p><b>{escape(view.name)}</b> {chip(view.state)}</p>"
    if view.state in ("waiting", "running"):
        done, whole = view.progress.get("done") or 0, view.progress.get("whole") or 0
        left = view.progress.get("seconds_left")
        text = str(view.progress.get("text") or "It waits for its turn.")
        text = f"{text.rstrip('.')}. About {lasting(left)} left." if left else text
        body = bar(done / whole if whole else 0.0, "Search") + f'<p class="small quiet">{escape(text)}</p>'
    elif view.state == "done":
        body = (
            f'<p>{estimate(view)}</p><p><a class="go" href="/review?review={view.id}&tab=decide">Decide on them</a></p>'
        )
    elif view.error:
        fault = f" (id {view.fault_id})" if view.fault_id else ""
        body = notice(f"{view.error}{fault} Once that is mended, resume it.", "bad")
    else:
        body = '<p class="small quiet">It can be resumed: finished parts are not done again.</p>'
    return f'<div class="vt card">{title}{body}</div>'


def estimate(view: ReviewView) -> str:
    """How many labels may need a change, never without its interval."""
    if view.estimated is None or view.low is None or view.high is None:
        return f"{view.cases:,} cases are ranked."
    return (
        f"Of {view.cases:,} labels about <b>{view.estimated:,.0f}</b> may need a change (95 % interval "
        f"{view.low:,.0f} to {view.high:,.0f}, by the models' own account)."
    )


def table(found: Sequence[ReviewView], view: ReviewView | None) -> str:
    if not found:
        return ""
    shown = [' <span class="chip">shown</span>' if view and one.id == view.id else "" for one in found]
    rows = "".join(
        f'<tr><td><a href="/review?review={one.id}">{escape(one.name)}</a>{mark}</td>'
        f"<td>{escape(one.set)} v{one.version}</td><td>{chip(one.state)}</td><td class=n>{one.cases:,}</td>"
        f"<td>{estimate(one) if one.state == 'done' else ''}</td><td>{escape(one.person)}, {ago(one.created)}</td></tr>"
        for one, mark in zip(found, shown, strict=True)
    )
    head = (
        "<tr><th>Search</th><th>Images</th><th>State</th><th class=n>Cases</th><th>What it found</th><th>By</th></tr>"
    )
    return f'<div class="vt"><h2>Searches of this project</h2><table>{head}{rows}</table></div>'
