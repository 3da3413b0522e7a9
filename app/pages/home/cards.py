"""Home's cards, its list of recent work and its health, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.health import Sign
from app.html import bar
from app.pages.home.work import Work
from app.run_words import aimed_at
from app.words import STATES, ago, chip, lasting
from core.records.runs.runs import RunView
from core.records.runs.samples import SHOWCASES, showcase_run
from core.records.sets.sets import SetView
from core.records.tables import UNDER_WAY, Job

RECENT = 6
SHOWN = {
    "places": (
        "<b>Where is it?</b> A model that also says where things are: boxes with scores and a mask over each picture, "
        "beside the true ones.",
        "See its boxes",
        "/compare",
    ),
    "search": (
        "<b>Find the like of this.</b> A run that is searched by words, such as “small cell, upper left”, by an "
        "image, or by a case.",
        "Search it",
        "/find",
    ),
}
"""What is told of a showcase, and the words and the page of the way to it."""
STAGES = {"tsm": "Training the small classifier (TSM)", "vanilla": "Tuning plainly, to compare with"}


def draw_steps(work: Work) -> str:
    """Five cards; the first that is not done is the next one to do."""
    finished = [run for run in work.own_runs if run.state == "done"]
    is_sample_seen = work.sample.state == "done" if work.sample is not None else work.sample_job is None
    is_searched = any(review.state == "done" for review in work.reviews)
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
    step = stage + (f": step {run.step:,} of {run.steps:,}" if run.steps else "") + left
    share = run.step / run.steps if run.steps else 0.0
    return (
        f'<p class="small">It is being made, so that there is something to look at.</p>{bar(share, "Sample run")}'
        f'<p class="small quiet">{escape(step)}</p><a class="go second" href="/runs?run={run.id}">Watch it</a>'
    )


def draw_showcase(work: Work, name: str) -> str:
    """What else the sample shows, and the way to it once it is made; nothing where there is no sample."""
    if work.sample is None:
        return ""
    about, word, page = SHOWN[name]
    run = showcase_run(work.sample_runs, SHOWCASES[name])
    way = ""
    if run is not None and run.state == "done":
        way = f'<a class="go second" href="{page}?run={run.id}">{word}</a>'
    elif run is not None:
        left = f", about {lasting(run.seconds_left)} left" if run.seconds_left else ""
        way = f'<a class="go second" href="/runs?run={run.id}">{STATES.get(run.state, run.state)}{left}: watch it</a>'
    elif work.sample.state != "done":
        way = '<p class="small quiet">Can be made once the sample run is finished.</p>'
    return f'<div class="vt"><p class="small">{about}</p>{way}</div>'


def make_words(work: Work, name: str) -> str:
    """What the button says: how long it will take, judged by the sample run on this machine."""
    sample = work.sample
    if sample is None or sample.started is None or sample.ended is None:
        return "Make it on the sample"
    seconds = (sample.ended - sample.started).total_seconds() * SHOWCASES[name].times
    return f"Make it on the sample (about {lasting(seconds)})"


def _making(job: Job | None) -> str:
    if job is None:
        return '<p class="small">There is no sample run in this project. Begin with your own images.</p>'
    if job.state == "failed":
        return f'<p class="small">The sample could not be made: {escape(job.error or "")}</p>'
    text = job.how_far.text or "Drawing the sample images …"
    return f'<p class="small">{escape(text)}</p>{bar(job.how_far.share or 0.02, "Sample images")}'


def _bring(work: Work) -> str:
    if work.own_sets:
        cases = sum(image_set.latest.cases for image_set in work.own_sets)
        text = f"{_many(len(work.own_sets), 'image set')} with {cases:,} cases."
        return f'<p class="small">{text}</p><a class="go second" href="/image-sets">Open image sets</a>'
    text = "A zip with a folder for each label, a table with its images, boxes as VOC or COCO, masks beside images, "
    text += "or a MedMNIST file. Checked before it is kept."
    return f'<p class="small">{text}</p><a class="go" href="/image-sets?tab=add">Add images</a>'


def _tune(work: Work) -> str:
    if work.own_runs:
        going = sum(run.state in UNDER_WAY for run in work.own_runs)
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
        state = f"The search through {escape(newest.set)} is {STATES.get(newest.state, newest.state)}."
        return f'<p class="small">{state}</p><a class="go second" href="/review?tab=find">Look at it</a>'
    ranked = f"{newest.cases:,} labels of {escape(newest.set)} are ranked."
    return f'<p class="small">{ranked}</p><a class="go second" href="/review?review={newest.id}">Decide on them</a>'


def draw_recent(work: Work) -> str:
    if not work.runs and not work.sets:
        body = '<div class="empty"><b>Nothing yet</b>Image sets and runs will be listed here as you make them.</div>'
        return f'<div class="vt"><h2>Recent work</h2>{body}</div>'
    rows = [(run.created, _run_row(run)) for run in work.runs] + [
        (image_set.latest.created, _set_row(image_set)) for image_set in work.sets
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


def _set_row(image_set: SetView) -> str:
    versions, cases = _many(image_set.versions, "version"), f"{image_set.latest.cases:,} cases"
    return (
        f'<tr><td><a href="/image-sets?set={image_set.id}">{escape(image_set.name)}</a>'
        f'<div class="small quiet">image set, {versions}</div></td><td><span class="chip">{cases}</span></td>'
        f"<td></td><td>{ago(image_set.latest.created)}</td></tr>"
    )


def draw_health(signs: Sequence[Sign]) -> str:
    rows = "".join(
        f'<li><span class="dot{"" if sign.is_well else " off"}"><b>{sign.name}</b></span> '
        f'<span class="quiet">{escape(sign.text)}</span></li>'
        for sign in signs
    )
    return f'<div class="vt"><h2>Health</h2><ul class="plain">{rows}</ul></div>'


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
