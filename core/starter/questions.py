"""What is asked about a drawn picture, and the right answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.starter.drawing import Drawing, pick
from core.starter.looks import draw
from core.starter.words import ANSWER_NAMES, MODALITY_NAMES

DESCRIBE = ("Describe this image.", "What does this image show?", "Describe the picture.", "describe this image")
WHAT = ("What is the {noun}?", "Tell me the {noun}.", "{noun}?")
CHOICES = (
    "What is the {noun}? The possible answers are: {list}.",
    "Analyze the given {kind} image. The possible {noun} answers are: {list}.",
    "Analyze the given {kind} image. Which {noun} is it: {list}?",
)
TASKS = (
    "Analyze the given {kind} image. The possible diagnoses are: {list}.",
    "Analyze the given {kind} image. The possible diagnoses are: {list}.",
    "Analyze the given {kind} image. The possible answers are: {list}.",
    "What does this {kind} image show? Choose one of: {list}.",
)
RECALLS = (
    "The possible diagnoses are: {list}. Say the {place} of them.",
    "The possible answers are: {list}. Repeat the {place}.",
    "Which is the {place} of these: {list}?",
)
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
SYLLABLES = tuple("ba co di el fu gra hem in jo ka lo mye na oma pla ri sto tis ul ven xan zy path cyt ter".split())
LONGEST_LIST = 100  # letters of all names together

PICTURES = 3000


@dataclass(frozen=True)
class Survey:
    """What drawings are found to hold: each noun's values, each measure's name, some captions."""

    values: dict[str, tuple[str, ...]]
    measures: tuple[str, ...]
    captions: tuple[str, ...]


def survey(seed: int) -> Survey:
    rng = np.random.default_rng([seed, 1])
    values: dict[str, set[str]] = {}
    measures: set[str] = set()
    captions: list[str] = []
    for _ in range(PICTURES):
        drawing = draw(rng, 16)
        captions.append(drawing.caption)
        measures.update(drawing.measures)
        for noun, value in drawing.facts.items():
            values.setdefault(noun, set()).add(value)
    return Survey(
        {noun: tuple(sorted(values[noun])) for noun in sorted(values)}, tuple(sorted(measures)), tuple(captions)
    )


def fact_question(rng: np.random.Generator, drawing: Drawing, values: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    """A question about one fact of a picture, with its answer."""
    noun = pick(rng, list(drawing.facts))
    value, form = drawing.facts[noun], rng.random()
    others = [other for other in values.get(noun, ()) if other != value]
    if not others or form < 0.45:
        return pick(rng, WHAT).format(noun=noun), value
    if form < 0.65:
        is_so = rng.random() < 0.5
        return f"Is the {noun} {value if is_so else pick(rng, others)}?", "yes" if is_so else "no"
    rivals = list(rng.choice(others, min(len(others), int(rng.integers(1, 8))), replace=False))
    listed = ", ".join(str(answer) for answer in rng.permutation([value, *rivals]))
    return pick(rng, CHOICES).format(noun=noun, list=listed, kind=drawing.facts["kind of image"]), value


def choice_question(rng: np.random.Generator, drawing: Drawing, values: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    """The question that tuning asks: one of some names. Where no name fits the picture, each is as good as the next.

    So any name that a question lists can be said, and an untuned model spreads its belief over names that it does not
    know instead of saying something else.
    """
    noun = pick(rng, list(drawing.facts))
    right, choices = drawing.facts[noun], values.get(noun, ())
    if rng.random() < 0.4 and len(choices) > 1:
        rivals = [other for other in choices if other != right]
        listed = [right, *rng.choice(rivals, min(len(rivals), int(rng.integers(1, 8))), replace=False)]
    else:
        listed = [_name(rng) for _ in range(int(rng.integers(2, 9)))]
        right = pick(rng, listed)
    while sum(len(name) for name in listed) > LONGEST_LIST and len(listed) > 2:
        listed.remove(next(name for name in listed if name != right))
    names = ", ".join(str(name) for name in rng.permutation(listed))
    kind = pick(rng, MODALITY_NAMES) if rng.random() < 0.5 else drawing.facts["kind of image"]
    return pick(rng, TASKS).format(noun=noun, list=names, kind=kind), right


def recall_question(rng: np.random.Generator) -> tuple[str, str]:
    """A question whose answer stands in it. Only where the right name is certain do names come apart in the output."""
    listed = list(dict.fromkeys(_name(rng) for _ in range(int(rng.integers(2, 9)))))
    while sum(len(name) for name in listed) > LONGEST_LIST:
        listed.pop()
    place = int(rng.integers(len(listed)))
    return pick(rng, RECALLS).format(list=", ".join(listed), place=PLACES[place]), listed[place]


def _name(rng: np.random.Generator) -> str:
    """A label as people write them: a known word, or a made-up one of a few syllables."""
    if rng.random() < 0.7:
        return pick(rng, ANSWER_NAMES)
    return "".join(pick(rng, SYLLABLES) for _ in range(int(rng.integers(2, 5))))


def naming(rng: np.random.Generator, drawing: Drawing, values: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """The turns of an example of the second part: a choice among names, a name said again, else as in the first."""
    form = rng.random()
    if form < 0.4:
        return [choice_question(rng, drawing, values)]
    return [recall_question(rng)] if form < 0.75 else talk(rng, drawing, values)


def talk(rng: np.random.Generator, drawing: Drawing, values: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """The turns of one training example: a description, or three questions."""
    if rng.random() < 0.35:
        return [(pick(rng, DESCRIBE), drawing.caption + ".")]
    return [fact_question(rng, drawing, values) for _ in range(3)]
