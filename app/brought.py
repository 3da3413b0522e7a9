"""The files that people bring on a page, to be asked about or searched for; uploads of sets are the records' own."""

from __future__ import annotations

from pathlib import Path

from core.errors import SettingsError
from core.pictures.pixels import FilePixels


def bytes_of(image: str | None, why_needed: str) -> bytes:
    """Of the file that somebody brought, where they are not more than a picture has; told why where there is none."""
    if not image:
        raise SettingsError(why_needed)
    return FilePixels(Path(image)).stored()
