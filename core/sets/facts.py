"""What a set's truth says of a case for certain, fact by fact: what is there and what is not, where, how large, how
many, of which kind. From labels, boxes and further columns alone; what lies near a limit gives no fact.

A fact is a true sentence of which one word is known, and which words in its place would make it false.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.case import NO_FINDING, Box, Case, ImageSet, Task
from core.sets.box_words import OPPOSITE, Lengths, Margins, usual_lengths, words_of

FactKind = Literal["place", "side", "size", "count", "negation", "severity", "attribute"]
FACT_KINDS: Mapping[FactKind, str] = {
    "place": "Upper or lower",
    "side": "Left or right",
    "size": "Size",
    "count": "Number",
    "negation": "There or not",
    "severity": "Severity",
    "attribute": "Attributes",
}
"""With the titles of their figures, in the order in which they are told."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FEWEST_VALUES, MOST_VALUES = 2, 8
NOT_PLURAL = ("ss", "us", "is", "pancreas")


@dataclass(frozen=True)
class Fact:
    """`before`, `word` and `after` are a true sentence; with one of the `others` for the word it is a false one."""

    kind: FactKind
    before: str
    word: str
    after: str
    others: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return self.with_word(self.word)

    def with_word(self, word: str) -> str:
        return f"{self.before}{word}{self.after}"


@dataclass(frozen=True)
class Yardsticks:
    """What the cases of one set are measured by: its question; of each kind of box the usual length and how many
    there are in one picture or another; the values of columns that have a few of one word each."""

    task: Task
    lengths: Lengths
    counts: Mapping[str, tuple[int, ...]]
    attributes: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, image_set: ImageSet) -> Yardsticks:
        counts: dict[str, set[int]] = defaultdict(set)
        columns: dict[str, list[str]] = defaultdict(list)
        for case in image_set.cases:
            for label, boxes in boxes_by_label(case).items():
                counts[label].add(len(boxes))
            for column, cell in case.more.items():
                columns[column].append(cell.strip())
        words = {column: _few_words(cells) for column, cells in columns.items()}
        return cls(
            image_set.task,
            usual_lengths(image_set.cases),
            {label: tuple(sorted(of_label)) for label, of_label in counts.items()},
            {column: values for column, values in words.items() if values},
        )


def _few_words(cells: Iterable[str]) -> tuple[str, ...]:
    """The values of a column whose cells are one of a few words; of any other column nothing."""
    values = sorted({cell for cell in cells if cell})
    are_words = all(value.replace("-", "").isalpha() for value in values)
    return tuple(values) if are_words and FEWEST_VALUES <= len(values) <= MOST_VALUES else ()


def facts_of(case: Case, yardsticks: Yardsticks, margins: Margins) -> tuple[Fact, ...]:
    """All that is certain of a case, kind by kind."""
    task = yardsticks.task
    severities = _severity(task, case.labels[0]) if task.kind == "ordinal" and case.labels else ()
    facts = (
        *(fact for boxes in boxes_by_label(case).values() for fact in _of_boxes(boxes, yardsticks, margins)),
        *(_presence(label, is_there) for label, is_there in presences(case, yardsticks) if task.kind != "ordinal"),
        *severities,
        *_attributes(case, yardsticks),
    )
    return tuple(sorted(facts, key=lambda fact: list(FACT_KINDS).index(fact.kind)))


def boxes_by_label(case: Case) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = defaultdict(list)
    for box in case.boxes or ():
        boxes[box.label].append(box)
    return boxes


def presences(case: Case, yardsticks: Yardsticks) -> list[tuple[str, bool]]:
    """Every answer and every kind of box, and whether the case has it; that nothing is found is no thing to have. Where
    nobody looked for boxes, nothing is known about kinds of boxes that are no answers; where a label and a box of it
    disagree, nothing about either."""
    answers = [answer for answer in yardsticks.task.answers if answer != NO_FINDING]
    boxed = {box.label for box in case.boxes or ()}
    kinds = [label for label in yardsticks.lengths if label not in answers]
    of_boxes = [(label, label in boxed) for label in kinds] if case.boxes is not None else []
    of_labels = [(label, label in case.labels) for label in answers if label in case.labels or label not in boxed]
    return of_labels + of_boxes


def _of_boxes(boxes: Sequence[Box], yardsticks: Yardsticks, margins: Margins) -> Iterator[Fact]:
    """How many boxes of one kind there are, beside the numbers of other pictures; of a lone one where it is and how
    large. Where all pictures have as many, no number is wrong that a reader could have learned from a picture."""
    label = boxes[0].label
    if len(boxes) < len(NUMBERS):
        counts = [count for count in yardsticks.counts.get(label, ()) if count < len(NUMBERS)]
        others = tuple(NUMBERS[count] for count in counts if count != len(boxes))
        yield Fact("count", "The picture shows ", NUMBERS[len(boxes)], f" of the kind {label}.", others)
    if len(boxes) > 1:
        return
    words = words_of(boxes[0], yardsticks.lengths, margins)
    before, after = f"The {label} is in the ", " half of the picture."
    if words.down:
        yield Fact("place", before, words.down, after, (OPPOSITE[words.down],))
    if words.across:
        yield Fact("side", before, words.across, after, (OPPOSITE[words.across],))
    if words.size:
        yield Fact("size", f"The {label} is ", words.size, ".", (OPPOSITE[words.size],))


def is_plural(label: str) -> bool:
    return label.endswith("s") and not label.endswith(NOT_PLURAL)


def article(label: str) -> str:
    """Letters that are spelled out go by their names: an RBC, a WBC."""
    first = label.split()[0]
    return "an" if first[0].lower() in ("AEFHILMNORSX".lower() if is_spelled_out(first) else "aeiou") else "a"


def is_spelled_out(word: str) -> bool:
    return word.isalpha() and word.isupper()


def _presence(label: str, is_there: bool) -> Fact:
    verb, some = ("are", "some") if is_plural(label) else ("is", article(label))
    word, other = (some, "no") if is_there else ("no", some)
    return Fact("negation", f"There {verb} ", word, f" {label}.", (other,))


def _severity(task: Task, answer: str) -> tuple[Fact, ...]:
    """Where other answers differ from the right one in a single word, the fact that this word holds."""
    words, others = answer.split(), defaultdict[int, list[str]](list)
    for rival in task.answers:
        rival_words = rival.split()
        if len(rival_words) != len(words):
            continue
        differing = [place for place, word in enumerate(words) if word != rival_words[place]]
        if len(differing) == 1:
            others[differing[0]].append(rival_words[differing[0]])
    if not others:
        return ()
    place, rivals = max(others.items(), key=lambda entry: len(entry[1]))
    before = " ".join(["The severity is", *words[:place], ""])
    after = "".join(f" {word}" for word in words[place + 1 :])
    return (Fact("severity", before, words[place], f"{after}.", tuple(rivals)),)


def _attributes(case: Case, yardsticks: Yardsticks) -> Iterator[Fact]:
    for column, values in yardsticks.attributes.items():
        if value := case.more.get(column, "").strip():
            name = column.replace("_", " ")
            yield Fact("attribute", f"The {name} is ", value, ".", tuple(other for other in values if other != value))
