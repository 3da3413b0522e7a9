"""Zip files from anywhere: looked at before anything is read from them, and never extracted."""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from core.errors import DataError

UNDERSTOOD = {ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA}
MAX_MEMBERS = 2_000_000
MAX_BYTES = 100 * 10**9
BOMB_BYTES = 100 * 10**6
BOMB_RATIO = 200

_LOCKS: dict[int, Lock] = {}


def opening_lock() -> Lock:
    """Held while a cache is filled, lest every thread opens the same large file at once."""
    # One for each process: a fork may copy a lock while another thread holds it, and nobody would let go of the copy.
    return _LOCKS.setdefault(os.getpid(), Lock())


def examine(path: Path) -> tuple[str, ...]:
    """The names of a zip's members (folders end with a slash), or a DataError where it should not be read."""
    with path.open("rb") as file:
        return examine_stream(file, path.name, path.stat().st_size)


def examine_stream(file: IO[bytes], name: str, size: int) -> tuple[str, ...]:
    """The same for an open zip of `size` bytes."""
    try:
        with ZipFile(file) as archive:
            members = archive.infolist()
    except (BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise DataError(f"{name} is not a whole zip file ({error}). Make or upload it again.") from None
    _refuse_bombs(members, name, size)
    for member in members:
        _refuse(member, name)
    return tuple(dict.fromkeys(member.filename for member in members))


def read_member(path: Path, member: str) -> bytes:
    """The bytes of one member of a zip, which stays open for this process."""
    try:
        stamp = path.stat().st_mtime_ns
        with opening_lock():
            archive = _archive(path, stamp, os.getpid())
        return archive.read(member)
    except Exception as error:  # damaged members raise almost anything: BadZipFile, zlib.error, lzma errors, EOFError
        raise DataError(f'"{member}" of {path.name} can\'t be read ({error}). Make the zip again.') from None


@lru_cache(maxsize=8)
def _archive(path: Path, stamp: int, process: int) -> ZipFile:
    # Keyed by process: forked data loaders would share one file position and read each other's bytes.
    return ZipFile(path)


def _refuse_bombs(members: list[ZipInfo], name: str, size: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{name} holds {len(members):,} files, more than {MAX_MEMBERS:,}. Split it.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_BYTES:
        raise DataError(
            f"{name} would unpack to {unpacked / 1e9:,.0f} GB, more than {MAX_BYTES / 1e9:.0f} GB. Split it."
        )
    # Against the size of the file itself, since members of a made-up archive may overlap.
    suspicious = unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * size
    if suspicious or any(m.file_size > BOMB_BYTES and m.file_size > BOMB_RATIO * m.compress_size for m in members):
        raise DataError(
            f"{name} unpacks to more than {BOMB_RATIO} times its size, as a zip bomb does. "
            "Pictures never do: make the zip again from the pictures alone."
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
