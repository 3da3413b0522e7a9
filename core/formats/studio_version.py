"""A version of an image set as the studio keeps it: a manifest of labels and hashes, the pictures in a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from core.case import Box, Case, ImageSet, Task
from core.errors import DataError
from core.layouts.question import Question
from core.layouts.splits import split_named
from core.pictures.store import Store, StoredPixels, as_png
from core.sets.version import ABOUT, MANIFEST, STORE, read_version, write_version

TITLE = "a version of an image set, written by the studio"


class Settings(Question):
    """What to ask about the pictures instead of what the version says."""


def looks_like(path: Path) -> bool:
    return (path / ABOUT).is_file() and (path / MANIFEST).is_file()


def read(path: Path, settings: Settings) -> ImageSet:
    kept = read_version(path)
    question = settings.over(Question.model_validate(kept.task.model_dump()))
    task = question.task(kept.name, kept.task.answers)
    _refuse_unknown(kept, task)
    return replace(kept, task=task)


def write_example(folder: Path) -> ImageSet:
    """Six grey pictures with splits and patients; one has a box and a mask, one a report."""
    store = Store(str(folder / STORE))
    cases = []
    for number, split in enumerate(("train", "train", "train", "train", "val", "test")):
        stored = store.put(as_png(Image.new("L", (20, 20), 40 + 150 * (number % 2) + number)))
        pixels, label = StoredPixels(store.url, stored), ("dark", "light")[number % 2]
        cases.append(Case(f"{number}.png", pixels, (label,), split_named(split), f"P{number // 2}", boxes=()))
    mask = StoredPixels(store.url, store.put(as_png(Image.new("L", (20, 20), 255))))
    cases[0] = replace(cases[0], boxes=(Box("cell", 0.1, 0.2, 0.5, 0.75),), mask=mask, more={"scanner": "A"})
    cases[5] = replace(cases[5], report="A light picture.")
    task = Task(modality="drawn", answers=("dark", "light"))
    written = ImageSet(folder.name, task, tuple(cases))
    write_version(folder, written)
    return written


def _refuse_unknown(kept: ImageSet, task: Task) -> None:
    for case in kept.cases:
        if not set(case.labels) <= set(task.answers):
            named = ", ".join(case.labels)
            raise DataError(
                f'"{case.id}" has the label {named}, which is not among the answers ({", ".join(task.answers)}). '
                "Add it to them, or make a new version without it."
            )
        if task.kind != "multi" and len(case.labels) != 1:
            raise DataError(
                f'"{case.id}" has {len(case.labels)} labels, and the task asks for one. '
                "Give it one, or set kind to multi."
            )
