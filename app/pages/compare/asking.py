"""Asking live readers again: in other words, without the exemplar, about another image."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app import charts
from app.brought import bytes_of
from app.context import LATEST, PRIVATE, Studio
from app.drawings import overlay
from app.following import follow
from app.html import in_markdown, warning
from app.pages.compare.acts import open_comparison
from app.pages.compare.parts import A_FILE, THE_CASE, AskParts, Parts, waits
from app.pages.compare.words import answers_of, answers_table
from app.viewer import Pane, shown
from app.visit import Given, Updates, Visit, guarded
from core.case import INCOMPLETE_TEMPLATE
from core.errors import CoreError, SettingsError
from core.machine.aside import ASIDE
from core.pictures.shown import refuse_undecodable
from core.records.place import Place
from core.records.runs import questions
from core.records.runs.comparison import Comparison
from core.records.sets import sets

NO_FILE = "No image has been brought, so nothing was read. Bring one, or ask about the case above."
IN_OTHER_WORDS = "In other words than the run learned: raw probabilities, since its temperatures hold for its own."
WAITS = {"waiting": "Waiting for a reader …", "running": "Reading …"}


@dataclass(frozen=True)
class AskAgain:
    """What was answered before goes with every change of what is asked about."""

    page: Parts

    @property
    def parts(self) -> AskParts:
        return self.page.ask

    @property
    def question(self) -> set[Block]:
        """What a question is made of."""
        parts, choose = self.parts, self.page.choose
        named = {choose.run, choose.split, self.page.name}
        return named | {parts.about, parts.image, parts.instruction, parts.readers, parts.exemplar}

    def ask(self, visit: Visit, given: Given) -> Updates:
        """Puts the question to live readers, about the case that is shown or, where that was chosen, a new image.

        Where it is refused, nothing stands there but why."""
        try:
            job = self.put(visit, given)
        except CoreError as error:
            return self.parts.nothing | {self.parts.outcome: warning(str(error))}
        waiting: Updates = {self.parts.job: job, self.parts.timer: waits(True)}
        return self.parts.nothing | waiting | {self.parts.outcome: "Waiting for the readers …"}

    def put(self, visit: Visit, given: Given) -> int:
        parts, choose = self.parts, self.page.choose
        run_id: int | None = given[choose.run]
        if run_id is None:
            raise SettingsError("No run is chosen. Choose a finished one.")
        comparison = open_comparison(visit, run_id, given[choose.split])
        readers = [
            name
            for name in given[parts.readers]
            if given[parts.exemplar] or not comparison.run.reader(name).sees_exemplar
        ]
        if not readers:
            raise SettingsError("No reader is chosen. Choose one, or switch the exemplar on.")
        is_case, instruction = given[parts.about] == THE_CASE, given[parts.instruction]
        picture = number_of(comparison, given[self.page.name]) if is_case else bytes_of(given[parts.image], NO_FILE)
        words = None if instruction.strip() == comparison.task.instruction().strip() else instruction
        return questions.ask(visit.database, visit.place, visit.who, run_id, picture, words, readers)

    def about_chosen(self, visit: Visit, about: str) -> Updates:
        """The case above or another image: a place for its file; the answer about the other one goes."""
        return self.parts.nothing | {self.parts.image: gr.update(visible=about == A_FILE), self.parts.outcome: ""}

    def image_brought(self, visit: Visit, image: str | None) -> Updates:
        """Another file, or none any more: the answer about the one before goes at once.

        Nothing is read until the file was looked into: what that gives would go over the answer."""
        text = "Looking into the file …" if image else ""
        return self.parts.nothing | {self.parts.outcome: text, self.parts.read: gr.update(interactive=False)}

    def image_checked(self, visit: Visit, image: str | None) -> Updates:
        try:
            ASIDE.run(refuse_undecodable, bytes_of(image, NO_FILE), "The file")
            text = "The picture is here. Press Read."
        except CoreError as error:
            text = warning(str(error))
        return {self.parts.outcome: text, self.parts.read: gr.update(interactive=True)}

    def look(self, visit: Visit, job_id: int | None, is_calibrated: bool = False) -> Updates:
        """The answer of a live reader, once it is there; calibrated where that is asked for and can be."""
        parts = self.parts
        if job_id is None:
            return {part: change for part, change in parts.nothing.items() if part in parts.answer}
        answered = questions.answer(visit.database, visit.who, int(job_id))
        if answered.state in WAITS:
            text = answered.progress.text or WAITS[answered.state]
            return {parts.outcome: in_markdown(str(text)), parts.timer: waits(True)}
        if answered.task is None:
            return {parts.outcome: warning(answered.error or "The question was ended."), parts.timer: waits(False)}
        is_calibrated = is_calibrated and answered.is_calibrated
        conclusions = answered.calibrated if is_calibrated else answered.conclusions
        answers = answers_of(conclusions)
        shapes = overlay(answers)
        return {
            parts.outcome: outcome(answered),
            parts.figure: charts.distributions(answered.task.answers, answers, is_calibrated=is_calibrated),
            parts.table: answers_table(conclusions, None, is_calibrated),
            parts.seen: shown([Pane(data_url(visit.place, answered.image), "What was read", shapes)]),
            parts.timer: waits(False),
        }

    def without_labels(self, visit: Visit, run_id: int | None, split: str) -> Updates:
        """The set's instruction, its label list left out."""
        if run_id is None:
            return {self.parts.instruction: ""}
        task = open_comparison(visit, run_id, split).task
        return {self.parts.instruction: task.model_copy(update={"template": INCOMPLETE_TEMPLATE}).instruction()}

    def as_it_was(self, visit: Visit, run_id: int | None, split: str) -> Updates:
        own = "" if run_id is None else open_comparison(visit, run_id, split).task.instruction()
        return {self.parts.instruction: own}


def outcome(answered: questions.Answered) -> str:
    seconds = f" in {answered.seconds:.1f} s" if answered.seconds is not None else ""
    how = f"Read just now{seconds}." + (f" {IN_OTHER_WORDS}" if answered.has_no_temperature else "")
    if answered.unlike.is_unlike:
        return f"**⚠ {answered.unlike.text}**\n\n{how}"
    return f"{how} {in_markdown(answered.unlike.text)}"


def number_of(comparison: Comparison, name: str) -> int:
    place = comparison.place_of(name)
    number = None if place is None else comparison.case(place).number
    if number is None:
        raise SettingsError("No case is shown, so there is nothing to read. Choose a case, or another image.")
    return number


def data_url(place: Place, digest: str) -> str:
    content, kind = sets.picture(place, digest)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def wire(studio: Studio, page: Parts) -> None:
    again, parts = AskAgain(page), page.ask
    where = [page.choose.run, page.choose.split]
    changed = [parts.job, *parts.answer]
    parts.bare.click(guarded(studio, again.without_labels), where, [parts.instruction], **PRIVATE)
    parts.whole.click(guarded(studio, again.as_it_was), where, [parts.instruction], **PRIVATE)
    parts.read.click(guarded(studio, again.ask), again.question, changed, **PRIVATE)
    parts.about.input(guarded(studio, again.about_chosen), [parts.about], [parts.image, *changed], **LATEST)
    for event in (parts.image.upload, parts.image.clear):
        # Not queued: what is asked next must not be overtaken by what takes the answer before it away.
        came = event(
            guarded(studio, again.image_brought), [parts.image], [parts.read, *changed], queue=False, **PRIVATE
        )
        came.then(guarded(studio, again.image_checked), [parts.image], [parts.read, parts.outcome], **LATEST)
    looked_for = [parts.job, page.case.is_calibrated]
    follow(studio, parts.timer, again.look, looked_for, parts.answer)
    page.case.is_calibrated.input(guarded(studio, again.look), looked_for, parts.answer, **LATEST)
