"""A table (CSV, TSV, Excel) that names each picture and its label, beside the pictures or in one zip with them.

A `task.yaml` next to the table may say what the task asks: modality, answers, kind, template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import yaml
from PIL import Image
from pydantic import Field

from core.case import Case, ImageSet, Task
from core.entries import drawn_boxes, listed_labels, marked_labels, named_split, without_no_finding
from core.errors import DataError
from core.findings import Findings
from core.images import FilePixels
from core.lookup import Lookup
from core.question import Question
from core.split import split_named
from core.table import NAMES, SUFFIXES, Table, find_manifest, likely_column, read_table, value
from core.tree import Tree, natural, open_tree, outer

TITLE = "a table of labels (CSV, TSV or Excel) with its pictures, in a folder or zip"
EMPTY = "Left empty: found by its name."
S = TypeVar("S")
T = TypeVar("T")


class Settings(Question):
    """Which column says what, and how several labels are written."""

    image: str = Field("", title="Image column", description=f"Names the picture's file. {EMPTY}")
    label: str = Field("", title="Label column", description=f"The picture's label or labels. {EMPTY}")
    label_columns: tuple[str, ...] = Field(
        (),
        title="Label columns",
        description="Columns of 0 and 1, each named after a label; instead of a label column.",
    )
    separators: str = Field(
        ";|", min_length=1, title="Separators", description="Characters that stand between several labels of a picture."
    )
    patient: str = Field("", title="Patient column", description=f"Keeps a patient's pictures in one split. {EMPTY}")
    split: str = Field("", title="Split column", description=f"train, val or test. {EMPTY}")
    boxes: str = Field(
        "",
        title="Boxes column",
        description=f"JSON: a list of {{label, left, top, right, bottom}}, as fractions of the picture. {EMPTY}",
    )
    mask: str = Field("", title="Mask column", description=f"Names the file of the picture's mask. {EMPTY}")
    report: str = Field("", title="Report column", description=f"The text of the picture's report. {EMPTY}")


@dataclass(frozen=True)
class Entry:
    """A row and its labels; no file where its picture is missing or has a row already."""

    place: str
    file: str | None
    row: dict[str, str]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A table among its files, with the column of each role ("" where there is none) and what was found wrong."""

    tree: Tree
    table: Table
    files: Lookup
    columns: dict[str, str]
    findings: Findings

    def cell(self, row: dict[str, str], role: str) -> str:
        return row.get(self.columns[role], "")


def looks_like(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return True
    return (path.is_dir() or path.suffix.lower() == ".zip") and find_manifest(open_tree(path)) is not None


def read(path: Path, settings: Settings) -> ImageSet:
    tree, name = _open(path)
    sheet = _sheet(tree, name, settings)
    question = settings.over(_sidecar(tree, name))
    separators = "" if question.kind in ("single", "ordinal") else settings.separators
    entries = list(_entries(sheet, settings, separators))
    is_multi = any(len(entry.labels) != 1 if settings.label_columns else len(entry.labels) > 1 for entry in entries)
    kind = question.kind or ("multi" if is_multi else "single")
    used = {label for entry in entries for label in entry.labels}
    found = settings.label_columns or sorted(without_no_finding(list(used)) if kind == "multi" else used, key=natural)
    task = question.task(sheet.table.name, found, kind)
    cases = tuple(case for entry in entries if (case := _case(sheet, entry, task, bool(settings.label_columns))))
    _tell_unlisted(sheet, entries, cases)
    return ImageSet(path.stem if path.is_file() else tree.name, task, cases, sheet.findings.listed())


def write_example(folder: Path) -> ImageSet:
    """Six grey pictures with two labels, three patients, splits, and a column of one's own."""
    (folder / "images").mkdir(parents=True)
    rows, cases = ["image,label,patient,split,scanner"], []
    for number, split in enumerate(("train", "train", "train", "train", "val", "test")):
        file, label, patient = f"images/scan {number}.png", ("dark", "light")[number % 2], f"P{number // 2}"
        Image.new("L", (20, 20), 40 + 150 * (number % 2) + number).save(folder / file)
        rows.append(f"{file},{label},{patient},{split},A{number % 2}")
        pixels = FilePixels(folder / file)
        cases.append(Case(file, pixels, (label,), split_named(split), patient, more={"scanner": f"A{number % 2}"}))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    task = Question().task(folder.name, ("dark", "light"))
    return ImageSet(folder.name, task, tuple(cases))


def _open(path: Path) -> tuple[Tree, str]:
    """The files and the name of the table among them."""
    if path.suffix.lower() in SUFFIXES:
        return open_tree(path.parent), path.name
    tree = open_tree(path)
    while around := outer(tree.files):
        tree = tree.below(around)
    name = find_manifest(tree)
    if name is None:
        raise DataError(f"{path.name} has no table with an image column. Add one, called labels.csv.")
    return tree, name


def _sheet(tree: Tree, name: str, settings: Settings) -> Sheet:
    short = PurePosixPath(name).name
    table = read_table(tree.content(name), short)
    if not table.rows:
        raise DataError(f"{short} has no rows under its header. Add a row for each picture.")
    columns = {role: getattr(settings, role) or likely_column(table.header, role) for role in NAMES}
    for column in (*settings.label_columns, *columns.values()):
        if column and column not in table.header:
            raise DataError(f'{short} has no column "{column}". It has: {", ".join(table.header)}. Name one of these.')
    if settings.label_columns:
        columns["label"] = ""
    if not settings.split and not any(split_named(row.get(columns["split"], "")) for _, row in table.rows):
        columns["split"] = ""  # a column that is called "set" or "fold" need not be about splits
    for role in ("image",) if settings.label_columns else ("image", "label"):
        if not columns[role]:
            raise DataError(
                f"{short} has no column that looks like the {role}. It has: {', '.join(table.header)}. "
                f"Set `{role}` to the right one."
            )
    folder = str(PurePosixPath(name).parent)
    return Sheet(tree, table, Lookup(tree.pictures(), "" if folder == "." else folder), columns, Findings())


def _sidecar(tree: Tree, name: str) -> Question:
    """What `task.yaml` beside the table says."""
    for side in (str(PurePosixPath(name).with_name(f"task.{suffix}")) for suffix in ("yaml", "yml")):
        if side in tree.files:
            try:
                values = yaml.safe_load(tree.content(side))
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                raise DataError(f"{side} can't be read as YAML ({error}). Correct or remove it.") from None
            return Question.parse(values or {}, side)
    return Question()


def _entries(sheet: Sheet, settings: Settings, separators: str) -> Iterator[Entry]:
    """The rows whose labels can be read."""

    def read_labels(row: dict[str, str]) -> tuple[str, ...]:
        if settings.label_columns:
            return marked_labels(row, settings.label_columns)
        return listed_labels(sheet.cell(row, "label"), separators)

    places: dict[str, str] = {}
    for number, row in sheet.table.rows:
        place, said = f"Row {number} of {sheet.table.name}", sheet.cell(row, "image")
        file = _try(sheet, "missing_image", place, said, sheet.files.find, said)
        if file in places:
            message = (
                f'{place} names "{file}" again, after {places[file]}. Keep one of the two; several labels of one '
                f'picture go into one cell, with "{settings.separators[0]}" between them.'
            )
            sheet.findings.add("duplicate_row", "error", file, message)
            file = None
        elif file:
            places[file] = f"row {number}"
        labels = _try(sheet, "unreadable_label", place, file or said, read_labels, row)
        if labels is not None:
            yield Entry(place, file, row, labels)


def _try(sheet: Sheet, kind: str, place: str, case: str, read_cell: Callable[[S], T], cell: S) -> T | None:
    """What a cell says, or nothing and a finding."""
    try:
        return read_cell(cell)
    except DataError as error:
        sheet.findings.add(kind, "error", case, f"{place} {error}")
        return None


def _case(sheet: Sheet, entry: Entry, task: Task, is_marked: bool) -> Case | None:
    if entry.file is None:
        return None
    labels = without_no_finding(entry.labels) if task.kind == "multi" else entry.labels
    unknown = [name for name in labels if name not in task.answers]
    if unknown:
        known = ", ".join(task.answers)
        message = f'{entry.place} has the label "{unknown[0]}", which the task does not list ({known}). Correct one.'
        sheet.findings.add("unknown_label", "error", entry.file, message)
        return None
    if not entry.labels and not is_marked:
        is_multi = task.kind == "multi"
        taken = "is taken as a picture with no finding" if is_multi else "was left out"
        message = f"{entry.place} has no label and {taken}. Add its label if it has one."
        sheet.findings.add("unlabelled", "note" if is_multi else "warning", entry.file, message)
        if not is_multi:
            return None
    return _with_more(sheet, entry, entry.file, tuple(name for name in task.answers if name in labels))


def _with_more(sheet: Sheet, entry: Entry, file: str, labels: tuple[str, ...]) -> Case:
    row, place = entry.row, entry.place
    mask = value(sheet.cell(row, "mask"))
    mask_file = _try(sheet, "missing_mask", place, file, sheet.files.find, mask) if mask else None
    boxes = _try(sheet, "unreadable_boxes", place, file, drawn_boxes, sheet.cell(row, "boxes"))
    split = _try(sheet, "unknown_split", place, file, named_split, sheet.cell(row, "split"))
    return Case(
        id=file,
        pixels=sheet.tree.pixels(file),
        labels=labels,
        split=split,
        patient=value(sheet.cell(row, "patient")) or None,
        boxes=boxes or (),
        mask=sheet.tree.pixels(mask_file) if mask_file else None,
        report=sheet.cell(row, "report").strip() or None,
        more={column: cell for column, cell in row.items() if column not in sheet.columns.values()},
    )


def _tell_unlisted(sheet: Sheet, entries: Sequence[Entry], cases: Sequence[Case]) -> None:
    listed = {entry.file for entry in entries}
    masks = {case.mask for case in cases if case.mask}
    for name in sheet.tree.pictures():
        if name not in listed and sheet.tree.pixels(name) not in masks:
            message = f'"{name}" is not in {sheet.table.name} and was left out. Add a row if it belongs to the set.'
            sheet.findings.add("unlisted_image", "warning", name, message)
