"""PS3.15 Table E.1-1: what becomes of each attribute, by the basic profile and by the options that were chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.deid.choices import Choices

EDITION = "2026c"
TABLE = Path(__file__).with_name("profile.tsv")
# Which of several the table leaves to the kind of object; the one here keeps every kind valid, and is never K.
VALID = {"X/Z": "Z", "X/D": "D", "Z/D": "D", "X/Z/D": "D", "X/Z/U*": "U"}
SAFE_PRIVATE: Mapping[tuple[str, int, int], str] = {
    ("ELSCINT1", 0x00E1, 0x21): "DS",  # DLP
    ("ELSCINT1", 0x01F1, 0x07): "DS",  # table velocity
    ("ELSCINT1", 0x01F1, 0x26): "DS",  # pitch
    ("ELSCINT1", 0x01F1, 0x27): "DS",  # rotation time
    ("GEMS_ACQU_01", 0x0019, 0x23): "DS",  # table speed
    ("GEMS_ACQU_01", 0x0019, 0x24): "DS",  # mid scan time
    ("GEMS_ACQU_01", 0x0019, 0x27): "DS",  # rotation speed
    ("Philips Imaging DD 001", 0x2001, 0x03): "FL",  # diffusion b factor
    ("Philips MR Imaging DD 001", 0x2005, 0x0D): "FL",  # scale intercept
    ("Philips MR Imaging DD 001", 0x2005, 0x0E): "FL",  # scale slope
    ("Philips PET Private Group", 0x7053, 0x00): "DS",  # SUV factor
    ("Philips PET Private Group", 0x7053, 0x09): "DS",  # activity concentration factor
    ("SIEMENS MR HEADER", 0x0019, 0x0C): "IS",  # b value
    ("SIEMENS MR HEADER", 0x0019, 0x0E): "FD",  # diffusion gradient direction
    ("SIEMENS MR HEADER", 0x0019, 0x27): "FD",  # b matrix
}
"""From PS3.15 E.3.10, as far as known here: creator, group, last two digits. Figures alone, which can name nobody."""


@dataclass(frozen=True)
class Row:
    """An attribute of the table: its code by the basic profile, and by each option that says another."""

    name: str
    basic: str
    options: Mapping[str, str]


@lru_cache(maxsize=1)
def rows() -> dict[str, Row]:
    """By tag in eight digits, of which some are x; "private" stands for odd groups."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    header = lines[0].split("\t")
    table = {}
    for line in lines[1:]:
        cells = dict(zip(header, line.split("\t"), strict=True))
        options = {column: code for column in header[3:-1] if (code := cells[column])}
        table[cells["tag"]] = Row(cells["name"], cells["basic"], options)
    return table


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], Row], ...]:
    return tuple((re.compile(tag.replace("x", "[0-9a-f]")), row) for tag, row in rows().items() if "x" in tag)


@lru_cache(maxsize=8192)
def row_of(tag: int) -> Row | None:
    """The table's row for a public attribute."""
    digits = f"{tag:08x}"
    exact = rows().get(digits)
    return exact or next((row for pattern, row in _patterns() if pattern.fullmatch(digits)), None)


@lru_cache(maxsize=8192)
def code_of(tag: int, choices: Choices) -> str:
    """D, Z, X, K, C or U for an attribute of the table; nothing for one that is not in it."""
    row = row_of(tag)
    if row is None:
        return ""
    codes = {row.options.get(column, "") for column in choices.columns()}
    chosen = next((code for code in ("K", "C") if code in codes), "")
    return chosen or VALID.get(row.basic, row.basic)


def is_safe_private(creator: str, tag: int, vr: str) -> bool:
    """Whether it is an attribute of the safe list, with the kind of value that it has there."""
    return SAFE_PRIVATE.get((creator.strip(), tag >> 16, tag & 0xFF)) == vr
