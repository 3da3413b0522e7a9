"""In BMP and PPM files, too, nothing is kept beside the pixels, and no pixel changes."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.pictures.bare import bare, bare_picture

SECRET = b"Quillhammer"
SHADES = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 13, 3), np.uint8))
HEAD = 54


def written(kind: str, mode: str) -> bytes:
    file = BytesIO()
    picture = Image.fromarray(np.asarray(SHADES.convert("L"), np.uint16) * 200) if mode == "I;16" else SHADES
    (picture if mode == "I;16" else picture.convert(mode)).save(file, kind)
    return file.getvalue()


def opened(content: bytes) -> list[object]:
    with Image.open(BytesIO(content)) as picture:
        return [picture.mode, np.asarray(picture.convert("RGB") if picture.mode == "P" else picture).tolist()]


def bitmap(size: int = 40, gap: bytes = b"", tail: bytes = b"", **more: int) -> bytes:
    """Two rows of three colours, each with three bytes of padding, below a header of this size."""
    start = 14 + size + len(gap)
    header = struct.pack("<2sI4sI", b"BM", 0, SECRET[:4], start)
    header += struct.pack("<IiiHHIIiiII", size, 3, 2, 1, 24, more.get("packed", 0), 0, 0, 0, 0, 0)
    header = header.ljust(14 + size, b"\0")
    return header + gap + (bytes(range(9)) + SECRET[:3]) * 2 + tail


@pytest.mark.parametrize(("kind", "mode"), [*(("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
                                            *(("PPM", mode) for mode in ("1", "L", "RGB", "I;16"))])  # fmt: skip
def test_what_pillow_writes_stays_and_what_follows_it_goes(kind: str, mode: str) -> None:
    content = written(kind, mode)
    assert bare_picture(content) == content == bare(content + SECRET)
    for end in range(0, len(content), 5):
        assert bare(content[:end]) in (content[:end], b"")


def test_a_bitmap_keeps_nothing_between_its_parts_and_behind_its_rows() -> None:
    came = bitmap(gap=SECRET, tail=SECRET)
    kept = bare(came)
    assert not any(SECRET[:3] in part for part in (kept[:HEAD], kept[HEAD:]))
    assert (opened(kept), len(kept)) == (opened(came), len(came) - len(SECRET))
    assert struct.unpack_from("<I", kept, 2)[0] == len(kept) and bare(kept) == kept


def test_a_bitmap_keeps_a_profile_within_it_and_no_path_to_another() -> None:
    came = bytearray(bitmap(124, tail=b"a profile" + SECRET))
    struct.pack_into("<II", came, 126, 124 + 24, 9)
    came[70:74] = b"DEBM"
    kept = bare(bytes(came))
    assert kept.endswith(b"a profile") and opened(kept) == opened(bytes(came))
    came[70:74] = b"KNIL"
    linked = bare(bytes(came))
    assert b"a profile" not in linked and linked[70:74] == b" niW" and opened(linked) == opened(kept)


def test_what_follows_run_lengths_stays_since_nothing_says_where_they_end() -> None:
    runs = b"\3\1\0\0\3\2\0\1" + SECRET
    header = struct.pack("<2sI4sI", b"BM", 0, SECRET[:4], HEAD + 1024)
    header += struct.pack("<IiiHHIIiiII", 40, 3, 2, 1, 8, 1, 0, 0, 0, 0, 0)
    came = header + bytes(number for entry in range(256) for number in (entry, 0, 0, 0)) + runs
    kept = bare(came)
    assert kept[6:10] == bytes(4) and kept.endswith(runs) and opened(kept) == opened(came)


@pytest.mark.parametrize("packed", [4, 5, 9])
def test_a_bitmap_that_is_packed_otherwise_stays_as_it_came(packed: int) -> None:
    came = bitmap(tail=SECRET, packed=packed)
    assert bare_picture(came) is None and bare(came) == came


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        (b"P5 # Quillhammer\n2#Quillhammer\r 1\n255 \x00#", b"P5\n2 1\n255\n\x00#"),
        (b"P5\n1 2\n65535\n\x00#\n1Quillhammer", b"P5\n1 2\n65535\n\x00#\n1"),
        (b"P4\n9 1\n\xff\x80Quillhammer", b"P4\n9 1\n\xff\x80"),
        (b"P1\n3 1 #Quillhammer\n10 #Quillhammer\n1 0110#Quillhammer", b"P1\n3 1\n10 1\n"),
        (b"P2\n2 1\n255\n7 #Quillhammer\n# 9\n88 99 12", b"P2\n2 1\n255\n7 88\n"),
        (b"P3\n1 1\n15\n1 2 15", b"P3\n1 1\n15\n1 2 15\n"),
    ],
)
def test_comments_and_what_follows_the_values_go(came: bytes, kept: bytes) -> None:
    assert bare(came) == kept and opened(kept) == opened(came)
    assert bare(kept) == kept


@pytest.mark.parametrize(
    "came",
    [b"P6", b"P6\n", b"P6\n0 1\n255\n", b"P5\n9999999999999 1\n255\n", b"P2\n2 1\n9\n1", b"P7\nWIDTH 1\n", b"P6#"],
)
def test_what_is_no_whole_picture_stays_as_it_came(came: bytes) -> None:
    assert bare_picture(came) is None and bare(came) == came
