"""Why a case is here, in a sentence for a person."""

from __future__ import annotations

import numpy as np

from core.case import Task
from core.suspects.evidence import Floats, Known

MANY = 0.5


class Reasons:
    """What speaks against each given label, the plainest first."""

    def __init__(self, known: Known, evidence: dict[str, Floats], likely: dict[str, Floats]) -> None:
        self.known, self.evidence, self.likely = known, evidence, likely

    def of(self, place: int, suggested: tuple[str, ...]) -> str:
        task = self.known.task
        given, other = task.response(self.known.cases[place].labels), task.response(suggested)
        said = [
            self._copies(place),
            self._tsm(place),
            self._near(place),
            self._vlm(place),
            self._readers(place),
        ]
        told = [one for one in said if one]
        if self.known.is_alone[place]:
            return f"No other case is labelled “{given}”, so nothing could be learned about it: look at it yourself."
        if not told:
            return f"Nothing that was looked at speaks against “{given}”."
        lead = f"Given “{given}”" + (f", suggested “{other}”" if other != given else "")
        return f"{lead}: {'; '.join(told)}."

    def _says(self, source: str, place: int) -> bool:
        return bool(self.evidence[source][place] >= MANY)

    def _answers(self, source: str, place: int) -> str:
        """What a source would answer, where that is not the given label."""
        if not self._says(source, place):
            return ""
        answer = self.known.task.response(answered(self.likely[source][place], self.known.task))
        return "" if answer == self.known.task.response(self.known.cases[place].labels) else answer

    def _copies(self, place: int) -> str:
        return "an almost identical picture has another label" if self._says("duplicates", place) else ""

    def _tsm(self, place: int) -> str:
        answer = self._answers("tsm", place)
        return f"a TSM that never saw it answers “{answer}”" if answer else ""

    def _near(self, place: int) -> str:
        if not self._says("neighbours", place):
            return ""
        near = [one for one in self.known.near[0].places[place, : self.known.settings.neighbours].tolist() if one >= 0]
        other = sum(set(self.known.cases[one].labels) != set(self.known.cases[place].labels) for one in near)
        return f"{other} of its {len(near)} nearest cases are labelled otherwise"

    def _vlm(self, place: int) -> str:
        answer = self._answers("vlm", place)
        return f"the VLM answers “{answer}”" if answer else ""

    def _readers(self, place: int) -> str:
        return "most readers of the run answer otherwise" if self._says("disagreement", place) else ""


def answered(likely: Floats, task: Task) -> tuple[str, ...]:
    """The labels that a distribution comes to."""
    if task.kind == "multi":
        return tuple(name for name, one in zip(task.answers, likely, strict=True) if one > 0.5)
    return (task.answers[int(np.argmax(likely))],)
