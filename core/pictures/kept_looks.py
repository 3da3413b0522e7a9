"""What looking at pictures brought to light, kept in a file, so that no picture of an upload is opened a second time.

A row a picture, named by where its pixels are; and a row a mask, with what is wrong with it where it lies on a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.case import Pixels
from core.pictures.kept_rows import next_part, parts_of, read_rows, write_rows
from core.pictures.looks import Look
from core.pictures.traces import Trace

SEEN = ("mode", "is_blank", "shown", "thumbnail", "coarse", "sharpness", "is_first", "problem")
COLUMNS = ("place", "width", "height", *SEEN)


@dataclass
class KeptLooks:
    """Looks by the place of their pixels, what is wrong with masks ("" where nothing is), and the traces that were
    taken on the way, which have a file of their own (`kept_traces`)."""

    looks: dict[str, Look] = field(default_factory=dict)
    misfits: dict[str, str] = field(default_factory=dict)
    traces: dict[str, Trace] = field(default_factory=dict)


def place_of(pixels: Pixels) -> str:
    """Where the pixels are, in full: the files of an upload never change."""
    return repr(pixels)


def mask_place(mask: Pixels, size: tuple[int, int]) -> str:
    return f"mask {mask!r} {size}"


def read_looks(file: Path) -> KeptLooks:
    """With what a broken-off look kept beside it. Nothing where there is no such file yet, none that can be read, or
    one of before something else was kept."""
    kept = KeptLooks()
    for part in (file, *parts_of(file)):
        _add(part, kept)
    return kept


def _add(file: Path, kept: KeptLooks) -> None:
    for place, width, height, *seen in read_rows(file, COLUMNS):
        if place.startswith("mask "):
            kept.misfits[place] = seen[-1]
        else:
            kept.looks[place] = Look((width, height), *seen)


def keep_part(file: Path, fresh: KeptLooks) -> None:
    """Keeps what a look that still goes on has seen since the last time, in a file of its own beside the whole."""
    _write(next_part(file), fresh)


def write_looks(file: Path, kept: KeptLooks) -> None:
    """The file appears when it is whole; the parts that it is made of go then."""
    parts = parts_of(file)
    _write(file, kept)
    for part in parts:
        part.unlink(missing_ok=True)


def _write(file: Path, kept: KeptLooks) -> None:
    rows = [(place, *look.size, *(getattr(look, name) for name in SEEN)) for place, look in kept.looks.items()]
    rows += [(place, 0, 0, "", False, "", b"", b"", 0.0, False, problem) for place, problem in kept.misfits.items()]
    write_rows(file, COLUMNS, rows)
