"""Opens an image set in whichever format it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from core.case import ImageSet
from core.errors import DataError
from core.layouts.foreign_files import foreign_files
from core.sets.version import KEPT, kept_folder
from core.settings import Settings


class Format(Protocol):
    """What a module in core/formats offers."""

    TITLE: str

    @property
    def Settings(self) -> type[Settings]: ...

    def looks_like(self, path: Path) -> bool:
        """Whether the files are laid out in this way; quick, decodes no picture."""
        ...

    def read(self, path: Path, settings: Any) -> ImageSet:
        """The set, with what reading it brought to light. DataError where there is no set to speak of."""
        ...

    def write_example(self, folder: Path) -> ImageSet:
        """Writes a tiny set into a folder; returns what read(folder) gives back."""
        ...


def open_set(path: str | Path, settings: Mapping[str, Any] | None, formats: Iterable[Format]) -> ImageSet:
    """The image set at a path, read by the first format that knows its layout."""
    place = kept_folder(str(path)) if str(path).startswith(KEPT) else Path(path).expanduser().absolute()
    if not place.exists():
        raise DataError(f'There is nothing at "{path}". Check the path.')
    layouts = tuple(formats)
    layout = next((layout for layout in layouts if layout.looks_like(place)), None)
    if layout is not None:
        return layout.read(place, layout.Settings.parse(dict(settings or {}), "images"))
    if named := foreign_files(place):
        raise DataError(named)
    understood = "; ".join(layout.TITLE for layout in layouts)
    raise DataError(
        f'"{place.name}" is not laid out in a way that is understood here ({_kind_of(place)}). Known: {understood}.'
    )


def _kind_of(place: Path) -> str:
    if place.is_file():
        return f"a file of the kind {place.suffix}" if place.suffix else "a file without a suffix"
    names = sorted(entry.name for entry in place.iterdir())
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"a folder with {', '.join(names[:5])}{more}" if names else "an empty folder"
