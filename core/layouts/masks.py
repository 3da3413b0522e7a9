"""Which mask belongs to which picture, where masks lie in a folder of their own, under the names of their pictures."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from core.layouts.files import Tree
from core.layouts.findings import Findings

IMAGES = frozenset({"images", "image", "imgs", "img", "pictures"})
MASKS = frozenset({"masks", "mask", "segmentations", "segmentation"})
ENDINGS = re.compile(r"[ _-](mask|segmentation|seg)$", re.IGNORECASE)


def in_image_folders(names: Sequence[str]) -> list[str]:
    return [name for name in names if _around(name, IMAGES)]


def masks_beside_images(tree: Tree) -> list[str]:
    """Pictures in a folder of masks that has a folder of images beside it."""
    beside = {around for name in tree.pictures() for around in _around(name, IMAGES)}
    return [name for name in tree.pictures() if not beside.isdisjoint(_around(name, MASKS))]


def paired(pictures: Sequence[str], masks: Sequence[str], findings: Findings) -> dict[str, str]:
    """The mask of each picture that has one: at the same place among the masks, or else the only one of its name."""
    by_place, by_stem = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for mask in masks:
        place = ENDINGS.sub("", _place(mask))
        by_place[place].append(mask)
        by_stem[posixpath.basename(place)].append(mask)
    alike = Counter(posixpath.basename(_place(picture)) for picture in pictures)
    mask_of, belonging = dict[str, str](), set[str]()
    for picture in pictures:
        place = _place(picture)
        stem = posixpath.basename(place)
        candidates = by_place[place] or (by_stem[stem] if alike[stem] == 1 else [])
        belonging.update(candidates)
        if len(candidates) == 1:
            mask_of[picture] = candidates[0]
        elif candidates:
            message = f'"{picture}" has several masks ({candidates[0]}, {candidates[1]}). Keep one of them.'
            findings.add("several_masks", "error", picture, message)
        else:
            message = f'"{picture}" has no mask. Nothing to do if nobody drew one on it.'
            findings.add("without_mask", "note", picture, message)
    for mask in masks:
        if mask not in belonging:
            message = f'"{mask}" is the mask of no picture here and was left out. Call it as its picture is called.'
            findings.add("mask_without_image", "warning", mask, message)
    return mask_of


def folders_but_of_images(name: str) -> list[str]:
    """The folders that a picture lies in, without those that say no more than that it is a picture."""
    return [folder for folder in name.split("/")[:-1] if folder.casefold() not in IMAGES]


def _around(name: str, called: Collection[str]) -> list[str]:
    """What lies around each folder above a file that is called so."""
    folders = name.split("/")[:-1]
    return ["/".join(folders[:place]) for place, folder in enumerate(folders) if folder.casefold() in called]


def _place(name: str) -> str:
    """Where a picture lies, whether among the images or among the masks, without its suffix."""
    *folders, file = name.split("/")
    kept = [folder for folder in folders if folder.casefold() not in IMAGES | MASKS]
    return "/".join([*kept, posixpath.splitext(file)[0]])
