"""An npz file laid out as MedMNIST's: train_images, train_labels, val_images and so on; any size, any of the sets."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from core.case import SPLITS, Case, Finding, ImageSet, Kind, Split, Task
from core.errors import DataError
from core.layouts.findings import about
from core.layouts.medmnist import Facts, facts_counted, facts_named
from core.layouts.question import Question
from core.limits import limits, raised
from core.pictures.npz import Array, Header, open_array, read_header, refuse_false
from core.pictures.pixels import ArrayPixels, refuse_large
from core.pictures.zips import examine

TITLE = "MedMNIST npz (one file with train_images, train_labels and the like)"
MAX_CLASSES = 1000
COLOURS = {1: "grey", 3: "in colour"}


class Settings(Question):
    """What to ask; for a set that is not MedMNIST's own, the answers are in the order of their numbers."""


@dataclass(frozen=True)
class Part:
    """One split of the file: how many pictures of which shape, and their labels [N, K]."""

    split: Split
    images: Header
    labels: Array

    @property
    def channels(self) -> int:
        return self.images.shape[3] if len(self.images.shape) == 4 else 1


def looks_like(path: Path) -> bool:
    return _file(path) is not None


def read(path: Path, settings: Settings) -> ImageSet:
    npz = _file(path) or path
    parts = _parts(npz)
    kind: Kind = "multi" if parts[0].labels.shape[1] > 1 else "single"
    named, counted = facts_named(npz.stem), facts_counted({part.split: len(part.labels) for part in parts})
    facts = next((facts for facts in (named, counted) if facts and not _mismatch(facts, parts)), None)
    if facts:
        task = settings.task(npz.name, facts.answers, facts.kind, facts.modality)
    else:
        task = _unknown(npz, settings, parts, kind)
    cases = tuple(case for part in parts for case in _cases(npz, part, task))
    findings = () if facts or settings.answers else (_unnamed(npz, task, named, parts),)
    return ImageSet(npz.stem, task, cases, findings)


def write_example(folder: Path) -> ImageSet:
    """Six grey 28 x 28 pictures in the layout of PneumoniaMNIST, two in each split."""
    folder.mkdir(parents=True, exist_ok=True)
    npz = folder / "pneumonia_28.npz"
    shades = np.arange(6, dtype=np.uint8).reshape(3, 2, 1, 1) * 40
    arrays: dict[str, Any] = {f"{split}_labels": np.array([[0], [1]], np.uint8) for split in SPLITS}
    arrays |= {f"{split}_images": np.tile(shades[place], (1, 28, 28)) for place, split in enumerate(SPLITS)}
    np.savez(npz, **arrays)
    task = Task(modality="chest X-ray", answers=("normal", "pneumonia"))
    cases = [
        Case(f"{split}/{row}", ArrayPixels(npz, f"{split}_images", row), (task.answers[row],), split)
        for split in SPLITS
        for row in (0, 1)
    ]
    return ImageSet(npz.stem, task, tuple(cases))


def _file(path: Path) -> Path | None:
    """The npz at this path, or the only one in this folder."""
    if path.is_dir():
        files = sorted(path.glob("*.npz"))
        return files[0] if len(files) == 1 else None
    return path if path.suffix.lower() == ".npz" else None


def _parts(npz: Path) -> list[Part]:
    keys = {name.removesuffix(".npy") for name in examine(npz)}
    halves = {split: {f"{split}_images", f"{split}_labels"} for split in SPLITS}
    splits = [split for split, both in halves.items() if both <= keys]
    if not splits:
        arrays = ", ".join(sorted(keys)[:8]) or "nothing"
        raise DataError(
            f"{npz.name} holds {arrays}; a MedMNIST file holds train_images, train_labels, val_images and so on. "
            "Name the arrays like this."
        )
    for both in halves.values():
        if len(both & keys) == 1:
            (there,), (missing,) = both & keys, both - keys
            raise DataError(f"{npz.name} holds {there} without {missing}. Add it, or remove {there}.")
    return [_part(npz, split) for split in splits]


def _part(npz: Path, split: Split) -> Part:
    images, labels = _header(npz, f"{split}_images"), _header(npz, f"{split}_labels")
    is_colour = len(images.shape) == 4 and images.shape[3] in (1, 3)
    if images.dtype != np.uint8 or not (len(images.shape) == 3 or is_colour):
        raise DataError(
            f"{split}_images of {npz.name} is {_shape_text(images)}; "
            "expected cases x height x width (x 3: colour) of uint8. "
            "Volumes and other kinds of numbers can't be read: convert them."
        )
    if min(images.shape) < 1:
        raise DataError(
            f"{split}_images of {npz.name} is {_shape_text(images)}: no pictures. Remove both arrays of {split}."
        )
    count = images.shape[0]
    refuse_large(images.shape[2], images.shape[1], f"{split}_images of {npz.name}")
    if count > limits().rows:
        raise DataError(
            f"{split}_images of {npz.name} holds {count:,} pictures, more than {limits().rows:,}. Split the set. "
            f"{raised('rows')}"
        )
    if labels.dtype.kind not in "iub" or labels.shape[:1] != (count,) or len(labels.shape) > 2:
        raise DataError(
            f"{split}_labels of {npz.name} is {_shape_text(labels)}; expected whole numbers, "
            f"one row for each of the {count} pictures. Write the file again with such labels."
        )
    if prod(labels.shape[1:]) > MAX_CLASSES:
        raise DataError(
            f"{split}_labels of {npz.name} is {_shape_text(labels)}, more than {MAX_CLASSES:,} labels. Correct it."
        )
    return Part(split, images, open_array(npz, f"{split}_labels").reshape(count, -1).astype(np.int64))


def _shape_text(header: Header) -> str:
    return f"{' x '.join(map(str, header.shape))} of {header.dtype}"


def _header(npz: Path, key: str) -> Header:
    try:
        with ZipFile(npz) as archive, archive.open(f"{key}.npy") as stream:
            header = read_header(stream)
            if not header.dtype.hasobject:
                refuse_false(header, archive.getinfo(f"{key}.npy").file_size)
    except Exception as error:  # damaged members raise almost anything: BadZipFile, zlib.error, ValueError, EOFError
        raise DataError(f'"{key}" of {npz.name} can\'t be read ({error}). Fetch or write the file again.') from None
    if header.dtype.hasobject:
        raise DataError(
            f'"{key}" of {npz.name} holds pickled Python objects, which could run anything and are never opened. '
            "Save it again as a plain array of numbers."
        )
    return header


def _unknown(npz: Path, settings: Settings, parts: list[Part], kind: Kind) -> Task:
    width = parts[0].labels.shape[1]
    count = width if kind == "multi" else 1 + max(int(part.labels.max(initial=0)) for part in parts)
    if count > MAX_CLASSES:
        raise DataError(f"A label of {npz.name} is {count - 1}. Labels are the numbers of classes, from 0. Correct it.")
    return settings.task(npz.name, [f"class {number}" for number in range(count)], kind)


def _mismatch(facts: Facts, parts: list[Part]) -> str:
    """What shows that these can't be the arrays of a set, or nothing. A label below 0 is wrong in every set."""
    columns, most = (len(facts.answers), 1) if facts.kind == "multi" else (1, len(facts.answers) - 1)
    for part in parts:
        if part.channels != facts.channels:
            return f"its pictures are {COLOURS[part.channels]}, that set's {COLOURS[facts.channels]}"
        if part.labels.shape[1] != columns:
            return f"its labels have {part.labels.shape[1]} columns, that set's {columns}"
        highest = int(part.labels.max(initial=0))
        if highest > most:
            return f"it has the label {highest}, that set 0 to {most}"
    return ""


def _unnamed(npz: Path, task: Task, named: Facts | None, parts: list[Part]) -> Finding:
    message = f"{npz.name} does not name its classes. Set “answers” to their names, in the order of their numbers."
    if named:
        message = f"{npz.name} is called like {named.name} but is another set: {_mismatch(named, parts)}. {message}"
    return about("unnamed_classes", "warning", task.answers, message)


def _cases(npz: Path, part: Part, task: Task) -> list[Case]:
    expected = len(task.answers) if task.kind == "multi" else 1
    if part.labels.shape[1] != expected:
        raise DataError(
            f"{part.split}_labels of {npz.name} has {part.labels.shape[1]} columns, but a {task.kind} task with "
            f"{len(task.answers)} answers has {expected}. Set “kind” and “answers”, or name the file after its set."
        )
    _refuse_outside(npz, part, 2 if task.kind == "multi" else len(task.answers))
    labels = _multi(part, task) if task.kind == "multi" else _single(part, task)
    key = f"{part.split}_images"
    return [
        Case(f"{part.split}/{row}", ArrayPixels(npz, key, row), names, part.split) for row, names in enumerate(labels)
    ]


def _single(part: Part, task: Task) -> list[tuple[str, ...]]:
    each = [(name,) for name in task.answers]
    return [each[number] for number in part.labels[:, 0].tolist()]


def _multi(part: Part, task: Task) -> list[tuple[str, ...]]:
    return [tuple(name for name, on in zip(task.answers, row, strict=True) if on) for row in part.labels.tolist()]


def _refuse_outside(npz: Path, part: Part, count: int) -> None:
    outside = np.argwhere((part.labels < 0) | (part.labels >= count))
    if len(outside):
        row, column = outside[0].tolist()
        raise DataError(
            f"Row {row} of {part.split}_labels in {npz.name} is {part.labels[row, column]}; the labels go from 0 to "
            f"{count - 1}. Correct it, or set “answers” to all the names."
        )
