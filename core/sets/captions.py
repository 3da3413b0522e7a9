"""What a picture is called: short captions to hold against pictures, long ones to be written (arXiv 2412.04378).

They come from what a set brings: its labels, what else it knows of a case, reports, or a column of one's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from core.case import Box, Case, ImageSet, Task
from core.errors import DataError
from core.sets.box_words import Lengths, length, words_of
from core.settings import Settings

Source = Literal["labels", "attributes", "report", "column"]
SENTENCE = re.compile(r"(?<=[.!?])\s+")


class CaptionSettings(Settings):
    """Where captions come from."""

    captions: Source = Field(
        "labels",
        title="Captions from",
        description="labels: the label's name; attributes: with all else that the set says of the case, like columns "
        "and the places of boxes; report: the first sentence of its report; column: a column that is named below.",
    )
    caption_column: str = Field(
        "", title="Column of captions", description="Its name in the table of the images, where captions are a column."
    )


@dataclass(frozen=True)
class Caption:
    """What is said of a case in short and at length, as it stands in its set: models count it in their tokens."""

    short: str
    long: str


def caption(case: Case, task: Task, settings: CaptionSettings, usual: Lengths) -> Caption:
    """What is said of a case of a set whose boxes are usually so long. A set that has no text of a case was refused
    before."""
    if settings.captions in ("report", "column"):
        text = _written(case, settings).strip()
        return Caption(SENTENCE.split(text, maxsplit=1)[0], text)
    short = called(task, case.labels)
    if settings.captions == "attributes":
        short = ", ".join([short, *attributes(case, usual)])
    return Caption(short, described(case, task, usual))


def called(task: Task, labels: Sequence[str]) -> str:
    """The phrase for some labels: candidate answers are called so too."""
    return task.response(labels)


def attributes(case: Case, usual: Lengths) -> list[str]:
    """What else the set says of a case, in a few words each: columns of its own, size and place of what is boxed."""
    columns = [f"{value} {name}" for name, value in case.more.items() if value.strip()]
    return [*columns, *(_placed(box, times, usual) for box, times in _boxed(case))]


def described(case: Case, task: Task, usual: Lengths) -> str:
    """Whole sentences of everything that is known of a case, and of what it is not."""
    labels = task.in_order(case.labels)
    others = [answer for answer in task.answers if answer not in labels]
    sentences = [f"This is a {task.modality} image.", f"What it shows is called {task.response(labels)}."]
    sentences += [f"Its {name} is {value}." for name, value in case.more.items() if value.strip()]
    sentences += [f"There is {_placed(box, times, usual)}." for box, times in _boxed(case)]
    if others:
        sentences.append(f"It is not called {' or '.join(others)}, which other images of this kind may be.")
    return " ".join(sentences)


def refuse_untold(image_set: ImageSet, settings: CaptionSettings) -> None:
    """Raises a DataError where captions are to come from a text that cases don't have."""
    if settings.captions in ("labels", "attributes"):
        return
    name = "report" if settings.captions == "report" else f'column "{settings.caption_column}"'
    columns = list(dict.fromkeys(column for case in image_set.cases for column in case.more))
    if settings.captions == "column" and settings.caption_column not in columns:
        has = f"It has: {', '.join(columns)}." if columns else "It has none beside those with a role of their own."
        raise DataError(f"The cases of {image_set.name} have no {name} for captions. {has} Name one of its columns.")
    silent = [case.id for case in image_set.cases if not _written(case, settings).strip()]
    if silent:
        raise DataError(
            f"The {name} of {image_set.name}, from which captions were to come, is empty for {len(silent):,} of "
            f'{len(image_set.cases):,} cases, "{silent[0]}" the first of them. Fill it in, leave these cases out, or '
            "take captions from labels."
        )


def within(text: str, most: int, length: Callable[[str], int]) -> str:
    """As many whole words of a text as have at most so many tokens."""
    words = text.split()[: max(1, most)]  # a word has at least one token
    while len(words) > 1 and length(" ".join(words)) > most:
        words.pop()
    return " ".join(words)


def _written(case: Case, settings: CaptionSettings) -> str:
    return (case.report or "") if settings.captions == "report" else case.more.get(settings.caption_column, "")


def _boxed(case: Case) -> list[tuple[Box, int]]:
    """The largest box of each name, with how many there are."""
    boxes = case.boxes or ()
    counts = Counter(box.label for box in boxes)
    by_size = sorted(boxes, key=length, reverse=True)
    largest = {box.label: box for box in reversed(by_size)}
    return [(largest[label], counts[label]) for label in counts]


def _placed(box: Box, times: int, usual: Lengths) -> str:
    words = words_of(box, usual)
    several = f", {times} of them" if times > 1 else ""
    return f"a {f'{words.size} {box.label}'.strip()} in the {words.place}{several}"
