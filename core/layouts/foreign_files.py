"""What people bring that is no image set, called what it is: a PDF, DICOM files, a zip within a zip."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core.layouts.files import Tree, holds_a_tree, open_tree
from core.layouts.table import SUFFIXES as TABLES
from core.pictures.foreign import BEGINNING, ZIP, Foreign, foreign_by_content, foreign_by_name

MOST_OPENED = 20


def foreign_files(path: Path) -> str:
    """What a file is, or what a folder or zip without pictures holds, and what to do; empty where unknown."""
    if holds_a_tree(path):
        tree = open_tree(path)
        return "" if tree.pictures() else foreign_in(tree)
    with path.open("rb") as file:
        beginning = file.read(BEGINNING)
    kind = foreign_by_content(beginning, path.name) or foreign_by_name(path.name)
    return f'"{path.name}" is {kind.name}. {kind.advice}' if kind else ""


def foreign_in(tree: Tree) -> str:
    """Of the files of a tree those that are known to be something else, the most frequent kind."""
    rest = [name for name in tree.files if not tree.is_picture(name) and not name.lower().endswith(TABLES)]
    kinds = Counter(kind for number, name in enumerate(rest) if (kind := _kind_of(tree, name, number)))
    if not kinds:
        return ""
    ((kind, count),) = kinds.most_common(1)
    if kind is ZIP:
        inner = next(name for name in rest if _kind_of(tree, name, 0) is ZIP)
        return f'{tree.name} holds no pictures but a zip within it ("{inner}"). Unpack the outer one, and bring that.'
    what = kind.name if count == 1 else kind.plural
    return f"{tree.name} holds {what} and no picture that is read here. {kind.advice}"


def _kind_of(tree: Tree, name: str, number: int) -> Foreign | None:
    """By its name; of the first files also by their first bytes."""
    if kind := foreign_by_name(name):
        return kind
    return foreign_by_content(tree.content(name, BEGINNING, True), name) if number < MOST_OPENED else None
