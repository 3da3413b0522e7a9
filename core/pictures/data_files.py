"""Files that hold many pictures, on the disk or in a zip: read as a stream, or mapped."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

from core.errors import DataError
from core.pictures.zips import open_member

AT_ONCE = 1 << 20


@dataclass(frozen=True)
class DataFile:
    """Where it is: a file of its own, or a member of a zip."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return self.member or self.path.name

    def stamp(self) -> int:
        return self.path.stat().st_mtime_ns

    def open(self) -> IO[bytes]:
        """Its bytes from the first on. It raises whatever zipfile does."""
        if self.member:
            return open_member(self.path, self.member)
        if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe would keep us waiting, a device never end
            raise DataError(f'"{self.path}" is not a file but a pipe, a device or a folder. Remove it.')
        return self.path.open("rb")

    def mapped(self) -> mmap:
        """All of it, on the disk: a member of a zip in a file without a name, which is gone with the process."""
        with self.open() as stream:
            if not self.member:
                return mmap(stream.fileno(), 0, access=ACCESS_READ)
            with tempfile.TemporaryFile() as kept:
                while part := stream.read(AT_ONCE):
                    kept.write(part)
                kept.flush()
                return mmap(kept.fileno(), 0, access=ACCESS_READ)


@contextmanager
def in_our_words(file: DataFile, kind: str, what: str) -> Iterator[None]:
    """Whatever goes wrong while a file is read, as a DataError that names it."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files have gzip, zlib, nibabel, numpy and arrow raise almost anything
        short = " ".join(str(error).split())[:300]
        raise DataError(f'"{file.name}" can\'t be read as {kind}: {what} ({short}). Replace or remove it.') from None
