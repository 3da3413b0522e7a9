"""Images in one folder and their masks in another beside it, under the same names; classes are folders in both.

Where there are no such folders, the question is whether anything is marked on a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from core.case import NO_FINDING, Case, ImageSet
from core.errors import DataError
from core.layouts.classes import class_named, of_listed_classes
from core.layouts.files import Tree, holds_a_tree, natural, open_tree
from core.layouts.findings import Findings
from core.layouts.masks import folders_but_of_images, in_image_folders, masks_beside_images, paired
from core.layouts.question import Question
from core.layouts.splits import split_named, split_of_folder
from core.layouts.table import find_manifest
from core.pictures.masks import marked
from core.pictures.pixels import FilePixels

TITLE = "masks beside images (a folder or zip with images/ and masks/, under the same names)"
MARKED = "marked"


class Settings(Question):
    """What to ask about the pictures."""


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path):
        return False
    tree = open_tree(path)
    return bool(masks_beside_images(tree)) and find_manifest(tree) is None


def read(path: Path, settings: Settings) -> ImageSet:
    tree, findings = open_tree(path).unwrapped(), Findings()
    masks = masks_beside_images(tree)
    pictures = _pictures(tree, masks, findings)
    mask_of = paired(pictures, masks, findings)
    label_of = _classes(pictures, findings) or _marks(tree, pictures, mask_of, findings)
    task = settings.task(tree.name, sorted(set(label_of.values()), key=natural))
    cases = [
        Case(
            picture,
            tree.pixels(picture),
            (label,),
            split_of_folder(picture),
            mask=tree.pixels(mask_of[picture]) if picture in mask_of else None,
        )
        for picture, label in label_of.items()
    ]
    return ImageSet(tree.name, task, of_listed_classes(cases, task, findings), findings.listed())


def write_example(folder: Path) -> ImageSet:
    """Six grey pictures of two classes; on all but the last something is marked."""
    cases = []
    for number in range(6):
        label, shade = (("dark cell", 40), ("light cell", 200))[number % 2]
        image, mask = (folder / f"{below}/{label.replace(' ', '_')}/{number}.png" for below in ("images", "masks"))
        for file in (image, mask):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (20, 20), shade + number).save(image)
        drawing = Image.new("L", (20, 20))
        if number < 5:
            ImageDraw.Draw(drawing).rectangle((5, 5, 9, 9), fill=255)
        drawing.save(mask)
        name = image.relative_to(folder).as_posix()
        cases.append(Case(name, FilePixels(image), (label,), mask=FilePixels(mask)))
    cases.sort(key=lambda case: natural(case.id))
    return ImageSet(folder.name, Question().task(folder.name, ("dark cell", "light cell")), tuple(cases))


def _pictures(tree: Tree, masks: Sequence[str], findings: Findings) -> list[str]:
    """Those that lie among the images."""
    images, drawn = set(in_image_folders(tree.pictures())), set(masks)
    for name in tree.pictures():
        if name not in images | drawn:
            message = f'"{name}" lies neither among the images nor among their masks and was left out. Move it there.'
            findings.add("outside_images", "warning", name, message)
    return [name for name in tree.pictures() if name in images - drawn]


def _classes(pictures: Sequence[str], findings: Findings) -> dict[str, str]:
    """The class of each picture that lies in the folder of one; nothing where there are no such folders."""
    class_of = {}
    for picture in pictures:
        folders = [folder for folder in folders_but_of_images(picture) if not split_named(folder)]
        if folders:
            class_of[picture] = class_named(folders[0])
    for picture in pictures if class_of else ():
        if picture not in class_of:
            message = f'"{picture}" lies in no class folder and was left out. Move it into the folder of its class.'
            findings.add("outside_classes", "warning", picture, message)
    return class_of


def _marks(tree: Tree, pictures: Sequence[str], mask_of: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """Whether anything is marked, of each picture that has a mask."""
    labels = {}
    for picture in pictures:
        if picture in mask_of:
            is_marked = marked(tree.pixels(mask_of[picture]).load()).any()
            labels[picture] = MARKED if is_marked else NO_FINDING
        else:
            message = f'"{picture}" has no mask, and nothing else says what it shows. It was left out. Add its mask.'
            findings.add("unlabelled", "warning", picture, message)
    if len(set(labels.values())) == 1:
        all_or_none = "something" if MARKED in labels.values() else "nothing"
        raise DataError(
            f"{tree.name} has no class folders, and {all_or_none} is marked on every image, so there is nothing "
            "to ask. Put the images into a folder for each class, or add labels.csv with the columns image and label."
        )
    return labels
