"""Rows of a table that are about one part of a file: a slice of a volume, a frame of a DICOM file.

A column says which, and a row that leaves it empty is about the whole file. What is said of a part goes before what is
said of the whole; what a part's row leaves empty, its labels and boxes apart, is that of the whole's row.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from core.case import Finding
from core.errors import DataError
from core.layouts.findings import Findings, about
from core.layouts.table import Table, value

ROW_OF = "\0picture"
"""The column that is put into a table: which of the pictures a row is about."""
NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True)
class Extent:
    """How many parts a file has, and how a table counts them: from `first` on, maybe from the other end."""

    count: int
    first: int = 1
    is_backwards: bool = False
    is_picture: bool = False
    """Whether the file is the one picture, and is called without a number."""

    def picture(self, file: str, part: int) -> str:
        return file if self.is_picture else f"{file}#{part}"

    def part(self, number: int) -> int | None:
        """The part (1 is the first) that a table calls so; None where there is no such part."""
        place = number - self.first
        if not 0 <= place < self.count:
            return None
        return self.count - place if self.is_backwards else place + 1


@dataclass(frozen=True)
class PartColumn:
    """The column of a table that names parts, like the `noun` "slice" of the `whole` "volume"."""

    table: str
    column: str
    noun: str
    whole: str
    counting: str
    """How it is taken to count, and how to say that it counts otherwise."""

    def number(self, cells: Mapping[str, str]) -> int | None:
        """None where a row is about a whole; a DataError, to be put after "Row 3 of labels.csv", for no number."""
        cell = value(cells.get(self.column, ""))
        if cell and not NUMBER.fullmatch(cell):
            raise DataError(
                f'has "{cell}" in the column "{self.column}", which takes the number of a {self.noun}. Correct it, or '
                f"leave it empty if the row is about the whole {self.whole}."
            )
        return int(cell) if cell else None


@dataclass(frozen=True)
class PartRow:
    """A row, as far as it is about one file: its pictures that the row means, or the part that it names."""

    number: int
    cells: Mapping[str, str]
    file: str
    pictures: tuple[str, ...]
    part: int | None = None


@dataclass(frozen=True)
class PartRows:
    """All rows of a table, each about pictures that are its own; without a column none names a part."""

    rows: tuple[PartRow, ...] = ()
    column: PartColumn | None = None

    @cached_property
    def parts(self) -> Mapping[str, frozenset[int]]:
        """Of each file that has such rows, the parts that have a row of their own."""
        named = defaultdict[str, set[int]](set)
        for row in self.rows:
            if row.part is not None:
                named[row.file].add(row.part)
        return {file: frozenset(parts) for file, parts in named.items()}

    @cached_property
    def wholes(self) -> frozenset[str]:
        """The files of which a row is about all parts without one of their own."""
        return frozenset(row.file for row in self.rows if row.part is None)

    @cached_property
    def of_picture(self) -> Mapping[str, PartRow]:
        return {picture: row for row in self.rows for picture in row.pictures}

    def among(self, pictures: Collection[str]) -> tuple[PartRows, list[str]]:
        """The rows with those pictures alone, and what they have beside them."""
        rows = (replace(row, pictures=tuple(each for each in row.pictures if each in pictures)) for row in self.rows)
        others = [each for row in self.rows for each in row.pictures if each not in pictures]
        return PartRows(tuple(rows), self.column), others

    def table(self, table: Table) -> Table:
        """The table with a row for each picture."""
        rows = ((row.number, {**row.cells, ROW_OF: picture}) for row in self.rows for picture in row.pictures)
        return Table(table.name, table.header, tuple(rows))


def by_part(
    rows: Iterable[PartRow],
    column: PartColumn,
    extent_of: Callable[[str], Extent | None],
    own: Collection[str],
    findings: Findings,
) -> PartRows:
    """The rows, of which those that name a part are about that picture alone. None is the extent of a file that can't
    be opened, which is told elsewhere. What stands in the columns `own` is never taken from the row of the whole."""
    named = list(_named(rows, column, extent_of, findings))
    whole_of: dict[str, Mapping[str, str]] = {}
    for row in named:
        if row.part is None:
            whole_of.setdefault(row.file, row.cells)
    taken = {picture for row in named if row.part is not None for picture in row.pictures}
    return PartRows(
        tuple(
            replace(row, pictures=tuple(picture for picture in row.pictures if picture not in taken))
            if row.part is None
            else replace(row, cells=_filled(row.cells, whole_of.get(row.file, {}), {*own, column.column}))
            for row in named
        ),
        column,
    )


def unnamed(column: PartColumn, ids_of: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """How many parts of each file no row names: they are no cases."""
    left_out = [name for ids in ids_of.values() for name in ids]
    if left_out:
        file, most = max(ids_of.items(), key=lambda pair: len(pair[1]))
        wholes = sum(map(bool, ids_of.values()))
        message = (
            f"{column.table} names only some {column.noun}s of {wholes:,} {column.whole}{'s' * (wholes > 1)}: "
            f'{len(left_out):,} without a row were left out, {len(most):,} of them of "{file}". Add rows for them if '
            f'they belong to the set; one that leaves "{column.column}" empty is about all others of the '
            f"{column.whole}."
        )
        yield about(f"unnamed_{column.noun}s", "warning", left_out, message)


def not_taken(column: PartColumn, ids: Sequence[str], choice: str) -> Iterator[Finding]:
    """Rows about parts that were not chosen to be in the set."""
    if ids:
        rows = "1 row is about a" if len(ids) == 1 else f"{len(ids):,} rows are about a"
        message = f'{rows} {column.noun} that is not among those taken ("{ids[0]}"): see {choice}.'
        yield about(f"{column.noun}s_not_taken", "note", ids, message)


def _named(
    rows: Iterable[PartRow], column: PartColumn, extent_of: Callable[[str], Extent | None], findings: Findings
) -> Iterator[PartRow]:
    for row_number, of_files in groupby(rows, key=lambda row: row.number):
        place, (row, *others) = f"Row {row_number} of {column.table}", of_files
        trouble = f"{row.file}, row {row_number}"  # the name of no case
        try:
            number = column.number(row.cells)
        except DataError as error:
            findings.add("unreadable_number", "error", trouble, f"{place} {error}")
            continue
        if number is None:
            yield from (row, *others)
            continue
        extent = extent_of(row.file)
        part = extent.part(number) if extent else None
        if others:
            message = f"{place} names {column.noun} {number} of {len(others) + 1:,} files, and can mean that of one. "
            findings.add("several_files", "error", trouble, message + "Name its file.")
        elif extent is None:
            yield replace(row, part=number, pictures=(f"{row.file}#{number}",))
        elif part is None:
            message = (
                f'{place} names {column.noun} {number} of "{row.file}", which has {column.noun}s {extent.first} to '
            )
            message += f"{extent.first + extent.count - 1}. Correct it. {column.counting}"
            findings.add("number_out_of_range", "error", trouble, message)
        else:
            yield replace(row, part=part, pictures=(extent.picture(row.file, part),))


def _filled(cells: Mapping[str, str], whole: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    return {name: cell if value(cell) or name in own else whole.get(name, "") for name, cell in cells.items()}
