"""Home: what to do next, the sample run, recent work, and whether the studio is well."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.events import api
from sqlalchemy import select

from app.context import Studio, guarded, live, on_load
from app.health import signs
from app.html import bar
from app.run_words import aimed_at
from app.words import STATES, ago, chip, lasting
from core.records import runs, sets
from core.records.access import Who, allow
from core.records.review import reviews
from core.records.review.reviews import ReviewView
from core.records.runs import RunView
from core.records.sets import SetView
from core.records.tables import Job

TITLE = "Home"
PATH = "/"
SECONDS = 3
RECENT = 6
STAGES = {"tsm": "Training the small classifier (TSM)", "vanilla": "Tuning plainly, to compare with"}


@dataclass(frozen=True)
class Work:
    """What there is in a project, as Home needs it."""

    sets: list[SetView]
    runs: list[RunView]
    reviews: list[ReviewView]
    sample_job: Job | None

    @property
    def sample(self) -> RunView | None:
        return next((run for run in self.runs if run.is_sample), None)

    @property
    def own_sets(self) -> list[SetView]:
        mine = {run.version_id for run in self.runs if run.is_sample}
        return [one for one in self.sets if one.latest.id not in mine]

    @property
    def own_runs(self) -> list[RunView]:
        return [run for run in self.runs if not run.is_sample]


def build(studio: Studio) -> None:
    gr.HTML(
        '<div class="vt"><h1>Home</h1><p class="quiet">Tune a vision-language model on your own labelled images, '
        "see the answers of models side by side, and find the labels that need a second look.</p></div>"
    )
    steps = gr.HTML('<div class="vt"><p class="quiet">Looking …</p></div>')
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=420):
            recent = gr.HTML()
        with gr.Column(scale=1, min_width=280):
            health = gr.HTML()
    timer = gr.Timer(SECONDS)

    @guarded
    def show(request: gr.Request) -> tuple[str, str, str]:
        who = studio.who(request)
        work = gather(studio, who, studio.project(request))
        return draw_steps(work), draw_recent(work), draw_health(studio)

    on_load(show, outputs=[steps, recent, health])
    timer.tick(
        live(show),
        outputs=[steps, recent, health],
        api_visibility="private",
        queue=False,
        show_progress="hidden",
    )

    @guarded
    def overview(request: gr.Request) -> dict[str, object]:
        """What there is in the project: image sets and runs with their states."""
        who = studio.who(request)
        work = gather(studio, who, studio.project(request))
        return {
            "image_sets": [{"id": one.id, "name": one.name, "cases": one.latest.cases} for one in work.sets],
            "runs": [{"id": run.id, "name": run.name, "state": run.state} for run in work.runs],
            "health": {sign.name.lower(): sign.text for sign in signs(studio)},
        }

    api(overview, api_name="overview")


def gather(studio: Studio, who: Who, project_id: int) -> Work:
    allow(who, project_id)
    asked = select(Job).where(Job.project_id == project_id, Job.kind == "draw").order_by(Job.id.desc()).limit(1)
    with studio.database.reading() as session:
        sample_job = session.scalar(asked)
    db = studio.database
    found = (
        sets.sets(db, who, project_id),
        runs.runs(db, who, project_id, size=50),
        reviews.reviews(db, who, project_id),
    )
    return Work(*found, sample_job)


def draw_steps(work: Work) -> str:
    """Five cards; the first that is not done is the next one to do."""
    finished = [run for run in work.own_runs if run.state == "done"]
    is_sample_seen = work.sample.state == "done" if work.sample is not None else work.sample_job is None
    is_searched = any(one.state == "done" for one in work.reviews)
    done = [is_sample_seen, bool(work.own_sets), bool(work.own_runs), bool(finished), is_searched]
    inside = [_sample(work), _bring(work), _tune(work), _compare(finished), _review(work)]
    titles = ["Look at the sample run", "Bring your images", "Tune a model", "Compare the answers", "Review the labels"]
    following = next((place for place, is_done in enumerate(done) if not is_done), None)
    cards = []
    for place, (title, body, is_done) in enumerate(zip(titles, inside, done, strict=True)):
        state = "done" if is_done else "next" if place == following else ""
        mark = "✓" if is_done else str(place + 1)
        spoken = '<span class="sr">(done)</span>' if is_done else '<span class="sr">(next)</span>' if state else ""
        cards.append(
            f'<li class="card {state}"><h3><span class="mark" aria-hidden="true">{mark}</span>{title}{spoken}</h3>'
            f"{body}</li>"
        )
    return f'<div class="vt"><h2>What to do next</h2><ol class="steps">{"".join(cards)}</ol></div>'


def _sample(work: Work) -> str:
    run = work.sample
    if run is None:
        return _making(work.sample_job)
    if run.state == "done":
        text = "A small model, tuned on drawn cells: see how the readers answer before you bring anything."
        return f'<p class="small">{text}</p><a class="go second" href="/compare?run={run.id}">Compare its answers</a>'
    if run.state in ("failed", "stopped", "cancelled"):
        why = escape(run.error or "It was ended before it was done.")
        return f'<p class="small">{why}</p><a class="go second" href="/runs?run={run.id}">See what happened</a>'
    left = f", about {lasting(run.seconds_left)} left" if run.seconds_left else ""
    stage = STAGES.get(run.stage, f"Tuning: {run.stage}") if run.stage else "Waits for its turn"
    told = stage + (f": step {run.step:,} of {run.steps:,}" if run.steps else "") + left
    share = run.step / run.steps if run.steps else 0.0
    return (
        f'<p class="small">It is being made, so that there is something to look at.</p>{bar(share, "Sample run")}'
        f'<p class="small quiet">{escape(told)}</p><a class="go second" href="/runs?run={run.id}">Watch it</a>'
    )


def _making(job: Job | None) -> str:
    if job is None:
        return '<p class="small">There is no sample run in this project. Begin with your own images.</p>'
    if job.state == "failed":
        return f'<p class="small">The sample could not be made: {escape(job.error or "")}</p>'
    done, whole = job.progress.get("done") or 0, job.progress.get("whole") or 0
    text = str(job.progress.get("text") or "Drawing the sample images …")
    return f'<p class="small">{escape(text)}</p>{bar(done / whole if whole else 0.02, "Sample images")}'


def _bring(work: Work) -> str:
    if work.own_sets:
        cases = sum(one.latest.cases for one in work.own_sets)
        text = f"{_many(len(work.own_sets), 'image set')} with {cases:,} cases."
        return f'<p class="small">{text}</p><a class="go second" href="/image-sets">Open image sets</a>'
    text = "A zip with a folder for each label, a table with its images, or a MedMNIST file. Checked before it is kept."
    return f'<p class="small">{text}</p><a class="go" href="/image-sets?tab=add">Add images</a>'


def _tune(work: Work) -> str:
    if work.own_runs:
        going = sum(run.state in ("running", "waiting") for run in work.own_runs)
        text = f"{_many(len(work.own_runs), 'run')}{f', {going} under way' if going else ''}."
        return f'<p class="small">{text}</p><a class="go second" href="/runs">See the runs</a>'
    text = "Choose an image set and “quick look”: minutes on this machine, with every setting open if you want it."
    return f'<p class="small">{text}</p><a class="go second" href="/tune">Set up a run</a>'


def _compare(finished: list[RunView]) -> str:
    text = "The whole distribution of answers of every reader beside the others, case by case, and on new images."
    if not finished:
        return f'<p class="small">{text}</p><p class="small quiet">When a run on your own images is finished.</p>'
    return f'<p class="small">{text}</p><a class="go second" href="/compare?run={finished[0].id}">Compare</a>'


def _review(work: Work) -> str:
    if not work.reviews:
        text = (
            "Which labels need a second look? The most doubtful cases first, decided by one key each. No run is needed."
        )
        return f'<p class="small">{text}</p><a class="go second" href="/review?tab=find">Find them</a>'
    newest = work.reviews[0]
    if newest.state != "done":
        told = f"The search through {escape(newest.set)} is {STATES.get(newest.state, newest.state)}."
        return f'<p class="small">{told}</p><a class="go second" href="/review?tab=find">Look at it</a>'
    told = f"{newest.cases:,} labels of {escape(newest.set)} are ranked."
    return f'<p class="small">{told}</p><a class="go second" href="/review?review={newest.id}">Decide on them</a>'


def draw_recent(work: Work) -> str:
    if not work.runs and not work.sets:
        body = '<div class="empty"><b>Nothing yet</b>Image sets and runs will be listed here as you make them.</div>'
        return f'<div class="vt"><h2>Recent work</h2>{body}</div>'
    rows = [(run.created, _run_row(run)) for run in work.runs] + [
        (one.latest.created, _set_row(one)) for one in work.sets
    ]
    listed = "".join(row for _, row in sorted(rows, key=lambda row: row[0], reverse=True)[:RECENT])
    head = "<tr><th>What</th><th>State</th><th>Test accuracy (95 % interval)</th><th>When</th></tr>"
    return f'<div class="vt"><h2>Recent work</h2><table>{head}{listed}</table></div>'


def _run_row(run: RunView) -> str:
    way = f"/compare?run={run.id}" if run.state == "done" else f"/runs?run={run.id}"
    return (
        f'<tr><td><a href="{way}">{escape(run.name)}</a><div class="small quiet">run on {escape(run.set)} '
        f"v{run.version}</div></td><td>{chip(run.state, run.wish)}</td>"
        f"<td>{aimed_at(run, 'accuracy') if run.metrics else ''}</td><td>{ago(run.created)}</td></tr>"
    )


def _set_row(one: SetView) -> str:
    return (
        f'<tr><td><a href="/image-sets?set={one.id}">{escape(one.name)}</a><div class="small quiet">image set, '
        f'{_many(one.versions, "version")}</div></td><td><span class="chip">{one.latest.cases:,} cases</span></td>'
        f"<td></td><td>{ago(one.latest.created)}</td></tr>"
    )


def draw_health(studio: Studio) -> str:
    found = signs(studio)
    rows = "".join(
        f'<li><span class="dot{"" if sign.is_well else " off"}"><b>{sign.name}</b></span> '
        f'<span class="quiet">{escape(sign.text)}</span></li>'
        for sign in found
    )
    return f'<div class="vt"><h2>Health</h2><ul class="plain">{rows}</ul></div>'


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
