"""Find: the cases of a run that are like some words, an image that was brought, or another case."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from app.brought import bytes_of
from app.context import LATEST, PRIVATE, Studio, on_load
from app.drawings import boxed, colours_of, listed
from app.following import follow
from app.html import empty, in_markdown, warning
from app.pages.find import acts
from app.pages.find.parts import A_CASE, AN_IMAGE, WORDS, Parts, lay_out
from app.run_choices import with_set
from app.set_words import SPLIT_NAMES, named
from app.tiles import draw_tiles, tile
from app.viewer import pane_of, shown
from app.visit import Given, Updates, Visit, guarded, offer
from core.errors import CoreError, SettingsError
from core.records.runs import finding, runs
from core.records.runs.finding import Search
from core.records.runs.outcomes import Match
from core.records.runs.run_search import Sought
from core.records.sets import sets
from core.statistics.rounding import rounded

TITLE = "Find"
PATH = "/find"
EMPTY = (
    "No run can be searched yet. On the page **[Tune](/tune)** choose the method *Discriminative fine-tuning*: its "
    "runs lay images and words into one space. **[Home](/)** makes one of the sample; **[Runs](/runs)** shows those "
    "under way."
)
NO_FILE = "No image has been brought, so nothing was searched for. Bring one, or search by words."
WAITS = {"waiting": "Waiting for a reader …", "running": "Searching …"}
NO_MATCH = empty("No case fits", "Choose more of the set's cases.")


@dataclass(frozen=True)
class FindPage:
    """What the page's events do."""

    parts: Parts

    def open(self, visit: Visit) -> Updates:
        """Searchable runs of the project; ?run= and ?case=, a case's file name, lead to a search for its like."""
        wanted, case = self.parts.wanted, visit.query("case") or ""
        return self.runs_to_choose(visit, visit.number("run")) | {
            wanted.case: gr.update(value=case, visible=bool(case)),
            wanted.by: A_CASE if case else WORDS,
            wanted.words: gr.update(visible=not case, interactive=True),
            wanted.leaves_out_patient: gr.update(visible=bool(case)),
            self.parts.search: gr.update(interactive=True),
        }

    def runs_to_choose(self, visit: Visit, run_id: int | None) -> Updates:
        """The newest searchable runs, with the one of the address chosen however old it is.

        Where that can't be searched by this person, nothing is chosen in its stead, and it is said why."""
        finished = runs.runs(visit.database, visit.who, visit.project, Sought(states=("done",)))
        searchable = {run.id: run for run in finished if run.is_searchable}
        chosen, notice = next(iter(searchable), None), "" if searchable else EMPTY
        if run_id is not None:
            try:
                run = finding.searchable_run(visit.database, visit.who, run_id)
                searchable[run.id], chosen, notice = run, run.id, ""
            except CoreError as error:
                chosen, notice = None, warning(f"Run {run_id} of the address can't be searched. {error}")
        choices = with_set(searchable.values())
        return {self.parts.wanted.run: gr.update(choices=choices, value=chosen), self.parts.notice: notice}

    def by_chosen(self, visit: Visit, by: str) -> Updates:
        """A place for what is searched by."""
        wanted = self.parts.wanted
        return {
            wanted.words: gr.update(visible=by == WORDS),
            wanted.image: gr.update(visible=by == AN_IMAGE),
            wanted.case: gr.update(visible=by == A_CASE),
            wanted.leaves_out_patient: gr.update(visible=by == A_CASE),
        }

    def search(self, visit: Visit, given: Given) -> Updates:
        """Queues the search. Where it is refused, nothing stands there but why."""
        try:
            job = self.put(visit, given)
        except CoreError as error:
            return self.parts.nothing | {self.parts.outcome: warning(str(error))}
        waiting: Updates = {self.parts.job: job, self.parts.timer: gr.Timer(active=True)}
        return self.parts.nothing | waiting | {self.parts.outcome: WAITS["waiting"]}

    def put(self, visit: Visit, given: Given) -> int:
        wanted = self.parts.wanted
        run_id: int | None = given[wanted.run]
        if run_id is None:
            raise SettingsError("No run is chosen. Choose a searchable one.")
        if not given[wanted.splits]:
            raise SettingsError("No cases are chosen to be searched. Choose some of the set's.")
        by = given[wanted.by]
        query: str | bytes | int = given[wanted.words] or ""
        if by == AN_IMAGE:
            query = bytes_of(given[wanted.image], NO_FILE)
        elif by == A_CASE:
            query = finding.number_of(visit.database, visit.who, run_id, given[wanted.case] or "")
        leaves_out = by == A_CASE and bool(given[wanted.leaves_out_patient])
        where = (int(given[wanted.most]), given[wanted.splits])
        return finding.find(visit.database, visit.place, visit.who, run_id, query, *where, leaves_out)

    def look(self, visit: Visit, job_id: int | None) -> Updates:
        """What was found, once it is there."""
        parts = self.parts
        if job_id is None:
            return {parts.timer: gr.Timer(active=False)}
        search = finding.matches(visit.database, visit.who, int(job_id))
        if search.state in WAITS:
            return {parts.outcome: in_markdown(search.progress.text or WAITS[search.state])}
        still: Updates = {parts.timer: gr.Timer(active=False)}
        if search.seconds is None:
            return still | {parts.outcome: warning(search.error or "The search was ended.")}
        return still | {parts.outcome: summary(search), parts.pictures: draw_matches(search)}

    def look_at(self, visit: Visit, job_id: int | None, event: gr.EventData) -> Updates:
        """One case that was found, large."""
        if job_id is None:
            return {}
        search = finding.matches(visit.database, visit.who, int(job_id))
        row = sets.case(visit.database, visit.who, search.version_id, int(event.number))
        match = next((match for match in search.matches if match.case == row.name), None)
        colours = colours_of([box.label for box in row.boxes])
        panes = shown([pane_of(visit.place, row, row.name, boxed(row.boxes, colours))])
        return {
            self.parts.large: gr.update(visible=True, value=panes),
            self.parts.about: "" if match is None else draw_match(match, search.set, listed(row.boxes, colours)),
            self.parts.like: gr.update(visible=True),
            self.parts.wanted.case: gr.update(value=row.name),
        }

    def like(self, visit: Visit, given: Given) -> Updates:
        """Searches for the like of the case that is looked at."""
        by_case = self.by_chosen(visit, A_CASE) | {self.parts.wanted.by: A_CASE}
        return by_case | self.search(visit, {**given, self.parts.wanted.by: A_CASE})


def summary(search: Search) -> str:
    count, seconds = len(search.matches), search.seconds or 0.0
    return f"The {count} nearest of {search.searched:,} cases, in {seconds:.2f} s. Likeness is the model's own measure."


def draw_matches(search: Search) -> str:
    """Thumbnails, the nearest first. A case that is no longer in the version has no picture."""
    numbered = [(match, search.numbers.get(match.case)) for match in search.matches]
    drawn = [
        tile(search.version_id, number, match.case, named(match.labels), f"{rounded(match.cosine)} · {_split(match)}")
        for match, number in numbered
        if number is not None
    ]
    return draw_tiles(drawn) if drawn else NO_MATCH


def _split(match: Match) -> str:
    return SPLIT_NAMES.get(match.split, "no split")


def draw_match(match: Match, set_name: str, boxes: str) -> str:
    """What is known of a case that was found; `boxes` tells of those drawn on it, where there are any."""
    facts = {
        "Likeness (cosine)": rounded(match.cosine),
        "Reference label": named(match.labels),
        "Set": set_name,
        "Split": _split(match),
        "Patient": match.patient or "not given",
        "File": match.case,
    }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items())
    rows += f"<dt>Boxes</dt><dd>{boxes}</dd>" if boxes else ""
    return f'<div class="vt case"><dl>{rows}</dl></div>'


def build(studio: Studio) -> None:
    parts = lay_out()
    page, wanted = FindPage(parts), parts.wanted
    offer(studio, acts.find, acts.find_matches)
    places = [wanted.words, wanted.image, wanted.case, wanted.leaves_out_patient]
    opened = [wanted.run, parts.notice, wanted.case, wanted.by, wanted.words, wanted.leaves_out_patient, parts.search]
    on_load(guarded(studio, page.open), None, opened)
    wanted.by.input(guarded(studio, page.by_chosen), [wanted.by], places, **LATEST)
    for event in (parts.search.click, wanted.words.submit, wanted.case.submit):
        event(guarded(studio, page.search), wanted.inputs, parts.searched, **PRIVATE)
    follow(studio, parts.timer, page.look, [parts.job], [parts.outcome, parts.pictures, parts.timer])
    looked_at = [parts.large, parts.about, parts.like, wanted.case]
    parts.pictures.click(guarded(studio, page.look_at), [parts.job], looked_at, **PRIVATE)
    parts.like.click(guarded(studio, page.like), wanted.inputs, [wanted.by, *places, *parts.searched], **PRIVATE)
