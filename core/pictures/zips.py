"""Zip files from anywhere: looked at before anything is read from them, and never extracted."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from core.errors import DataError
from core.limits import limits, raised
from core.pictures.foreign import BEGINNING, ZIP, foreign_by_content
from core.pictures.zip_directory import holds_more

UNDERSTOOD = {ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA}
BOMB_BYTES = 100 * 10**6

_LOCKS: dict[tuple[int, str], Lock] = {}


def opening_lock(cache: str = "files") -> Lock:
    """Held while a cache is filled, lest every thread opens the same large file at once."""
    # One for each process: a fork may copy a lock while another thread holds it, and nobody would let go of the copy.
    return _LOCKS.setdefault((os.getpid(), cache), Lock())


def examine(path: Path) -> tuple[str, ...]:
    """The names of a zip's members (folders end with a slash), or a DataError where it should not be read."""
    with path.open("rb") as file:
        return examine_stream(file, path.name, path.stat().st_size)


def examine_stream(
    file: IO[bytes], name: str, size: int, most_bytes: int | None = None, bomb_bytes: int = BOMB_BYTES
) -> tuple[str, ...]:
    """The same for an open zip of `size` bytes, which may unpack to no more than `most_bytes`.

    What unpacks to less than `bomb_bytes` may be compressed as well as it likes.
    """
    if holds_more(file, size, limits().zip_files):
        raise DataError(f"{name} holds more than {limits().zip_files:,} files. Split it. {raised('zip_files')}")
    try:
        with ZipFile(file) as archive:
            members = archive.infolist()
    except (BadZipFile, NotImplementedError, ValueError, OSError) as error:
        file.seek(0)
        kind = foreign_by_content(file.read(BEGINNING), name)
        if kind and kind is not ZIP:
            raise DataError(f"{name} is not a whole zip file: it is {kind.name}. {kind.advice}") from None
        raise DataError(f"{name} is not a whole zip file ({error}). Make or upload it again.") from None
    _refuse_bombs(members, name, size, most_bytes or limits().zip_bytes, bomb_bytes)
    contents: dict[str, tuple[int, int]] = {}
    for member in members:
        _refuse(member, name)
        content = member.file_size, member.CRC
        if contents.setdefault(member.filename, content) != content:
            raise DataError(
                f'{name} holds "{member.filename}" twice, and not the same: programs differ in which they read. Keep '
                "one of the two, and make the zip again."
            )
    return tuple(contents)


def read_member(path: Path, member: str, most: int, only_beginning: bool = False) -> bytes:
    """The bytes of one member of a zip, which stays open for this process.

    Where they are more than `most` it is a DataError, or as many as that if the beginning alone is wanted.
    """
    with _told(path, member):
        return _read(_opened(path), member, path.name, most, only_beginning)


def examine_nested(path: Path, member: str) -> tuple[str, ...]:
    """The names within a zip that is a member of another, or a DataError where it should not be read."""
    with _told(path, member):
        return tuple(dict.fromkeys(_nested(path, member).namelist()))


def read_nested(path: Path, member: str, inner: str, most: int, only_beginning: bool = False) -> bytes:
    """The bytes of one file of a zip that is a member of another; in the manner of `read_member`."""
    with _told(path, f"{member}/{inner}"):
        return _read(_nested(path, member), inner, f"{path.name}: {member}", most, only_beginning)


def read_file(path: Path, most: int, only_beginning: bool = False) -> bytes:
    """The same of a file that lies by itself."""
    if path.stat().st_size > most and not only_beginning:
        raise DataError(
            f'"{path.name}" has {path.stat().st_size / 1e6:,.0f} MB, more than {most / 1e6:,.0f} MB. Make it smaller.'
        )
    with path.open("rb") as file:
        return file.read(most)


def _read(archive: ZipFile, member: str, name: str, most: int, only_beginning: bool) -> bytes:
    size = archive.getinfo(member).file_size
    if size > most and not only_beginning:
        raise DataError(
            f'"{member}" of {name} unpacks to {size / 1e6:,.0f} MB, more than {most / 1e6:,.0f} MB. '
            "Make it smaller, or leave it out."
        )
    with archive.open(member) as stream:
        return stream.read(most)


@contextmanager
def _told(path: Path, member: str) -> Iterator[None]:
    """Whatever goes wrong with a member is told in our words."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged members raise almost anything: BadZipFile, zlib.error, lzma errors, EOFError
        raise DataError(f'"{member}" of {path.name} can\'t be read ({error}). Make the zip again.') from None


def _nested(path: Path, member: str) -> ZipFile:
    stamp = path.stat().st_mtime_ns
    with opening_lock():
        return _spooled(path, stamp, os.getpid(), member)


@lru_cache(maxsize=8)
def _spooled(path: Path, stamp: int, process: int, member: str) -> ZipFile:
    """A zip within a zip, in a nameless file that ends with this process; not in memory, where it might not fit."""
    archive = _archive(path, stamp, process)
    size, room = archive.getinfo(member).file_size, shutil.disk_usage(tempfile.gettempdir()).free - limits().spare_bytes
    if size > room:
        raise DataError(f'There is no room to open "{member}" of {path.name}. Make some, or unpack {path.name} first.')
    whole = tempfile.TemporaryFile()  # noqa: SIM115 (it stays open with the archive)
    try:
        with archive.open(member) as stream:
            shutil.copyfileobj(stream, whole, 1 << 20)
        examine_stream(whole, f"{path.name}: {member}", size)
        return _Spooled(whole)
    except BaseException:
        whole.close()
        raise


class _Spooled(ZipFile):
    """A zip in a nameless file, which ends with it."""

    def __init__(self, whole: IO[bytes]) -> None:
        self._whole = whole
        super().__init__(whole)

    def close(self) -> None:
        super().close()
        self._whole.close()


def open_member(path: Path, member: str) -> IO[bytes]:
    """A member as a stream, to be read no further than its reader counts; whatever zipfile raises is raised."""
    return _opened(path).open(member)


def _opened(path: Path) -> ZipFile:
    stamp = path.stat().st_mtime_ns
    with opening_lock():
        return _archive(path, stamp, os.getpid())


@lru_cache(maxsize=8)
def _archive(path: Path, stamp: int, process: int) -> ZipFile:
    # Keyed by process: forked data loaders would share one file position and read each other's bytes.
    return ZipFile(path)


def _refuse_bombs(members: list[ZipInfo], name: str, size: int, most_bytes: int, bomb_bytes: int) -> None:
    most_files, ratio = limits().zip_files, limits().zip_ratio
    if len(members) > most_files:
        raise DataError(
            f"{name} holds {len(members):,} files, more than {most_files:,}. Split it. {raised('zip_files')}"
        )
    unpacked = sum(member.file_size for member in members)
    if unpacked > most_bytes:
        raise DataError(
            f"{name} would unpack to {unpacked / 1e6:,.0f} MB, more than {most_bytes / 1e6:,.0f} MB. Split it."
        )
    # Against the size of the file itself, since members of a made-up archive may overlap.
    suspicious = unpacked > bomb_bytes and unpacked > ratio * size
    if suspicious or any(m.file_size > bomb_bytes and m.file_size > ratio * m.compress_size for m in members):
        raise DataError(
            f"{name} unpacks to more than {ratio} times its size, as a zip bomb does. "
            f"Pictures never do: make the zip again from the pictures alone. {raised('zip_ratio')}"
        )


def _refuse(member: ZipInfo, name: str) -> None:
    path = member.orig_filename
    again = "Make the zip again from the folder of the pictures."
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        raise DataError(f'{name} holds "{path}", which points outside of it. {again}')
    if "\\" in path or "\0" in path:
        raise DataError(f'{name} holds "{path}", whose name has a character that paths may not have. {again}')
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f'{name} holds "{path}", a link to another file. {again}')
    if member.flag_bits & 1:
        raise DataError(f'{name} holds "{path}", which is locked with a password. Make the zip again without one.')
    if member.compress_type not in UNDERSTOOD:
        raise DataError(f'{name} holds "{path}" in an unusual compression. Make the zip again with the usual one.')
