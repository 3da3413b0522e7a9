"""What a text says that was read in a wrong encoding: old zips and headers don't tell theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

TAKEN_FOR = (("latin-1", "utf-8"), ("cp437", "utf-8"), ("cp437", "latin-1"))
"""As which a text was read, and what it may have been."""


def rereadings(text: str) -> Iterator[str]:
    """The text, and what else its bytes may have meant."""
    yield text
    if not text.isascii():
        for wrong, right in TAKEN_FOR:
            with suppress(UnicodeError):
                yield text.encode(wrong).decode(right)
