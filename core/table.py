"""Tables as people have them: CSV in any of its spellings, TSV, Excel; and what their columns are likely to be."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO, StringIO
from pathlib import PurePosixPath

import openpyxl

from core.archive import examine_stream
from core.cells import as_written
from core.errors import DataError
from core.tree import Tree

SUFFIXES = (".csv", ".tsv", ".xlsx")
LIKELY_NAMES = ("cases", "labels", "manifest", "metadata", "annotations", "data", "index")
MAX_CELL = 10_000_000
EMPTY = frozenset({"", "nan", "na", "n/a", "#n/a", "null"})
# What each column may be called, the likeliest first; compared without case, spaces, dots, dashes and underscores.
NAMES = {
    "image": "image images imagefile imagepath imagename imageindex imageid img filename filepath file path",
    "label": "label labels class classname diagnosis dx finding findings findinglabels category target",
    "patient": "patient patientid subject subjectid",
    "split": "split set subset partition fold",
    "boxes": "boxes bboxes",
    "mask": "mask maskpath maskfile",
    "report": "report caption",
}


@dataclass(frozen=True)
class Table:
    """A header and the rows under it, each with its number in the sheet (the header's is 1)."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def find_manifest(tree: Tree) -> str | None:
    """The table of a tree that says which label each picture has: the highest one, by its name where there are several.

    DataError where several could be it.
    """
    tables = [name for name in tree.files if name.lower().endswith(SUFFIXES) and not _is_lock(name)]
    depth = min((name.count("/") for name in tables), default=0)
    highest = [name for name in tables if name.count("/") == depth]
    fitting = [name for name in highest if _names_pictures(tree, name)]
    for likely in LIKELY_NAMES:
        named = [name for name in fitting if PurePosixPath(name).stem.casefold() == likely]
        fitting = named or fitting
    if len(fitting) > 1:
        raise DataError(
            f"{tree.name} has several tables ({', '.join(fitting)}). "
            "Give the path of the right one, or name it `labels` with its suffix."
        )
    # Pictures in one folder alone are no class folders: a lone table must be about them, whatever its columns' names.
    in_one_folder = len({name.rpartition("/")[0] for name in tree.pictures()}) == 1
    return next(iter(fitting or (highest if in_one_folder and len(highest) == 1 else [])), None)


def read_table(content: bytes, name: str) -> Table:
    """A table from a file's bytes; its name says which kind it is."""
    numbered = ((number, line) for number, line in enumerate(_lines(content, name), 1) if any(line))
    _, first = next(numbered, (0, []))
    header = tuple(cell.strip() for cell in first)
    repeated = [column for column in header if column and header.count(column) > 1]
    if repeated:
        raise DataError(f'{name} has two columns called "{repeated[0]}". Rename or remove one.')
    return Table(name, header, tuple((number, _row(header, line, number, name)) for number, line in numbered))


def likely_column(header: Sequence[str], role: str) -> str:
    """The column that is likely to have this role, or nothing."""
    plain = {re.sub(r"[\s._-]+", "", name).casefold(): name for name in reversed(header)}
    return next((plain[known] for known in NAMES[role].split() if known in plain), "")


def value(cell: str) -> str:
    """What a cell says of a label, a patient or a split: no blanks, no NaN, and 7 where a spreadsheet made it 7.0."""
    text = cell.strip()
    whole = re.fullmatch(r"([0-9]+)\.0+", text)
    return "" if text.casefold() in EMPTY else whole[1] if whole else text


def _names_pictures(tree: Tree, name: str) -> bool:
    header = next((line for line in _lines(tree.content(name), name) if any(line)), [])
    return bool(likely_column([cell.strip() for cell in header], "image"))


def _is_lock(name: str) -> bool:
    return PurePosixPath(name).name.startswith("~$")  # what Excel leaves beside an open file


def _row(header: Sequence[str], line: list[str], number: int, name: str) -> dict[str, str]:
    if any(cell.strip() for cell in line[len(header) :]):
        raise DataError(
            f"Row {number} of {name} has {len(line)} cells, the header {len(header)}. "
            "Put cells that hold the separator in quotes."
        )
    cells = [*line, *[""] * (len(header) - len(line))]
    return {column: cell for column, cell in zip(header, cells, strict=False) if column}


def _lines(content: bytes, name: str) -> Iterator[list[str]]:
    """The cells of each line, without the apostrophes that `core.cells` puts before what could be a formula."""
    lines = _sheet(content, name) if name.lower().endswith(".xlsx") else _separated(_text(content), name)
    return ([as_written(cell) for cell in line] for line in lines)


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")  # what Excel writes on Western Windows


def _separated(text: str, name: str) -> Iterator[list[str]]:
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(MAX_CELL)
    try:
        yield from csv.reader(StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        raise DataError(f"{name} can't be read as a table ({error}). Save it again as CSV.") from None


def _sheet(content: bytes, name: str) -> Iterator[list[str]]:
    examine_stream(BytesIO(content), name, len(content))
    try:
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
        rows: Iterable[Iterable[object]] = book.worksheets[0].iter_rows(values_only=True)
        for row in rows:
            yield [_cell(found) for found in row]
    except Exception as error:  # openpyxl lets through whatever its zip and XML readers raise
        raise DataError(f"{name} can't be read as an Excel file ({error}). Save it again, or as CSV.") from None


def _cell(found: object) -> str:
    if found is None:
        return ""
    if isinstance(found, float) and found.is_integer():
        return str(int(found))
    return found.isoformat() if isinstance(found, date) else str(found)
