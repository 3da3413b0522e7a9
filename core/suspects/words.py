"""Why a case is here, in a sentence for a person."""

from __future__ import annotations

import numpy as np

from core.case import Task
from core.suspects.known import Floats, Known

MANY = 0.5


class Reasons:
    """What speaks against each given label, the plainest first."""

    def __init__(self, known: Known, evidence: dict[str, Floats], likely: dict[str, Floats]) -> None:
        self.known, self.evidence, self.likely = known, evidence, likely

    def of(self, place: int, suggested: str) -> str:
        task = self.known.task
        given = task.response(self.known.cases[place].labels)
        said = [
            self._copies(place),
            self._tsm(place, task),
            self._near(place),
            self._vlm(place, task),
            self._readers(place),
        ]
        told = [one for one in said if one]
        if not told:
            return f"Nothing that was looked at speaks against “{given}”."
        lead = f"Given “{given}”" + (f", suggested “{suggested}”" if suggested != given else "")
        return f"{lead}: {'; '.join(told)}."

    def _says(self, source: str, place: int) -> bool:
        return source in self.evidence and bool(self.evidence[source][place] >= MANY)

    def _copies(self, place: int) -> str:
        return "an almost identical picture has another label" if self._says("duplicates", place) else ""

    def _tsm(self, place: int, task: Task) -> str:
        if not self._says("tsm", place):
            return ""
        return f"a TSM that never saw it answers “{_named(self.likely['tsm'][place], task)}”"

    def _near(self, place: int) -> str:
        if not self._says("neighbours", place):
            return ""
        near = [one for one in self.known.near.places[place, : self.known.settings.neighbours].tolist() if one >= 0]
        other = sum(set(self.known.cases[one].labels) != set(self.known.cases[place].labels) for one in near)
        return f"{other} of its {len(near)} nearest cases are labelled otherwise"

    def _vlm(self, place: int, task: Task) -> str:
        return f"the VLM's features say “{_named(self.likely['vlm'][place], task)}”" if self._says("vlm", place) else ""

    def _readers(self, place: int) -> str:
        return "most readers of the run answer otherwise" if self._says("disagreement", place) else ""


def _named(likely: Floats, task: Task) -> str:
    return task.response(answered(likely, task))


def answered(likely: Floats, task: Task) -> tuple[str, ...]:
    """The labels that a distribution comes to."""
    if task.kind == "multi":
        return tuple(name for name, one in zip(task.answers, likely, strict=True) if one > 0.5)
    return (task.answers[int(np.argmax(likely))],)
