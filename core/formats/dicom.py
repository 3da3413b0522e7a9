"""DICOM files in a folder or zip, whatever they are called, with or without a DICOMDIR.

Labels stand in a table beside them, or in an element of the files, or are the names of folders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from pydantic import Field
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from core.case import Case, Finding, ImageSet
from core.errors import DataError
from core.layouts.class_folders import split_folders
from core.layouts.classes import class_named, of_listed_classes
from core.layouts.files import Tree, holds_a_tree, natural, open_tree, outer
from core.layouts.findings import Findings, about, pictures_are
from core.layouts.frame_rows import FrameChoice, by_frame
from core.layouts.instance_rows import Frame, Frames, Key, Places, key_of, rows_of_files
from core.layouts.instances import MORE, Instance, looks_like_dicom, read_instances
from core.layouts.manifest import EMPTY, columns_of, separators_of, set_of, sidecar
from core.layouts.manifest_rows import Sheet
from core.layouts.modalities import modality_words
from core.layouts.parts import ROW_OF, PartRows
from core.layouts.question import Question
from core.layouts.splits import split_named
from core.layouts.table import find_table, read_table
from core.limits import limits
from core.pictures.dicom import DicomPixels
from core.pictures.dicom_file import Source

TITLE = "DICOM files in a folder or zip, with a table of labels or in class folders"


class Settings(FrameChoice):
    """Where the labels are, and which frames are wanted of files that hold several."""

    image: str = Field(
        "",
        title="Image column",
        description="Names the file, or holds SOP instance, series, study or patient ids. Left empty: the column by "
        "which most rows find their files.",
    )
    boxes: str = Field(
        "",
        title="Boxes column",
        description=f"JSON: a list of {{label, left, top, right, bottom}}, as fractions of the picture. {EMPTY}",
    )
    key: Key | None = Field(
        None, title="What that column holds", description="Left empty: what most rows find their files by."
    )
    label_tag: str = Field(
        "",
        title="Element with the label",
        description="By its keyword, like BodyPartExamined, or its number, like 0018,0015; instead of a table.",
    )


def looks_like(path: Path) -> bool:
    return holds_a_tree(path) and looks_like_dicom(open_tree(path))


def read(path: Path, settings: Settings) -> ImageSet:
    tree, findings = _within(open_tree(path)), Findings()
    instances = read_instances(tree, settings.label_tag, findings)
    if not instances:
        first = next(iter(findings.listed()), None)
        raise DataError(f"{tree.name} holds no DICOM file with a picture. {first.message if first else ''}".strip())
    frames = Frames(tree, tuple(settings.wanted(instances)))
    of_files = Question(modality=modality_words(_kinds(instances)))
    if settings.label_tag:
        image_set = _by_tag(frames, settings, settings.over(of_files), findings)
    elif table := find_table(tree):
        question = settings.over(sidecar(tree, table)).over(of_files)
        image_set = _by_table(frames, table, settings, question, findings)
    else:
        image_set = _by_folders(frames, settings.over(of_files), findings)
    cases, notes = _as_in_headers(image_set.cases, frames)
    return replace(image_set, cases=cases, findings=(*image_set.findings, *notes, *_beside(image_set, tree)))


def _within(tree: Tree) -> Tree:
    """The tree without the folders around it that name no split."""
    while (around := outer(tree.files)) and not split_named(around.rstrip("/")):
        tree = tree.below(around)
    return tree


def _kinds(instances: Sequence[Instance]) -> Iterator[tuple[str, str]]:
    return ((instance.more["modality"], instance.more["body part"]) for instance in instances)


def _by_tag(frames: Frames, settings: Settings, question: Question, findings: Findings) -> ImageSet:
    """A case for each picture whose file says something there."""
    cases = []
    for frame in frames.listed:
        label = " ".join(frame.instance.labelled.split())
        if label:
            cases.append(Case(frame.id, frames.pixels(frame.id), (label,)))
        else:
            message = f'"{frame.id}" says nothing in {settings.label_tag} and was left out.'
            findings.add("unlabelled", "warning", frame.id, message)
    return _labelled(cases, frames, question, findings)


def _labelled(cases: Sequence[Case], frames: Frames, question: Question, findings: Findings) -> ImageSet:
    labels = {label for case in cases for label in case.labels}
    task = question.task(frames.tree.name, sorted(labels, key=natural))
    return ImageSet(frames.tree.name, task, of_listed_classes(cases, task, findings), findings.listed())


def _by_table(frames: Frames, name: str, settings: Settings, question: Question, findings: Findings) -> ImageSet:
    path = PurePosixPath(name)
    table = read_table(frames.tree.content(name, limits().table_bytes), path.name)
    if not table.rows:
        raise DataError(f"{path.name} has no rows under its header. Add a row for each picture.")
    places = Places(frames, "" if str(path.parent) == "." else str(path.parent))
    columns = columns_of(table, settings, needs_image=False) | {"image": ROW_OF}
    are_single = all(frame.number is None for frame in frames.listed)
    if not settings.frame and are_single:
        columns["frame"] = ""  # frames of a film that these single pictures were taken from
    column, key = key_of(table, places, settings.image, settings.key, columns["frame"])
    of_files = rows_of_files(table, places, column, key, {*columns.values(), *settings.label_columns}, findings)
    rows, notes = PartRows(tuple(of_files)), tuple[Finding, ...]()
    if columns["frame"]:
        rows, frames, notes = by_frame(rows, frames, columns, settings, table.name, findings)
    separators = separators_of(question, settings)
    again = (
        "" if columns["frame"] or are_single else f" If rows are about frames, choose the {settings.called('frame')}."
    )
    files = frames, rows.table(table), frames
    sheet = Sheet(*files, columns, settings.label_columns, separators, findings=findings, again=again)
    image_set = set_of(sheet, question, frames.tree.name)
    return replace(image_set, findings=(*image_set.findings, *notes))


def _by_folders(frames: Frames, question: Question, findings: Findings) -> ImageSet:
    names = sorted({frame.instance.name for frame in frames.listed}, key=natural)
    parts = split_folders(names, frames.tree.folders, findings)
    cases, patients = [], defaultdict[str, set[str]](set)
    for frame in frames.listed:
        prefix = next((prefix for prefix in parts if frame.id.startswith(prefix)), None)
        folder, slash, _ = frame.id.removeprefix(prefix or "").partition("/")
        if prefix is None or not slash:
            message = f'"{frame.id}" lies in no class folder and was left out. Move it into the folder of its class.'
            findings.add("outside_classes", "warning", frame.id, message)
            continue
        cases.append(Case(frame.id, frames.pixels(frame.id), (class_named(folder),), parts[prefix]))
        patients[folder].add(frame.instance.ids.get("PatientID", ""))
    _refuse_patients(patients, frames.tree)
    return _labelled(cases, frames, question, findings)


def _refuse_patients(patients: dict[str, set[str]], tree: Tree) -> None:
    """Folders as hospitals export them: one for each patient, whose names are no labels."""
    only = [next(iter(ids)) for ids in patients.values() if len(ids) == 1]
    if not patients or (len(only) == len(patients) > 2 and all(only) and len(set(only)) == len(only)):
        raise DataError(
            f"{tree.name} says no labels: its folders are one for each patient. Put a table (labels.csv) beside them "
            "with the files, series, studies or patients and their labels, or set “label_tag” to an element."
            if patients
            else f"{tree.name} says no labels. Put a table (labels.csv) beside the DICOM files with a column for the "
            "file, series, study or patient and one for the label, or sort them into a folder for each class."
        )


def _as_in_headers(cases: Sequence[Case], frames: Frames) -> tuple[tuple[Case, ...], Iterator[Finding]]:
    """The cases with what their files say of them; what a table says of the same goes before."""
    of_files, by_study = [], []
    for case in cases:
        frame = frames.by_id[case.id]
        ids = frame.instance.ids
        patient = case.patient or ids.get("PatientID")
        if not patient and (patient := ids.get("StudyInstanceUID")):
            by_study.append(case.id)
        of_files.append(replace(case, patient=patient or frame.instance.name, more={**frame.more, **case.more}))
    return tuple(of_files), _notes([frames.by_id[case.id] for case in cases], by_study)


def _beside(image_set: ImageSet, tree: Tree) -> Iterator[Finding]:
    """Pictures of other kinds, which are no cases here; masks that a table names are some of them."""
    masks = {case.mask for case in image_set.cases if case.mask}
    if left_out := [name for name in tree.pictures() if tree.pixels(name) not in masks]:
        message = f'"{left_out[0]}" is a picture among DICOM files and was left out. '
        message += "Bring such pictures as a set of their own if they belong to it."
        yield about("other_pictures", "note", left_out, message)


def _notes(used: Sequence[Frame], by_study: Sequence[str]) -> Iterator[Finding]:
    if by_study:
        message = (
            f"{pictures_are(by_study)} of nobody (no PatientID). Those of one study are kept in one split instead."
        )
        yield about("no_patient", "note", by_study, message)
    if narrowed := [frame.id for frame in used if frame.instance.is_narrowed]:
        message = f"{pictures_are(narrowed)} of more than 16 bits. They are kept with 16, or in colour with 8."
        yield about("narrowed", "note", narrowed, message)
    if oblong := [frame.id for frame in used if not frame.instance.is_square]:
        message = f"{pictures_are(oblong)} of pixels that are not square, and kept as they are: they look squeezed."
        yield about("oblong_pixels", "note", oblong, message)


def write_example(folder: Path) -> ImageSet:
    """Six pictures of 12 bits with two labels, of three patients, in files whose names say nothing."""
    folder.mkdir(parents=True)
    rows, cases = ["SOPInstanceUID,label"], []
    for number in range(6):
        label, patient = ("dark", "light")[number % 2], f"P{number // 2}"
        elements = _example(number, patient)
        elements.save_as(folder / f"IM{number}", enforce_file_format=True)
        rows.append(f"{elements.SOPInstanceUID},{label}")
        more = dict.fromkeys(MORE, "") | {"modality": "DX", "body part": "CHEST", "series number": "1"}
        more |= {"photometric interpretation": "MONOCHROME2", "size": "20 x 20", "window": "window 1 (2000, 4000)"}
        pixels = DicomPixels(Source(folder / f"IM{number}"))
        cases.append(Case(f"IM{number}", pixels, (label,), patient=patient, more=more))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    task = Question().task(folder.name, ("dark", "light"), modality="chest X-ray")
    return ImageSet(folder.name, task, tuple(cases))


def _example(number: int, patient: str) -> Dataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.826.0.1.3680043.8.498.{number + 1}")
    elements = Dataset()
    elements.file_meta, elements.PatientID = meta, patient
    elements.SOPClassUID, elements.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    elements.Modality, elements.BodyPartExamined, elements.SeriesNumber = "DX", "CHEST", 1
    elements.Rows = elements.Columns = 20
    elements.SamplesPerPixel, elements.PhotometricInterpretation = 1, "MONOCHROME2"
    elements.BitsAllocated, elements.BitsStored, elements.HighBit, elements.PixelRepresentation = 16, 12, 11, 0
    elements.WindowCenter, elements.WindowWidth = 2000, 4000
    shade = 3000 if number % 2 else 600
    elements.PixelData = np.full((20, 20), shade + number, "<u2").tobytes()
    return elements
