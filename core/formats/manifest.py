"""A table (CSV, TSV, Excel) that names each picture and its label, beside the pictures or in one zip with them.

A `task.yaml` next to the table may say what the task asks: modality, answers, kind, template.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from PIL import Image

from core.case import Case, ImageSet
from core.errors import DataError
from core.limits import limits
from core.pictures.pixels import FilePixels
from core.sets.files import Tree, holds_a_tree, natural, open_tree
from core.sets.foreign_files import foreign_in
from core.sets.lookup import Lookup
from core.sets.manifest_rows import Sheet
from core.sets.masks import masks_beside_images
from core.sets.question import Question
from core.sets.sheet import SheetSettings, columns_of, separators_of, set_of, sidecar
from core.sets.split import split_named
from core.sets.table import SUFFIXES, find_manifest, read_table

TITLE = "a table of labels (CSV, TSV or Excel) with its pictures, in a folder or zip"


class Settings(SheetSettings):
    """Which column says what, and how several labels are written."""


def looks_like(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return True
    return holds_a_tree(path) and find_manifest(open_tree(path)) is not None


def read(path: Path, settings: Settings) -> ImageSet:
    tree, name = _open(path)
    question = settings.over(sidecar(tree, name))
    sheet = _sheet(tree, name, settings, separators_of(question, settings))
    return set_of(sheet, question, path.stem if path.is_file() else tree.name)


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


def _sheet(tree: Tree, name: str, settings: Settings, separators: str) -> Sheet:
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
