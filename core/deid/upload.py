"""A whole upload, file by file: a folder, a zip or a single file becomes a folder of de-identified files.

One file is in memory at a time. What is done is kept in a journal beside the files, so that a second start goes on
where the first was stopped; it holds no value that was there before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.deid.choices import Choices
from core.deid.header import deidentify_header, rules_for
from core.deid.journal import Done, Journal
from core.deid.key import SiteKey
from core.deid.names import Names
from core.deid.persons import identifying_values
from core.deid.reading import BEGINNING, MARK_AT, begins_like_dicom, dataset_in, tolerant
from core.deid.record import FOLDER, LeftOut, Record
from core.deid.words import Identifying
from core.errors import DataError
from core.limits import limits
from core.sets.files import Tree, holds_a_tree, open_tree

PART = "part"
DIRECTORY = "1.2.840.10008.1.3.10"
IMPLEMENTATION = "2.25.227817953157302963527349270934012412021"
"""Of the studio, in (0002,0012): a number drawn once."""
OnFile = Callable[[int, int], None]


class Onlooker(Protocol):
    """Sees each file's dataset before and after, and may change the pixels of the second before it is written."""

    def __call__(self, before: Dataset, after: Dataset, name: str) -> None:
        """`before` has the header as it came, without pixels; `name` is the path of the file that is written."""
        ...


def software() -> str:
    return f"VITask Studio {version('vitask-studio')}"


@dataclass(frozen=True)
class Source:
    """The files of an upload, in their order."""

    tree: Tree

    @classmethod
    def at(cls, path: Path) -> Source:
        if holds_a_tree(path):
            return cls(open_tree(path))
        return cls(Tree(path.parent, (path.name,), ()))

    def content(self, name: str) -> bytes:
        return self.tree.content(name, limits().picture_bytes)

    def is_dicom(self, name: str) -> bool:
        return begins_like_dicom(self.tree.content(name, BEGINNING, only_beginning=True))


def holds_dicom(path: Path) -> bool:
    """Whether any file of an upload is one of DICOM; no more than beginnings are read."""
    source = Source.at(path)
    return any(source.is_dicom(name) for name in source.tree.files)


def deidentify(
    source: Path,
    target: Path,
    choices: Choices,
    key: SiteKey,
    on_file: OnFile | None = None,
    onlooker: Onlooker | None = None,
) -> Record:
    """Writes the de-identified files of an upload into a folder, and beside them, hidden, the record of it."""
    files = Source.at(source)
    if not any(files.is_dicom(name) for name in files.tree.files):
        raise DataError(f"{source.name} holds no DICOM file. There is no header to de-identify.")
    (target / FOLDER).mkdir(parents=True, exist_ok=True)
    identifying = _survey(files, choices)
    record = Record(choices, software())
    with Journal.at(target / FOLDER) as journal:
        names = Names(key, identifying, journal.names())
        for number, name in enumerate(files.tree.files, 1):
            done = journal.done(key.mark(name))
            if done is None:
                done = _take_on(files, name, target, choices, key, names, onlooker)
                journal.add(key.mark(name), done)
            _count(record, number, done)
            if on_file:
                on_file(number, len(files.tree.files))
    record.write(target)
    return record


def _count(record: Record, number: int, done: Done) -> None:
    if done.reason:
        record.left_out.append(LeftOut(number, done.reason))
    else:
        record.files += 1
        record.patients.add(done.pseudonym)
    record.actions.update(done.actions)


def _survey(files: Source, choices: Choices) -> Identifying:
    """What names somebody in any of the headers: names of folders and cells of tables may hold it."""
    everybody = Identifying()
    for name in files.tree.files:
        if files.is_dicom(name):
            with tolerant():
                header = dataset_in(files.content(name), header_only=True)
                if header is not None:
                    everybody.add_all(identifying_values(header, choices))
    return everybody


def _take_on(
    files: Source, name: str, target: Path, choices: Choices, key: SiteKey, names: Names, onlooker: Onlooker | None
) -> Done:
    """Writes the de-identified file, whole or not at all."""
    if not files.is_dicom(name):
        return Done(reason="not a DICOM file")
    try:
        content = files.content(name)
    except DataError:
        return Done(reason="too large or damaged")
    with tolerant():
        before, after = dataset_in(content, header_only=True), dataset_in(content)
        if before is None or after is None:
            return Done(reason="damaged: it can't be read whole")
        if before.file_meta.get("MediaStorageSOPClassUID") == DIRECTORY:
            return Done(reason="a DICOMDIR: a list of the files under their old names")
        rules = rules_for(before, choices, key)
        written = names.of_file(name, rules.pseudonym, str(before.get("SOPInstanceUID", "")) or name)
        try:
            actions = deidentify_header(after, rules, software())
            if onlooker:
                onlooker(before, after, written)
            _write(after, target, written, choices, key)
        except (MemoryError, OSError):
            raise
        except Exception:  # whatever pydicom's writing raises of values that no file may have
            names.give_back(written)
            return Done(reason="its header can't be written again")
    return Done(written, rules.pseudonym, actions)


def _write(dataset: FileDataset, target: Path, name: str, choices: Choices, key: SiteKey) -> None:
    dataset.file_meta = _file_meta(dataset, name, choices, key)
    dataset.preamble = b"\0" * MARK_AT
    part, file = target / FOLDER / PART, target / name
    implicit_vr, little_endian = dataset.original_encoding
    dataset.save_as(
        part,
        implicit_vr=bool(implicit_vr),
        little_endian=bool(little_endian),
        force_encoding=True,  # a syntax may be newer than the library that reads it
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, file)


def _file_meta(dataset: FileDataset, name: str, choices: Choices, key: SiteKey) -> FileMetaDataset:
    """Anew: only what the file says of its own class and syntax is taken over."""
    old, meta = dataset.file_meta, FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # the true one is written in its place
    meta.FileMetaInformationVersion = b"\0\1"
    meta.TransferSyntaxUID = UID(old.get("TransferSyntaxUID") or _syntax_of(dataset))
    meta.MediaStorageSOPClassUID = UID(str(old.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID") or "1.2"))
    uid = str(dataset.get("SOPInstanceUID") or "")
    if not uid and (stored := old.get("MediaStorageSOPInstanceUID")):
        uid = str(stored) if choices.keep_uids else key.uid(str(stored))
    meta.MediaStorageSOPInstanceUID = UID(uid or key.uid(name))
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = "VITASK"
    return meta


def _syntax_of(dataset: FileDataset) -> str:
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian)
