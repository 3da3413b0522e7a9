"""Tables as people have them: CSV in any of its spellings, TSV, Excel; and what their columns are likely to be."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO, TextIOWrapper
from pathlib import Path, PurePosixPath

import openpyxl

from core.errors import DataError
from core.layouts.files import Tree, open_tree, outer
from core.layouts.safe_csv import as_written
from core.limits import limits, raised
from core.pictures.zips import examine_stream

SUFFIXES = (".csv", ".tsv", ".xlsx")
LIKELY_NAMES = ("cases", "labels", "manifest", "metadata", "annotations", "data", "index")
MAX_CELL = 10_000_000
HEADER_BYTES = 1 << 20
BOMB_BYTES = 10 * 10**6
"""Unpacked, from where on an Excel file must not be packed too well: its words take ten times that in memory."""
PIECE_BYTES = 1 << 20
EMPTY = frozenset({"", "nan", "na", "n/a", "#n/a", "null"})
# What each column may be called, the likeliest first; compared without case, spaces, dots, dashes and underscores.
NAMES = {
    "image": "image images imagefile imagepath imagename imageindex imageid img filename filepath file path volume "
    "nifti sopinstanceuid instanceuid seriesinstanceuid seriesuid studyinstanceuid studyuid",
    "label": "label labels class classname diagnosis dx finding findings findinglabels category target",
    "patient": "patient patientid subject subjectid",
    "split": "split set subset partition fold",
    "boxes": "boxes bboxes",
    "mask": "mask maskpath maskfile",
    "report": "report caption",
    "slice": "slice slicenumber sliceno slicenr slicenum sliceindex sliceidx",
    "frame": "frame framenumber frameno framenr framenum frameindex frameidx",
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
    highest = _highest_tables(tree)
    fitting = _likely_one([name for name in highest if _names_pictures(tree, name)], tree)
    # Pictures in one folder alone are no class folders: a lone table must be about them, whatever its columns' names.
    in_one_folder = len({name.rpartition("/")[0] for name in tree.pictures()}) == 1
    return next(iter(fitting or (highest if in_one_folder and len(highest) == 1 else [])), None)


def find_table(tree: Tree) -> str | None:
    """The highest table of a tree whatever its columns, for files that are found by other things than their names.

    DataError where several could be it.
    """
    return next(iter(_likely_one(_highest_tables(tree), tree)), None)


def _highest_tables(tree: Tree) -> list[str]:
    tables = [name for name in tree.files if name.lower().endswith(SUFFIXES) and not _is_lock(name)]
    depth = min((name.count("/") for name in tables), default=0)
    return [name for name in tables if name.count("/") == depth]


def _likely_one(tables: list[str], tree: Tree) -> list[str]:
    """The only one, or the one that is called as such tables often are."""
    fitting = tables
    for likely in LIKELY_NAMES:
        named = [name for name in fitting if PurePosixPath(name).stem.casefold() == likely]
        fitting = named or fitting
    if len(fitting) > 1:
        raise DataError(
            f"{tree.name} has several tables ({', '.join(fitting)}). "
            "Give the path of the right one, or name it “labels” with its suffix."
        )
    return fitting


def read_table(content: bytes, name: str) -> Table:
    """A table from a file's bytes; its name says which kind it is."""
    numbered = _numbered(content, name)
    header = _header(numbered, name)
    return Table(name, header, tuple((number, _row(header, line, number, name)) for number, line in numbered))


def header_of(tree: Tree, name: str) -> tuple[str, ...]:
    """A table's header alone: of a text no more is unpacked than its first lines."""
    is_text = not name.lower().endswith(".xlsx")
    content = tree.content(name, HEADER_BYTES if is_text else limits().table_bytes, only_beginning=is_text)
    return _header(_numbered(content, name), name)


def header_at(content: bytes, path: str) -> tuple[list[str], bytes]:
    """The header of the table that an upload brings, or an empty one; in the shape of what is done aside."""
    place = Path(path)
    if place.is_file() and place.suffix.lower() in SUFFIXES:
        return list(header_of(open_tree(place.parent), place.name)), b""
    if not place.is_dir() and place.suffix.lower() != ".zip":
        return [], b""
    tree = open_tree(place)
    while around := outer(tree.files):
        tree = tree.below(around)
    name = find_manifest(tree) or (None if tree.pictures() else find_table(tree))
    return list(header_of(tree, name)) if name else [], b""


def _header(numbered: Iterator[tuple[int, list[str]]], name: str) -> tuple[str, ...]:
    _, first = next(numbered, (0, []))
    header = tuple(cell.strip() for cell in first)
    if len(header) > limits().columns:
        raise DataError(
            f"{name} has {len(header):,} columns, more than {limits().columns:,}. Leave some out. {raised('columns')}"
        )
    repeated = [column for column, times in Counter(header).items() if column and times > 1]
    if repeated:
        raise DataError(f'{name} has two columns called "{repeated[0]}". Rename or remove one.')
    return header


def _numbered(content: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, and its number; a DataError at the first one too many, empty ones counted too."""
    most = limits().rows
    for number, line in enumerate(_lines(content, name), 1):
        if number > most + 1:
            raise DataError(f"{name} has more than {most:,} rows. Split the set. {raised('rows')}")
        if any(line):
            yield number, line


def likely_column(header: Sequence[str], role: str) -> str:
    """The column that is likely to have this role, or nothing."""
    plain = {re.sub(r"[\s._-]+", "", name).casefold(): name for name in reversed(header)}
    return next((plain[name] for name in NAMES[role].split() if name in plain), "")


def value(cell: str) -> str:
    """What a cell says of a label, a patient or a split: no blanks, no NaN, and 7 where a spreadsheet made it 7.0."""
    text = cell.strip()
    whole = re.fullmatch(r"([0-9]+)\.0+", text)
    return "" if text.casefold() in EMPTY else whole[1] if whole else text


def _names_pictures(tree: Tree, name: str) -> bool:
    return bool(likely_column(header_of(tree, name), "image"))


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
    """The cells of each line, without the apostrophes that `safe_csv.py` puts before what could be a formula."""
    lines = _sheet(content, name) if name.lower().endswith(".xlsx") else _separated(content, name)
    return ([as_written(cell) for cell in line] for line in lines)


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    reader = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), PIECE_BYTES):
            reader.decode(content[start : start + PIECE_BYTES])  # which may end within a letter, as a beginning does
    except UnicodeDecodeError:
        return "cp1252"  # what Excel writes on Western Windows
    return "utf-8-sig"


def _separated(content: bytes, name: str) -> Iterator[list[str]]:
    def text() -> TextIOWrapper:
        return TextIOWrapper(BytesIO(content), _encoding(content), errors="replace", newline="")

    first = next((line for line in text() if line.strip("\r\n")), "")
    separator = max(",;\t", key=re.sub('"[^"]*"', "", first).count)
    csv.field_size_limit(MAX_CELL)
    try:
        yield from csv.reader(text(), delimiter=separator)
    except csv.Error as error:
        raise DataError(f"{name} can't be read as a table ({error}). Save it again as CSV.") from None


def _sheet(content: bytes, name: str) -> Iterator[list[str]]:
    examine_stream(BytesIO(content), name, len(content), limits().table_bytes, BOMB_BYTES)
    try:
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size may be made up, and every row is padded to it
        rows: Iterable[Iterable[object]] = sheet.iter_rows(values_only=True)
        for row in rows:
            yield [_cell(value) for value in row]
    except MemoryError:
        raise
    except Exception as error:  # openpyxl lets through whatever its zip and XML readers raise
        raise DataError(f"{name} can't be read as an Excel file ({error}). Save it again, or as CSV.") from None


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)
