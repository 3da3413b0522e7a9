"""Pascal VOC: an XML file for each picture with the boxes on it; lists of names say which split a picture is in."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from PIL import Image

from core.case import SPLITS, Box, Case, ImageSet, Split
from core.errors import DataError
from core.layouts.boxed import BoxedPicture, Drawn, boxed_set, tell_unlisted
from core.layouts.files import Tree, holds_a_tree, open_tree
from core.layouts.findings import Findings
from core.layouts.lookup import Lookup
from core.layouts.question import Question
from core.layouts.table import find_manifest
from core.limits import limits
from core.pictures.pixels import FilePixels

TITLE = "Pascal VOC (a folder or zip with an XML file of boxes for each picture)"
BEGINNING = 2000
LISTS = "ImageSets/Main/"


class Settings(Question):
    """What to ask about the pictures."""


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path):
        return False
    tree = open_tree(path)
    first = next(_annotations(tree), None)
    if first is None or not tree.pictures() or find_manifest(tree) is not None:
        return False
    return b"<annotation" in tree.content(first, BEGINNING, True)


def read(path: Path, settings: Settings) -> ImageSet:
    tree, findings = open_tree(path).unwrapped(), Findings()
    files, splits = Lookup(tree.pictures(), ""), _splits(tree, findings)
    pictures: dict[str, BoxedPicture] = {}
    for name in _annotations(tree):
        try:
            picture = _picture(name, tree.content(name, limits().yaml_bytes), files, splits)
        except DataError as error:
            findings.add("unreadable_annotation", "error", name, f'"{name}" {error}')
            continue
        if pictures.setdefault(picture.file, picture) is not picture:
            message = f'"{name}" is about "{picture.file}", which another file is about too. Keep one of the two.'
            findings.add("duplicate_annotation", "error", name, message)
    unlisted = "has no XML file and was left out. Add one, with no object in it if nothing is there."
    tell_unlisted(tree, pictures, unlisted, findings)
    if not pictures:
        raise DataError(f"{tree.name} has no XML file that names a picture in it. Put pictures and XML files together.")
    return boxed_set(tree, _from_their_first_pixel(list(pictures.values())), settings, findings)


def write_example(folder: Path) -> ImageSet:
    """Three grey pictures: a dark cell, a light one, and both."""
    for below in ("Annotations", "JPEGImages", LISTS):
        (folder / below).mkdir(parents=True)
    dark, light = Box("dark cell", 0.1, 0.2, 0.5, 0.6), Box("light cell", 0.5, 0.5, 1.0, 0.9)
    cases = []
    for number, (boxes, split) in enumerate([((dark,), "train"), ((light,), "train"), ((dark, light), "test")]):
        file = folder / f"JPEGImages/{number}.png"
        Image.new("L", (20, 40), 40 * number).save(file)
        objects = "".join(map(_written, boxes))
        text = f"<annotation><filename>{file.name}</filename><size><width>20</width><height>40</height></size>{objects}"
        (folder / f"Annotations/{number}.xml").write_text(f"{text}</annotation>\n", encoding="utf-8")
        with (folder / LISTS / f"{split}.txt").open("a") as names:
            names.write(f"{number}\n")
        labels = tuple(box.label for box in boxes)
        cases.append(Case(f"JPEGImages/{file.name}", FilePixels(file), labels, _split_of(split), boxes=boxes))
    task = Question().task(folder.name, ("dark cell", "light cell"), "multi")
    return ImageSet(folder.name, task, tuple(cases))


def _written(box: Box) -> str:
    """Corners as the first and the last pixel, counted from 1."""
    corners = f"<xmin>{box.left * 20 + 1:g}</xmin><ymin>{box.top * 40 + 1:g}</ymin>"
    corners += f"<xmax>{box.right * 20:g}</xmax><ymax>{box.bottom * 40:g}</ymax>"
    return f"<object><name>{box.label}</name><bndbox>{corners}</bndbox></object>"


def _annotations(tree: Tree) -> Iterator[str]:
    return (name for name in tree.files if name.lower().endswith(".xml"))


def _splits(tree: Tree, findings: Findings) -> dict[str, Split]:
    """The split of each name that train.txt, val.txt or test.txt lists; none where no such list is there."""
    split_of: dict[str, Split] = {}
    for split in SPLITS:
        for listed in (name for name in tree.files if name.endswith(f"{LISTS}{split}.txt")):
            lines = tree.content(listed, limits().table_bytes).decode("utf-8", "replace").split("\n")
            for name in (line.strip() for line in lines if line.strip()):
                if split_of.setdefault(name, split) != split:
                    message = f'"{name}" is in the lists of {split_of[name]} and {split}. Take it out of one.'
                    findings.add("several_splits", "error", name, message)
    return split_of


def _split_of(name: str) -> Split:
    return next(split for split in SPLITS if split == name)


def _picture(name: str, content: bytes, files: Lookup, splits: dict[str, Split]) -> BoxedPicture:
    """A DataError, to be put after the file's name, where it says nothing that can be used."""
    root = _parsed(content)
    stem = posixpath.splitext(posixpath.basename(name))[0]
    file = files.find((root.findtext("filename") or "").strip() or stem)
    width, height = (_number(root, f"size/{side}") for side in ("width", "height"))
    if not (width > 0 and height > 0):
        raise DataError("does not say how large its picture is. Write its size/width and size/height, in pixels.")
    drawn = [_drawn(part) for part in root.iter("object")]
    split = splits.get(posixpath.splitext(posixpath.basename(file))[0])
    return BoxedPicture(file, width, height, drawn, split=split)


def _parsed(content: bytes) -> ElementTree.Element:
    looked_through = expat.ParserCreate()
    looked_through.StartDoctypeDeclHandler = _refuse_doctype
    try:
        looked_through.Parse(content, True)
        return ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError, RecursionError) as error:
        raise DataError(f"is no XML that can be read ({error}). Write it again.") from None


def _refuse_doctype(*_: object) -> None:
    """Words that a file defines for itself may stand for each other without end."""
    raise DataError("defines words of its own (DOCTYPE), which is not read from uploads. Take them out.")


def _drawn(part: ElementTree.Element) -> Drawn:
    label = (part.findtext("name") or "").strip()
    if not label:
        raise DataError("has an object without a name. Name it.")
    return Drawn(label, *(_number(part, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")))


def _number(part: ElementTree.Element, path: str) -> float:
    text = part.findtext(path) or ""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f'has "{text.strip()}" where a number was expected ({path}). Correct it.')
    return number


def _from_their_first_pixel(pictures: Sequence[BoxedPicture]) -> list[BoxedPicture]:
    """The format counts pixels from 1 and a box's last pixel belongs to it; files that have a 0 count from 0."""
    if any(0 in (drawn.left, drawn.top) for picture in pictures for drawn in picture.drawn):
        return list(pictures)
    return [
        replace(picture, drawn=[replace(each, left=each.left - 1, top=each.top - 1) for each in picture.drawn])
        for picture in pictures
    ]
