"""Pixel data without what else is written into it: comments within compressed pictures, bytes behind the last pixel,
overlays in bits that no pixel uses. The pictures, and where each of them begins, stay as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import get_expected_length
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from core.deid.persons import readable
from core.errors import DataError

PIXELS = (Tag("PixelData"), Tag("FloatPixelData"), Tag("DoubleFloatPixelData"))
NATIVE = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
)
OVERLAY_GROUPS = range(0x6000, 0x6100, 2)
OVERLAY_POSITION, OVERLAY_DATA = 0x0102, 0x3000
SOI, EOI, SCAN, COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
APPS, RESTARTS = range(0xE0, 0xF0), range(0xD0, 0xD8)
APPS_KEPT = {0xE0: (b"JFIF\0", 14), 0xE8: (b"mrfx", 5), 0xEE: (b"Adobe", 12)}
"""What says how colours are coded, and how many bytes of it do."""
CODESTREAM, JP2 = b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "
TILE, TILE_DATA, END = 0x90, 0x93, 0xD9
SEGMENTS_KEPT = frozenset(
    {0x50, 0x51, 0x52, 0x53, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x63}
)
BOXES_KEPT = frozenset({b"jP  ", b"ftyp", b"jp2h"})


def bare_pixels(dataset: FileDataset) -> None:
    """Takes it out of a dataset's pixels, while its header still says which bits are an overlay's."""
    tag = next((tag for tag in PIXELS if tag in dataset), None)
    element = readable(dataset, tag) if tag is not None else None
    if element is None or tag is None or not isinstance(element.value, bytes):
        return
    if str(dataset.file_meta.get("TransferSyntaxUID") or ExplicitVRLittleEndian) not in NATIVE:
        bare = bare_frames(element.value)
    else:
        bare = _without_overlays(dataset, _cut(dataset, tag, element.value))
    if bare != element.value:
        element.value = bare


def bare_frames(encapsulated: bytes) -> bytes:
    """Pixel data in fragments, each as long as it was. A DataError where a picture's beginning is damaged."""
    bare = bytearray(encapsulated)
    for places in _frames(encapsulated):
        frame = bytearray().join(bare[start:end] for start, end in places)
        try:
            _blank_frame(frame)
        except (struct.error, IndexError):
            raise DataError("Its compressed pixels are damaged. Get the file from where it came again.") from None
        at = 0
        for start, end in places:
            bare[start:end] = frame[at : at + end - start]
            at += end - start
    return bytes(bare)


def _frames(encapsulated: bytes) -> Iterator[list[tuple[int, int]]]:
    """Where the fragments of each picture lie; those that begin like none belong to the one before."""
    frame: list[tuple[int, int]] = []
    for start, end in list(_items(encapsulated))[1:]:  # the first is the table of offsets
        if frame and _is_beginning(encapsulated[start : start + 8]):
            yield frame
            frame = []
        frame.append((start, end))
    if frame:
        yield frame


def _items(encapsulated: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    while encapsulated[place : place + 4] == b"\xfe\xff\x00\xe0" and place + 8 <= len(encapsulated):
        length = int.from_bytes(encapsulated[place + 4 : place + 8], "little")
        yield place + 8, min(place + 8 + length, len(encapsulated))
        place += 8 + length


def _is_beginning(first: bytes) -> bool:
    return first.startswith((b"\xff\xd8\xff", CODESTREAM, JP2))


def _blank_frame(frame: bytearray) -> None:
    if frame.startswith(b"\xff\xd8"):
        _blank_jpeg(frame)
    elif frame.startswith(b"\xff\x4f"):
        _blank_codestream(frame, 0, len(frame))
    elif frame.startswith(JP2):
        _blank_boxes(frame)


def _blank(frame: bytearray, start: int, end: int) -> None:
    frame[start:end] = bytes(max(0, min(end, len(frame)) - start))


def _blank_jpeg(frame: bytearray) -> None:
    place = 2
    while place < len(frame):
        if frame[place] != 0xFF:
            raise IndexError("no marker where one should be")
        marker = frame[place + 1]
        if marker == 0xFF:  # a marker may be led by any number of these
            place += 1
            continue
        if marker == EOI:
            _blank(frame, place + 2, len(frame))
            return
        end = place + 2 + int(struct.unpack_from(">H", frame, place + 2)[0])
        if marker == COMMENT or marker in APPS:
            kind, length = APPS_KEPT.get(marker, (b"\0", 0))
            kept = length if frame[place + 4 : end].startswith(kind) else 0
            _blank(frame, place + 4 + kept, end)
        place = _end_of_scan(frame, end) if marker == SCAN else end


def _end_of_scan(frame: bytearray, place: int) -> int:
    """Where the next segment begins: at a marker that is neither a stuffed byte nor a restart. JPEG-LS stuffs a bit."""
    while (place := frame.find(b"\xff", place)) >= 0 and place + 1 < len(frame):
        if frame[place + 1] >= 0x80 and frame[place + 1] not in RESTARTS and frame[place + 1] != 0xFF:
            return place
        place += 1 if frame[place + 1] == 0xFF else 2
    return len(frame)


def _blank_codestream(frame: bytearray, start: int, stop: int) -> None:
    place, tile_end = start + 2, stop
    while place + 2 <= stop:
        if frame[place] != 0xFF:
            raise IndexError("no marker where one should be")
        marker = frame[place + 1]
        if marker == END:
            _blank(frame, place + 2, stop)
            return
        if marker == TILE_DATA:
            place = tile_end
            continue
        end = place + 2 + int(struct.unpack_from(">H", frame, place + 2)[0])
        if marker == TILE:
            length = int(struct.unpack_from(">I", frame, place + 6)[0])
            tile_end = place + length if length else stop
            if tile_end < end and length:
                raise IndexError("a tile that ends before it begins")
        elif marker not in SEGMENTS_KEPT:
            _blank(frame, place + 4, end)
        place = end


def _blank_boxes(frame: bytearray) -> None:
    place = 0
    while place + 8 <= len(frame):
        length, kind = struct.unpack_from(">I4s", frame, place)
        head = 8
        if length == 1:
            length, head = int(struct.unpack_from(">Q", frame, place + 8)[0]), 16
        end = min(place + length, len(frame)) if length else len(frame)
        if end < place + head:
            raise IndexError("a box that ends before it begins")
        if kind == b"jp2c":
            _blank_codestream(frame, place + head, end)
            _blank(frame, end, len(frame))  # nobody reads what follows the picture
            return
        if kind not in BOXES_KEPT:
            frame[place + 4 : place + 8] = b"free"
            _blank(frame, place + head, end)
        place = end


def _cut(dataset: Dataset, tag: BaseTag, pixels: bytes) -> bytes:
    """Without what follows the last pixel."""
    try:
        length = get_expected_length(dataset)
    except Exception:  # a header that says too little of its pixels, or nonsense
        return pixels
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422" and len(pixels) >= length // 2 * 3:
        length = length // 2 * 3  # they say so, and hold all of the colours nevertheless
    return pixels[:length] + bytes(length % 2) if 0 < length < len(pixels) - length % 2 else pixels


def _without_overlays(dataset: Dataset, pixels: bytes) -> bytes:
    """The bits of pixels in which old machines kept an overlay, cleared."""
    allocated, stored, high = (_number(dataset, Tag(word)) for word in ("BitsAllocated", "BitsStored", "HighBit"))
    if allocated not in (8, 16):
        return pixels
    mask = (1 << allocated) - 1
    for group in OVERLAY_GROUPS:
        position = _number(dataset, Tag(group, OVERLAY_POSITION))
        if Tag(group, OVERLAY_DATA) not in dataset and 0 <= position < allocated:
            mask &= ~(0 if high - stored < position <= high else 1 << position)
    if mask == (1 << allocated) - 1 or len(pixels) % (allocated // 8):
        return pixels
    order = "<" if dataset.original_encoding[1] is not False else ">"
    values = np.frombuffer(pixels, np.dtype(f"{order}u{allocated // 8}"))
    return (values & mask).astype(values.dtype).tobytes()


def _number(dataset: Dataset, tag: BaseTag) -> int:
    element = readable(dataset, tag) if tag in dataset else None
    return element.value if element is not None and isinstance(element.value, int) else -1
