"""A folder or a zip in which each class is a folder of pictures, under train/, val/ and test/ if the set is divided."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from core.case import Case, ImageSet
from core.layouts.class_folders import read_class_folders
from core.layouts.files import holds_a_tree, open_tree
from core.layouts.question import Question
from core.layouts.table import find_manifest
from core.pictures.pixels import FilePixels

TITLE = "class folders (a folder or zip with one folder of pictures for each class)"


class Settings(Question):
    """What to ask about the pictures."""


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path):
        return False
    tree = open_tree(path)
    return any("/" in name for name in tree.pictures()) and find_manifest(tree) is None


def read(path: Path, settings: Settings) -> ImageSet:
    return read_class_folders(open_tree(path), settings)


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
