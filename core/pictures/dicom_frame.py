"""One frame of a DICOM file, decoded: whole numbers as they were stored, or colours of 8 bits."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID

from core.errors import DataError
from core.limits import limits, raised
from core.pictures.deep import LEVELS, WHITE
from core.pictures.dicom_codes import NAMES, decode, is_ours
from core.pictures.dicom_file import syntax_of
from core.pictures.dicom_groups import numbers, text, whole
from core.pictures.dicom_views import listed_entries
from core.pictures.pixels import refuse_large

PALETTE = "PALETTE COLOR"
COLOURS = ("Red", "Green", "Blue")
IN_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
"""What is decoded to RGB. Others (HSV, CMYK) would be taken for it."""
OF_8_BITS = frozenset({"YBR_FULL", "YBR_FULL_422"})
"""Of which pydicom makes RGB only where they have no more."""
JP2 = b"\0\0\0\x0cjP  "
FRAME_HEADERS = frozenset({0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of JPEG and JPEG-LS after which stands the size."""
LONGEST_PALETTE = 1 << 18
"""Of bytes, in a palette that is written in segments: more than any needs."""
PLUGINS = ("pillow", "pyjpegls", "pylibjpeg", "pydicom")
"""In the order in which they are asked. Not gdcm, which aborts the process on damage: core.pictures.dicom_codes."""
Stored = NDArray[Any]
Colours = NDArray[np.uint8]


def frames_of(elements: Dataset) -> int:
    """How many pictures a file holds; a DataError where it says more than a table may have rows."""
    frames = whole(elements.get("NumberOfFrames"), 1) or 1
    if not 1 <= frames <= limits().rows:
        raise DataError(f"It says that it holds {frames:,} pictures. Split it. {raised('rows')}")
    return frames


def decoded(elements: Dataset, frame: int, name: str) -> Stored:
    """The stored values [rows, columns] or, in RGB, [rows, columns, 3]; of a palette the numbers of its colours."""
    refuse_large(whole(elements.get("Columns"), 0), whole(elements.get("Rows"), 0), name)
    if frame >= frames_of(elements):
        raise DataError(f"It has no picture {frame + 1}. Read the set again.")
    _refuse_wide_colours(elements)
    syntax = syntax_of(elements)
    if is_ours(syntax, elements):
        coded = _coded(elements, frame)
        _refuse_false_size(coded, elements)
        return decode(syntax, coded, elements)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise DataError(_unread(syntax)) from None
    shift = _unused_above(elements)
    if whole(elements.get("BitsAllocated"), 0) == 1 and elements.original_encoding[1] and not syntax.is_encapsulated:
        return _single_bits(elements, frame)
    if not syntax.is_encapsulated:
        options: dict[str, Any] = {"correct_unused_bits": not shift}
        stored, _ = decoder.as_array(elements, index=frame, **options)
        return _without_unused(stored, elements, shift) if shift else stored
    _refuse_false_size(_coded(elements, frame), elements)
    plugins = [plugin for plugin in PLUGINS if plugin in decoder.available_plugins]
    return _by_the_first_that_can(decoder, elements, frame, plugins)


def _refuse_wide_colours(elements: Dataset) -> None:
    kind, bits = text(elements.get("PhotometricInterpretation")), whole(elements.get("BitsAllocated"), 0)
    if kind in OF_8_BITS and bits > 8:
        raise DataError(
            f"Its colours ({kind} of {bits} bits) are not read here: of this kind those of 8 bits are. Export it as "
            "RGB, or with 8 bits."
        )


def _single_bits(elements: Dataset, frame: int) -> Stored:
    """Frames follow each other bit by bit: pydicom takes too few bytes of those that end within one."""
    rows, columns = whole(elements.get("Rows"), 0), whole(elements.get("Columns"), 0)
    start, count = frame * rows * columns, rows * columns
    bits = np.unpackbits(
        np.frombuffer(elements.PixelData[start // 8 : (start + count + 7) // 8], np.uint8), bitorder="little"
    )[start % 8 :][:count]
    if not count or len(bits) < count:
        raise DataError(f"Its picture {frame + 1} has {len(bits):,} pixels where it says {count:,}. Export it again.")
    return bits.reshape(rows, columns)


def _by_the_first_that_can(decoder: Decoder, elements: Dataset, frame: int, plugins: Sequence[str]) -> Stored:
    reasons = []
    for plugin in plugins:
        try:
            return decoder.as_array(elements, index=frame, decoding_plugin=plugin)[0]
        except (MemoryError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # whatever C raises; and the panic of Rust is no Exception
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reasons.append(lines[-1] if lines else type(error).__name__)
    raise DataError(f"Its pixels ({decoder.UID.name}) can't be decoded ({reasons[0]}). Export it again.")


def _unread(syntax: UID) -> str:
    name = NAMES.get(syntax) or (syntax.name if syntax.name != str(syntax) else f"a private syntax ({syntax})")
    return f"Its pixels are written in {name}, which is not read here. Export it uncompressed, or as JPEG 2000."


def _unused_above(elements: Dataset) -> int:
    """By how many bits values lie above where they lie today: old files keep them at the top, or in the middle."""
    stored = whole(elements.get("BitsStored"), 0)
    high = whole(elements.get("HighBit"), stored - 1)
    return high + 1 - stored if stored <= high < whole(elements.get("BitsAllocated"), 0) else 0


def _without_unused(values: Stored, elements: Dataset, shift: int) -> Stored:
    allocated = values.dtype.itemsize * 8
    above = allocated - whole(elements.get("BitsStored"), 0) - shift
    return (values << above) >> (above + shift)


def _coded(elements: Dataset, frame: int) -> bytes:
    offsets = [elements.get(f"ExtendedOffsetTable{kind}") for kind in ("", "Lengths")]
    extended = (offsets[0], offsets[1]) if all(offsets) else None
    return get_frame(elements.PixelData, frame, number_of_frames=frames_of(elements), extended_offsets=extended)


def _refuse_false_size(coded: bytes, elements: Dataset) -> None:
    """A DataError where a coded picture says another size than the file, before memory is taken for it."""
    _refuse_endless(coded)
    size = coded_size(coded)
    expected = whole(elements.get("Columns"), 0), whole(elements.get("Rows"), 0)
    if size and size != expected:
        raise DataError(
            f"It says {expected[0]:,} x {expected[1]:,} pixels, but what is coded in it has {size[0]:,} x {size[1]:,}. "
            "Export it again."
        )


def _refuse_endless(coded: bytes) -> None:
    """A DataError for boxes of JPEG 2000 of which one has no length: pydicom would look for the next for ever."""
    place = 12
    while coded.startswith(JP2) and place < len(coded) and coded[place + 4 : place + 8] != b"jp2c":
        length = int.from_bytes(coded[place : place + 4], "big")
        if length < 8:
            raise DataError("The boxes of its JPEG 2000 are damaged. Export it again.")
        place += length


def coded_size(coded: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 stream says; None where it is none of these."""
    if (start := coded[:1024].find(b"\xff\x4f\xff\x51")) >= 0 and len(coded) >= start + 24:
        right, bottom, left, top = struct.unpack(">4L", coded[start + 8 : start + 24])
        return right - left, bottom - top
    place = 2 if coded[:2] == b"\xff\xd8" else len(coded)
    while place + 9 <= len(coded):
        if coded[place] != 0xFF or coded[place + 1] in (0xFF, 0x00):
            place += 1
            continue
        marker, length = coded[place + 1], struct.unpack(">H", coded[place + 2 : place + 4])[0]
        if marker in FRAME_HEADERS:
            height, width = struct.unpack(">2H", coded[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return None


def in_colour(stored: Stored, elements: Dataset) -> Colours:
    """Colours of 8 bits: of a palette those of its numbers, of others the share of the highest that there is."""
    if stored.ndim == 2:
        return _of_palette(stored, elements)
    kind = text(elements.get("PhotometricInterpretation"))
    if kind not in IN_COLOUR or stored.shape[2] != 3 or not np.issubdtype(stored.dtype, np.unsignedinteger):
        raise DataError(
            f"Its colours ({kind}, {stored.shape[2]} of {stored.dtype}) are not read here. Export it as RGB."
        )
    bits = whole(elements.get("BitsStored"), 8)
    return stored.astype(np.uint8) if bits == 8 else _shares_of(stored, (1 << bits) - 1)


def _shares_of(values: NDArray[Any], most: int) -> Colours:
    shares = np.clip(values / most, 0, 1)
    return np.floor(shares * WHITE + 0.5).astype(np.uint8)


def _of_palette(stored: Stored, elements: Dataset) -> Colours:
    descriptor = numbers(elements.get("RedPaletteColorLookupTableDescriptor"))
    if len(descriptor) != 3:
        raise DataError("It has no palette for its colours. Export it again, as RGB.")
    count, first, bits = int(descriptor[0]) or LEVELS, int(descriptor[1]), int(descriptor[2])
    places = np.clip(stored.astype(np.int64) - first, 0, count - 1)
    return _palette(elements, count, bits)[places]


def _palette(elements: Dataset, count: int, bits: int) -> Colours:
    """The colour of each number [count, 3]."""
    is_little = bool(elements.original_encoding[1])
    columns = []
    for colour in COLOURS:
        value = elements.get(f"{colour}PaletteColorLookupTableData")
        if value is None:
            return _segmented(elements, count, bits)
        entries = listed_entries(value, count, is_little)[:count]
        if len(entries) < count:
            raise DataError(f"Its palette has {len(entries):,} colours where it says {count:,}. Export it again.")
        # Entries of 8 bits may lie in words of 16, at either end of them.
        columns.append(_shares_of(entries, 65535 if entries.max() > WHITE else WHITE if bits == 8 else 65535))
    return np.stack(columns, axis=-1)


def _segmented(elements: Dataset, count: int, bits: int) -> Colours:
    longest = max(len(elements.get(f"Segmented{name}PaletteColorLookupTableData") or b"") for name in COLOURS)
    if longest > LONGEST_PALETTE:
        raise DataError(f"Its palette has {longest:,} bytes, more than any needs. Export it again, as RGB.")
    first = int(numbers(elements.RedPaletteColorLookupTableDescriptor)[1])
    colours = apply_color_lut(np.arange(first, first + count, dtype=np.int64), elements)[:, :3]
    return _shares_of(colours, WHITE if colours.dtype == np.uint8 else 65535)
