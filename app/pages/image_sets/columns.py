"""What the columns of an upload's table may mean, for uploads that have a table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from core.catalog import FORMATS, find
from core.errors import CoreError
from core.layouts.table import NAMES, header_at, likely_column
from core.machine.aside import ASIDE
from core.sets.layout import format_at

NONE = "—"
"""What a choice of column shows where it is left to the studio, or there is none."""
USUAL = "manifest"
"""The format whose columns are offered where nobody knows better."""
ROLES = tuple(NAMES)


@dataclass(frozen=True)
class Columns:
    """A table's header, and the column that each role is likely to have of those that the upload's format knows."""

    header: tuple[str, ...]
    likely: Mapping[str, str]


def columns_of(path: Path) -> Columns | None:
    """None where the upload has no table, like a zip of class folders or an npz."""
    return _read(path, _changed(path)) if path.exists() else None


def title_of(role: str) -> str:
    """As the first format with such a column calls it."""
    return str(next(roles[role].title for name in FORMATS if role in (roles := fields_of(name))))


def fields_of(name: str) -> Mapping[str, FieldInfo]:
    return dict(find(FORMATS, name, "format").Settings.model_fields)


def options_from(
    table: Columns | None, roles: Mapping[str, str | None], label_columns: list[str], separators: str
) -> dict[str, Any]:
    """The format's settings that were chosen; what was left alone, as it is likely anyway, is left out."""
    likely = table.likely if table else {}
    chosen: dict[str, Any] = {
        role: name for role, name in roles.items() if name not in (None, "", NONE, likely.get(role)) and role in likely
    }
    if label_columns:
        chosen["label_columns"] = list(label_columns)
    if separators:
        chosen["separators"] = separators
    return chosen


def format_of(path: Path) -> str:
    """In which format an upload is; empty where it is in none."""
    return _format_of(path, _changed(path)) if path.exists() else ""


def _changed(path: Path) -> int:
    """When it, or a folder within it, was changed last: pictures that waited for a look come once they are released."""
    last = 0
    for folder in (path, *(Path(inner) for inner, _, _ in os.walk(path))):
        with suppress(FileNotFoundError):  # which a job is moving
            last = max(last, folder.stat().st_mtime_ns)
    return last


@lru_cache(maxsize=16)
def _format_of(path: Path, changed: int) -> str:
    try:
        name, _ = ASIDE.run(format_at, b"", str(path))
    except CoreError:
        return ""  # the check says what is wrong
    return str(name)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> Columns | None:
    try:
        header, _ = ASIDE.run(header_at, b"", str(path))
    except CoreError:
        return None  # the check says what is wrong
    fields = fields_of(_format_of(path, changed) or USUAL)
    likely = {role: likely_column(header, role) for role in ROLES if role in fields}
    return Columns(tuple(header), likely) if header else None
