"""A folder or a zip in which each class is a folder of pictures, under train/, val/ and test/ if the set is divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from core.case import Case, ImageSet, Split
from core.errors import DataError
from core.pictures.foreign import foreign_by_name
from core.pictures.pixels import SUFFIXES, FilePixels
from core.sets.classes import class_named, of_listed_classes, split_folders
from core.sets.files import Tree, holds_a_tree, is_picture, natural, open_tree, outer
from core.sets.findings import Findings
from core.sets.question import Question
from core.sets.split import split_named
from core.sets.table import find_manifest

TITLE = "class folders (a folder or zip with one folder of pictures for each class)"

OTHER_TABLES = (".xls", ".ods", ".numbers", ".json", ".jsonl", ".parquet")


class Settings(Question):
    """What to ask about the pictures."""


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path):
        return False
    tree = open_tree(path)
    return any("/" in name for name in tree.pictures()) and find_manifest(tree) is None


def read(path: Path, settings: Settings) -> ImageSet:
    tree = _within(open_tree(path))
    findings = Findings()
    parts = split_folders(tree.pictures(), tree.folders, findings)
    cases = [case for prefix, split in parts.items() for case in _cases(tree, prefix, split, findings)]
    if not cases:
        suffixes = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{tree.name} has no pictures in class folders. Pictures are files that end in {suffixes}.")
    folders = _class_folders(tree, parts)
    if not settings.answers:
        _refuse_other_tables(tree, folders)
    _tell_empty(cases, folders, findings)
    task = settings.task(tree.name, sorted(folders, key=natural))
    return ImageSet(tree.name, task, of_listed_classes(cases, task, findings), findings.listed())


def write_example(folder: Path) -> ImageSet:
    """Six grey pictures of two classes, not divided."""
    cases = []
    for label, shade in (("dark cell", 40), ("light cell", 200)):
        below = folder / label.replace(" ", "_")
        below.mkdir(parents=True)
        for number in range(3):
            file = below / f"{number}.png"
            Image.new("L", (20, 20), shade + number).save(file)
            cases.append(Case(f"{below.name}/{file.name}", FilePixels(file), (label,)))
    task = Question().task(folder.name, ("dark cell", "light cell"))
    return ImageSet(folder.name, task, tuple(cases))


def _within(tree: Tree) -> Tree:
    """The tree without the folders around it that name neither a class nor a split."""
    while True:
        pictures = tree.pictures()
        around = outer(pictures)
        inner = {name.removeprefix(around).count("/") for name in pictures}
        if not around or 0 in inner or split_named(around.rstrip("/")):
            return tree
        tree = tree.below(around)


def _class_folders(tree: Tree, parts: Mapping[str, Split | None]) -> dict[str, str]:
    """Each class's name and its (first) folder."""
    folder_of: dict[str, str] = {}
    for prefix in parts:
        for folder in tree.folders:
            inside = folder.removeprefix(prefix)
            if folder.startswith(prefix) and inside.count("/") == 1:
                folder_of.setdefault(class_named(inside.rstrip("/")), folder)
    return folder_of


def _refuse_other_tables(tree: Tree, folders: Mapping[str, str]) -> None:
    """One folder of pictures beside a table of a kind that is not read: its labels stand in there."""
    tables = [name for name in tree.files if name.lower().endswith(OTHER_TABLES)]
    if len(folders) == 1 and tables:
        raise DataError(
            f'{tree.name} has one folder of pictures, and "{tables[0]}" is a kind of table that is not read. '
            "Save it as CSV or XLSX, with a column that names the image and one for its label."
        )


def _tell_empty(cases: Sequence[Case], folders: Mapping[str, str], findings: Findings) -> None:
    filled = {label for case in cases for label in case.labels}
    for label, folder in folders.items():
        if label not in filled:
            message = f'The folder "{folder}" has no pictures. Add some or remove it.'
            findings.add("empty_class", "error", label, message)


def _cases(tree: Tree, prefix: str, split: Split | None, findings: Findings) -> list[Case]:
    cases = []
    for name in tree.files:
        if not name.startswith(prefix):
            continue
        folder, slash, _ = name.removeprefix(prefix).partition("/")
        if not is_picture(name):
            kind = foreign_by_name(name)
            message = f'"{name}" is {kind.name if kind else "not a picture"} and was left out. '
            message += kind.advice if kind else "Nothing to do if that is as it should be."
            findings.add("other_files", "note", name, message)
        elif not slash:
            message = f'"{name}" lies in no class folder and was left out. Move it into the folder of its class.'
            findings.add("outside_classes", "warning", name, message)
        else:
            cases.append(Case(name, tree.pixels(name), (class_named(folder),), split))
    return cases
