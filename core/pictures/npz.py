"""Arrays in npz files, one row at a time: small ones in memory, large ones mapped from the disk."""

from __future__ import annotations

import errno
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.pictures.zips import opening_lock

Array = npt.NDArray[Any]
IN_MEMORY_BYTES = 1 << 30
LOCAL_HEADER_BYTES = 30
OPEN_ARRAYS = 96
"""Of sixteen files, pictures and labels of three splits each: a joint run goes over its sets at random, and what was
closed meanwhile would be read from its first byte on for every picture."""


@dataclass(frozen=True)
class Header:
    """What a stored array says of itself, and where its numbers begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    column_major: bool
    start: int


def read_header(file: IO[bytes]) -> Header:
    """The header of an npy stream; ValueError where it is none."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, column_major, dtype = read(file)
    return Header(shape, dtype, column_major, file.tell())


def refuse_false(header: Header, size: int) -> None:
    """A ValueError where an array claims more numbers than its `size` bytes hold: room is made for what it claims."""
    if prod(header.shape) * header.dtype.itemsize > size - header.start or min(header.shape, default=0) < 0:
        claimed = f"{' x '.join(map(str, header.shape))} of {header.dtype}"
        raise ValueError(f"it claims {claimed} and holds {max(0, size - header.start):,} bytes")


def open_array(npz: Path, key: str) -> Array:
    """One array of an npz, kept open for this process."""
    try:
        with opening_lock():
            return _array(npz, key, npz.stat().st_mtime_ns)
    except DataError:
        raise
    except Exception as error:  # damaged members raise almost anything: BadZipFile, zlib.error, ValueError, KeyError
        raise DataError(f'"{key}" of {npz.name} can\'t be read ({error}). Fetch or write the file again.') from None


@lru_cache(maxsize=OPEN_ARRAYS)
def _array(npz: Path, key: str, stamp: int) -> Array:
    with ZipFile(npz) as archive:
        member = archive.getinfo(f"{key}.npy")
        with archive.open(member) as stream:
            header = read_header(stream)
        if header.dtype.hasobject:
            raise ValueError("it holds pickled objects")
        refuse_false(header, member.file_size)
        if member.file_size <= IN_MEMORY_BYTES:
            with archive.open(member) as stream:
                return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
        if member.compress_type == ZIP_STORED:
            return _mapped(npz.open("rb"), header, _first_byte(npz, member))
        return _mapped(_unpacked(archive, member), header, 0)


def _mapped(file: IO[bytes], header: Header, offset: int) -> Array:
    with file:
        order = "F" if header.column_major else "C"
        return np.memmap(file, header.dtype, "r", offset + header.start, header.shape, order)  # type: ignore[call-overload,no-any-return]


def _first_byte(npz: Path, member: ZipInfo) -> int:
    # The local header may carry other extra fields than the central directory, so its own lengths count.
    with npz.open("rb") as file:
        file.seek(member.header_offset)
        local = file.read(LOCAL_HEADER_BYTES)
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    return member.header_offset + LOCAL_HEADER_BYTES + lengths


def _unpacked(archive: ZipFile, member: ZipInfo) -> IO[bytes]:
    # A file without a name: it is gone with the process, however that ends, and forked loaders share it.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever takes the array closes it
    try:
        with archive.open(member) as stream:
            shutil.copyfileobj(stream, file, 1 << 20)
    except BaseException as error:
        file.close()
        if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
            raise
        need, folder = f"{member.file_size / 1e9:.0f} GB", tempfile.gettempdir()
        raise DataError(f"{member.filename} needs {need} in {folder}, which is full. Make room.") from None
    file.flush()
    return file
