"""The pictures that people bring on a page, and programs send, to be asked about or searched for; uploads of sets are
the records' own."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from core.errors import SettingsError
from core.pictures.pixels import SUFFIXES, FilePixels

DATA = re.compile(r"data:[\w.+-]*/[\w.+-]*;base64,")
PLACE = re.compile(r"(https?://|file:|~|\.{0,2}/|[A-Za-z]:)", re.IGNORECASE)


def bytes_of(image: str | None, why_needed: str) -> bytes:
    """Of the file that somebody brought, where they are not more than a picture has; told why where there is none."""
    if not image:
        raise SettingsError(why_needed)
    return FilePixels(Path(image)).stored()


def sent_bytes(image: str) -> bytes:
    """Of a picture that a program sends: base64, also as the data URL of a page."""
    try:
        return base64.b64decode(DATA.sub("", image, count=1), validate=True)
    except ValueError:
        is_place = PLACE.match(image) or Path(image).suffix.lower() in SUFFIXES
        what = "names a file, which is on your machine and not here" if is_place else "is no base64"
        raise SettingsError(
            f'"image" {what}. Send the file\'s bytes, in Python base64.b64encode(open(path, "rb").read()).decode(), '
            "or leave it empty."
        ) from None
