"""In which order the cases of a run are looked at: as they were read, by doubt, or by what tells two readers apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.case import Task
from core.readings.answer import Conclusion

ORDERS = ("case", "entropy", "gap")
Conclusions = Mapping[str, Conclusion]
"""What each reader that read a case concludes."""


def entropy_of(conclusions: Conclusions, reader: str | None) -> float | None:
    """How much a reader (of any, the one in most doubt) doubts, in bits; None where it didn't read the case."""
    entropies = [conclusion.entropy for conclusion in conclusions_of(conclusions, reader)]
    return max(entropies, default=None)


def gap_of(
    conclusions: Conclusions, labels: Sequence[str], task: Task, reader: str | None, other: str | None
) -> float | None:
    """How much likelier a reader (of any, the best) found the right label than the other (of any, the worst) did."""
    own, others = (
        [right_probability(conclusion, labels, task) for conclusion in conclusions_of(conclusions, name)]
        for name in (reader, other)
    )
    likely, unlikely = [p for p in own if p is not None], [p for p in others if p is not None]
    return max(likely) - min(unlikely) if likely and unlikely else None


def right_probability(conclusion: Conclusion, labels: Sequence[str], task: Task) -> float | None:
    """What a reader gave the reference label; of several labels the mean over them, there or not. None where the label
    is none of the answers."""
    likely = dict(zip(task.answers, conclusion.answer.probabilities, strict=True))
    if task.kind == "multi":
        return sum(p if answer in labels else 1 - p for answer, p in likely.items()) / len(likely)
    return likely.get(labels[0]) if labels else None


def conclusions_of(conclusions: Conclusions, reader: str | None) -> list[Conclusion]:
    """Of a reader, or of all of them."""
    return [conclusion for name, conclusion in conclusions.items() if reader in (None, "", name)]


def largest_first(measures: Mapping[int, float | None]) -> list[int]:
    """Those without a measure last, equals as they came."""
    return sorted(measures, key=lambda place: (measures[place] is None, -(measures[place] or 0.0)))
