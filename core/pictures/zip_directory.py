"""How many files a zip lists, counted in its directory: `zipfile` makes an object of each before it says."""

from __future__ import annotations

import struct
from typing import IO

END, END_64, LOCATOR_64, ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
END_BYTES, END_64_BYTES, LOCATOR_64_BYTES, ENTRY_BYTES = 22, 56, 20, 46
COMMENT_BYTES = 1 << 16
SMALL_BYTES = 1 << 20
"""Of a directory that is read whole without a thought."""


def holds_more(file: IO[bytes], size: int, most: int) -> bool:
    """Whether the directory of an open zip of `size` bytes lists more than `most` files; False where there is none."""
    start, length = _directory(file, size)
    if length < max(most * ENTRY_BYTES, SMALL_BYTES):
        return False
    file.seek(start)
    count = 0
    while count <= most:
        entry = file.read(ENTRY_BYTES)
        if len(entry) < ENTRY_BYTES or entry[:4] != ENTRY or file.tell() > start + length:
            return False
        count += 1
        file.seek(sum(struct.unpack_from("<HHH", entry, 28)), 1)  # its name, its extra fields, its comment
    return True


def _directory(file: IO[bytes], size: int) -> tuple[int, int]:
    """Where the directory begins, and how long it is; it ends where its end record begins, whatever that says."""
    tail_start = max(0, size - COMMENT_BYTES - END_BYTES - END_64_BYTES - LOCATOR_64_BYTES)
    file.seek(tail_start)
    tail = file.read()
    place = tail.rfind(END)
    if place < 0 or len(tail) < place + END_BYTES:
        return 0, 0
    length = int(struct.unpack_from("<I", tail, place + 12)[0])
    wide = place - LOCATOR_64_BYTES - END_64_BYTES
    if tail[place - LOCATOR_64_BYTES : place][:4] == LOCATOR_64 and wide >= 0 and tail[wide : wide + 4] == END_64:
        place, length = wide, int(struct.unpack_from("<Q", tail, wide + 40)[0])
    return max(0, tail_start + place - length), min(length, size)
