"""Reads a table that names each picture and its label, with what is asked of which column.

A `task.yaml` next to the table may say what the task asks: modality, answers, kind, template.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from pydantic import Field

from core.case import ImageSet
from core.errors import DataError
from core.layouts.files import Tree, natural
from core.layouts.foreign_files import foreign_in
from core.layouts.lookup import Lookup
from core.layouts.manifest_cells import SEPARATORS, without_no_finding
from core.layouts.manifest_rows import Sheet, make_cases, read_entries
from core.layouts.masks import masks_beside_images
from core.layouts.question import Question
from core.layouts.splits import split_named
from core.layouts.table import NAMES, Table, likely_column, read_table
from core.limits import limits
from core.yamls import read_yaml

EMPTY = "Left empty: found by its name."


class Columns(Question):
    """Which column says what, and how several labels are written."""

    image: str = Field("", title="Image column", description=f"Names the picture's file. {EMPTY}")
    label: str = Field("", title="Label column", description=f"The picture's label or labels. {EMPTY}")
    label_columns: tuple[str, ...] = Field(
        (),
        title="Label columns",
        description="Columns of 0 and 1, each named after a label; instead of a label column.",
    )
    separators: str = Field(
        SEPARATORS,
        min_length=1,
        title="Separators",
        description="Characters that stand between several labels of a picture. Labels that hold such characters are "
        'written as a JSON list: ["effusion, left", "mass"].',
    )
    patient: str = Field("", title="Patient column", description=f"Keeps a patient's pictures in one split. {EMPTY}")
    split: str = Field("", title="Split column", description=f"train, val or test. {EMPTY}")
    mask: str = Field("", title="Mask column", description=f"Names the file of the picture's mask. {EMPTY}")
    report: str = Field("", title="Report column", description=f"The text of the picture's report. {EMPTY}")


def read_manifest(tree: Tree, name: str, settings: Columns) -> ImageSet:
    """The set that a table of these files makes."""
    question = settings.over(sidecar(tree, name))
    return set_of(sheet_of(tree, name, settings, separators_of(question, settings)), question, tree.name)


def separators_of(question: Question, settings: Columns) -> str:
    """What stands between the labels of a cell, which are several where the kind of question allows it."""
    return "" if question.kind in ("single", "ordinal") else settings.separators


def set_of(sheet: Sheet, question: Question, name: str, classes: Sequence[str] = ()) -> ImageSet:
    """The cases of a table's rows, under the question that their labels ask; `classes` are all that there are, where
    something else tells."""
    entries = read_entries(sheet)
    is_multi = any(len(entry.labels) > 1 or (not entry.labels and sheet.says_none(entry.row)) for entry in entries)
    kind = question.kind or ("multi" if is_multi else "single")
    used = tuple({label for entry in entries for label in entry.labels})
    answers = classes or sheet.marks or sorted(without_no_finding(used) if kind == "multi" else used, key=natural)
    task = question.task(sheet.table.name, answers, kind)
    return ImageSet(name, task, make_cases(sheet, entries, task), sheet.findings.listed())


def sheet_of(tree: Tree, name: str, settings: Columns, separators: str) -> Sheet:
    """The table of these files among them, with the column of each role."""
    if not tree.pictures() and (named := foreign_in(tree)):
        raise DataError(named)
    short = PurePosixPath(name).name
    table = read_table(tree.content(name, limits().table_bytes), short)
    if not table.rows:
        raise DataError(f"{short} has no rows under its header. Add a row for each picture.")
    folder = str(PurePosixPath(name).parent)
    columns = columns_of(table, settings)
    masks = set() if columns["mask"] else set(masks_beside_images(tree))
    images = [name for name in tree.pictures() if name not in masks]
    files = Lookup(images, "" if folder == "." else folder, "" if tree.is_zip else str(tree.root / tree.base))
    return Sheet(tree, table, files, columns, settings.label_columns, separators, tuple(sorted(masks, key=natural)))


def columns_of(table: Table, settings: Columns, needs_image: bool = True) -> dict[str, str]:
    """The column of each role that the settings know, named in them or likely from the header."""
    columns = {
        role: getattr(settings, role) or likely_column(table.header, role)
        if role in type(settings).model_fields
        else ""
        for role in NAMES
    }
    if settings.label_columns:
        columns["label"] = ""
    if not settings.split and not any(split_named(row.get(columns["split"], "")) for _, row in table.rows):
        columns["split"] = ""  # a column that is called "set" or "fold" need not be about splits
    header = ", ".join(table.header)
    for column in (*settings.label_columns, *columns.values()):
        if column and column not in table.header:
            raise DataError(f'{table.name} has no column "{column}". It has: {header}. Name one of these.')
    needed = {"image": needs_image, "label": not settings.label_columns}
    for role, is_needed in needed.items():
        if is_needed and not columns[role]:
            raise DataError(
                f"{table.name} has no column that looks like the {role}. It has: {header}. "
                f"Set {type(settings).called(role)} to one of them."
            )
    return columns


def sidecar(tree: Tree, name: str) -> Question:
    """What `task.yaml` beside the table says."""
    for side in (str(PurePosixPath(name).with_name(f"task.{suffix}")) for suffix in ("yaml", "yml")):
        if side in tree.files:
            values = read_yaml(tree.content(side, limits().yaml_bytes), side)
            return Question.parse(values or {}, side)
    return Question()
