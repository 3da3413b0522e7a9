"""NIfTI volumes (.nii, .nii.gz) beside a table of labels or in class folders, in a folder or zip: a case a slice.

Labels, patients and splits are those of the volume; a volume without a named patient is a patient of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from core.case import Case, Finding, ImageSet, Pixels
from core.errors import DataError
from core.limits import limits, raised
from core.pictures.data_files import DataFile
from core.pictures.nifti import SUFFIXES, Header, MaskSlicePixels, Plane, Seen, SlicePixels, read_header
from core.pictures.pixels import FilePixels, ZipPixels
from core.sets.class_folders import read_class_folders
from core.sets.files import Tree, holds_a_tree, open_tree
from core.sets.findings import Findings, about
from core.sets.manifest import Columns, read_manifest
from core.sets.question import Question
from core.sets.split import split_named
from core.sets.table import SUFFIXES as TABLES
from core.sets.table import find_manifest

TITLE = "NIfTI volumes (.nii, .nii.gz) in class folders or beside a table of labels, in a folder or zip"
SIDES = {
    "axial": "the patient's right is at the left and the front at the top; slice 1 is the lowest",
    "coronal": "the patient's right is at the left and the head at the top; slice 1 is the one furthest back",
    "sagittal": "the front is at the left and the head at the top; slice 1 is the leftmost of the patient",
}


class Settings(Columns):
    """Which slices of the volumes are taken and how they are seen; and which column says what."""

    plane: Plane = Field(
        "axial", title="Plane", description="Slices of the body along this plane, whatever order voxels are stored in."
    )
    first: int | None = Field(
        None, ge=1, title="First slice", description="1 is the lowest, the one furthest back, or the leftmost."
    )
    last: int | None = Field(None, ge=1, title="Last slice", description="Empty: to the end of each volume.")
    every: int = Field(1, ge=1, le=10_000, title="Every nth slice", description="Of those from the first to the last.")
    count: int | None = Field(
        None,
        ge=1,
        title="Slices of a volume",
        description="At most so many, evenly spread over those that are left; 1 is the middle one. Empty: all.",
    )
    time: int = Field(
        0, ge=0, le=100_000, title="Point in time", description="Of volumes that have several; 0 is the first."
    )
    center: float | None = Field(
        None,
        ge=-1e9,
        le=1e9,
        title="Window centre",
        description="In what the volume measures, like Hounsfield units. Empty: a share of what each volume holds.",
    )
    width: float | None = Field(None, gt=0, title="Window width", description="From black to white; with a centre.")
    darkest: float = Field(
        0.5,
        ge=0,
        le=100,
        title="Black below (percent)",
        description="Of all voxels of the volume, so that its slices are seen alike; without a window of your own.",
    )
    brightest: float = Field(
        99.5, ge=0, le=100, title="White above (percent)", description="Of all voxels of the volume."
    )
    is_square: bool = Field(
        True,
        title="Stretch oblong voxels",
        description="Where voxels are further apart one way than the other, so that shapes are true; between voxels "
        "levels are interpolated.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.first and self.last and self.first > self.last:
            raise ValueError("the first slice comes after the last")
        if (self.center is None) != (self.width is None):
            raise ValueError("a window has both a centre and a width")
        if self.darkest >= self.brightest:
            raise ValueError("black is not below white")
        return self

    def numbers(self, slices: int) -> list[int]:
        """Which slices of a volume that has so many."""
        left = range(self.first or 1, min(slices, self.last or slices) + 1, self.every)
        if self.count is None or self.count >= len(left):
            return list(left)
        # The middles of so many equal parts.
        return [left[int((place + 0.5) * len(left) / self.count)] for place in range(self.count)]

    def seen(self) -> Seen:
        return Seen(self.darkest, self.brightest, self.center, self.width)


@dataclass(frozen=True)
class _Reading:
    """What is chosen, and what was noticed of the volumes on the way."""

    settings: Settings
    findings: Findings

    def header(self, file: DataFile, case: str) -> Header | None:
        try:
            return read_header(file)
        except DataError as error:
            self.findings.add("unreadable_volume", "error", case, str(error))
            return None


def looks_like(path: Path) -> bool:
    if not holds_a_tree(path) and path.suffix.lower() not in TABLES:
        return False
    tree = open_tree(path.parent if path.suffix.lower() in TABLES else path)
    return not tree.pictures() and bool(_of_volumes(tree).pictures())


def read(path: Path, settings: Settings) -> ImageSet:
    if path.suffix.lower() in TABLES:
        image_set = read_manifest(_of_volumes(open_tree(path.parent)), path.name, settings)
    else:
        tree = _of_volumes(open_tree(path))
        table = find_manifest(tree.unwrapped())
        image_set = read_manifest(tree.unwrapped(), table, settings) if table else read_class_folders(tree, settings)
    reading = _Reading(settings, Findings())
    cases: list[Case] = []
    for volume in image_set.cases:
        cases += _slices(volume, reading)
        if len(cases) > limits().rows:
            raise DataError(f"{path.name} has more than {limits().rows:,} slices. Choose fewer. {raised('rows')}")
    return ImageSet(
        image_set.name,
        image_set.task,
        tuple(cases),
        (*reading.findings.listed(), *image_set.findings, _drawn(settings.plane, cases)),
    )


def write_example(folder: Path) -> ImageSet:
    """Two volumes of two slices each, beside a table."""
    import nibabel as nib

    folder.mkdir(parents=True, exist_ok=True)
    rows, cases = ["volume,label,split"], []
    for number, label in enumerate(("dark", "light")):
        voxels = np.arange(60, dtype=np.int16).reshape(6, 5, 2) + 100 * number
        name, split = f"head {number}.nii.gz", ("train", "test")[number]
        nib.save(nib.Nifti1Image(voxels, np.diag((2.0, 2.0, 3.0, 1.0))), folder / name)
        rows.append(f"{name},{label},{split}")
        for slice_number in (1, 2):
            pixels = SlicePixels(DataFile(folder / name), "axial", slice_number)
            more = {"slice": str(slice_number)}
            cases.append(Case(f"{name}#{slice_number}", pixels, (label,), split_named(split), name, more=more))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    task = Question().task(folder.name, ("dark", "light"))
    return ImageSet(folder.name, task, tuple(cases), (_drawn("axial", cases),))


def _of_volumes(tree: Tree) -> Tree:
    """The same files, among which volumes count as pictures."""
    return replace(tree, suffixes=SUFFIXES)


def _slices(volume: Case, reading: _Reading) -> Iterator[Case]:
    settings, file = reading.settings, _file_of(volume.pixels)
    header = reading.header(file, volume.id)
    if header is None or not _can_be_cut(volume, header, reading):
        return
    mask = _file_of(volume.mask) if volume.mask else None
    if mask is not None and (marks := reading.header(mask, volume.id)) and _laid(marks) != _laid(header):
        message = f'The mask of "{volume.id}" has other voxels than it has. Draw it on the volume itself, or remove it.'
        reading.findings.add("mask_misfit", "error", volume.id, message)
        return
    for number in settings.numbers(header.slices(settings.plane)):
        where = settings.plane, number
        yield replace(
            volume,
            id=f"{volume.id}#{number}",
            pixels=SlicePixels(file, *where, settings.time, settings.seen(), settings.is_square),
            patient=volume.patient or volume.id,
            mask=MaskSlicePixels(mask, *where, settings.is_square) if mask else None,
            more={**volume.more, "slice": str(number)},
        )


def _can_be_cut(volume: Case, header: Header, reading: _Reading) -> bool:
    """Whether there are slices to take; what should be known of them is told."""
    settings, findings, slices = reading.settings, reading.findings, header.slices(reading.settings.plane)
    if settings.time >= header.times:
        message = f'"{volume.id}" has {header.times} points in time, of which {settings.time} is none; the first is 0. '
        findings.add("no_such_time", "error", volume.id, message + "Choose another, or leave the volume out.")
        return False
    if not settings.numbers(slices):
        message = f'"{volume.id}" has {slices} {settings.plane} slices, none from {settings.first} on. '
        findings.add("no_such_slice", "error", volume.id, message + "Choose others, or leave the volume out.")
        return False
    if header.times > 1:
        message = f'"{volume.id}" has {header.times} points in time, of which number {settings.time} (the first is 0) '
        findings.add("points_in_time", "note", volume.id, message + "was taken. Set `time` to another one.")
    if not header.is_placed:
        message = f'"{volume.id}" does not say how it lies in the body (no sform, no qform): its planes and its sides '
        findings.add("unplaced_volume", "warning", volume.id, message + "may be others. Look at its slices.")
    return True


def _laid(header: Header) -> tuple[object, ...]:
    return header.shape, header.axes, header.is_reversed


def _file_of(pixels: Pixels) -> DataFile:
    if isinstance(pixels, ZipPixels):
        return DataFile(pixels.zip, pixels.member)
    assert isinstance(pixels, FilePixels)
    return DataFile(pixels.path)


def _drawn(plane: Plane, cases: Sequence[Case]) -> Finding:
    message = (
        f"Slices are {plane} and drawn as radiologists look at them: {SIDES[plane]}. Each has its volume's labels; "
    )
    message += "choose from which to which (`first`, `last`, `count`) where those of the ends show nothing."
    return about("slices_drawn", "note", [case.id for case in cases], message)
