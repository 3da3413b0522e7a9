"""What belongs to it, as a reader or a set has drawn it: a grid of inside and outside over the whole picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from core.case import Case
from core.pictures.masks import Inside, inside_of, marked, runs_of
from core.readings.statement import Statement, mean_of
from core.statistics.intervals import Weighted

MOST = 256
"""Cells of a grid's longer side: enough for Dice to its third digit, and a few kilobytes a case."""
Side = Annotated[int, Field(ge=1, le=MOST)]


class Mask(Statement):
    """Kept as run lengths (`core/pictures/masks.py`). A reference has no label: sets don't name their masks."""

    KIND = "mask"
    TITLE = "Mask"
    FIGURES: ClassVar[Mapping[str, str]] = {"dice": "Dice", "iou": "IoU"}

    label: str
    width: Side
    height: Side
    runs: tuple[Annotated[int, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _runs_fill_the_grid(self) -> Self:
        if sum(self.runs) != self.width * self.height or 0 in self.runs[1:]:
            raise ValueError(f"the runs of a mask do not fill its grid of {self.width} x {self.height}")
        return self

    @classmethod
    def of(cls, label: str, inside: Inside) -> Self:
        """Of a grid [height, width] of any size; one that is too large is sampled."""
        height, width = inside.shape
        shrunk = sampled(inside, *(max(1, round(side * min(1, MOST / max(inside.shape)))) for side in (width, height)))
        return cls(label=label, width=shrunk.shape[1], height=shrunk.shape[0], runs=runs_of(shrunk))

    def inside(self) -> Inside:
        return inside_of(self.runs, self.width, self.height)

    def words(self) -> str:
        share = sum(self.runs[1::2]) / (self.width * self.height)
        return ": ".join(filter(None, (self.label, f"{share:.1%} of the picture" if share else "nothing")))

    @classmethod
    def reference(cls, case: Case) -> Self | None:
        return None if case.mask is None else cls.of("", marked(case.mask.load()))

    @classmethod
    def measured(cls, statements: Sequence[Self], references: Sequence[Self]) -> Weighted:
        """On the grid of the reference, so that readers with grids of different sizes are held to the same pixels."""
        overlaps = list(map(_overlap, statements, references))
        return mean_of({"dice": [dice for dice, _ in overlaps], "iou": [iou for _, iou in overlaps]})


def sampled(inside: Inside, width: int, height: int) -> Inside:
    """The grid at another size: each new cell is what its middle lies on, which keeps shares as they are."""
    rows, columns = (_middles(*sides) for sides in ((height, inside.shape[0]), (width, inside.shape[1])))
    return inside[np.ix_(rows, columns)]


def _middles(count: int, cells: int) -> list[int]:
    """Of `count` equal parts, the cell that each part's middle lies on."""
    return [(2 * part + 1) * cells // (2 * count) for part in range(count)]


def _overlap(statement: Mask, reference: Mask) -> tuple[float, float]:
    """Dice and IoU; 1 where both are empty."""
    true = reference.inside()
    drawn = sampled(statement.inside(), reference.width, reference.height)
    both, either = int((true & drawn).sum()), int((true | drawn).sum())
    return (2 * both / (both + either), both / either) if either else (1.0, 1.0)
