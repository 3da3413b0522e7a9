"""A table of labels read by its columns, whatever its pictures are: what may be chosen, and the set it makes."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import Field

from core.case import ImageSet
from core.errors import DataError
from core.limits import limits
from core.sets.files import Tree, natural
from core.sets.manifest_cells import SEPARATORS, without_no_finding
from core.sets.manifest_rows import Sheet, make_cases, read_entries
from core.sets.question import Question
from core.sets.split import split_named
from core.sets.table import NAMES, Table, likely_column
from core.yamls import read_yaml

EMPTY = "Left empty: found by its name."


class SheetSettings(Question):
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
    boxes: str = Field(
        "",
        title="Boxes column",
        description=f"JSON: a list of {{label, left, top, right, bottom}}, as fractions of the picture. {EMPTY}",
    )
    mask: str = Field("", title="Mask column", description=f"Names the file of the picture's mask. {EMPTY}")
    report: str = Field("", title="Report column", description=f"The text of the picture's report. {EMPTY}")


def columns_of(table: Table, settings: SheetSettings, needs_image: bool = True) -> dict[str, str]:
    """The column of each role, named in the settings or likely from the header."""
    columns = {role: getattr(settings, role) or likely_column(table.header, role) for role in NAMES}
    if settings.label_columns:
        columns["label"] = ""
    if not settings.split and not any(split_named(row.get(columns["split"], "")) for _, row in table.rows):
        columns["split"] = ""  # a column that is called "set" or "fold" need not be about splits
    header = ", ".join(table.header)
    for column in (*settings.label_columns, *columns.values()):
        if column and column not in table.header:
            raise DataError(f'{table.name} has no column "{column}". It has: {header}. Name one of these.')
    needed = {"image": needs_image, "label": not settings.label_columns}
    for role in (role for role, is_needed in needed.items() if is_needed):
        if not columns[role]:
            raise DataError(
                f"{table.name} has no column that looks like the {role}. It has: {header}. Set `{role}` to one of them."
            )
    return columns


def sidecar(tree: Tree, name: str) -> Question:
    """What `task.yaml` beside the table says."""
    for side in (str(PurePosixPath(name).with_name(f"task.{suffix}")) for suffix in ("yaml", "yml")):
        if side in tree.files:
            values = read_yaml(tree.content(side, limits().yaml_bytes), side)
            return Question.parse(values or {}, side)
    return Question()


def separators_of(question: Question, settings: SheetSettings) -> str:
    return "" if question.kind in ("single", "ordinal") else settings.separators


def set_of(sheet: Sheet, question: Question, name: str) -> ImageSet:
    """The cases of a table's rows, under the question that its labels ask."""
    entries = read_entries(sheet)
    is_multi = any(len(entry.labels) > 1 or (not entry.labels and sheet.says_none(entry.row)) for entry in entries)
    kind = question.kind or ("multi" if is_multi else "single")
    used = tuple({label for entry in entries for label in entry.labels})
    answers = sheet.marks or sorted(without_no_finding(used) if kind == "multi" else used, key=natural)
    task = question.task(sheet.table.name, answers, kind)
    cases = make_cases(sheet, entries, task)
    return ImageSet(name, task, cases, sheet.findings.listed())
