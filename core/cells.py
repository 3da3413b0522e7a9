"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations


def harmless(value: object) -> str:
    """The cell as text that a spreadsheet does not take for a formula; nothing for None."""
    text = "" if value is None else str(value)
    is_formula = text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not text[1:2].isdigit())
    return f"'{text}" if is_formula else text
