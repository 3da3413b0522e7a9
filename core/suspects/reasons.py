"""Why a case is here, in a sentence for a person."""

from __future__ import annotations

import numpy as np

from core.case import Task
from core.suspects.evidence import Floats, ReviewedSet

MANY = 0.5


class Reasons:
    """What speaks against each given label, the plainest first."""

    def __init__(self, reviewed: ReviewedSet, against: dict[str, Floats], likely: dict[str, Floats]) -> None:
        self.reviewed, self.against, self.likely = reviewed, against, likely

    def of(self, place: int, suggested: tuple[str, ...]) -> str:
        task = self.reviewed.task
        given, other = task.response(self.reviewed.cases[place].labels), task.response(suggested)
        reasons = (
            self._copies(place),
            self._tsm(place),
            self._near(place),
            self._vlm(place),
            self._readers(place),
        )
        if self.reviewed.is_alone[place]:
            return f"No other case is labelled “{given}”, so nothing could be learned about it: look at it yourself."
        if not any(reasons):
            return f"Nothing that was looked at speaks against “{given}”."
        lead = f"Given “{given}”" + (f", suggested “{other}”" if other != given else "")
        return f"{lead}: {'; '.join(filter(None, reasons))}."

    def _says(self, source: str, place: int) -> bool:
        return bool(self.against[source][place] >= MANY)

    def _answers(self, source: str, place: int) -> str:
        """What a source would answer, where that is not the given label."""
        if not self._says(source, place):
            return ""
        answer = self.reviewed.task.response(likeliest_labels(self.likely[source][place], self.reviewed.task))
        return "" if answer == self.reviewed.task.response(self.reviewed.cases[place].labels) else answer

    def _copies(self, place: int) -> str:
        return "an almost identical picture has another label" if self._says("duplicates", place) else ""

    def _tsm(self, place: int) -> str:
        answer = self._answers("tsm", place)
        return f"a TSM that never saw it answers “{answer}”" if answer else ""

    def _near(self, place: int) -> str:
        if not self._says("neighbours", place):
            return ""
        near_rows = [
            row for row in self.reviewed.near[0].places[place, : self.reviewed.settings.neighbours].tolist() if row >= 0
        ]
        other = sum(set(self.reviewed.cases[row].labels) != set(self.reviewed.cases[place].labels) for row in near_rows)
        return f"{other} of its {len(near_rows)} nearest cases are labelled otherwise"

    def _vlm(self, place: int) -> str:
        answer = self._answers("vlm", place)
        return f"the VLM answers “{answer}”" if answer else ""

    def _readers(self, place: int) -> str:
        return "most readers of the run answer otherwise" if self._says("disagreement", place) else ""


def likeliest_labels(likely: Floats, task: Task) -> tuple[str, ...]:
    """The labels that a distribution comes to."""
    if task.kind == "multi":
        return tuple(name for name, share in zip(task.answers, likely, strict=True) if share > 0.5)
    return (task.answers[int(np.argmax(likely))],)
