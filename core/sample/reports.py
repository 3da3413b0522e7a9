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
from core.starter.canvas import Plane
from core.starter.cells import Cell
from core.starter.drawing import amount, article, pick

MIDDLE = 0.03
"""A cell whose centre is this near to the middle line, as a share of the picture, is on neither side of it."""
SIZES, RADII = ("small", "medium", "large"), (0.28, 0.32)
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
    looks = f"{amount(cell.radius, RADII, SIZES)} {tone}".strip()
    words = {
        "looks": looks,
        "Looks": looks.capitalize(),
        "place": place(cell),
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


def place(cell: Cell) -> str:
    """As in "upper left", "lower half", "centre"."""
    row = amount(cell.y, (0.5 - MIDDLE, 0.5 + MIDDLE), ("upper", "", "lower"))
    column = amount(cell.x, (0.5 - MIDDLE, 0.5 + MIDDLE), ("left", "", "right"))
    if row and column:
        return f"{row} {column}"
    return f"{row or column} half" if row or column else "centre"


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
