"""What somebody would write who looked at a drawn cell: a short sentence to be searched for, then a description.

Everything in it is known from the drawing: where the cell is, how large and how dark, its stain, nucleus and granules,
and what it does not have. It tells what is drawn, whatever label the table gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.case import Box
from core.sample.people import Subject
from core.sets.box_words import Margins, size_word, words_of
from core.starter.canvas import Plane
from core.starter.cells import Cell
from core.starter.drawing import amount, article, pick

MARGINS = Margins()
USUAL_RADIUS = 0.3
"""Of a drawn cell: halfway between the smallest and the largest."""
TONES, LEVELS = ("dark", "", "pale"), (165.0, 185.0)
"""By the mean of all pixels of the cell, of 255."""
SHAPES = {"round": "round", "oval": "oval", "bean": "bean-shaped", "band": "band-shaped"}
GRANULES = {
    "no": "There are no granules.",
    "few": "A few fine granules are scattered over it.",
    "many": "Many fine granules fill it.",
    "coarse": "Coarse granules fill it.",
}
CHROMATIN = {"smooth": "smooth and even", "clumped": "clumped", "speckled": "speckled"}
SHORT = (
    "{Looks} cell, {place}, with {nucleus}, {stain} stain.",
    "{Looks} cell in the {place}, with {nucleus}, stained {stain}.",
    "A {looks} cell, {place}, {nucleus}; its stain is {stain}.",
)
LONG = (
    "The picture shows a {label}. Its nucleus is {shape} and spans about {share} percent of the width of the cell; its "
    "chromatin is {chromatin}. {granules} {absent}",
    "This is a {label}: the {shape} nucleus has {chromatin} chromatin and about {share} percent of the width of the "
    "cell. {granules} {absent}",
)


@dataclass(frozen=True)
class Seen:
    """What is measured in the picture itself: the mean level of the cell's pixels, and both boxes."""

    level: float
    cell: Box
    nucleus: Box

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], body: Plane, boxes: Mapping[str, Box]) -> Seen:
        return cls(float(pixels[body < 0].mean()), boxes["cell"], boxes["nucleus"])


def report(subject: Subject, seen: Seen) -> str:
    """The short sentence, then the description; the subject's own seed chooses the words."""
    rng, cell = np.random.default_rng([subject.seed, 1]), subject.cell
    shape, tone = SHAPES.get(cell.form, cell.form), amount(seen.level, LEVELS, TONES)
    size = size_word(cell.radius, USUAL_RADIUS, MARGINS) or "medium"
    looks = f"{size} {tone}".strip()
    words = {
        "looks": looks,
        "Looks": looks.capitalize(),
        "place": place(seen.cell),
        "nucleus": f"{article(shape)} nucleus",
        "shape": shape,
        "stain": subject.stain.name,
        "label": subject.label if "cell" in subject.label else f"cell with a {subject.label}",
        "share": str(share(seen)),
        "chromatin": CHROMATIN[cell.chromatin],
        "granules": GRANULES[cell.granules],
        "absent": absent(cell),
    }
    return " ".join(pick(rng, forms).format_map(words) for forms in (SHORT, LONG))


def place(cell: Box) -> str:
    """As in "upper left", "lower half", "centre"."""
    words = words_of(cell, {}, MARGINS)
    if words.down and words.across:
        return words.place
    return f"{words.place} half" if words.down or words.across else "centre"


def share(seen: Seen) -> int:
    """Of the cell's width that its nucleus spans, in percent, to the nearest ten."""
    widths = [box.right - box.left for box in (seen.nucleus, seen.cell)]
    return 10 * round(10 * widths[0] / widths[1])


def absent(cell: Cell) -> str:
    """What the cell does not have that others have."""
    if cell.form.endswith("lobed"):
        return "The nucleus is not in one round piece, and it is not bent like a bean."
    if cell.form in ("bean", "band"):
        return "The nucleus has no lobes, and it is not round."
    return "The nucleus has no lobes, and it is not bent like a bean."
