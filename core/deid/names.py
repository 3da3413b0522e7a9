"""Names of files and folders afterwards: a folder keeps its own, which is a label often, unless it names somebody."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from core.deid.key import SiteKey
from core.deid.persons import plain_number
from core.deid.rereadings import rereadings
from core.deid.words import LIKE_DATES, LIKE_MAIL, LIKE_NUMBERS, LIKE_UIDS, Identifying

SUFFIX = ".dcm"
SHORTEST_NUMBER = 3
"""Of a patient's record number that is all that a folder is called: shorter ones may be classes."""
LIKE_RECORDS = re.compile(r"(?<!\d)\d{5,}(?!\d)")
TELLING = (LIKE_DATES, LIKE_MAIL, LIKE_NUMBERS, LIKE_RECORDS, LIKE_UIDS)


class Names:
    """Gives each file its name, once: the pseudonym, and letters that stand for its UID."""

    def __init__(
        self, key: SiteKey, identifying: Identifying, taken: Iterable[str] = (), numbers: Container[str] = ()
    ) -> None:
        self._key = key
        self._identifying = identifying
        self._taken = set(taken)
        self._numbers = numbers

    def of_file(self, path: str, pseudonym: str, uid: str) -> str:
        """The path of a DICOM file. A copy of one that is there gets a number."""
        folders = "".join(f"{self.of_folder(part)}/" for part in path.split("/")[:-1])
        stem = f"{folders}{pseudonym}-{self._key.mark(uid)}"
        name, number = stem + SUFFIX, 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}{SUFFIX}"
        self._taken.add(name)
        return name

    def of_other(self, path: str, suffix: str = "") -> str:
        """The path of a table or a picture, which keeps its name unless that tells of somebody."""
        *folders, name = path.split("/")
        own, dot, ending = name.rpartition(".")
        stem = "/".join(map(self.of_folder, [*folders, own]))
        ending = suffix or dot + ending
        written, number = f"{stem}{ending}", 1
        while written in self._taken:
            number += 1
            written = f"{stem}-{number}{ending}"
        self._taken.add(written)
        return written

    def give_back(self, name: str) -> None:
        """Of a file that was not written after all."""
        self._taken.discard(name)

    def of_folder(self, part: str) -> str:
        """As it is, or letters in its place where it holds a person's name, a number, a date or a UID."""
        if self.is_telling(part):
            return self._key.mark(part)
        return part

    def is_telling(self, text: str) -> bool:
        if len(text) >= SHORTEST_NUMBER and plain_number(text) in self._numbers:
            return True
        return any(map(self._identifying.is_in, rereadings(text))) or any(pattern.search(text) for pattern in TELLING)
