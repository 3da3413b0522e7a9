"""The rows of a manifest become cases; what is wrong in one becomes a finding with the number of its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from core.case import Case, Pixels, Task, with_negatives
from core.errors import DataError
from core.layouts.findings import Findings
from core.layouts.manifest_cells import (
    drawn_boxes,
    json_labels,
    listed_labels,
    marked_labels,
    named_split,
    without_no_finding,
)
from core.layouts.masks import paired
from core.layouts.table import Table, value

S = TypeVar("S")
T = TypeVar("T")


class Pictured(Protocol):
    """Where the pictures lie that a table is about."""

    def pictures(self) -> Sequence[str]: ...

    def pixels(self, name: str) -> Pixels: ...


class Finder(Protocol):
    def find(self, named: str) -> str:
        """The picture that a table calls so; a DataError, to be put after "Row 3 of labels.csv", without such a one."""
        ...


@dataclass(frozen=True)
class Sheet:
    """A table among its files, with the column of each role ("" where there is none) and what was found wrong.

    Labels are the `marks` columns that hold a 1, or else stand in the label column, between `separators`.
    """

    tree: Pictured
    table: Table
    files: Finder
    columns: dict[str, str]
    marks: tuple[str, ...]
    separators: str
    mask_files: tuple[str, ...] = ()
    """Beside the images, in a folder of masks, where no column names them."""
    findings: Findings = field(default_factory=Findings)
    file_of: Mapping[str, str] = field(default_factory=dict)
    """Where rows were traced to pictures before: the file of each that is one, or that lies in one as a slice does."""

    again: str = ""
    """What else may be done where rows name the same file."""

    def find(self, named: str) -> str:
        return named if named in self.file_of else self.files.find(named)

    def file(self, picture: str) -> str:
        return self.file_of.get(picture, picture)

    def cell(self, row: dict[str, str], role: str) -> str:
        return row.get(self.columns[role], "")

    def labels(self, row: dict[str, str]) -> tuple[str, ...]:
        return marked_labels(row, self.marks) if self.marks else listed_labels(self.cell(row, "label"), self.separators)

    def says_none(self, row: dict[str, str]) -> bool:
        """Whether a row says that there are no labels, and does not just leave them out."""
        return bool(self.marks) or json_labels(self.cell(row, "label")) == ()

    def attempt(self, kind: str, place: str, case: str, read_cell: Callable[[S], T], cell: S) -> T | None:
        """What a cell says, or nothing and a finding."""
        try:
            return read_cell(cell)
        except DataError as error:
            self.findings.add(kind, "error", case, f"{place} {error}")
            return None


@dataclass(frozen=True)
class Entry:
    """A row and its labels; no file where its picture is missing or has a row already."""

    place: str
    file: str | None
    row: dict[str, str]
    labels: tuple[str, ...]


def read_entries(sheet: Sheet) -> list[Entry]:
    """The rows whose labels can be read."""
    entries, numbers = [], dict[str, int]()
    for number, row in sheet.table.rows:
        place, image = f"Row {number} of {sheet.table.name}", sheet.cell(row, "image")
        file = sheet.attempt("missing_image", place, image, sheet.find, image)
        if file and numbers.setdefault(file, number) != number:
            message = f'{place} names "{file}" again, after row {numbers[file]}. Keep one of the two; several labels '
            message += (
                f'of one picture go into one cell, with "{sheet.separators[:1] or ";"}" between them.{sheet.again}'
            )
            sheet.findings.add("duplicate_row", "error", file, message)
            file = None
        labels = sheet.attempt("unreadable_label", place, file or image, sheet.labels, row)
        if labels is not None:
            entries.append(Entry(place, file, row, labels))
    return entries


def make_cases(sheet: Sheet, entries: Sequence[Entry], task: Task) -> tuple[Case, ...]:
    """The cases of all rows that can be used."""
    cases = []
    listed = list(dict.fromkeys(sheet.file(entry.file) for entry in entries if entry.file))
    mask_of = paired(listed, sheet.mask_files, sheet.findings) if sheet.mask_files else {}
    for entry in entries:
        labels = _usable(sheet, entry, entry.file, task) if entry.file else None
        if entry.file and labels is not None:
            cases.append(_case(sheet, entry, entry.file, labels, mask_of.get(sheet.file(entry.file))))
    _tell_unlisted(sheet, [*listed, *sheet.mask_files], cases)
    return with_negatives(cases)


def _usable(sheet: Sheet, entry: Entry, file: str, task: Task) -> tuple[str, ...] | None:
    """The row's labels in the task's order; nothing, and a finding, where the task has no place for them."""
    is_multi = task.kind == "multi"
    labels = without_no_finding(entry.labels) if is_multi else entry.labels
    unknown = [name for name in labels if name not in task.answers]
    if unknown:
        listed = ", ".join(task.answers)
        message = f'{entry.place} has the label "{unknown[0]}", which the task does not list ({listed}). Correct one.'
        sheet.findings.add("unknown_label", "error", file, message)
    elif len(labels) > 1 and not is_multi:
        message = f"{entry.place} has {len(labels)} labels, a {task.kind} task one. Correct it, or set “kind” to multi."
        sheet.findings.add("several_labels", "error", file, message)
    elif not labels and not is_multi:
        message = f"{entry.place} has no label and was left out. Add its label if it has one."
        sheet.findings.add("unlabelled", "warning", file, message)
    else:
        if not entry.labels and not sheet.says_none(entry.row):
            message = f"{entry.place} has no label, which is taken as no finding. Add its labels if it has any."
            sheet.findings.add("unlabelled", "note", file, message)
        return task.in_order(labels)
    return None


def _case(sheet: Sheet, entry: Entry, file: str, labels: tuple[str, ...], own_mask: str | None) -> Case:
    row, place = entry.row, entry.place
    mask = value(sheet.cell(row, "mask"))
    mask_file = sheet.attempt("missing_mask", place, file, sheet.files.find, mask) if mask else own_mask
    boxes = sheet.attempt("unreadable_boxes", place, file, drawn_boxes, sheet.cell(row, "boxes"))
    split = sheet.attempt("unknown_split", place, file, named_split, sheet.cell(row, "split"))
    return Case(
        id=file,
        pixels=sheet.tree.pixels(sheet.file(file)),
        labels=labels,
        split=split,
        patient=value(sheet.cell(row, "patient")) or None,
        boxes=boxes or None,
        mask=sheet.tree.pixels(mask_file) if mask_file else None,
        report=sheet.cell(row, "report").strip() or None,
        more={column: cell for column, cell in row.items() if column not in sheet.columns.values()},
    )


def _tell_unlisted(sheet: Sheet, files: Sequence[str], cases: Sequence[Case]) -> None:
    spoken_of = set(files)
    masks = {case.mask for case in cases if case.mask}
    for name in sheet.tree.pictures():
        if name not in spoken_of and sheet.tree.pixels(name) not in masks:
            message = f'"{name}" is not in {sheet.table.name} and was left out. Add a row if it belongs to the set.'
            sheet.findings.add("unlisted_image", "warning", name, message)
