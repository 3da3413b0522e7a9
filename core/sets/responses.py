"""Tasks of several labels in which two sets of labels would be said by the same words, so that no reader could be right
about both: {"A", "B"} and the label "A, B", or a label that is called like what is said of none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from core.case import NO_FINDING, ImageSet, Task
from core.errors import DataError

Names = tuple[str, ...]


def said_alike(task: Task) -> tuple[Names, Names] | None:
    """Two sets of labels that have one response, as few labels as may be; None where every set has its own."""
    if task.kind != "multi":
        return None
    of_none = next((name for name in task.answers if name.strip().casefold() == NO_FINDING), None)
    return ((), (of_none,)) if of_none is not None else _joined_alike(task.answers, task.separator)


def shared_words(task: Task) -> str | None:
    """What is wrong with such a task, and what to do; None where nothing is."""
    pair = said_alike(task)
    if pair is None:
        return None
    first, second = pair
    if not first:
        return (
            f'The label "{second[0]}" can\'t be told from a case without any label: both are answered with '
            f'"{NO_FINDING}". Leave the label out (a case without labels says it), or give it another name.'
        )
    alike = task.separator.join(first)
    return (
        f'The labels {_listed(first)} together and {_listed(second)} would be answered with the same words, "{alike}", '
        "so that no reader could say which is meant. Let another sign stand between labels, or rename one of them."
    )


def refuse_shared(task: Task) -> None:
    if words := shared_words(task):
        raise DataError(words)


def refuse_shared_of_new(image_set: ImageSet) -> None:
    """Versions that a studio keeps already go on as they are; their check warns."""
    if image_set.version is None:
        refuse_shared(image_set.task)


def _joined_alike(answers: Names, sign: str) -> tuple[Names, Names] | None:
    """Both sides grow label by label, the shorter one always next, as long as one begins with the other. What the
    longer has over and where both stand decides all that may follow, so each such state is looked at once."""
    waiting = deque(_overhangs(answers, sign))
    seen = set()
    while waiting:
        shorter, longer, over = waiting.popleft()
        if (state := (shorter[-1], longer[-1], over)) in seen:
            continue
        seen.add(state)
        for place in range(shorter[-1] + 1, len(answers)):
            word = answers[place] + sign
            grown = (*shorter, place)
            if word == over:
                ends = sorted((grown, longer), key=lambda places: (-len(places), places))
                return tuple(answers[end] for end in ends[0]), tuple(answers[end] for end in ends[1])
            if over.startswith(word):
                waiting.append((grown, longer, over[len(word) :]))
            elif word.startswith(over):
                waiting.append((longer, grown, word[len(over) :]))
    return None


def _overhangs(answers: Names, sign: str) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], str]]:
    """A label that begins with another one and the sign, and what it has beyond."""
    for longer, name in enumerate(answers):
        for shorter, beginning in enumerate(answers):
            if shorter != longer and name.startswith(beginning + sign):
                yield (shorter,), (longer,), (name + sign)[len(beginning + sign) :]


def _listed(names: Names) -> str:
    quoted = [f'"{name}"' for name in names]
    return " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
