"""BMP, PBM, PGM and PPM files without what is written beside their pixels; ValueError where they are damaged."""

from __future__ import annotations

import re
import struct

import numpy as np

CORE, INFO, V5 = 12, 40, 124
HEADERS = frozenset({CORE, INFO, 52, 56, 64, 108, V5})
RAW, BITFIELDS = 0, 3
RUNS = frozenset({1, 2})
EMBEDDED, LINKED, WINDOWS = b"DEBM", b"KNIL", b" niW"
SPACES = b" \t\n\v\f\r"
COMMENT = re.compile(rb"#[^\r\n]*[\r\n]?")
PLAIN = frozenset({b"P1", b"P2", b"P3"})
BITS, COLOURS = frozenset({b"P1", b"P4"}), frozenset({b"P3", b"P6"})
LONGEST_NUMBER = 10


def bare_bmp(content: bytes) -> bytes:
    """Header, palette, pixels and an embedded profile stay where they are. What lies between is blanked, what follows
    cut off; behind run lengths, whose end nothing says for certain, it stays."""
    start, size = struct.unpack_from("<II", content, 10)
    if size not in HEADERS:
        raise ValueError("a header that is not known")
    is_core = size == CORE
    width, height, _, bits = struct.unpack_from("<HHHH" if is_core else "<iiHH", content, 18)
    packed, colours = (RAW, 0) if is_core else struct.unpack_from("<I12xI", content, 30)[:2]
    entry = 3 if is_core else 4
    palette = entry * (colours or 1 << bits) if bits <= 8 else 0
    head = 14 + size + (12 if size == INFO and packed == BITFIELDS else 0)
    start = head + palette if start in (0, head) else start  # as Pillow takes it
    row = (width * bits + 31 >> 3) & ~3
    end = len(content) if packed in RUNS else start + row * abs(height)
    if (
        packed not in {RAW, BITFIELDS, *RUNS}
        or width * height == 0
        or width < 0
        or not head <= start <= end <= len(content)
    ):
        raise ValueError("pixels that are cut off, or packed in a way that is not read")
    kept = [(0, 6), (10, min(head + palette, len(content))), (start, end), *_profile(content, size)]
    bare = bytearray(max(last for _, last in kept))
    for first, last in kept:
        bare[first:last] = content[first:last]
    if packed not in RUNS and head + palette <= start:  # a palette that reaches into the pixels is read from them
        rows = np.frombuffer(bare, np.uint8)[start:end].reshape(abs(height), row)
        rows[:, (width * bits + 7) // 8 :] = 0
    if size == V5 and bare[70:74] == LINKED:
        bare[70:74], bare[126:134] = WINDOWS, bytes(8)
    struct.pack_into("<I", bare, 2, len(bare))
    return bytes(bare)


def _profile(content: bytes, size: int) -> list[tuple[int, int]]:
    """Where an embedded one lies; of a linked one there is but its path."""
    if size != V5 or content[70:74] != EMBEDDED:
        return []
    place, length = struct.unpack_from("<II", content, 126)
    return [(14 + place, min(14 + place + length, len(content)))] if 14 + place <= len(content) else []


def bare_ppm(content: bytes) -> bytes:
    """Without comments, and what follows the pixels: a further picture, or anything."""
    magic, place = content[:2], 3
    if content[2] not in SPACES:
        raise ValueError("a kind that is not known")
    numbers = []
    for _ in range(2 if magic in BITS else 3):
        number, place = _number(content, place)
        numbers.append(number)
    width, height, most = (*numbers, 1)[:3]
    if not width or not height:
        raise ValueError("no pixels")
    head = b"%s\n%d %d\n" % (magic, width, height) + (b"" if magic in BITS else b"%d\n" % most)
    values = width * height * (3 if magic in COLOURS else 1)
    if magic in PLAIN:
        return head + _values(COMMENT.sub(b"", content[place:]), values, magic in BITS) + b"\n"
    size = (width + 7) // 8 * height if magic in BITS else values * (2 if most > 255 else 1)
    if size > len(content) - place:
        raise ValueError("pixels that are cut off")
    return head + content[place : place + size]


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of the head, and where what follows the space behind it begins. A comment may break it, as Pillow has
    it."""
    digits = b""
    while len(digits) <= LONGEST_NUMBER:
        if content[place] in b"#":
            comment = COMMENT.match(content, place)
            place = comment.end() if comment else place
            continue
        if content[place] in SPACES:
            if digits:
                return int(digits), place + 1
        else:
            digits += content[place : place + 1]
        place += 1
    raise ValueError("a number that is too long")


def _values(text: bytes, count: int, are_bits: bool) -> bytes:
    """So many values written in digits, of which single bits need no space between them."""
    is_space = np.isin(np.frombuffer(text, np.uint8), list(SPACES))
    is_end = ~is_space if are_bits else ~is_space & np.append(is_space[1:], True)
    return text[: int(np.flatnonzero(is_end)[count - 1]) + 1]
