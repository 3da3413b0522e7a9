"""What the columns of an upload's table may mean, for uploads that have a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.catalog import FORMATS, find
from core.errors import CoreError
from core.machine.aside import ASIDE
from core.sets.table import NAMES, header_at, likely_column

NONE = "—"
"""What a choice of column shows where it is left to the studio, or there is none."""
ROLES = tuple(NAMES)


@dataclass(frozen=True)
class Columns:
    """A table's header, and the column that each role is likely to have."""

    header: tuple[str, ...]
    likely: Mapping[str, str]


def columns_of(path: Path) -> Columns | None:
    """None where the upload has no table, like a zip of class folders or an npz."""
    return _read(path, path.stat().st_mtime_ns) if path.exists() else None


def title_of(role: str) -> str:
    """As the format itself calls it."""
    return str(find(FORMATS, "manifest", "format").Settings.model_fields[role].title)


def options_from(roles: Mapping[str, str | None], label_columns: list[str], separators: str) -> dict[str, Any]:
    """The format's settings that were chosen; what was left alone is left out."""
    chosen: dict[str, Any] = {role: name for role, name in roles.items() if name and name != NONE}
    if label_columns:
        chosen["label_columns"] = list(label_columns)
    if separators:
        chosen["separators"] = separators
    return chosen


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> Columns | None:
    try:
        header, _ = ASIDE.run(header_at, b"", str(path))
    except CoreError:
        return None  # the check says what is wrong
    return Columns(tuple(header), {role: likely_column(header, role) for role in ROLES}) if header else None
