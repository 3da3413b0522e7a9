"""Tables beside the files: what their columns say of persons, and how they go on naming the same files and patients.

Names, birth dates, numbers and addresses are dropped by what a column is called, and by what stands in it. Files and
UIDs are told by their new names, patients by their pseudonyms, dates move as the patient's do.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.deid.choices import Choices
from core.deid.columns import is_dropped, plain_header
from core.deid.key import SiteKey
from core.deid.persons import identity_of_number, plain_number
from core.deid.record import Action, Actions
from core.deid.words import LIKE_UIDS, PATTERNS, Identifying, cleaned
from core.errors import DataError
from core.layouts.lookup import Lookup
from core.layouts.table import Table, likely_column, value

PATIENT = (
    "patient patientid patientnumber patientnr patid pid subject subjectid mrn medicalrecord recordnumber "
    "medicalrecordnumber person personid caseid"
).split()
AGES = ("age", "patientage", "alter")
OLDEST = 90
LEAST_SHARE = 0.5
"""Of a column's filled cells, from where on what they are decides for all of it."""
MOST_LOOKED_AT = 2000
"""Cells of a column, by which it is known what it holds."""
_ISO = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?=$|[ T])")
_PARTED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?=$|[ T])")


@dataclass(frozen=True)
class Renamed:
    """A file as it is called now, and by whose pseudonym."""

    name: str
    pseudonym: str


@dataclass(frozen=True)
class Links:
    """What the files beside a table were called, whose they are, and what names anybody in them."""

    files: Mapping[str, Renamed]
    """By path in the upload."""
    patients: Mapping[str, str]
    """Pseudonyms by record number, as `plain_number` has it."""
    days: Mapping[str, int]
    """By pseudonym, how far dates move."""
    identifying: Identifying


@dataclass(frozen=True)
class Column:
    """What a column is, and what becomes of a cell of it in a row of a patient (by pseudonym, or nobody's)."""

    role: str
    action: str
    change: Callable[[str, str], str]


@dataclass(frozen=True)
class Reader:
    """Looks at the columns of one table."""

    links: Links
    lookup: Lookup
    choices: Choices
    key: SiteKey

    def column(self, header: str, cells: Sequence[str]) -> Column | None:
        """Nothing where the column is dropped."""
        filled = [cell for cell in cells if value(cell)][:MOST_LOOKED_AT]
        if likely_column([header], "frame") and _most(filled, _is_frame):  # files and patients may be called so too
            return Column("frame", "C", lambda cell, patient: cell if _is_frame(cell) else self._text(cell))
        if _most(filled, lambda cell: self.file_of(cell) is not None):
            return Column("file", "U", lambda cell, patient: self._file(cell))
        if _most(filled, lambda cell: LIKE_UIDS.fullmatch(cell.strip()) is not None):
            return Column("uid", "K" if self.choices.keep_uids else "U", lambda cell, patient: self._uid(cell))
        if _most(filled, lambda cell: self.patient_of(cell) is not None) or plain_header(header) in PATIENT:
            return Column("patient", "U", lambda cell, patient: self.pseudonym(cell))
        if is_dropped(header):
            return None
        if _most(filled, lambda cell: _day(cell, True) is not None):
            return self._dates(filled)
        if plain_header(header) in AGES:
            return Column("age", "C", lambda cell, patient: _round_age(cell))
        changed = list(map(self._text, filled))
        if _most(changed, lambda cell: not cell):
            return None
        is_changed = changed != filled
        return Column("text", "C" if is_changed else "K", lambda cell, patient: self._text(cell))

    def _text(self, cell: str) -> str:
        return cleaned(cell, self.links.identifying, () if _is_figure(cell) else PATTERNS)

    def file_of(self, cell: str) -> Renamed | None:
        try:
            return self.links.files[self.lookup.find(cell)] if value(cell) else None
        except DataError:
            return None

    def patient_of(self, cell: str) -> str | None:
        """The pseudonym of a number that stands in a header; a spreadsheet may have taken its zeros."""
        number = plain_number(value(cell))
        return self.links.patients.get(number) or self.links.patients.get(number.lstrip("0"))

    def pseudonym(self, cell: str) -> str:
        number = value(cell)
        return (self.patient_of(cell) or self.key.pseudonym(identity_of_number(number))) if number else ""

    def _file(self, cell: str) -> str:
        """With as many of the folders around it as the cell named: no more, which would have to lie somewhere else."""
        renamed = self.file_of(cell)
        if renamed is None:
            return ""
        parts = posixpath.normpath(cell.strip().replace("\\", "/")).split("/")
        return "/".join(renamed.name.split("/")[-len(parts) :])

    def _uid(self, cell: str) -> str:
        is_uid = LIKE_UIDS.fullmatch(cell.strip())
        return cell if self.choices.keep_uids and is_uid else self.key.uid(cell) if is_uid else ""

    def _dates(self, filled: Sequence[str]) -> Column | None:
        if self.choices.dates == "kept":
            return Column("date", "K", lambda cell, patient: cell if _day(cell, True) else "")
        if self.choices.dates == "removed":
            return None
        is_month_first = _is_month_first(filled)

        def moved(cell: str, patient: str) -> str:
            return _moved(cell, self.links.days[patient], is_month_first) if patient in self.links.days else ""

        return Column("date", "C", moved)


def deidentified_table(
    table: Table, links: Links, choices: Choices, key: SiteKey
) -> tuple[list[str], list[list[str]], Actions]:
    """The header and the rows that stay, and what was done to each column."""
    lookup = Lookup(links.files, posixpath.dirname(table.name))
    reader, actions = Reader(links, lookup, choices, key), Actions()
    columns: dict[str, Column] = {}
    for place, header in enumerate(filter(None, table.header), 1):
        column = reader.column(header, [row[header] for _, row in table.rows])
        if column:
            columns[header] = column
        role, action = (column.role, column.action) if column else ("dropped", "X")
        actions[Action(f"table/column {place}", role, "", action)] += 1
    rows = []
    for _, row in table.rows:
        patient = _patient_of_row(row, columns, reader)
        rows.append([column.change(row[header], patient) for header, column in columns.items()])
    headers = [cleaned(header, links.identifying, ()) or f"column {place}" for place, header in enumerate(columns, 1)]
    return headers, rows, actions


def _patient_of_row(row: Mapping[str, str], columns: Mapping[str, Column], reader: Reader) -> str:
    """Whose dates stand in a row: its patient's, else its file's."""
    for header, column in columns.items():
        if column.role == "patient" and value(row[header]):
            pseudonym = reader.pseudonym(row[header])
            if pseudonym in reader.links.days:
                return pseudonym
    for header, column in columns.items():
        if column.role == "file" and (renamed := reader.file_of(row[header])):
            return renamed.pseudonym
    return ""


def _is_frame(cell: str) -> bool:
    """Which has fewer digits than what numbers people has, as a rule."""
    return re.fullmatch(r"[0-9]{1,5}", value(cell)) is not None


def _is_figure(cell: str) -> bool:
    """Which may have as many digits as it likes."""
    return re.fullmatch(r"[-+]?\d*(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s*%?", cell.strip()) is not None


def _most(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return bool(cells) and sum(map(holds, cells)) >= LEAST_SHARE * len(cells)


def _day(cell: str, is_month_first: bool) -> date | None:
    text = cell.strip()
    try:
        if match := _ISO.match(text):
            return date(int(match[1]), int(match[3]), int(match[4]))
        if match := _PARTED.match(text):
            first, second, year = int(match[1]), int(match[3]), int(match[4])
            month, day = (first, second) if (is_month_first and first <= 12) or second > 12 else (second, first)
            return date(year, month, day)
    except ValueError:
        return None
    return None


def day_in(text: str) -> date | None:
    """The day that a cell tells, in any of the usual writings."""
    return _day(text, True)


def _is_month_first(cells: Sequence[str]) -> bool:
    """As it is written in a column: by the days above 12, else by the sign between the numbers."""
    parted = [match for cell in cells if (match := _PARTED.match(cell.strip()))]
    if any(int(match[1]) > 12 for match in parted):
        return False
    return any(int(match[3]) > 12 or match[2] == "/" for match in parted)


def _moved(cell: str, days: int, is_month_first: bool) -> str:
    """The cell with its date so many days later, in the same writing; nothing where it has none."""
    text, day = cell.strip(), _day(cell, is_month_first)
    if day is None or day.toordinal() + days < 1:  # before the first day that there is
        return ""
    moved = day + timedelta(days=days)
    if match := _ISO.match(text):
        return f"{moved:%Y}{match[2]}{moved:%m}{match[2]}{moved:%d}{_time_in(text[match.end() :])}"
    match = _PARTED.match(text)
    assert match is not None
    first, second = (moved.month, moved.day) if is_month_first else (moved.day, moved.month)
    return f"{first:02}{match[2]}{second:02}{match[2]}{moved:%Y}{_time_in(text[match.end() :])}"


def _time_in(text: str) -> str:
    """The time of a day that follows a date, and nothing else that does."""
    match = re.match(r"[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?", text)
    return match[0] if match else ""


def _round_age(cell: str) -> str:
    number = re.match(r"0*(\d{1,3})(?=\D|$)", cell.strip())
    if number and int(number[1]) > OLDEST:
        return re.sub(r"\d+", str(OLDEST), cell.strip(), count=1)
    return cell if re.fullmatch(r"[\d.]*\s*[A-Za-z]{0,6}", cell.strip()) else ""
