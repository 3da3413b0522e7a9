"""Tables that people open in a spreadsheet: the only place that writes one, so that no cell of it is a formula."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from io import StringIO
from numbers import Real

FORMULA_SIGNS = frozenset("=+-@")
QUOTES = frozenset("'\"`")
QUOTE_CATEGORIES = ("Pi", "Pf", "Ps", "Sk")
"""Quotation marks of other languages, a lone accent and opening brackets, by their Unicode category."""
# A spreadsheet that takes ";" or tab for the separator begins a cell of its own after each of these.
_PIECE = re.compile(r"[^;\t\r\n]*[;\t\r\n]|[^;\t\r\n]+")


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as text, its header included; None is an empty cell and a number stays a number."""
    kept = StringIO()
    # Who reads it guesses the separator from what stands outside of quotes in the header.
    is_misleading = any(separator in name for name in header for separator in ";\t")
    csv.writer(kept, quoting=csv.QUOTE_ALL if is_misleading else csv.QUOTE_MINIMAL).writerow(map(harmless, header))
    csv.writer(kept).writerows([harmless(value) for value in row] for row in rows)
    return kept.getvalue()


def harmless(value: object) -> str | Real:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before all text that could be one.

    The type decides, not the look: -0.05 is a number and stays one, "-0.05" is text.
    """
    if isinstance(value, Real) and not isinstance(value, bool):
        return value
    pieces = _PIECE.findall("" if value is None else str(value))
    return "".join(f"'{piece}" if _is_risky(piece, number == 0) else piece for number, piece in enumerate(pieces))


def as_written(cell: str) -> str:
    """What `harmless` was given: a table that was taken away comes back with the labels that it had."""
    if "'" not in cell:
        return cell
    pieces = enumerate(_PIECE.findall(cell))
    return "".join(
        piece[1:] if piece[:1] == "'" and _is_risky(piece[1:], number == 0) else piece for number, piece in pieces
    )


def _is_risky(piece: str, is_first: bool) -> bool:
    """Whether its first character that is neither blank, quote nor invisible begins a formula, full width included."""
    if is_first and piece.lstrip("'")[:1] in (
        "\t",
        "\r",
    ):  # else theirs would be taken for ours
        return True
    first = next((sign for sign in piece if not _is_passed_over(sign)), " ")
    return unicodedata.normalize("NFKC", first)[:1] in FORMULA_SIGNS


def _is_passed_over(sign: str) -> bool:
    category = unicodedata.category(sign)
    return sign.isspace() or sign in QUOTES or category[0] == "C" or category in QUOTE_CATEGORIES
