"""What is asked about volumes: which of their slices are taken, how these are seen, and how a table counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from core.layouts.manifest import EMPTY, Columns
from core.layouts.parts import Extent
from core.pictures.nifti import AXES, Header, Plane, Seen

Numbering = Literal["as shown", "stored from 0", "stored from 1"]
FIRST: dict[Plane, str] = {"axial": "the lowest", "coronal": "the one furthest back", "sagittal": "the leftmost"}


class SliceChoice(Columns):
    """Which slices of the volumes are taken and how they are seen; and which column says what."""

    slice: str = Field(
        "",
        title="Slice column",
        description="The number of the slice that a row is about; without one a row is about all slices of its volume "
        f"that have no row of their own. {EMPTY}",
    )
    numbering: Numbering = Field(
        "as shown",
        title="Slices are numbered",
        description="In the slice column. As shown: from 1, the lowest, the one furthest back or the leftmost. Stored "
        "from 0 or 1: along the array axis across the plane in the order of the file, as in voxels[:, :, 0].",
    )
    plane: Plane = Field(
        "axial", title="Plane", description="Slices of the body along this plane, whatever order voxels are stored in."
    )
    first: int | None = Field(
        None, ge=1, title="First slice", description="1 is the lowest, the one furthest back, or the leftmost."
    )
    last: int | None = Field(None, ge=1, title="Last slice", description="Empty: to the end of each volume.")
    every: int = Field(1, ge=1, le=10_000, title="Every nth slice", description="Of those from the first to the last.")
    count: int | None = Field(
        None,
        ge=1,
        title="Slices of a volume",
        description="At most so many, evenly spread over those that are left; 1 is the middle one. Empty: all.",
    )
    time: int = Field(
        0, ge=0, le=100_000, title="Point in time", description="Of volumes that have several; 0 is the first."
    )
    center: float | None = Field(
        None,
        ge=-1e9,
        le=1e9,
        title="Window centre",
        description="In what the volume measures, like Hounsfield units. Empty: a share of what each volume holds.",
    )
    width: float | None = Field(None, gt=0, title="Window width", description="From black to white; with a centre.")
    darkest: float = Field(
        0.5,
        ge=0,
        le=100,
        title="Black below (percent)",
        description="Of all voxels of the volume, so that its slices are seen alike; without a window of your own.",
    )
    brightest: float = Field(
        99.5, ge=0, le=100, title="White above (percent)", description="Of all voxels of the volume."
    )
    is_square: bool = Field(
        True,
        title="Stretch oblong voxels",
        description="Where voxels are further apart one way than the other, so that shapes are true; between voxels "
        "levels are interpolated.",
    )

    @model_validator(mode="after")
    def _fits(self) -> SliceChoice:
        if self.first and self.last and self.first > self.last:
            raise ValueError("the first slice comes after the last")
        if (self.center is None) != (self.width is None):
            raise ValueError("a window has both a centre and a width")
        if self.darkest >= self.brightest:
            raise ValueError("black is not below white")
        return self

    def within(self, slices: int) -> range:
        """Those of a volume's slices of which `count` takes some."""
        return range(self.first or 1, min(slices, self.last or slices) + 1, self.every)

    def spread(self, left: Sequence[int]) -> list[int]:
        """The middles of so many equal parts."""
        if self.count is None or self.count >= len(left):
            return list(left)
        return [left[int((place + 0.5) * len(left) / self.count)] for place in range(self.count)]

    def seen(self) -> Seen:
        return Seen(self.darkest, self.brightest, self.center, self.width)

    def extent(self, header: Header) -> Extent:
        """How a table counts the slices of a volume."""
        slices = header.slices(self.plane)
        if self.numbering == "as shown":
            return Extent(slices)
        return Extent(slices, int(self.numbering == "stored from 1"), header.is_reversed[AXES[self.plane][0]])

    def counting(self) -> str:
        """In words, how it is taken to count."""
        stored = f"{int(self.numbering == 'stored from 1')} is the first in the order in which voxels are stored"
        first = f"1 is {FIRST[self.plane]}" if self.numbering == "as shown" else stored
        return f"It is taken that {first}; choose {self.called('numbering')} if the table counts otherwise."
