"""A whole upload, file by file: a folder, a zip or a single file becomes a folder of de-identified files.

One file is in memory at a time. What is done is kept in a journal beside the files, so that a second start goes on
where the first was stopped; it holds no value that was there before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from core.deid.bare_pixels import bare_pixels
from core.deid.choices import Choices
from core.deid.header import deidentify_header, rules_for
from core.deid.journal import Done, Journal
from core.deid.key import SiteKey
from core.deid.names import Names
from core.deid.persons import Bearer, identifying_values, only_issuers, perhaps_the_same, readable
from core.deid.reading import MARK_AT, dataset_in, tolerant
from core.deid.record import FOLDER, LIST_OF_OLD_NAMES, LeftOut, Record
from core.deid.source import Uploaded, files_of
from core.deid.tables import Links, Renamed, deidentified_table
from core.deid.words import Identifying
from core.errors import DataError
from core.layouts.safe_csv import as_csv
from core.layouts.table import read_table
from core.pictures.bare import JPEG, PNG, bare_picture

PART, BEGUN = "part", "begun"
DIRECTORY = "1.2.840.10008.1.3.10"
IMPLEMENTATION = "2.25.227817953157302963527349270934012412021"
"""Of the studio, in (0002,0012): a number drawn once."""
OnFile = Callable[[int, int], None]


@dataclass
class Survey:
    """What all headers say together: who is in the upload, and what names anybody."""

    identifying: Identifying = field(default_factory=Identifying)
    patients: dict[str, str] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    issuers: dict[str, str] = field(default_factory=dict)
    perhaps_the_same: list[tuple[str, ...]] = field(default_factory=list)
    """Pseudonyms of whom nobody knows whether they are one person's."""


class Onlooker(Protocol):
    """Sees each file's dataset before and after, and may change the pixels of the second before it is written."""

    def __call__(self, before: Dataset, after: Dataset, name: str) -> None:
        """`before` has the header as it came, without pixels; `name` is the path of the file that is written."""
        ...


@dataclass(frozen=True)
class Work:
    """Where de-identified files go, and by what they become so."""

    target: Path
    choices: Choices
    key: SiteKey
    names: Names
    survey: Survey
    onlooker: Onlooker | None

    def put(self, name: str, content: bytes) -> None:
        part, file = self.target / FOLDER / PART, self.target / name
        part.write_bytes(content)
        file.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, file)


def software() -> str:
    return f"VITask Studio {version('vitask-studio')}"


def deidentify(
    source: Path,
    target: Path,
    choices: Choices,
    key: SiteKey,
    on_file: OnFile | None = None,
    onlooker: Onlooker | None = None,
    name: str = "",
) -> Record:
    """Writes the de-identified files of an upload into a folder, and beside them, hidden, the record of it.

    The folder is new or empty, or one in which the same was broken off. `name` is what people call the upload.
    """
    files = files_of(source)
    if not any(file.is_dicom() for file in files):
        raise DataError(f"{source.name} holds no DICOM file. There is no header to de-identify.")
    _begin(target, choices, key)
    record, renamed = Record(choices, software(), key.fingerprint()), dict[str, Renamed]()
    survey = _survey(files, choices, key)
    record.perhaps_the_same = survey.perhaps_the_same
    with Journal.at(target / FOLDER) as journal:
        work = Work(
            target, choices, key, Names(key, survey.identifying, journal.names(), survey.patients), survey, onlooker
        )
        record.name = work.names.of_folder(name or source.name)
        tables_last = sorted(enumerate(files, 1), key=lambda each: each[1].is_table)
        for count, (number, file) in enumerate(tables_last, 1):
            mark = key.mark(f"{number} {file.name}")  # a zip and a folder may be called the same
            done = journal.done(mark)
            if done is None:
                done = _take_on(file, work, renamed)
                journal.add(mark, done)
            if done.name and not file.is_table:
                renamed[file.name] = Renamed(done.name, done.pseudonym)
            _count(record, number, done)
            if on_file:
                on_file(count, len(files))
    record.write(target)
    return record


def begun_otherwise(target: Path, choices: Choices, key: SiteKey) -> bool:
    """Whether a folder holds what was begun with another key or other choices, or by another version."""
    file = target / FOLDER / BEGUN
    return (
        target.is_dir() and any(target.iterdir()) and not (file.is_file() and file.read_text() == _mark(choices, key))
    )


def _begin(target: Path, choices: Choices, key: SiteKey) -> None:
    if begun_otherwise(target, choices, key):
        raise DataError(
            f"{target.name} is not empty, or was begun with another key or other choices. Name a new folder."
        )
    (target / FOLDER).mkdir(parents=True, exist_ok=True)
    (target / FOLDER / BEGUN).write_text(_mark(choices, key))


def _mark(choices: Choices, key: SiteKey) -> str:
    return key.mark(f"{software()} {choices.model_dump_json()}")


def _count(record: Record, number: int, done: Done) -> None:
    if done.reason:
        record.left_out.append(LeftOut(number, done.reason))
    else:
        record.files += 1
        record.patients |= {done.pseudonym} - {""}
    record.actions.update(done.actions)


def _survey(files: Sequence[Uploaded], choices: Choices, key: SiteKey) -> Survey:
    """Before anything is written: names of folders and cells of tables may hold what stands in any header."""
    identifying, seen = Identifying(), dict[Bearer, None]()
    for file in files:
        if file.is_dicom():
            with suppress(DataError), tolerant():
                header = dataset_in(file.content(), header_only=True)
                if header is not None:
                    identifying.add_all(identifying_values(header, choices))
                    if header.file_meta.get("MediaStorageSOPClassUID") != DIRECTORY:
                        seen[Bearer.of(header)] = None
    return _who_is_there(identifying, list(seen), key)


def _who_is_there(identifying: Identifying, bearers: Sequence[Bearer], key: SiteKey) -> Survey:
    issuers = only_issuers(bearers)
    survey = Survey(identifying, issuers=issuers)
    pseudonyms = dict[Bearer, str]()
    for bearer in bearers:
        identity = bearer.issued(issuers).identity
        pseudonyms[bearer] = pseudonym = key.pseudonym(identity)
        survey.days[pseudonym] = key.days(identity)
        for spelling in (bearer.number, bearer.number.lstrip("0")) if bearer.number else ():
            survey.patients.setdefault(spelling, pseudonym)
    survey.perhaps_the_same = perhaps_the_same(pseudonyms)
    return survey


def _take_on(file: Uploaded, work: Work, renamed: Mapping[str, Renamed]) -> Done:
    """Writes what a file becomes, whole or not at all."""
    try:
        if file.is_dicom():
            return _dicom(file, work)
        if file.is_table:
            return _table(file, work, renamed)
        if file.is_picture:
            return _picture(file, work)
        if file.is_task:
            return _task(file, work)
    except DataError:
        return Done(reason="damaged or too large")
    return Done(reason="a zip that can't be read" if file.is_zip else "of a kind that is not de-identified")


def _dicom(file: Uploaded, work: Work) -> Done:
    content = file.content()
    with tolerant():
        before, after = dataset_in(content, header_only=True), dataset_in(content)
        if before is None or after is None:
            return Done(reason="damaged: it can't be read whole")
        if before.file_meta.get("MediaStorageSOPClassUID") == DIRECTORY:
            return Done(reason=LIST_OF_OLD_NAMES)
        written = ""
        try:
            rules = rules_for(before, work.choices, work.key, work.survey.issuers)
            written = work.names.of_file(file.name, rules.pseudonym, _uid_of(before) or file.name)
            bare_pixels(after)
            actions = deidentify_header(after, rules, software())
            if work.onlooker:
                work.onlooker(before, after, written)
            _write(after, work.target, written, work.choices, work.key)
        except (MemoryError, OSError):
            raise
        except Exception:  # damaged pixels, and whatever pydicom's writing raises of values that no file may have
            work.names.give_back(written)
            return Done(reason="damaged: its header can't be written again")
    return Done(written, rules.pseudonym, actions)


def _uid_of(header: Dataset) -> str:
    element = readable(header, Tag("SOPInstanceUID")) if "SOPInstanceUID" in header else None
    return "" if element is None else str(element.value or "")


def _table(file: Uploaded, work: Work, renamed: Mapping[str, Renamed]) -> Done:
    links = Links(renamed, work.survey.patients, work.survey.days, work.survey.identifying)
    table = read_table(file.content(), file.name)
    header, rows, actions = deidentified_table(table, links, work.choices, work.key)
    written = work.names.of_other(file.name, ".csv")
    work.put(written, as_csv(header, rows).encode())
    return Done(written, "", actions)


def _picture(file: Uploaded, work: Work) -> Done:
    content = bare_picture(file.content())
    if content is None or not content.startswith((PNG, JPEG)):
        return Done(reason="a damaged picture")
    written = work.names.of_other(file.name)
    work.put(written, content)
    return Done(written)


def _task(file: Uploaded, work: Work) -> Done:
    text = file.content().decode("utf-8", errors="replace")
    if work.survey.identifying.is_in(text):
        return Done(reason="it holds what names somebody")
    written = work.names.of_other(file.name)
    work.put(written, text.encode())
    return Done(written)


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
    meta.MediaStorageSOPClassUID = UID(str(dataset.get("SOPClassUID") or old.get("MediaStorageSOPClassUID") or "1.2"))
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
