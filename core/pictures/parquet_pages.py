"""How long the pages of a Parquet file are unpacked, by the header of each: that is what is set aside for it, while the
file's directory may say anything. Headers are written in Thrift's compact protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

UNPACKED, PACKED = 2, 3
"""The sizes among a header's fields."""
TRUE, FALSE, BYTE, INTEGERS, DOUBLE, BINARY, LISTS, MAP, STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, (9, 10), 11, 12
LONGEST_NUMBER = 10
MOST_HEADER_BYTES = 64 << 20
"""In all headers that are walked: a million pages have fewer."""
DEEPEST = 16
"""Structs and lists within each other: honest headers have three."""
DAMAGED = "the header of a page is damaged"


@dataclass
class Pages:
    """A walk along the pages of a file's columns."""

    content: mmap | bytes
    left: int = MOST_HEADER_BYTES

    def sizes(self, start: int, end: int) -> Iterator[int]:
        """Of each page that begins between these places, unpacked. ValueError or IndexError where it is damaged."""
        while start < end:
            header = _Header(self.content, start, start + self.left)
            numbers = header.numbers()
            unpacked, packed = numbers.get(UNPACKED, -1), numbers.get(PACKED, -1)
            if min(unpacked, packed) < 0:
                raise ValueError("a page does not say its size")
            yield unpacked
            self.left -= header.place - start
            start = header.place + packed


@dataclass
class _Header:
    content: mmap | bytes
    place: int
    end: int

    def numbers(self, depth: int = 0) -> dict[int, int]:
        """The whole numbers of a struct by their fields; the rest is passed over."""
        numbers, number = dict[int, int](), 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._integer()
            if kind in INTEGERS:
                numbers[number] = self._integer()
            elif kind not in (TRUE, FALSE):
                self._pass(kind, depth + 1)
        return numbers

    def _pass(self, kind: int, depth: int) -> None:
        if depth > DEEPEST:
            raise ValueError(DAMAGED)
        if kind in (TRUE, FALSE, BYTE):
            self._skip(1)
        elif kind in INTEGERS:
            self._varint()
        elif kind == DOUBLE:
            self._skip(8)
        elif kind == BINARY:
            self._skip(self._varint())
        elif kind in LISTS:
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self._varint()):
                self._pass(head & 15, depth + 1)
        elif kind == MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._pass(kinds >> 4, depth + 1)
                self._pass(kinds & 15, depth + 1)
        elif kind == STRUCT:
            self.numbers(depth)
        else:
            raise ValueError(DAMAGED)

    def _skip(self, length: int) -> None:
        if length > min(self.end, len(self.content)) - self.place:
            raise ValueError(DAMAGED)
        self.place += length

    def _byte(self) -> int:
        if self.place >= self.end:
            raise ValueError("the headers of its pages are longer than any are")
        self.place += 1
        return self.content[self.place - 1]

    def _varint(self) -> int:
        number = 0
        for place in range(LONGEST_NUMBER):
            byte = self._byte()
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number
        raise ValueError(DAMAGED)

    def _integer(self) -> int:
        """Signs are in the lowest bit."""
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
