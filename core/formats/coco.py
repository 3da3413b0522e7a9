"""COCO: JSON files with lists of pictures, of boxes and outlines and of their categories, a file for each split or one
for all."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from core.case import Box, Case, ImageSet, Pixels, Split
from core.errors import DataError
from core.layouts.boxed import BoxedPicture, Drawn, boxed_set, tell_unlisted
from core.layouts.coco import MASK, coco_box
from core.layouts.coco_masks import mask_of_outlines, own_masks
from core.layouts.files import Tree, holds_a_tree, open_tree
from core.layouts.findings import Findings
from core.layouts.lookup import Lookup
from core.layouts.question import Question
from core.layouts.splits import split_named
from core.layouts.table import find_manifest
from core.limits import limits
from core.pictures.pixels import FilePixels

TITLE = "COCO (a folder or zip with pictures and a JSON file of boxes)"
BEGINNING = 20_000
LISTS = ("images", "annotations", "categories")
IDS = ("id", "image_id", "category_id")
SAYS_SO = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')


class Settings(Question):
    """What to ask about the pictures."""


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path):
        return False
    tree = open_tree(path)
    says_so = any(_says_so(tree, name) for name in tree.files if name.lower().endswith(".json"))
    return says_so and bool(tree.pictures()) and find_manifest(tree) is None


def read(path: Path, settings: Settings) -> ImageSet:
    tree, findings = open_tree(path).unwrapped(), Findings()
    pictures: dict[str, BoxedPicture] = {}
    for name in tree.files:
        if name.lower().endswith(".json") and _says_so(tree, name):
            for picture in _pictures(tree, name, findings):
                if pictures.setdefault(picture.file, picture) is not picture:
                    message = f'"{picture.file}" is listed again in {name}. Keep one of the two.'
                    findings.add("duplicate_row", "error", picture.file, message)
    tell_unlisted(tree, pictures, "is in no JSON file and was left out. List it if it belongs to the set.", findings)
    if not pictures:
        raise DataError(f"No picture that {tree.name} lists is in it. Put the pictures beside the JSON file.")
    return boxed_set(tree, list(pictures.values()), settings, findings)


def write_example(folder: Path) -> ImageSet:
    """Three grey pictures: a dark cell, a light one, and both."""
    (folder / "images").mkdir(parents=True)
    dark, light = Box("dark cell", 0.1, 0.2, 0.5, 0.6), Box("light cell", 0.5, 0.5, 1.0, 0.9)
    names = ("dark cell", "light cell")
    content: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    cases = []
    for number, boxes in enumerate(((dark,), (light,), (dark, light))):
        file = folder / f"images/{number}.png"
        Image.new("L", (20, 40), 40 * number).save(file)
        content["images"].append({"id": number, "file_name": file.name, "width": 20, "height": 40})
        for box in boxes:
            about = {
                "image_id": number,
                "category_id": names.index(box.label) + 1,
                "bbox": coco_box(box, 20, 40),
                "iscrowd": 0,
            }
            content["annotations"].append({"id": len(content["annotations"]) + 1, **about})
        cases.append(Case(f"images/{file.name}", FilePixels(file), tuple(box.label for box in boxes), boxes=boxes))
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return ImageSet(folder.name, Question().task(folder.name, names, "multi"), tuple(cases))


def _says_so(tree: Tree, name: str) -> bool:
    return SAYS_SO.search(tree.content(name, BEGINNING, True)) is not None


def _pictures(tree: Tree, name: str, findings: Findings) -> list[BoxedPicture]:
    """What one JSON file lists."""
    content = _parsed(tree.content(name, limits().table_bytes), name)
    categories = {row.get("id"): str(row.get("name") or "").strip() for row in content["categories"]}
    _tell_repeated_ids(content, name, findings)
    of_masks = {row.get("id") for row in content["categories"] if row.get("supercategory") == MASK}
    masks = [row for row in content["annotations"] if row.get("category_id") in of_masks]
    boxes, boxless, split = defaultdict[Any, list[Drawn]](list), defaultdict[Any, list[str]](list), _split(name)
    mask_of, objects = own_masks(masks, name, findings), defaultdict[Any, list[dict[str, Any]]](list)
    for row in content["annotations"]:
        if row.get("category_id") in of_masks:
            continue
        objects[row.get("image_id")].append(row)
        match _object(row, categories, name, findings):
            case Drawn() as drawn:
                boxes[row.get("image_id")].append(drawn)
            case str() as label:
                boxless[row.get("image_id")].append(label)
    files = Lookup(tree.pictures(), posixpath.dirname(name))
    pictures, seen = [], set[Any]()
    for row in content["images"]:
        picture_id = row.get("id")
        place = f"Image {picture_id!r} of {name}"
        if picture_id in seen:
            findings.add("repeated_id", "error", str(picture_id), f"{place} is listed twice. Give each its own id.")
            continue
        seen.add(picture_id)
        try:
            picture = _picture(row, files)
        except DataError as error:
            findings.add("missing_image", "error", str(row.get("file_name")), f"{place} {error}")
            continue
        mask = _mask(mask_of.get(picture_id), objects[picture_id], picture, name, findings)
        own_split = split or split_named(str(row.get("split") or ""))
        named = [*boxless[picture_id], *_own_labels(row)]
        picture = replace(picture, drawn=boxes[picture_id], boxless=named, mask=mask)
        pictures.append(replace(picture, split=own_split, patient=_own_patient(row)))
    for lost in (boxes.keys() | boxless.keys() | mask_of.keys()) - seen:
        message = f"{name} has boxes of image {lost!r}, which it does not list. Add the image or remove the boxes."
        findings.add("boxes_without_image", "warning", str(lost), message)
    return pictures


def _own_labels(row: Mapping[str, Any]) -> list[str]:
    """What an image is said to show, with a box or without, where our own exports say it."""
    labels = row.get("labels")
    return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []


def _own_patient(row: Mapping[str, Any]) -> str | None:
    patient = row.get("patient")
    return str(patient) if isinstance(patient, str | int) and str(patient).strip() else None


def _tell_repeated_ids(content: Mapping[str, Sequence[Mapping[str, Any]]], name: str, findings: Findings) -> None:
    """Of categories, by which boxes are named; and of annotations, which are all read whatever their ids."""
    for row_id, count in Counter(row.get("id") for row in content["categories"]).items():
        if count > 1:
            message = f"Category {row_id!r} of {name} is listed {count} times. Give each its own id."
            findings.add("repeated_category", "error", str(row_id), message)
    for row_id, count in Counter(row["id"] for row in content["annotations"] if "id" in row).items():
        if count > 1:
            message = (
                f"Annotation {row_id!r} of {name} is listed {count} times, and all were read. Remove what is double."
            )
            findings.add("repeated_annotation", "warning", str(row_id), message)


def _picture(row: Mapping[str, Any], files: Lookup) -> BoxedPicture:
    width, height = (_number(row.get(side)) for side in ("width", "height"))
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise DataError("does not say how large it is. Write its width and height, in pixels.")
    return BoxedPicture(files.find(str(row.get("file_name") or "")), width, height)


def _mask(
    own: Pixels | None, objects: Sequence[Mapping[str, Any]], picture: BoxedPicture, name: str, findings: Findings
) -> Pixels | None:
    """A picture's own mask, or that of its objects' outlines."""
    outlined = mask_of_outlines(objects, (picture.width, picture.height), name, findings)
    if own and outlined:
        message = f'"{picture.file}" has a mask of its own and objects with outlines in {name}. Keep one of the two.'
        findings.add("several_masks", "error", picture.file, message)
    return own or outlined


def _object(row: Mapping[str, Any], categories: Mapping[Any, str], name: str, findings: Findings) -> Drawn | str | None:
    """The box of an annotation, or only what it is about where it has none that can be used."""
    place, about = f"Annotation {row.get('id')!r} of {name}", str(row.get("image_id"))
    label = categories.get(row.get("category_id"))
    if not label:
        message = f"{place} is of category {row.get('category_id')!r}, which is not listed or has no name. Add it."
        findings.add("unknown_category", "error", about, message)
        return None
    if row.get("iscrowd"):
        message = f"{place} is around a crowd, not around one object; its box was left out, its label was kept."
        findings.add("crowd", "warning", about, message)
        return label
    corner = row.get("bbox")
    numbers = [_number(side) for side in corner] if isinstance(corner, list) else []
    if len(numbers) == 4 and all(map(math.isfinite, numbers)):
        left, top, width, height = numbers
        return Drawn(label, left, top, left + width, top + height)
    message = f"{place} has no box of four numbers (left, top, width, height). Its label was kept. Correct it."
    findings.add("unreadable_boxes", "warning", about, message)
    return label


def _parsed(content: bytes, name: str) -> dict[str, list[dict[str, Any]]]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON that can be read ({error}). Write it again.") from None
    lists = {key: values.get(key) for key in LISTS} if isinstance(values, dict) else {}
    for key in LISTS:
        rows = lists.get(key)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(f'{name} has no list "{key}". A COCO file has the lists {", ".join(LISTS)}.')
        if len(rows) > limits().rows:
            raise DataError(f'The list "{key}" of {name} is longer than {limits().rows:,}. Divide it.')
        if not all(isinstance(row.get(id_name, 0), int | str) for row in rows for id_name in IDS):
            raise DataError(f'An id in the list "{key}" of {name} is neither a number nor a text. Correct it.')
    return {key: lists[key] or [] for key in LISTS}


def _split(name: str) -> Split | None:
    """From words of the file's name, as in instances_val2017.json."""
    words = re.split(r"[^a-z]+", posixpath.splitext(posixpath.basename(name))[0].lower())
    return next((split for word in words if (split := split_named(word))), None)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf
