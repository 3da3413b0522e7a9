"""NIfTI volumes (.nii, .nii.gz) beside a table of labels or in class folders, in a folder or zip: a case a slice.

Labels, patients and splits are those of the volume, unless rows of the table name its slices; a volume without a named
patient is a patient of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.case import Case, Finding, ImageSet
from core.errors import DataError
from core.layouts.class_folders import read_class_folders
from core.layouts.files import Tree, holds_a_tree, open_tree
from core.layouts.findings import about
from core.layouts.manifest import separators_of, set_of, sheet_of, sidecar
from core.layouts.parts import PartColumn, PartRows
from core.layouts.question import Question
from core.layouts.slice_choice import SliceChoice
from core.layouts.splits import split_named
from core.layouts.table import SUFFIXES as TABLES
from core.layouts.table import find_manifest
from core.layouts.volumes import Volumes, by_slice, notes_on_rows, slices_of
from core.limits import limits, raised
from core.pictures.data_files import DataFile
from core.pictures.nifti import SUFFIXES, SlicePixels

TITLE = "NIfTI volumes (.nii, .nii.gz) in class folders or beside a table of labels, in a folder or zip"
SIDES = {
    "axial": "the patient's right is at the left and the front at the top; slice 1 is the lowest",
    "coronal": "the patient's right is at the left and the head at the top; slice 1 is the one furthest back",
    "sagittal": "the front is at the left and the head at the top; slice 1 is the leftmost of the patient",
}


class Settings(SliceChoice):
    """Which slices of the volumes are taken and how they are seen; and which column says what."""


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path) and path.suffix.lower() not in TABLES:
        return False
    tree = open_tree(path.parent if path.suffix.lower() in TABLES else path)
    return not tree.pictures() and bool(_of_volumes(tree).pictures())


def read(path: Path, settings: Settings) -> ImageSet:
    volumes, rows = Volumes(settings), PartRows()
    tree = _of_volumes(open_tree(path.parent) if path.suffix.lower() in TABLES else open_tree(path))
    if path.suffix.lower() in TABLES:
        image_set, rows = _by_table(tree, path.name, volumes)
    elif table := find_manifest(tree.unwrapped()):
        image_set, rows = _by_table(tree.unwrapped(), table, volumes)
    else:
        image_set = read_class_folders(tree, settings)
    cases, most = list[Case](), limits().rows
    for case in slices_of(image_set.cases, rows, volumes):
        cases.append(case)
        if len(cases) > most:
            raise DataError(f"{path.name} has more than {most:,} slices. Choose fewer. {raised('rows')}")
    of_rows = notes_on_rows(rows, volumes)
    findings = (*volumes.findings.listed(), *image_set.findings, *of_rows, _drawn(settings, cases, rows.column))
    return ImageSet(image_set.name, image_set.task, tuple(cases), findings)


def _by_table(tree: Tree, name: str, volumes: Volumes) -> tuple[ImageSet, PartRows]:
    """The set of volumes that a table makes, and which of its rows are about slices, if it says so in a column."""
    settings = volumes.choice
    question = settings.over(sidecar(tree, name))
    sheet, rows = sheet_of(tree, name, settings, separators_of(question, settings)), PartRows()
    if sheet.columns["slice"]:
        sheet, rows = by_slice(sheet, volumes)
    else:
        sheet = replace(sheet, again=f" If rows are about slices, choose the {settings.called('slice')}.")
    return set_of(sheet, question, tree.name), rows


def write_example(folder: Path) -> ImageSet:
    """Three volumes of two slices each, beside a table: one has its label as a whole, of the others each slice has."""
    import nibabel as nib

    folder.mkdir(parents=True, exist_ok=True)
    rows, cases = ["volume,slice,label,split"], []
    for number, (split, *labels) in enumerate(
        (("train", "dark"), ("train", "dark", "light"), ("test", "light", "dark"))
    ):
        name = f"head {number}.nii.gz"
        voxels = np.arange(60, dtype=np.int16).reshape(6, 5, 2) + 100 * number
        nib.save(nib.Nifti1Image(voxels, np.diag((2.0, 2.0, 3.0, 1.0))), folder / name)
        for place, label in enumerate(labels, start=1):
            rows.append(f"{name},{place if len(labels) > 1 else ''},{label},{split}")
        for place in (1, 2):
            pixels, more = SlicePixels(DataFile(folder / name), "axial", place), {"slice": str(place)}
            label = labels[min(place, len(labels)) - 1]
            cases.append(Case(f"{name}#{place}", pixels, (label,), split_named(split), name, more=more))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    column = PartColumn("labels.csv", "slice", "slice", "volume", SliceChoice().counting())
    task = Question().task(folder.name, ("dark", "light"))
    return ImageSet(folder.name, task, tuple(cases), (_drawn(SliceChoice(), cases, column),))


def _of_volumes(tree: Tree) -> Tree:
    """The same files, among which volumes count as pictures."""
    return replace(tree, suffixes=SUFFIXES)


def _drawn(settings: SliceChoice, cases: Sequence[Case], column: PartColumn | None) -> Finding:
    called = settings.called
    message = f"Slices are {settings.plane} and drawn as radiologists look at them: {SIDES[settings.plane]}. "
    if column:
        message += f'Labels are those of slices where "{column.column}" of {column.table} names them, else of volumes. '
        message += column.counting
    else:
        message += f"Each has its volume's labels. Where those of the ends show nothing, choose {called('first')}, "
        message += f"{called('last')} and {called('count')}, or name slices in a {called('slice')} of the table."
    return about("slices_drawn", "note", [case.id for case in cases], message)
