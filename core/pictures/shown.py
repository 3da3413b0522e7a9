"""Pictures as a browser gets them. Each of these decodes a file of somebody's, so the page has it done aside."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from core.pictures.pixels import decode
from core.pictures.store import as_png

THUMB_PIXELS = 192
SHOWN_AS_IT_IS = {"PNG": "image/png", "JPEG": "image/jpeg"}

Made = tuple[str, bytes]


def as_it_is(stored: bytes) -> str | None:
    """The media type of a file that every browser shows as the models see it. Only its first bytes are read."""
    try:
        with Image.open(BytesIO(stored), formats=tuple(SHOWN_AS_IT_IS)) as opened:
            if opened.mode in ("L", "RGB") and not opened.has_transparency_data:
                return SHOWN_AS_IT_IS.get(opened.format or "")
    except Exception:  # Pillow raises almost anything on damaged files; decoding says what is wrong
        pass
    return None


def whole(stored: bytes, name: str) -> Made:
    """As the models see it."""
    return "image/png", as_png(decode(stored, name))


def thumbnail(stored: bytes, name: str) -> Made:
    small = decode(stored, name)
    small.thumbnail((THUMB_PIXELS, THUMB_PIXELS))
    return "image/png", as_png(small)


def squeezed(stored: bytes, name: str, side: int) -> Made:
    """In the square that a model reads."""
    square = decode(stored, name).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    return "image/png", as_png(square)


def refuse_undecodable(stored: bytes, name: str) -> Made:
    """Nothing where it can be decoded, else a DataError that says why not."""
    decode(stored, name)
    return "", b""
