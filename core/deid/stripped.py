"""Pictures that lie among DICOM files: their pixels byte by byte, without what programs write beside them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"bKGD"}
)
APP0, ADOBE, COMMENT, SCAN, END = 0xE0, 0xEE, 0xFE, 0xDA, 0xD9
APPS, RESTARTS = range(0xE0, 0xF0), range(0xD0, 0xD8)


def stripped(content: bytes) -> bytes | None:
    """A PNG or JPEG with nothing but its picture; nothing where it is neither, or damaged."""
    try:
        if content.startswith(PNG):
            return PNG + b"".join(_png_chunks(content))
        if content.startswith(JPEG):
            return JPEG + b"".join(_jpeg_segments(content))
    except (struct.error, IndexError, ValueError):
        return None
    return None


def _png_chunks(content: bytes) -> Iterator[bytes]:
    place = len(PNG)
    while place < len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        end = place + length + 12
        if kind in PNG_KEPT:
            yield content[place:end]
        if kind == b"IEND":
            return
        place = end


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
    place = len(JPEG)
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker == END:
            yield content[place : place + 2]
            return
        end = place + 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
        if marker == SCAN:
            end = _end_of_scan(content, end)
        if marker == APP0:
            yield b"\xff\xe0\0\x10" + content[place + 4 : place + 16] + b"\0\0"  # without its thumbnail
        elif marker == ADOBE or (marker not in APPS and marker != COMMENT):
            yield content[place:end]
        place = end
    raise IndexError("no marker where one should be")


def _end_of_scan(content: bytes, place: int) -> int:
    """Where the next segment begins: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        place = content.index(b"\xff", place)
        if content[place + 1] != 0 and content[place + 1] not in RESTARTS:
            return place
        place += 2
