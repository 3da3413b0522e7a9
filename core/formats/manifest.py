"""A table (CSV, TSV, Excel) that names each picture and its label, beside the pictures or in one zip with them.

A `task.yaml` next to the table may say what the task asks: modality, answers, kind, template.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image
from pydantic import Field

from core.case import Case, ImageSet
from core.errors import DataError
from core.layouts.files import Tree, holds_a_tree, open_tree
from core.layouts.manifest import EMPTY, Columns, read_manifest
from core.layouts.question import Question
from core.layouts.splits import split_named
from core.layouts.table import SUFFIXES, find_manifest
from core.pictures.pixels import FilePixels

TITLE = "a table of labels (CSV, TSV or Excel) with its pictures, in a folder or zip"


class Settings(Columns):
    """Which column says what, and how several labels are written."""

    boxes: str = Field(
        "",
        title="Boxes column",
        description=f"JSON: a list of {{label, left, top, right, bottom}}, as fractions of the picture. {EMPTY}",
    )


def looks_like(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return True
    return holds_a_tree(path) and find_manifest(open_tree(path)) is not None


def read(path: Path, settings: Settings) -> ImageSet:
    tree, name = _open(path)
    image_set = read_manifest(tree, name, settings)
    return replace(image_set, name=path.stem) if path.is_file() else image_set


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
    tree = open_tree(path).unwrapped()
    name = find_manifest(tree)
    if name is None:
        raise DataError(f"{path.name} has no table with an image column. Add one, called labels.csv.")
    return tree, name
