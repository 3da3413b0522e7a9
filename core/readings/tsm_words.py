"""What a TSM answers, put into words for a question: a control beside the exemplar, which carries no words."""

from __future__ import annotations

from collections.abc import Sequence

from core.case import NO_FINDING, Task
from core.readings.answer import likeliest


def in_words(task: Task, probabilities: Sequence[float]) -> str:
    """Its likeliest answer with how likely it finds it; of several labels all that are likelier than not, or that there
    is none, with the likeliest of them."""
    likely = dict(zip(task.answers, probabilities, strict=True))
    labels = likeliest(probabilities, task)
    named = task.separator.join(f"{label} ({likely[label]:.2f})" for label in labels)
    if not labels:
        nearest = max(task.answers, key=lambda label: likely[label])
        named = f"{NO_FINDING} ({nearest} {likely[nearest]:.2f})"
    return f"A classifier says: {named}."


def of_cases(tasks: Sequence[Task], of_tsms: Sequence[Sequence[Sequence[float]]]) -> list[str]:
    """For each case, of a task each, what all TSMs answer, one behind the other."""
    of_case = zip(*of_tsms, strict=True)
    return [" ".join(in_words(task, each) for each in likely) for task, likely in zip(tasks, of_case, strict=True)]


def ending_in(instruction: str, words: str) -> str:
    """The question with what the TSM says of the picture behind it."""
    return f"{instruction} {words}"
