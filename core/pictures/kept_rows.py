"""Rows of what was measured of pictures, in a Parquet file that is whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def read_rows(file: Path, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """None where there is no such file yet, none that can be read, or one that lacks a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        kept = pq.read_table(file, columns=list(columns)).to_pydict() if file.is_file() else {}
    except (OSError, pa.ArrowException):
        return []
    return list(zip(*kept.values(), strict=True))


def parts_of(file: Path) -> list[Path]:
    """What was kept beside a file that is not whole yet, the oldest first."""
    return sorted(file.parent.glob(f"{file.stem}.*{file.suffix}"))


def next_part(file: Path) -> Path:
    """Where the next such part is kept."""
    return file.with_name(f"{file.stem}.{len(parts_of(file)):06}{file.suffix}")


def write_rows(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """The file appears when it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    listed = list(map(list, zip(*rows, strict=True)))
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    pq.write_table(pa.table(dict(zip(columns, listed, strict=True)) if listed else {}), draft)
    draft.replace(file)
