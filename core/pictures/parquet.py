"""Pictures in the cells of a Parquet or an Arrow file, as Hugging Face keeps them: {bytes, path}, or bytes alone.

Of Parquet a row group is read once, one row at a time, and its pictures laid beside each other in a file without a
name: a set of any size takes little memory, and any picture of the group is then one read.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from PIL import Image

from core.errors import DataError
from core.limits import limits, raised
from core.pictures.data_files import DataFile, in_our_words
from core.pictures.parquet_pages import Pages
from core.pictures.pixels import decode, refuse_long
from core.pictures.zips import BOMB_BYTES, opening_lock

SUFFIXES = (".parquet", ".arrow")
KIND = "a table of pictures"
ROWS_AT_ONCE = 256
BYTES_AT_ONCE = 64 << 20
"""Of plain values in memory, even if each were as long as the longest page: Parquet stores once what is written again
and again."""
OPEN_FILES, OPEN_GROUPS = 64, 256
BUFFER_BYTES = 1 << 20
MISSING = -1


class Rows(Protocol):
    """A file of rows. What reads it raises whatever pyarrow does."""

    schema: Any
    count: int

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of these columns, from the first row to the last."""
        ...

    def picture(self, column: str, row: int) -> bytes | None:
        """The bytes of a cell; None where it holds none."""
        ...


@dataclass(frozen=True)
class CellPixels:
    """A picture in a cell; rows count from 0."""

    file: DataFile
    column: str
    row: int

    def load(self) -> Image.Image:
        return decode(self.stored(), self.name)

    def digest(self) -> str:
        return hashlib.sha256(self.stored()).hexdigest()

    def stored(self) -> bytes:
        """The picture's file as it was put in."""
        with in_our_words(self.file, KIND, f"row {self.row + 1}"):
            content = open_rows(self.file).picture(self.column, self.row)
        if not content:
            raise DataError(f'"{self.name}" is empty, or names a file elsewhere. Put its bytes in, or remove the row.')
        refuse_long(len(content), self.name)
        return content

    @property
    def name(self) -> str:
        return f"{self.file.name}: {self.column}, row {self.row + 1}"


def open_rows(file: DataFile) -> Rows:
    """A file, kept open for this process."""
    with opening_lock("tables"), in_our_words(file, KIND, "its schema"):
        return _rows(file, file.stamp())


@lru_cache(maxsize=OPEN_FILES)
def _rows(file: DataFile, stamp: int) -> Rows:
    return _ArrowRows(file) if file.name.lower().endswith(".arrow") else _ParquetRows(file)


def holds_pictures(kind: Any) -> bool:
    """Whether cells of an arrow type may be pictures."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and holds_pictures(kind.field(place).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


class _ParquetRows:
    def __init__(self, file: DataFile) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._file = file
        self._content = file.mapped()
        content = pa.BufferReader(pa.py_buffer(self._content))
        self.size = content.size()
        self._parquet = pq.ParquetFile(content, pre_buffer=False, buffer_size=BUFFER_BYTES)
        self.schema = self._parquet.schema_arrow
        self.count = self._parquet.metadata.num_rows
        groups = range(self._parquet.metadata.num_row_groups)
        self._starts = np.cumsum([0, *(self._parquet.metadata.row_group(group).num_rows for group in groups)])
        if self._starts[-1] != self.count or (np.diff(self._starts) < 0).any():
            raise ValueError(f"it claims {self.count:,} rows, and its groups {self._starts[-1]:,}")

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        of_pictures = [name for name in columns if holds_pictures(self.schema.field(name).type)]
        longest = self._longest([name for name in columns if name not in of_pictures])
        if longest > (most := limits().table_bytes):
            raise DataError(
                f'"{self._file.name}" has a page of {longest / 1e6:,.0f} MB beside its pictures. A page is in memory '
                f"as a whole, so {most / 1e6:,.0f} are the most. Write it with smaller ones. {raised('table_bytes')}"
            )
        longest = max(longest, self._longest(of_pictures))
        at_once = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // max(1, longest)))
        return iter(self._parquet.iter_batches(at_once, columns=list(columns), use_threads=False))

    def picture(self, column: str, row: int) -> bytes | None:
        group = int(np.searchsorted(self._starts, row, "right")) - 1
        with opening_lock("groups of rows"):
            laid = _laid_out(self._file, self._file.stamp(), column, group)
        return laid.at(row - int(self._starts[group]))

    def _longest(self, columns: Sequence[str]) -> int:
        """What no value of these columns is longer than, in bytes: it lies in one page."""
        groups = [self._parquet.metadata.row_group(group) for group in range(self._parquet.metadata.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        starts = tuple(f"{column}." for column in columns)
        wanted = [chunk for chunk in chunks if f"{chunk.path_in_schema}.".startswith(starts)]
        pages = Pages(self._content)
        return max((size for chunk in wanted for size in pages.sizes(*places_of(chunk))), default=0)

    def contents(self, column: str, group: int) -> Iterator[Any]:
        leaf = f"{column}.bytes" if self.schema.field(column).type.num_fields else column
        for batch in self._parquet.iter_batches(1, [group], [leaf], use_threads=False):
            yield from _contents(batch.column(0))


@lru_cache(maxsize=OPEN_GROUPS)
def _laid_out(file: DataFile, stamp: int, column: str, group: int) -> _LaidOut:
    rows = _rows(file, stamp)
    assert isinstance(rows, _ParquetRows)
    return _LaidOut(rows.contents(column, group), max(BOMB_BYTES, limits().zip_ratio * rows.size))


class _LaidOut:
    """Pictures behind each other in a file without a name; it is gone with the process."""

    def __init__(self, contents: Iterator[Any], most_bytes: int) -> None:
        self._sizes: list[int] = []
        self._problem = ""
        with tempfile.TemporaryFile() as file:
            for content in contents:
                size = content.as_buffer().size if content.is_valid else MISSING
                self._sizes.append(size)
                if _is_kept(size):
                    file.write(content.as_buffer())
                if file.tell() > most_bytes:
                    self._problem = f"it unpacks to over {limits().zip_ratio} times its size, as pictures never do"
                    break
            file.flush()
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._starts = np.cumsum([0, *(size if _is_kept(size) else 0 for size in self._sizes)])

    def at(self, row: int) -> bytes | None:
        if self._problem:
            raise ValueError(self._problem)
        if not 0 <= row < len(self._sizes):
            raise ValueError(f"it has {len(self._sizes):,} rows in a group that claims more")
        if (size := self._sizes[row]) == MISSING:
            return None
        refuse_long(size, f"row {row + 1}")
        return os.pread(self._descriptor, size, int(self._starts[row]))


def _is_kept(size: int) -> bool:
    """Of a picture that is too long the size alone is kept, by which it is refused."""
    return 0 <= size <= limits().picture_bytes


class _ArrowRows:
    """Read in place: whatever is packed within is refused, lest it grow."""

    def __init__(self, file: DataFile) -> None:
        import pyarrow as pa

        content = file.mapped()
        source = pa.BufferReader(pa.py_buffer(content))
        if content[:6] == b"ARROW1":
            whole = pa.ipc.open_file(source)
            self.schema, batches = whole.schema, map(whole.get_batch, range(whole.num_record_batches))
        else:
            stream = pa.ipc.open_stream(source)
            self.schema, batches = stream.schema, iter(stream)
        self._batches, total = [], 0
        for batch in batches:
            batch.validate(full=True)  # offsets that lead elsewhere would be followed
            total += batch.nbytes
            if total > len(content):
                raise ValueError("it is packed within; save it as Parquet")
            self._batches.append(batch)
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self.count = int(self._starts[-1])

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        for batch in self._batches:
            for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                yield batch.select(list(columns)).slice(start, ROWS_AT_ONCE)

    def picture(self, column: str, row: int) -> bytes | None:
        number = int(np.searchsorted(self._starts, row, "right")) - 1
        if not 0 <= number < len(self._batches):
            raise ValueError(f"it has {self.count:,} rows")
        cells = self._batches[number].column(column).slice(row - int(self._starts[number]), 1)
        content: bytes | None = _contents(cells)[0].as_py()
        return content


def places_of(chunk: Any) -> tuple[int, int]:
    """Where the first page of a chunk begins, which is that of its dictionary where it has one, and where it ends."""
    # Where a dictionary can not lie, pyarrow looks for none either.
    places = (chunk.dictionary_page_offset, chunk.data_page_offset)
    start = min((place for place in places if place and place > 0), default=0)
    return start, start + chunk.total_compressed_size


def _contents(cells: Any) -> Any:
    """The bytes of cells, which may be structs that hold them."""
    return cells.flatten()[cells.type.get_field_index("bytes")] if cells.type.num_fields else cells
