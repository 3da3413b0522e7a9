"""Compare: one case, every reader side by side with its whole distribution; other words, other images, another TSM."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import gradio as gr
from gradio.events import api

from app import charts
from app.context import PRIVATE, Studio, asked_number, guarded, live, on_load
from app.html import in_markdown
from app.pages.compare.words import answers_table, case_title, tokens_table
from app.viewer import Pane, shown, viewer
from core.case import INCOMPLETE_TEMPLATE
from core.catalog import TSMS
from core.errors import CoreError, SettingsError
from core.machine.aside import ASIDE
from core.pictures.pixels import FilePixels
from core.pictures.shown import looked_at
from core.readings.answer import Answer, Conclusion, answer_to_plain
from core.readings.reader import Reader
from core.records import questions, runs, sets
from core.records.comparison import CaseView, Comparison

TITLE = "Compare"
PATH = "/compare"
EMPTY = "No finished run yet. Tune one on the page **[Tune](/tune)**, or watch those under way on **[Runs](/runs)**."
SPLITS = [("Test", "test"), ("Validation", "val")]
ONLY = [("All", "all"), ("Readers disagree", "disagree"), ("Wrong answers", "wrong")]
THE_CASE, A_FILE = "case", "file"
ABOUT = [("The case above", THE_CASE), ("Another image", A_FILE)]
Only = Literal["all", "disagree", "wrong"]
REMEMBER = """(run, split, only, name) => {
  if (run && name) history.replaceState(null, '',
    location.pathname + '?' + new URLSearchParams({ run, split, only, case: name }).toString());
}"""
GO_TO_RUN = "(run) => { if (run) window.location.href = '/runs?run=' + run; }"


NO_ANSWER = (None, "", shown([]))
"""Figure, table and picture where no answer stands."""


@dataclass(frozen=True)
class ComparePage:
    """What the page's events do. A case is known by its name; its place depends on the filter."""

    studio: Studio

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """Finished runs of the project; ?run=, ?split=, ?only= and ?case= lead back to what was seen."""
        who = self.studio.who(request)
        found = runs.runs(self.studio.database, who, self.studio.project(request), states=("done",))
        known = [one.id for one in found]
        wanted = asked_number(request, "run")
        run_id = wanted if wanted in known else next(iter(known), None)
        query = dict(request.query_params)
        split = query.get("split") if query.get("split") in ("test", "val") else "test"
        only = query.get("only") if query.get("only") in ("all", "disagree", "wrong") else "all"
        choices = [(f"{one.id} · {one.name} ({one.set})", one.id) for one in found]
        return gr.update(choices=choices, value=run_id), split, only, query.get("case", ""), "" if found else EMPTY

    def run_chosen(self, run_id: int | None, split: str, request: gr.Request) -> tuple[Any, ...]:
        """What of the page depends on the run: readers, labels, the question."""
        if run_id is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        found = self._open(run_id, split, request)
        names = [reader.name for reader in found.readers]
        readers = gr.update(choices=[("any reader", ""), *((name, name) for name in names)], value="")
        labels = gr.update(choices=[("any label", ""), *((one, one) for one in found.answers)], value="")
        return (
            readers,
            labels,
            found.task.instruction(),
            gr.update(choices=names, value=names),
        )

    def show(
        self,
        step: int,
        run_id: int | None,
        split: str,
        only: str,
        reader: str | None,
        label: str | None,
        text: str | None,
        name: str,
        is_shown: bool,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """The case of this name, or the one `step` after it among those that fit the filter."""
        if run_id is None:
            return name, "", shown([]), charts.nothing("No run is chosen."), "", []
        found = self._open(run_id, split, request)
        places = found.find(only, reader or None, label or None, text or "")
        if not places:
            none = "No case fits this filter. Choose another filter, label or text."
            return name, none, shown([]), charts.nothing(none), "", []
        at = self._at(places, found.place_of(name))
        at = (at + step) % len(places)
        case = found.case(places[at])
        counted = f"{at + 1} of {len(places)}"
        src = "" if case.number is None else f"/images/{found.run.version_id}/{case.number}?size=full"
        return (
            case.name,
            case_title(case, counted, is_shown),
            shown([Pane(src)] if src else []),
            self._figure(found, case, is_shown),
            answers_table(concluded(found, case), case.labels if is_shown else None),
            tokens_table(case, found.answers),
        )

    def ask(
        self,
        run_id: int | None,
        split: str,
        name: str,
        about: str,
        image: str | None,
        instruction: str,
        readers: list[str],
        with_exemplar: bool,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Puts the question to live readers, about the case that is shown or, where that was chosen, a new image.

        What was answered before goes: where the question is refused, nothing stands there but why."""
        try:
            job = self._asked(run_id, split, name, about, image, instruction, readers, with_exemplar, request)
        except CoreError as error:
            return None, f"⚠ {in_markdown(str(error))}", *NO_ANSWER, gr.Timer(active=False)
        return job, "Waiting for the readers …", *NO_ANSWER, gr.Timer(active=True)

    def _asked(
        self,
        run_id: int | None,
        split: str,
        name: str,
        about: str,
        image: str | None,
        instruction: str,
        readers: list[str],
        with_exemplar: bool,
        request: gr.Request,
    ) -> int:
        if run_id is None:
            raise SettingsError("No run is chosen. Choose a finished one.")
        comparison = self._open(run_id, split, request)
        wanted = [name for name in readers if with_exemplar or not comparison.run.reader(name).sees_exemplar]
        if not wanted:
            raise SettingsError("No reader is chosen. Choose one, or switch the exemplar on.")
        given = self._number(comparison, name) if about == THE_CASE else brought(image)
        words = None if instruction.strip() == comparison.task.instruction().strip() else instruction
        studio = self.studio
        return questions.ask(studio.database, studio.place, studio.who(request), run_id, given, words, wanted)

    def about_chosen(self, about: str) -> tuple[Any, ...]:
        """The case above or another image: a place for its file; the answer about the other one goes."""
        return gr.update(visible=about == A_FILE), None, "", *NO_ANSWER, gr.Timer(active=False)

    def image_brought(self, image: str | None) -> tuple[Any, ...]:
        """Another file, or none any more: the answer about the one before goes."""
        try:
            ASIDE.ask(looked_at, brought(image), "The file")
            told = "The picture is here. Press Read."
        except CoreError as error:
            told = f"⚠ {in_markdown(str(error))}"
        return None, told, *NO_ANSWER, gr.Timer(active=False)

    def look(self, job_id: int | None, run_id: int | None, split: str, request: gr.Request) -> tuple[Any, ...]:
        """The answer of a live reader, once it is there."""
        if job_id is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.Timer(active=False)
        told = questions.answer(self.studio.database, self.studio.who(request), int(job_id))
        if told.state in ("waiting", "running"):
            text = (
                told.progress.get("text") or {"waiting": "Waiting for a reader …", "running": "Reading …"}[told.state]
            )
            return in_markdown(str(text)), gr.skip(), gr.skip(), gr.skip(), gr.Timer(active=True)
        if told.task is None:
            return (
                f"⚠ {in_markdown(told.error or 'The question was ended.')}",
                gr.skip(),
                gr.skip(),
                gr.skip(),
                gr.Timer(active=False),
            )
        seconds = f" in {told.seconds:.1f} s" if told.seconds is not None else ""
        figure = charts.distributions(told.task.answers, answers_of(told.conclusions))
        picture = shown([Pane(self._data_url(told.image), "What was read")])
        text = f"Read just now{seconds}. {in_markdown(told.unlike.get('text', ''))}"
        if told.unlike.get("is_unlike"):
            text = f"**⚠ {told.unlike['text']}**\n\nRead just now{seconds}."
        return text, figure, answers_table(told.conclusions, None), picture, gr.Timer(active=False)

    def compare(
        self,
        run_id: int,
        split: Literal["test", "val"],
        only: Only,
        reader: str,
        label: str,
        text: str,
        request: gr.Request,
    ) -> list[dict[str, Any]]:
        """Stored readings of a finished run: of each fitting case every reader's raw probabilities and entropy."""
        found = self._open(run_id, split, request)
        cases = (found.case(place) for place in found.find(only, reader or None, label or None, text))
        return [
            {"case": case.name, "labels": list(case.labels), "readers": stored_to_plain(case, found.answers)}
            for case in cases
        ]

    def read(
        self, run_id: int, image: str, case: int, instruction: str, readers: list[str], request: gr.Request
    ) -> int:
        """Ask a finished run about a case's number, or (image given as base64) about a new picture; returns the job.

        An empty instruction is the set's own, an empty list of readers is all of them."""
        try:
            given: bytes | int = base64.b64decode(image) if image else case
        except ValueError:
            raise SettingsError(
                '"image" is no base64. Encode the file\'s bytes, or leave it empty for a case.'
            ) from None
        studio = self.studio
        return questions.ask(
            studio.database, studio.place, studio.who(request), run_id, given, instruction or None, readers
        )

    def read_answer(self, job_id: int, request: gr.Request) -> dict[str, Any]:
        """How far a question is: state, error, and the readers' distributions once it is done."""
        return live_to_plain(questions.answer(self.studio.database, self.studio.who(request), job_id))

    def plug(self, run_id: int | None, tsm: str, request: gr.Request) -> str:
        """Queues the chosen run's VLM with another TSM; returns the new run."""
        if run_id is None:
            raise SettingsError("No run is chosen. Choose a finished one.")
        studio = self.studio
        return str(runs.queue_plug(studio.database, studio.place, studio.who(request), run_id, tsm).id)

    def without_labels(self, run_id: int | None, split: str, request: gr.Request) -> str:
        """The set's instruction, its label list left out."""
        if run_id is None:
            return ""
        task = self._open(run_id, split, request).task
        return task.model_copy(update={"template": INCOMPLETE_TEMPLATE}).instruction()

    def as_it_was(self, run_id: int | None, split: str, request: gr.Request) -> str:
        return "" if run_id is None else self._open(run_id, split, request).task.instruction()

    def _open(self, run_id: int, split: str, request: gr.Request) -> Comparison:
        return Comparison.open(self.studio.database, self.studio.place, self.studio.who(request), run_id, split)

    def _at(self, places: list[int], wanted: int | None) -> int:
        """Where the wanted case stands among those that fit; where it doesn't fit, the next that does."""
        after = [at for at, place in enumerate(places) if wanted is not None and place >= wanted]
        return after[0] if after else 0

    def _figure(self, found: Comparison, case: CaseView, is_shown: bool) -> Any:
        given = answers_of(concluded(found, case))
        return charts.distributions(
            found.answers, given, case.labels if is_shown else (), is_multi=found.task.kind == "multi"
        )

    def _number(self, found: Comparison, name: str) -> int:
        place = found.place_of(name)
        number = None if place is None else found.case(place).number
        if number is None:
            raise SettingsError("No case is shown, so there is nothing to read. Choose a case, or another image.")
        return number

    def _data_url(self, digest: str) -> str:
        data, kind = sets.picture(self.studio.place, digest)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def brought(image: str | None) -> bytes:
    """The bytes of the file that somebody brought, where they are not more than a picture has."""
    if not image:
        raise SettingsError("No image has been brought, so nothing was read. Bring one, or ask about the case above.")
    return FilePixels(Path(image)).stored()


def concluded(found: Comparison, case: CaseView) -> dict[Reader, Conclusion]:
    """What each reader of the run that read the case concludes."""
    return {reader: case.conclusions[reader.name] for reader in found.readers if reader.name in case.conclusions}


def answers_of(conclusions: Mapping[Reader, Conclusion]) -> dict[Reader, Answer]:
    return {reader: conclusion.answer for reader, conclusion in conclusions.items()}


def stored_to_plain(case: CaseView, answers: tuple[str, ...]) -> dict[str, Any]:
    """What `compare` prints of a case, reader by reader."""
    return {
        name: {
            "answer": list(conclusion.labels),
            "entropy_bits": conclusion.entropy,
            "raw": dict(zip(answers, conclusion.answer.probabilities, strict=True)),
            "text": conclusion.answer.text,
        }
        for name, conclusion in case.conclusions.items()
    }


def live_to_plain(answered: questions.Answered) -> dict[str, Any]:
    """What `read_answer` prints."""
    return {
        "state": answered.state,
        "error": answered.error,
        "answers": () if answered.task is None else answered.task.answers,
        "readers": {
            reader.name: answer_to_plain(conclusion.answer)
            | {"answer": list(conclusion.labels), "entropy": conclusion.entropy}
            for reader, conclusion in answered.conclusions.items()
        },
        "unlike": answered.unlike,
        "seconds": answered.seconds,
    }


def build(studio: Studio) -> None:
    page = ComparePage(studio)
    gr.HTML(charts.STYLE, visible="hidden")
    gr.Markdown("# Compare")
    notice = gr.Markdown()
    with gr.Row():
        run = gr.Dropdown([], label="Run", elem_id="compare-run", scale=3)
        split = gr.Radio(SPLITS, value="test", label="Cases", elem_id="compare-split", scale=2)
        only = gr.Radio(ONLY, value="all", label="Show", elem_id="compare-only", scale=3)
    with gr.Row():
        reader = gr.Dropdown([("any reader", "")], value="", label="Whose wrong answers")
        label = gr.Dropdown([("any label", "")], value="", label="Reference label")
        text = gr.Textbox(label="Name or patient contains", elem_id="compare-text")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            with gr.Row():
                back = gr.Button("◀ Previous", min_width=90, elem_id="compare-previous")
                forth = gr.Button("Next ▶", min_width=90, elem_id="compare-next")
            title = gr.HTML(elem_id="compare-title")
            is_shown = gr.Checkbox(False, label="Show the reference label", elem_id="compare-reference")
            picture = viewer(height=280, elem_id="compare-picture")
        with gr.Column(scale=6, min_width=600):
            figure = gr.Plot(show_label=False, elem_id="compare-figure")
            table = gr.HTML(elem_id="compare-answers")
    with gr.Accordion("Ask again: in other words, without the exemplar, about another image", open=False):
        asked = _ask_parts()
    with gr.Accordion("Token by token", open=False):
        tokens = gr.Dataframe(
            headers=["Reader", "Candidate answer", "Log-likelihood", "Of each token"],
            interactive=False,
            show_label=False,
        )
    with gr.Accordion("Plug another TSM into this run", open=False):
        gr.Markdown(
            "The VLM and its adapters stay as they are; the new TSM is trained, and a connector where it is needed."
        )
        with gr.Row(equal_height=True):
            tsm = gr.Dropdown(list(TSMS), value=next(iter(TSMS)), label="TSM")
            plugging = gr.Button("Queue it", min_width=120)
    _wire(page, locals() | asked)


def _ask_parts() -> dict[str, Any]:
    with gr.Row():
        with gr.Column(scale=3):
            instruction = gr.Textbox(label="Instruction", lines=3, elem_id="compare-instruction")
            with gr.Row():
                bare = gr.Button("Without the label list", size="sm")
                whole = gr.Button("As it was", size="sm")
            readers = gr.CheckboxGroup([], label="Readers", elem_id="compare-readers")
            exemplar = gr.Checkbox(
                True, label="Also with the exemplar", info="Off: readers that see the TSM's exemplar are left out."
            )
        with gr.Column(scale=2):
            about = gr.Radio(ABOUT, value=THE_CASE, label="Ask about", elem_id="compare-about")
            # Any file is taken here: one that Gradio refuses leaves nothing behind that could be told of it.
            image = gr.File(label="Its file", height=120, elem_id="compare-image", visible=False)
            read = gr.Button("Read", variant="primary", elem_id="compare-read")
            said = gr.Markdown(elem_id="compare-said")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            seen = viewer(height=200)
        with gr.Column(scale=6, min_width=600):
            new_figure = gr.Plot(show_label=False, elem_id="compare-new-figure")
            new_table = gr.HTML(elem_id="compare-new-answers")
    return locals()


def _wire(page: ComparePage, on: dict[str, Any]) -> None:
    part = SimpleNamespace(**on)
    name, job, made = gr.Textbox(visible=False), gr.State(), gr.Textbox(visible=False)
    timer = gr.Timer(1, active=False)
    asked = [part.run, part.split, part.only, part.reader, part.label, part.text, name, part.is_shown]
    told = [name, part.title, part.picture, part.figure, part.table, part.tokens]
    depends = [part.reader, part.label, part.instruction, part.readers]
    where = [part.run, part.split]

    here, ahead, behind = gr.State(0), gr.State(1), gr.State(-1)

    def case_of(event: Any) -> None:
        shown = event.then(guarded(page.show), [here, *asked], told, **PRIVATE)
        shown.then(None, [*where, part.only, name], None, js=REMEMBER)

    opened = on_load(guarded(page.open), None, [*where, part.only, name, part.notice])
    case_of(opened.then(guarded(page.run_chosen), where, depends, **PRIVATE))
    for choice in where:
        case_of(choice.input(guarded(page.run_chosen), where, depends, **PRIVATE))
    for choice in (part.only, part.reader, part.label, part.text, part.is_shown):
        choice.input(guarded(page.show), [here, *asked], told, trigger_mode="always_last", **PRIVATE)
    for button, way in ((part.forth, ahead), (part.back, behind)):
        clicked = button.click(guarded(page.show), [way, *asked], told, **PRIVATE)
        clicked.then(None, [*where, part.only, name], None, js=REMEMBER)
    part.bare.click(guarded(page.without_labels), where, [part.instruction], **PRIVATE)
    part.whole.click(guarded(page.as_it_was), where, [part.instruction], **PRIVATE)
    question = [*where, name, part.about, part.image, part.instruction, part.readers, part.exemplar]
    answer = [part.said, part.new_figure, part.new_table, part.seen, timer]
    part.read.click(guarded(page.ask), question, [job, *answer], **PRIVATE)
    part.about.input(guarded(page.about_chosen), [part.about], [part.image, job, *answer], **PRIVATE)
    for event in (part.image.upload, part.image.clear):
        event(guarded(page.image_brought), [part.image], [job, *answer], **PRIVATE)
    timer.tick(live(page.look), [job, *where], answer, queue=False, **PRIVATE)
    part.plugging.click(guarded(page.plug), [part.run, part.tsm], [made], **PRIVATE).success(
        None, [made], None, js=GO_TO_RUN
    )
    api(guarded(page.compare), api_name="compare")
    api(guarded(page.read), api_name="read")
    api(guarded(page.read_answer), api_name="read_answer")
