"""The files of a folder or of a zip, looked at in one way: paths within it, their bytes, their pixels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from core.errors import DataError
from core.pictures.pixels import SUFFIXES, FilePixels, ZipPixels
from core.pictures.zips import examine, read_file, read_member

LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Tree:
    """Paths have forward slashes, are relative to `base` within `root`, and are in natural order.

    What ends in one of `suffixes` counts as a picture.
    """

    root: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]
    base: str = ""
    suffixes: frozenset[str] = SUFFIXES

    @property
    def name(self) -> str:
        return self.root.stem if self.is_zip else self.root.name

    @cached_property
    def is_zip(self) -> bool:
        return self.root.is_file()

    def pictures(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if self.is_picture(name))

    def is_picture(self, name: str) -> bool:
        return name.lower().endswith(tuple(self.suffixes))

    def pixels(self, name: str) -> FilePixels | ZipPixels:
        return ZipPixels(self.root, self.base + name) if self.is_zip else FilePixels(self.root / (self.base + name))

    def content(self, name: str, most: int, only_beginning: bool = False) -> bytes:
        """The bytes of a file. More than `most` are a DataError, or left out if its beginning alone is wanted."""
        if self.is_zip:
            return read_member(self.root, self.base + name, most, only_beginning)
        return read_file(self.root / (self.base + name), most, only_beginning)

    def unwrapped(self) -> Tree:
        """The part under the folders that all files lie in together."""
        inner = self
        while around := outer(inner.files):
            inner = inner.below(around)
        return inner

    def below(self, folder: str) -> Tree:
        """The part under a folder, whose name ("outer/") is left out of all paths."""
        files = tuple(name.removeprefix(folder) for name in self.files if name.startswith(folder))
        folders = tuple(
            name.removeprefix(folder) for name in self.folders if name.startswith(folder) and name != folder
        )
        return replace(self, files=files, folders=folders, base=self.base + folder)


def holds_a_tree(path: Path) -> bool:
    """Whether it is a folder or, by its name, a zip."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def open_tree(path: Path) -> Tree:
    """What a folder or a zip holds, without hidden files and what systems leave behind."""
    if path.is_dir():
        return _tree(path, _walk(path))
    if path.suffix.lower() == ".zip":
        return _zip_tree(path, path.stat().st_mtime_ns)
    raise DataError(f"{path.name} is neither a folder nor a zip. Give one of the two.")


@lru_cache(maxsize=4)
def _zip_tree(path: Path, stamp: int) -> Tree:
    return _tree(path, examine(path))


def natural(text: str) -> list[tuple[int, str]]:
    """A sort key that puts `scan 9` before `scan 10`, whatever the case of the letters."""
    parts = re.split(r"0*([0-9]+)", text.casefold())
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)] + [(0, text)]


def outer(names: Iterable[str]) -> str:
    """The one folder ("resized/") that all the names lie in, or nothing."""
    heads = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{heads.pop()}/" if len(heads) == 1 and "" not in heads else ""


def _tree(root: Path, names: Iterable[str]) -> Tree:
    seen = [name for name in names if not any(map(is_litter, name.split("/")))]
    files = tuple(sorted((name for name in seen if not name.endswith("/")), key=natural))
    folders = {name for name in seen if name.endswith("/")} | {name[: name.rfind("/") + 1] for name in files}
    for name in tuple(folders):
        folders.update(name[: place + 1] for place, letter in enumerate(name) if letter == "/")
    return Tree(root, files, tuple(sorted(folders - {""}, key=natural)))


def is_litter(part: str) -> bool:
    """Whether what is called so is hidden, or left behind by a system."""
    return part.startswith(".") or part in LITTER


def _walk(root: Path) -> Iterable[str]:
    # Links are followed, since people link class folders together; one that leads back up would never end.
    for folder, below, files in os.walk(root, followlinks=True):
        here = os.path.realpath(folder)
        below[:] = [name for name in below if not _leads_up(os.path.join(folder, name), here)]
        inside = Path(folder).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + name for name in files)
        yield from (f"{prefix}{name}/" for name in below)


def _leads_up(folder: str, here: str) -> bool:
    return os.path.islink(folder) and (here + "/").startswith(os.path.realpath(folder) + "/")
