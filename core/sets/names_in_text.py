"""Names of patients and cases within what people and programs wrote: where they stand, and the text without them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from functools import cached_property

ERASED = "[erased]"
LEAST_DIGITS = 6
"""A shorter name without letters may be any number in a sentence, and is looked for nowhere in it."""
RUN = re.compile(r"[^\W_]+")
LETTER = re.compile(r"[^\W\d_]")


class NamesInText:
    """A case is named where its name is no part of a longer word; a patient also as a part between underscores, as in
    names of files ("P0003_left.png")."""

    def __init__(self, cases: Collection[str], patients: Collection[str]) -> None:
        self.patients = frozenset(filter(is_a_word, patients))
        self.cases = frozenset(filter(is_a_word, cases)) - self.patients

    def are_in(self, text: str) -> bool:
        return next(self._spans(text), None) is not None

    def without(self, text: str) -> str:
        return self._replaced(text, lambda name: ERASED)

    def masked(self, line: bytes) -> bytes:
        """As many bytes, with stars where a name was: whoever still writes at the end of this file goes on there."""
        text = line.decode("utf-8", "surrogateescape")
        return self._replaced(text, lambda name: "*" * len(name.encode("utf-8", "surrogateescape"))).encode(
            "utf-8", "surrogateescape"
        )

    def _replaced(self, text: str, instead: Callable[[str], str]) -> str:
        parts, end = list[str](), 0
        for start, stop in self._spans(text):
            parts += [text[end:start], instead(text[start:stop])]
            end = stop
        return "".join([*parts, text[end:]])

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """From left to right, the longest name where several begin."""
        end = 0
        for run in RUN.finditer(text):
            for name, before in self._by_first_run.get(run[0], ()):
                start = run.start() - before
                if start >= end and text.startswith(name, start) and self._stands_alone(text, name, start):
                    end = start + len(name)
                    yield start, end
                    break

    def _stands_alone(self, text: str, name: str, start: int) -> bool:
        around = text[max(start - 1, 0) : start] + text[start + len(name) : start + len(name) + 1]
        return not any(letter.isalnum() or (letter == "_" and name not in self.patients) for letter in around)

    @cached_property
    def _by_first_run(self) -> dict[str, list[tuple[str, int]]]:
        """Names, the longest first, and how much of each is before its first letters or digits."""
        names = defaultdict[str, list[tuple[str, int]]](list)
        for name in sorted(self.patients | self.cases, key=len, reverse=True):
            if first := RUN.search(name):
                names[first[0]].append((name, first.start()))
        return names


def is_a_word(name: str) -> bool:
    """Whether it can be told from a number in a sentence."""
    return LETTER.search(name) is not None or sum(map(str.isdigit, name)) >= LEAST_DIGITS
