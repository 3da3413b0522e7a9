"""Compare: one case, every reader side by side with its whole distribution; other words, other images, another TSM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from plotly.graph_objects import Figure

from app import charts
from app.context import LATEST, PRIVATE, Studio, on_load
from app.drawings import overlay
from app.html import go_to, script_beside
from app.pages.compare import acts, asking, beside, wish
from app.pages.compare.acts import open_comparison
from app.pages.compare.parts import NOT_CALIBRATED, Parts, lay_out
from app.pages.compare.strip import draw_strip
from app.pages.compare.words import (
    alike_cases,
    answers_of,
    answers_table,
    calibrated_by,
    case_title,
    concluded,
    counted,
    tokens_table,
)
from app.run_choices import newest_first, run_there, with_set
from app.viewer import Pane, Shape, pane_of, shown
from app.visit import Given, Updates, Visit, guarded, offer
from app.words import reader_choice
from core.case import READ_SPLITS
from core.readings.reader import in_groups
from core.records.review.boxes import place_in_newest
from core.records.runs import finding, runs
from core.records.runs.case_order import ORDERS
from core.records.runs.comparison import NOT, ONLY, CaseView, Comparison
from core.records.runs.run_search import Sought
from core.records.sets import sets

TITLE = "Compare"
PATH = "/compare"
ELSEWHERE = "⚠ The run of this address is not among the finished runs that you can see, so another one is shown."
MOST_ALIKE = 6
OF_A_RUN, BESIDE = ("reader", "other", "label", "answer"), "beside"
"""What is chosen anew with every run."""
EMPTY = "No finished run yet. Tune one on the page **[Tune](/tune)**, or watch those under way on **[Runs](/runs)**."


@dataclass(frozen=True)
class ComparePage:
    """What the page's events do. A case is known by its name; its place depends on the filter."""

    parts: Parts

    def open(self, visit: Visit) -> Updates:
        """The newest finished runs; ?run=, ?split=, ?only=, ?order= and ?case= lead back to what was seen, however old
        the run is."""
        newest = runs.runs(visit.database, visit.who, visit.project, Sought(states=("done",)))
        wanted = visit.number("run")
        addressed = run_there(visit, wanted)
        finished = newest_first(newest, [addressed] if addressed and addressed.state == "done" else [])
        run_id = wanted if wanted in {run.id for run in finished} else next((run.id for run in finished), None)
        split, only, order = (visit.query(name) for name in ("split", "only", "order"))
        return {
            self.parts.choose.run: gr.update(choices=with_set(finished), value=run_id),
            self.parts.choose.split: split if split in READ_SPLITS else "test",
            self.parts.choose.only: only if only in ONLY else "all",
            self.parts.choose.order: order if order in ORDERS else "case",
            self.parts.wish.case: visit.query("case") or "",
            self.parts.case.is_calibrated: not visit.query("raw"),
            self.parts.notice: EMPTY if not finished else ELSEWHERE if run_id != (wanted or run_id) else "",
        }

    def look(self, visit: Visit, given: Given) -> Updates:
        """The case that is wished for; and where it is one of another run than is shown, what depends on the run: of
        the first with ?reader=, ?other=, ?label=, ?answer=, ?text= and ?beside= as they were chosen."""
        choose, wished = self.parts.choose, self.parts.wish
        run_id, split, of = given[choose.run], given[choose.split], given[wished.of]
        anew: Updates = {}
        if run_id is not None and of != [run_id, split]:
            wanted = {} if of else {name: visit.query(name) or "" for name in (*OF_A_RUN, BESIDE)}
            anew = self.of_run(visit, run_id, split, wanted) | {wished.of: [run_id, split]}
            anew |= {} if of else {choose.text: visit.query("text") or ""}
        now = dict(given) | {part: value for part, change in anew.items() if (value := standing(change)) is not None}
        drawn = self.show(visit, given[wished.step], *(now[part] for part in self.chosen))
        return anew | drawn | {wished.drawn: given[wished.step]}

    @property
    def opened(self) -> list[Component]:
        """What the address says before any case is shown."""
        choose, parts = self.parts.choose, self.parts
        which = [choose.run, choose.split, choose.only, choose.order]
        return [*which, parts.wish.case, parts.case.is_calibrated, parts.notice]

    @property
    def shown(self) -> list[Component]:
        """What a look may change."""
        parts, choose, case = self.parts, self.parts.choose, self.parts.case
        of_run: list[Component] = [choose.reader, choose.other, choose.label, choose.answer, choose.beside, choose.text]
        of_run += [case.is_calibrated, parts.ask.instruction, parts.ask.readers, parts.wish.of, parts.wish.drawn]
        of_case = [parts.name, case.strip, case.title, case.picture, case.figure, case.table, case.alike, parts.tokens]
        return of_run + of_case

    @property
    def chosen(self) -> list[Component]:
        """What says which case is shown, and how; as `show` takes it."""
        choose, case = self.parts.choose, self.parts.case
        which = [choose.run, choose.split, choose.only, choose.order, choose.reader, choose.other, choose.label]
        which += [choose.answer, choose.text, self.parts.wish.case]
        return [*which, case.is_shown, choose.beside, case.is_calibrated]

    def of_run(
        self, visit: Visit, run_id: int | None, split: str, wanted: Mapping[str, str] = MappingProxyType({})
    ) -> Updates:
        """What of the page depends on the run: readers, labels, the question."""
        if run_id is None:
            return {}
        comparison = open_comparison(visit, run_id, split)
        listed = in_groups(comparison.readers)
        named = [(reader_choice(reader), reader.name) for reader in listed]
        anew = [(reader_choice(reader), reader.name) for reader in listed if reader.answers_anew]
        side_by_side = beside.from_address(comparison, wanted.get(BESIDE, ""))
        choose, offered = self.parts.choose, answer_choices(comparison)
        choices = {
            choose.reader: [("any reader", ""), *named],
            choose.other: [("any reader", ""), *named],
            choose.label: [("any label", ""), *offered],
            choose.answer: [("any answer", ""), *offered],
        }
        values = [wanted.get(name, "") for name in OF_A_RUN]
        return {
            **{
                chooser: gr.update(choices=rows, value=value if value in [own for _, own in rows] else "")
                for (chooser, rows), value in zip(choices.items(), values, strict=True)
            },
            self.parts.case.is_calibrated: gr.update(
                interactive=comparison.validated > 0, info=calibrated_by(comparison) or NOT_CALIBRATED
            ),
            self.parts.ask.instruction: comparison.task.instruction(),
            choose.beside: gr.update(choices=named, value=side_by_side),
            self.parts.ask.readers: gr.update(choices=anew, value=[name for _, name in anew if name in side_by_side]),
        }

    def show(
        self,
        visit: Visit,
        step: int,
        run_id: int | None,
        split: str,
        only: str,
        order: str,
        reader: str | None,
        other: str | None,
        label: str | None,
        answer: str | None,
        text: str | None,
        name: str,
        is_shown: bool,
        side_by_side: Sequence[str] | None = None,
        is_calibrated: bool = False,
    ) -> Updates:
        """The case of this name, or the one `step` after it among those that fit the filter, in their order.

        `side_by_side` are the readers whose distributions are drawn: where none is named, all."""
        if run_id is None:
            return self.without_case(name, "", "No run is chosen.")
        comparison = open_comparison(visit, run_id, split, is_calibrated)
        places = comparison.find(only, reader or None, label or None, text or "", answer or None, other or None, order)
        if not places:
            none = "No case fits this filter. Choose another filter, label or text."
            return self.without_case(name, none, none)
        at = (where(places, comparison.place_of(name)) + step) % len(places)
        case, parts = comparison.case(places[at]), self.parts.case
        standing = counted(at, len(places), order, comparison.measure(places[at], order, reader, other))
        shapes, editor = drawn_over(comparison, case, is_shown), editor_of(visit, comparison, case)
        return {
            self.parts.name: case.name,
            parts.strip: draw_strip(comparison, places, at, order),
            parts.title: case_title(case, standing, is_shown, editor, bool(shapes), comparison.run.is_set_erased),
            parts.picture: shown(panes_of(visit, comparison, case, shapes)),
            parts.figure: figure(comparison, case, is_shown, side_by_side),
            parts.table: answers_table(
                concluded(comparison, case), case.labels if is_shown else None, comparison.is_calibrated
            ),
            self.parts.tokens: tokens_table(case, comparison.answers),
            parts.alike: self.alike(visit, comparison, case),
        }

    def alike(self, visit: Visit, comparison: Comparison, case: CaseView) -> str:
        """The nearest labelled cases, where the run has an index."""
        run = comparison.run
        alike = finding.alike(visit.database, visit.place, visit.who, run, case.name, MOST_ALIKE)
        return alike_cases(alike, run.id, case)

    def without_case(self, name: str, title: str, why: str) -> Updates:
        parts = self.parts.case
        empty: Updates = dict.fromkeys((parts.strip, parts.table, parts.alike), "")
        empty |= {parts.picture: shown([]), parts.figure: charts.nothing(why)}
        return empty | {self.parts.name: name, parts.title: title, self.parts.tokens: []}

    def plug(self, visit: Visit, run_id: int | None, tsm: str) -> Updates:
        return {self.parts.plug.made: acts.plug(visit, run_id, tsm)}


def standing(change: Any) -> Any:
    """What a part holds after a change; None where that changes other things of it."""
    return change.get("value") if isinstance(change, dict) else change


def answer_choices(comparison: Comparison) -> list[tuple[str, str]]:
    """Every answer, and where a case may have several also its absence."""
    with_it = [(answer, answer) for answer in comparison.answers]
    without = [(f"not {answer}", NOT + answer) for answer in comparison.answers]
    return with_it + without if comparison.task.kind == "multi" else with_it


def where(places: list[int], wanted: int | None) -> int:
    """Where the wanted case stands among those that fit; where it doesn't fit, the next that was read and does."""
    if wanted is None:
        return 0
    after = [place for place in places if place >= wanted]
    return places.index(min(after)) if after else 0


def figure(comparison: Comparison, case: CaseView, is_shown: bool, side_by_side: Sequence[str] | None) -> Figure:
    answers, reference = answers_of(concluded(comparison, case)), case.labels if is_shown else ()
    given = {reader: answers[reader] for reader in answers if not side_by_side or reader.name in side_by_side}
    is_multi = comparison.task.kind == "multi"
    return charts.distributions(comparison.answers, given, reference, is_multi, comparison.is_calibrated)


def drawn_over(comparison: Comparison, case: CaseView, is_shown: bool) -> tuple[Shape, ...]:
    return overlay(answers_of(concluded(comparison, case)), case.references if is_shown else ())


def panes_of(visit: Visit, comparison: Comparison, case: CaseView, shapes: tuple[Shape, ...]) -> list[Pane]:
    """The case's picture; none where it has left the set."""
    if case.number is None:
        return []
    row = sets.case(visit.database, visit.who, comparison.run.version_id, case.number)
    return [pane_of(visit.place, row, shapes=shapes)]


def editor_of(visit: Visit, comparison: Comparison, case: CaseView) -> str:
    """The address at which the boxes of a case are corrected; none where it has left the set, or the person may not."""
    if case.number is None or not visit.who.may("review"):
        return ""
    place = place_in_newest(visit.database, visit.who, comparison.run.version_id, case.number)
    return "" if place is None else f"/image-sets?version={place[0]}&case={place[1]}&edit=boxes"


def build(studio: Studio) -> None:
    parts = lay_out()
    page = ComparePage(parts)
    offer(studio, acts.compare, acts.read, acts.read_answer)
    wire(studio, page)
    asking.wire(studio, parts)
    plug = parts.plug
    queued = plug.queue.click(guarded(studio, page.plug), [parts.choose.run, plug.tsm], [plug.made], **PRIVATE)
    queued.success(None, [plug.made], None, js=go_to("/runs?run="))


def wire(studio: Studio, page: ComparePage) -> None:
    """The case that is shown. Whatever is done, the browser writes down which case is wished for; that alone sets off a
    look, of which it asks the next only when the last was answered. (Gradio does all again that an event sets off when
    something of it had to wait: so what counts steps is set off by others than what looks.)"""
    parts, choose, case, wished = page.parts, page.parts.choose, page.parts.case, page.parts.wish
    choosers = (choose.only, choose.order, choose.reader, choose.other, choose.label, choose.answer)
    # Gradio tells of what was deleted or pasted in a text as a change alone.
    narrowed = [choose.run.input, choose.split.input, *(chooser.input for chooser in choosers), choose.text.change]
    redrawn = [case.is_calibrated.input, choose.beside.input]
    begun = on_load(guarded(studio, page.open), None, page.opened)
    for event in (begun.then, case.is_shown.input, *redrawn):
        event(None, [wished.asked], [wished.asked], js=wish.ANEW)
    filters = page.chosen[:9]
    gr.on(narrowed, None, [*filters, parts.name, *wished.whole], wished.whole, js=wish.CHOSEN)
    case.strip.click(None, wished.whole, wished.whole, js=wish.OF_STRIP)
    case.forth.click(None, wished.steps, wished.steps, js=wish.FORTH)
    case.back.click(None, wished.steps, wished.steps, js=wish.BACK)
    remembered = (None, [*filters, parts.name, choose.beside, case.is_calibrated], None)
    remember = script_beside(__file__)
    gr.on([*narrowed, *redrawn], *remembered, js=remember)
    given: set[Block] = {*page.chosen, wished.step, wished.of}
    looked = wished.asked.change(guarded(studio, page.look), given, page.shown, **LATEST)
    looked.then(*remembered, js=remember)
