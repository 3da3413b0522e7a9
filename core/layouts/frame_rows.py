"""Which frames of DICOM files are wanted, and rows of a table that are about single ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from core.case import Finding
from core.layouts.findings import Findings, about
from core.layouts.instance_rows import Frame, Frames
from core.layouts.instances import Instance
from core.layouts.manifest import EMPTY, Columns
from core.layouts.parts import Extent, PartColumn, PartRows, by_part, not_taken, unnamed

Chosen = Literal["all", "middle", "every nth"]
Numbering = Literal["from 1", "from 0"]


class FrameChoice(Columns):
    """Which frames are wanted of files that hold several, and how a table names them."""

    frames: Chosen = Field(
        "all", title="Frames", description="Of files that hold several pictures: all, the middle one, or every nth."
    )
    nth: int = Field(10, ge=1, le=100_000, title="Every how many frames", description="Where every nth is wanted.")
    frame: str = Field(
        "",
        title="Frame column",
        description="The number of the frame that a row is about; without one a row is about all frames of its file "
        f"that have no row of their own. {EMPTY}",
    )
    numbering: Numbering = Field(
        "from 1", title="Frames are numbered", description="In the frame column, in the order of the file."
    )

    def wanted(self, instances: Sequence[Instance]) -> Iterator[Frame]:
        for instance in instances:
            numbers = range(instance.frames)
            if self.frames == "middle":
                numbers = numbers[instance.frames // 2 : instance.frames // 2 + 1]
            elif self.frames == "every nth":
                numbers = numbers[:: self.nth]
            yield from (Frame(instance, number if instance.frames > 1 else None) for number in numbers)

    @property
    def first(self) -> int:
        """What the first frame is called."""
        return int(self.numbering == "from 1")

    def counting(self) -> str:
        """In words, how the column is taken to count."""
        taken = f"It is taken that {self.first} is the first frame of a file"
        return f"{taken}; choose {self.called('numbering')} if the table counts otherwise."


def by_frame(
    rows: PartRows, frames: Frames, columns: Mapping[str, str], choice: FrameChoice, table: str, findings: Findings
) -> tuple[PartRows, Frames, tuple[Finding, ...]]:
    """Rows that may be about single frames; the frames without those that no row names; and what is to be told."""
    column = PartColumn(table, columns["frame"], "frame", "file", choice.counting())

    def extent_of(file: str) -> Extent:
        count = frames.by_file[file][0].instance.frames
        return Extent(count, choice.first, is_picture=count == 1)

    own = {columns["label"], columns["boxes"], *choice.label_columns}
    rows, over = by_part(rows.rows, column, extent_of, own, findings).among(frames.by_id)
    left_out = {
        file: [frame.id for frame in frames.by_file[file] if frame.id not in rows.of_picture]
        for file in rows.parts
        if file not in rows.wholes
    }
    notes = [*unnamed(column, left_out), *not_taken(column, over, choice.called("frames"))]
    if files := sorted(rows.parts):
        message = f'"{column.column}" of {table} names frames of {len(files):,} files. {column.counting}'
        notes.append(about("frames_named", "note", files, message))
    gone = {name for ids in left_out.values() for name in ids}
    kept = tuple(frame for frame in frames.listed if frame.id not in gone)
    return rows, Frames(frames.tree, kept), tuple(notes)
