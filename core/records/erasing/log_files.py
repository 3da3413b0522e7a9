"""What the studio's own processes wrote into log files of this data folder, without names of what is erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.records.place import Place
from core.sets.names_in_text import NamesInText


def named_lines(place: Place, names: NamesInText) -> int:
    """How many lines there name one of them."""
    return sum(1 for file in _files(place) for _ in _named(file, names))


def mask_lines(place: Place, names: NamesInText) -> int:
    """Writes stars over the names, where they stand: the processes go on writing at the end. Returns of how many
    lines."""
    return sum(_mask(file, names) for file in _files(place))


def _files(place: Place) -> list[Path]:
    """Older ones, under numbers, too."""
    return sorted(place.logs.glob("*.log*")) if place.logs.is_dir() else []


def _mask(file: Path, names: NamesInText) -> int:
    masked = 0
    with file.open("r+b") as log:
        for start, line in _named(file, names):
            log.seek(start)
            log.write(names.masked(line))
            masked += 1
    return masked


def _named(file: Path, names: NamesInText) -> Iterator[tuple[int, bytes]]:
    """Lines that name one of them, each with where it begins."""
    start = 0
    with file.open("rb") as log:
        for line in log:
            if names.are_in(line.decode("utf-8", "surrogateescape")):
                yield start, line
            start += len(line)
