"""Finds the file that a table means: tables often leave out folders and suffixes, and spell accents in another way."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from unicodedata import normalize

from core.errors import DataError


class Lookup:
    """The files of a set, by everything that a table in `folder` may call them; `root` is where the set lies."""

    def __init__(self, names: Iterable[str], folder: str, root: str = "") -> None:
        self._folder = folder
        self._root = normalize("NFC", root.replace("\\", "/")).rstrip("/") + "/" if root else ""
        self._exact: dict[str, str] = {}
        self._ends: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            plain = normalize("NFC", name)
            self._exact[plain] = name
            for end in set(_spellings(posixpath.basename(plain))):
                self._ends[end].append(plain)

    def find(self, named: str) -> str:
        """The file's name; a DataError, to be put after "Row 3 of labels.csv", where there is no such one file."""
        path = normalize("NFC", named.strip().replace("\\", "/")).removeprefix(self._root)
        if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
            raise DataError(f'names "{named}", which is outside of the folder. Write the path within it.')
        path = posixpath.normpath(path)
        for whole in (posixpath.join(self._folder, path), path):
            if whole in self._exact:
                return self._exact[whole]
        matches = [plain for plain in self._ends[posixpath.basename(path)] if _ends_with(plain, path)]
        if not matches:
            raise DataError(f'names "{named}", which is not in the folder. Add the image or remove the row.')
        if len(matches) > 1:
            raise DataError(
                f'names "{named}", which is in several places ({matches[0]}, {matches[1]}). Write the whole path.'
            )
        return self._exact[matches[0]]


def _ends_with(plain: str, path: str) -> bool:
    return any(f"/{whole}".endswith(f"/{path}") for whole in _spellings(plain))


def _spellings(plain: str) -> tuple[str, str, str]:
    """With its suffix, without it, and without both that a packed volume has."""
    short = posixpath.splitext(plain)[0]
    return plain, short, short.removesuffix(".nii")
