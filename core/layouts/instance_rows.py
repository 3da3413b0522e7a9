"""Which rows of a table are about which DICOM pictures: by file, or by the id of picture, series, study or patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from core.case import Pixels
from core.errors import DataError
from core.layouts.files import Tree
from core.layouts.findings import Findings
from core.layouts.instances import Instance
from core.layouts.lookup import Lookup
from core.layouts.parts import PartRow
from core.layouts.table import Table, likely_column, value
from core.pictures.dicom import DicomPixels

Key = Literal["picture", "file", "series", "study", "patient"]
KEYS: tuple[Key, ...] = get_args(Key)
"""Those that mean least first: where a row has several, it is about the smallest."""
ID_OF: Mapping[Key, str] = {
    "picture": "SOPInstanceUID",
    "series": "SeriesInstanceUID",
    "study": "StudyInstanceUID",
    "patient": "PatientID",
}
MOST_TRIED = 500


@dataclass(frozen=True)
class Frame:
    """One picture of a file; its number is None where the file holds but one."""

    instance: Instance
    number: int | None = None

    @property
    def id(self) -> str:
        return self.instance.name if self.number is None else f"{self.instance.name}#{self.number + 1}"

    @property
    def more(self) -> dict[str, str]:
        return self.instance.more | {"window": self.instance.window(self.number or 0)}


@dataclass(frozen=True)
class Frames:
    """All pictures that are wanted, among the files that they lie in."""

    tree: Tree
    listed: tuple[Frame, ...]

    @cached_property
    def by_id(self) -> dict[str, Frame]:
        return {frame.id: frame for frame in self.listed}

    @cached_property
    def by_file(self) -> dict[str, list[Frame]]:
        of_file: dict[str, list[Frame]] = {}
        for frame in self.listed:
            of_file.setdefault(frame.instance.name, []).append(frame)
        return of_file

    @cached_property
    def _beside(self) -> Lookup:
        return Lookup(self.tree.pictures(), "")

    def pictures(self) -> Sequence[str]:
        return list(self.by_id)

    def pixels(self, name: str) -> Pixels:
        frame = self.by_id.get(name)
        return self.tree.pixels(name) if frame is None else DicomPixels(frame.instance.source, frame.number)

    def find(self, named: str) -> str:
        """A picture by its id; else a mask that lies beside as a file of its own."""
        return named if named in self.by_id else self._beside.find(named)


class Places:
    """The pictures that a cell may mean, for each kind of key."""

    def __init__(self, frames: Frames, folder: str) -> None:
        self._frames = frames
        self._of: dict[str, list[str]] = defaultdict(list)
        self._by_id: dict[Key, dict[str, list[str]]] = {key: defaultdict(list) for key in ID_OF}
        for frame in frames.listed:
            self._of[frame.instance.name].append(frame.id)
            for key, keyword in ID_OF.items():
                if written := frame.instance.ids.get(keyword):
                    self._by_id[key][written].append(frame.id)
        self._patients: dict[str, set[str]] = defaultdict(set)
        for patient in self._by_id["patient"]:
            self._patients[patient.lstrip("0")].add(patient)
        self._files = Lookup(self._of, folder)

    def ids(self, cell: str, key: Key) -> list[str]:
        """Of the pictures that a cell means; a DataError, to be put after "Row 3 of labels.csv", where none."""
        written = value(cell)
        if key == "file":
            return [written] if written in self._frames.by_id else self._of[self._files.find(written)]
        if key == "patient" and written not in self._by_id[key]:
            # A spreadsheet takes 000123 for a number; where only one patient can be meant, it is that one.
            without_zeros = self._patients.get(written.lstrip("0"), set())
            written = next(iter(without_zeros)) if len(without_zeros) == 1 else written
        if written not in self._by_id[key]:
            raise DataError(
                f'names the {key} "{written}", of which there is no DICOM file ({ID_OF[key]}). '
                "Add it or remove the row."
            )
        return self._by_id[key][written]

    def of_files(self, cell: str, key: Key) -> dict[str, list[str]]:
        """The same, by the file that they lie in."""
        of_file: dict[str, list[str]] = {}
        for picture in self.ids(cell, key):
            of_file.setdefault(self._frames.by_id[picture].instance.name, []).append(picture)
        return of_file

    def count_apart(self, cells: Iterable[str], key: Key) -> int:
        """How many cells mean pictures that no cell before them means: rows of the same patient are not about him."""
        met = set[str]()
        count = 0
        for cell in cells:
            if first := self._first(cell, key):
                count += first not in met
                met.add(first)
        return count

    def _first(self, cell: str, key: Key) -> str:
        """The first picture that a cell means, by which it is told from others; nothing where it means none."""
        try:
            return next(iter(self.ids(cell, key)), "") if value(cell) else ""
        except DataError:
            return ""


def key_of(table: Table, places: Places, column: str, key: Key | None, frame: str) -> tuple[str, Key]:
    """The column by which most rows find pictures of their own, and as what; what was chosen is kept to. Numbers of
    frames, in their own column, may look like those of patients."""
    if column and column not in table.header:
        raise DataError(f'{table.name} has no column "{column}". It has: {", ".join(table.header)}. Name one of these.')
    columns = [column] if column else [name for name in table.header if name and name != frame]
    keys: Sequence[Key] = [key] if key else KEYS
    rows = [row for _, row in table.rows[:MOST_TRIED]]
    sure = column or likely_column(table.header, "image")
    counts = {
        (name, kind): places.count_apart(
            [
                cell
                for cell in (row.get(name, "") for row in rows)
                if kind != "file" or name == sure or not cell.strip().isdigit()  # a number of rows is no name
            ],
            kind,
        )
        for kind in keys
        for name in columns
    }
    best = max(counts, key=lambda pair: counts[pair], default=None)
    if best is None or not counts[best]:
        which = f'The column "{column}"' if column else "No column"
        does = "names no DICOM file, nor does it hold" if column else "names the DICOM files or holds"
        raise DataError(
            f"{which} of {table.name} {does} their SOP instance, series, study or patient ids. "
            f"It has: {', '.join(table.header)}. {'Choose another one, or none.' if column else 'Add such a column.'}"
        )
    return best


def rows_of_files(
    table: Table, places: Places, column: str, key: Key, kept: set[str], findings: Findings
) -> Iterator[PartRow]:
    """For each file that a row means, the row without the key's column, unless that has a role of its own."""
    for number, row in table.rows:
        cell = row.get(column, "")
        rest = row if column in kept else {name: text for name, text in row.items() if name != column}
        try:
            pictures = places.of_files(cell, key)
        except DataError as error:
            findings.add("missing_image", "error", cell, f"Row {number} of {table.name} {error}")
            continue
        for file, of_file in pictures.items():
            yield PartRow(number, rest, file, tuple(of_file))
