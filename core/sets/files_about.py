"""Whether files that somebody brought are about a patient: pictures by their bytes, names in paths, tables and headers.

It looks into zips and zips within them, and into Parquet. Not into what is written in pixels, nor into arrays.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Literal

from core.errors import DataError
from core.pictures.bare import bare
from core.pictures.pixels import SUFFIXES
from core.pictures.zips import examine_stream
from core.sets.names_in_text import NamesInText

WITHOUT_WORDS = SUFFIXES | {".npz", ".npy", ".nii", ".gz", ".tar", ".7z", ".mp4"}
MOST_BYTES, OF_DICOM = 256 << 20, 1 << 20
"""Read of a table, and of a DICOM file: a patient's number stands long before its pixels."""
DEEPEST, BEGINNING = 3, 132
AROUND = 8
TURN = 64
"""Bytes that may be written anew of how a picture lies."""
CODES = ("utf-8", "latin-1", "utf-16-le")


Hit = Literal["picture", "name"]


@dataclass(frozen=True)
class Sought:
    """Pictures by the SHA-256 of their files, each with how many bytes it has; and names of patients."""

    sizes: Mapping[str, int]
    names: NamesInText

    def may_be_in(self, name: str, size: int) -> bool:
        """Whether such a file has to be read."""
        has_words = self.names.patients and Path(name).suffix.lower() not in WITHOUT_WORDS
        return self.may_be_picture(name, size) or bool(has_words) or name.lower().endswith(".zip")

    def may_be_picture(self, name: str, size: int) -> bool:
        """By how large it is: what cameras write beside the pixels is not kept, so theirs may have come larger."""
        is_picture = bool(self.sizes) and Path(name).suffix.lower() in SUFFIXES
        return size in self.sizes.values() or (is_picture and size >= min(self.sizes.values()) - TURN)

    def includes(self, content: bytes) -> bool:
        spellings = (content, bare(content))
        return any(hashlib.sha256(spelled).hexdigest() in self.sizes for spelled in spellings)


def search(folder: Path, sought: Sought, but: Collection[str] = ()) -> Hit | None:
    """Of a folder and all below it; a picture says more than a name. `but` are names of files that are passed over."""
    hits = set[Hit]()
    for hit in _hits_below(folder, sought, but):
        if hit == "picture":
            return hit
        hits.add(hit)
    return next(iter(hits), None)


def _hits_below(folder: Path, sought: Sought, but: Collection[str]) -> Iterator[Hit]:
    for path in sorted(folder.rglob("*")):
        if path.name in but:
            continue
        if sought.names.are_in(path.relative_to(folder).as_posix()):
            yield "name"
        if path.is_file() and sought.may_be_in(path.name, size := path.stat().st_size):
            with path.open("rb") as file:
                yield from _hits_in(file, path.name, size, sought)


def _hits_in(file: IO[bytes], name: str, size: int, sought: Sought, depth: int = 0) -> Iterator[Hit]:
    if sought.may_be_picture(name, size):
        if sought.includes(file.read()):
            yield "picture"
        file.seek(0)
    beginning = file.read(BEGINNING)
    file.seek(0)
    if beginning.startswith(b"PK") and depth < DEEPEST:
        yield from _hits_within(file, name, size, sought, depth)
    elif beginning.startswith(b"PAR1"):
        if any(map(sought.names.are_in, _texts_of_parquet(file))):
            yield "name"
    elif Path(name).suffix.lower() not in WITHOUT_WORDS:
        most = OF_DICOM if beginning[128:] == b"DICM" else MOST_BYTES
        if _names_someone(file.read(most), sought.names):
            yield "name"


def _hits_within(file: IO[bytes], name: str, size: int, sought: Sought, depth: int) -> Iterator[Hit]:
    """What can't be opened holds nothing that could be added; its bytes may name somebody all the same."""
    try:
        examine_stream(file, name, size)
        archive = zipfile.ZipFile(file)
    except (DataError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        file.seek(0)
        if _names_someone(file.read(MOST_BYTES), sought.names):
            yield "name"
        return
    for member in archive.infolist():
        if sought.names.are_in(member.filename):
            yield "name"
        if not member.is_dir() and sought.may_be_in(member.filename, member.file_size):
            with suppress(Exception):  # damaged members raise almost anything: BadZipFile, zlib.error, EOFError
                content = archive.read(member) if member.file_size <= MOST_BYTES else b""
                yield from _hits_in(BytesIO(content), member.filename, len(content), sought, depth + 1)


def _names_someone(content: bytes, names: NamesInText) -> bool:
    """Quick for what holds no such bytes, which is almost everything. A name of few digits may be any number."""
    for name in names.patients:
        for code in CODES:
            try:
                spelled = name.encode(code)
            except UnicodeEncodeError:
                continue
            place = content.find(spelled)
            while place >= 0:
                around = content[max(place - AROUND, place % 2) : place + len(spelled) + AROUND]
                if names.are_in(around.decode(code, "replace")):
                    return True
                place = content.find(spelled, place + 1)
    return False


def _texts_of_parquet(file: IO[bytes]) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        columns = [each.name for each in table.schema_arrow if pa.types.is_string(each.type)]
        for batch in table.iter_batches(columns=columns):
            for column in batch.columns:
                yield from filter(None, column.unique().to_pylist())
    except (OSError, pa.ArrowException):
        return
