"""TIFF, GIF and WebP files without what is written beside their pixels; ValueError where they are damaged."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

TIFF_KEPT = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 286, 287,
     288, 289, 290, 291, 292, 293, 296, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 332, 334,
     336, 338, 339, 340, 341, 342, 343, 346, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532,
     34675}
)  # fmt: skip
"""What says how pixels are coded, lie and are coloured."""
BELOW = frozenset({330, 34665, 34853, 40965})
"""Where further directories are: other resolutions, EXIF, GPS."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
MOST_DIRECTORIES = 10_000
COMMENT, APPLICATION, CONTROL, IMAGE, EXTENSION, TRAILER = 0xFE, 0xFF, 0xF9, 0x2C, 0x21, 0x3B


def bare_tiff(content: bytes) -> bytes:
    """Each value that is not kept, at any depth, is blanked where it lies: everything else stays in its place."""
    order = "<" if content[:2] == b"II" else ">"
    bare, waiting, met = bytearray(content), [(int(struct.unpack_from(f"{order}I", content, 4)[0]), True)], set[int]()
    while waiting:
        place, is_of_pixels = waiting.pop()
        if not place or place in met:
            continue
        met.add(place)
        if len(met) > MOST_DIRECTORIES:
            raise ValueError("more directories than any picture has")
        count = int(struct.unpack_from(f"{order}H", content, place)[0])
        for entry in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", content, entry)
            size = SIZES.get(kind, 0) * number
            start = entry + 8 if size <= 4 else int(struct.unpack_from(f"{order}I", content, entry + 8)[0])
            if tag in BELOW and size >= 4:
                value = content[start : start + 4 * min(number, MOST_DIRECTORIES)]
                waiting += [
                    (below, tag == 330) for (below,) in struct.iter_unpack(f"{order}I", value[: len(value) // 4 * 4])
                ]
            elif not (is_of_pixels and tag in TIFF_KEPT):
                end = min(start + size, len(bare))
                bare[start:end] = bytes(max(0, end - start))
        waiting.append((int(struct.unpack_from(f"{order}I", content, place + 2 + 12 * count)[0]), is_of_pixels))
    return bytes(bare)


def bare_gif(content: bytes) -> bytes:
    """Without comments and what programs add; of these only how often it is repeated stays."""
    place = 13 + _palette_bytes(content[10])
    kept = [content[:place]]
    while place < len(content) and content[place] != TRAILER:
        start = place
        if content[place] == EXTENSION:
            label, place = content[place + 1], place + 2
            is_kept = label == CONTROL or content[place : place + 12] == b"\x0bNETSCAPE2.0"
        elif content[place] == IMAGE:
            place, is_kept = place + 11 + _palette_bytes(content[place + 9]), True
        else:
            raise ValueError("neither a picture nor an extension")
        while length := content[place]:
            place += 1 + length
        place += 1
        if is_kept:
            kept.append(content[start:place])
    return b"".join((*kept, b";"))


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def riff_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP file; what follows the length that it says is none."""
    place, stop = 12, min(len(content), 8 + int.from_bytes(content[4:8], "little"))
    while place + 8 <= stop:
        kind, length = struct.unpack_from("<4sI", content, place)
        if place + 8 + length > len(content):
            raise ValueError("a chunk that is cut off")
        yield kind, content[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def riff_of(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A WebP file of these chunks."""
    body = b"".join(kind + struct.pack("<I", len(value)) + value + bytes(len(value) % 2) for kind, value in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
