"""Files of pictures without what cameras and programs write beside the pixels: places, names, comments, previews.

The pixels stay byte by byte, and so do colour profiles and how a picture lies. A file in which nothing of that kind is
written stays as it came.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image

from core.pictures.bare_bitmaps import bare_bmp, bare_ppm
from core.pictures.bare_others import bare_gif, bare_tiff, riff_chunks, riff_of
from core.pictures.deep import KEY

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_KEPT = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"sBIT",
        b"pHYs",
        b"bKGD",
        b"iCCP",
        b"cICP",
    }
)
APP0, ICC, ADOBE, COMMENT, SCAN, END = 0xE0, 0xE2, 0xEE, 0xFE, 0xDA, 0xD9
APPS, ALONE = range(0xE0, 0xF0), {0x01, *range(0xD0, 0xD8)}
END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
EXIF, RAW_EXIF = b"Exif\0\0", b"Raw profile type exif\0"
ORIENTATION_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
LONGEST_PROFILE = 1 << 20
VP8X_EXIF, VP8X_XMP = 0x08, 0x04


def bare(content: bytes) -> bytes:
    """The file without it, or as it came where it can't be taken apart: whoever decodes it says what is wrong."""
    return bare_picture(content) or content


def bare_picture(content: bytes) -> bytes | None:
    """The file without it; None where it is damaged, or of another kind."""
    try:
        if content.startswith(PNG):
            return _bare_png(content)
        if content.startswith(JPEG):
            return _bare_jpeg(content)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return _bare_webp(content)
        if content.startswith((b"GIF87a", b"GIF89a")):
            return bare_gif(content)
        if content.startswith((b"II*\0", b"MM\0*")):
            return bare_tiff(content)
        if content.startswith(b"BM"):
            return bare_bmp(content)
        if content[:1] == b"P" and content[1:2] in b"123456":
            return bare_ppm(content)
    except (struct.error, IndexError, ValueError):
        pass
    return None


def _bare_png(content: bytes) -> bytes:
    kept, profiles = [PNG], list[bytes]()
    for kind, start, end in _png_chunks(content):
        value = content[start + 8 : end - 4]
        if kind in PNG_KEPT or (kind == b"iTXt" and value.startswith(KEY.encode() + b"\0")):
            kept.append(content[start:end])
        else:
            profiles.append(EXIF + value if kind == b"eXIf" else _raw_profile(kind, value))
    if profiles and (exif := _turn(profiles)):
        chunk = b"eXIf" + exif.removeprefix(EXIF)
        kept.insert(2, struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    return b"".join(kept)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    place, kind = len(PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + length + 12
        if end > len(content):
            raise ValueError("a chunk that is cut off")
        yield kind, place, end
        place = end


def _raw_profile(kind: bytes, value: bytes) -> bytes:
    """EXIF as ImageMagick writes it into texts; else the text itself, which may be XMP."""
    if not value.startswith(RAW_EXIF):
        return value
    text = value[len(RAW_EXIF) :]
    if kind == b"zTXt":
        text = zlib.decompressobj().decompress(text[1:], LONGEST_PROFILE)
    return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))


def _bare_jpeg(content: bytes) -> bytes:
    kept, profiles = [JPEG], list[bytes]()
    for marker, start, end in _jpeg_segments(content):
        value = content[start + 4 : end]
        if marker == APP0 and value.startswith(b"JFIF\0"):
            kept.append(b"\xff\xe0\0\x10" + value[:12].ljust(12, b"\0") + b"\0\0")  # without its thumbnail
        elif marker == ADOBE and value.startswith(b"Adobe"):
            kept.append(b"\xff\xee\0\x0e" + value[:12].ljust(12, b"\0"))
        elif (marker in APPS or marker == COMMENT) and not (marker == ICC and value.startswith(b"ICC_PROFILE\0")):
            profiles.append(value)
        else:
            kept.append(content[start:end])
    if profiles and (exif := _turn(profiles)):
        kept.insert(1, b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    return b"".join(kept)


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Each with its marker; a scan with the coded data behind it. What follows the end is none."""
    place = len(JPEG)
    while True:
        if content[place] != 0xFF:
            raise ValueError("no marker where one should be")
        while content[place + 1] == 0xFF:
            place += 1
        marker = content[place + 1]
        end = place + 2
        if marker not in ALONE and marker != END:
            end += int(struct.unpack_from(">H", content, end)[0])
        if marker == SCAN:
            following = END_OF_SCAN.search(content, end)
            end = following.start() if following else len(content)
        yield marker, place, end
        if marker == END or end == len(content):
            return
        place = end


def _bare_webp(content: bytes) -> bytes:
    kept, profiles = list[tuple[bytes, bytes]](), list[bytes]()
    for kind, value in riff_chunks(content):
        if kind in (b"EXIF", b"XMP "):
            profiles.append(EXIF + value.removeprefix(EXIF) if kind == b"EXIF" else value)
        elif kind in (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"):
            kept.append((kind, value))
    exif = _turn(profiles)
    flags = VP8X_EXIF if exif else 0
    kept = [(kind, _flagged(value, flags) if kind == b"VP8X" else value) for kind, value in kept]
    return riff_of([*kept, *([(b"EXIF", exif.removeprefix(EXIF))] if exif else [])])


def _flagged(header: bytes, flags: int) -> bytes:
    return bytes([header[0] & ~(VP8X_EXIF | VP8X_XMP) | flags]) + header[1:]


def _turn(profiles: list[bytes]) -> bytes:
    """EXIF that says how a picture lies, as Pillow finds it, and nothing else; empty where it lies upright."""
    turn = next(filter(None, map(_turn_in_exif, profiles)), 0) or next(filter(None, map(_turn_in_xmp, profiles)), 0)
    if turn not in range(2, 9):
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    return exif.tobytes()


def _turn_in_exif(profile: bytes) -> int:
    if not profile.startswith(EXIF):
        return 0
    exif = Image.Exif()
    try:
        exif.load(profile)
        return int(exif.get(ExifTags.Base.Orientation) or 0)
    except Exception:  # Pillow raises almost anything on damaged ones, and goes by none of them
        return 0


def _turn_in_xmp(profile: bytes) -> int:
    match = ORIENTATION_IN_XMP.search(profile)
    return int(match[1]) if match else 0
