"""Draws the sample set and writes it as a folder that the manifest format reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from core.case import Box
from core.layouts.safe_csv import as_csv
from core.sample.mistakes import Planted, duplicates, wrong_labels
from core.sample.people import TASK, Subject, subjects
from core.sample.reports import LEVELS, MARGINS, USUAL_RADIUS, Seen, report
from core.starter import cells
from core.starter.canvas import Canvas, Plane

SIDE = 128
COLUMNS = ("image", "label", "patient", "split", "boxes", "mask", "stain", "report")
README = """# Drawn cells

**Everything here is drawn by a program. It is not medical data: there is no patient, no blood and no diagnosis in it.**

{cases} pictures of {patients} invented patients in four classes: {answers}. `cases.csv` names for each picture
its label, patient, split (by patient), the boxes of cell and nucleus as fractions of width and height, the mask
of the nucleus, the stain that the patient's pictures share, and a report: a short sentence with size, tone, place,
nucleus and stain of the cell, then a description, which also tells what is not there. A cell is on the side of the
picture on which the centre of its box is, by more than {middle:.2f} of the picture; small or large where its radius is
shorter or longer than {radius:.2f} of the picture by {size:.0%}; dark below a mean level of {levels[0]:.0f} and pale
from {levels[1]:.0f} of 255. `task.yaml` holds the question that the set asks.

A few mistakes were made on purpose, so that the label review has something to find: wrong labels among the
training cases, and pictures that are there twice, some of them in training and in test. `planted.csv` lists
them; look there last. Reports are never wrong: they tell what is drawn, so that of a wrong label speaks against it.

Made by `core.sample.write`; the same seed makes the same files. Licence: Apache-2.0.
"""


def write(folder: Path, seed: int = 0) -> Path:
    """Draws the whole set into the folder, which is made where it is missing, and returns it."""
    rng = np.random.default_rng([seed, 7])
    drawn = subjects(rng)
    wrong = wrong_labels(rng, drawn)
    copies = duplicates(rng, drawn, list(wrong))
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rows = [_case(folder, subject, wrong.get(subject.name, subject.label)) for subject in drawn]
    rows += [_case(folder, subject, subject.label, planted.kind == "near duplicate") for subject, planted in copies]
    true = {subject.name: subject.label for subject in drawn}
    planted = [Planted(name, "label error", true[name]) for name in wrong] + [planted for _, planted in copies]
    _write_tables(folder, rows, planted)
    return folder


def _write_tables(folder: Path, rows: Sequence[dict[str, str]], planted: Sequence[Planted]) -> None:
    _write(folder / "cases.csv", COLUMNS, [[row.get(name) for name in COLUMNS] for row in rows])
    _write(folder / "planted.csv", ("image", "kind", "true_label", "copy_of"), [_planted(change) for change in planted])
    (folder / "task.yaml").write_text(yaml.safe_dump(TASK.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    people = len({row["patient"] for row in rows})
    facts = {"cases": len(rows), "patients": people, "answers": ", ".join(TASK.answers)}
    text = README.format_map(
        facts | {"middle": MARGINS.middle, "size": MARGINS.size, "radius": USUAL_RADIUS, "levels": LEVELS}
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _write(file: Path, header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    file.write_text(as_csv(header, rows), encoding="utf-8", newline="")


def _planted(change: Planted) -> tuple[str, str, str, str]:
    """Its row: the true label of an error, or the picture that a copy was made of."""
    is_error = change.kind == "label error"
    return _path(change.name), change.kind, change.other if is_error else "", "" if is_error else _path(change.other)


def _path(name: str) -> str:
    return f"images/{name}.png"


def picture(subject: Subject) -> tuple[NDArray[np.uint8], Plane, Plane]:
    """The pixels, and the signed distances of the cell and of its nucleus."""
    rng = np.random.default_rng(subject.seed)
    canvas = Canvas(rng, SIDE, subject.stain.glass)
    canvas.shade(0.015 * canvas.noise(3))
    cells.neighbours(canvas, subject.stain.disc, int(rng.integers(3, 9)), subject.cell, float(rng.uniform(0.15, 0.2)))
    before = canvas.pixels.copy()
    nucleus = cells.paint(canvas, subject.cell)
    body: Plane = 0.5 - (np.abs(canvas.pixels - before).max(2) > 0.02).astype(np.float32)
    canvas.grain(0.012)
    return canvas.done(), body, nucleus


def _case(folder: Path, subject: Subject, label: str, is_near: bool = False) -> dict[str, str]:
    """Writes picture and mask, and returns the row of the table."""
    pixels, body, nucleus = picture(subject)
    image = Image.fromarray(pixels)
    if is_near:
        image = ImageEnhance.Brightness(image).enhance(1.03)
    image.save(folder / _path(subject.name))
    mask = f"masks/{subject.name}.png"
    Image.fromarray(((nucleus < 0) * 255).astype(np.uint8)).save(folder / mask)
    boxes = {"cell": _box("cell", body < 0), "nucleus": _box("nucleus", nucleus < 0)}
    row = {
        "image": _path(subject.name),
        "label": label,
        "patient": subject.patient.name,
        "split": subject.patient.split,
        "boxes": json.dumps([vars(box) for box in boxes.values()]),
        "mask": mask,
        "stain": subject.stain.name,
        "report": report(subject, Seen.of(np.asarray(image), body, boxes)),
    }
    return {name: row[name] for name in COLUMNS}


def _box(label: str, inside: NDArray[np.bool_]) -> Box:
    """The smallest rectangle round what is inside, in fractions of the side."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    left, right = columns[0] / SIDE, (columns[-1] + 1) / SIDE
    top, bottom = rows[0] / SIDE, (rows[-1] + 1) / SIDE
    return Box(label, float(left), float(top), float(right), float(bottom))
