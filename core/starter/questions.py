"""What is asked about a drawn picture, and the right answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.starter.drawing import Drawing, pick
from core.starter.looks import draw

DESCRIBE = ("Describe this image.", "What does this image show?", "Describe the picture.", "describe this image")
WHAT = ("What is the {noun}?", "Tell me the {noun}.", "{noun}?")
CHOICES = (
    "What is the {noun}? The possible answers are: {list}.",
    "Analyze the given {kind} image. The possible {noun} answers are: {list}.",
    "Analyze the given {kind} image. Which {noun} is it: {list}?",
)

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


def ask(rng: np.random.Generator, drawing: Drawing, values: dict[str, tuple[str, ...]]) -> tuple[str, str]:
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


def talk(rng: np.random.Generator, drawing: Drawing, values: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """The turns of one training example: a description, or three questions."""
    if rng.random() < 0.35:
        return [(pick(rng, DESCRIBE), drawing.caption + ".")]
    return [ask(rng, drawing, values) for _ in range(3)]
