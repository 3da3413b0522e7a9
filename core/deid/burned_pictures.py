"""Text in pictures that are files by themselves, PNG and JPEG: where it is, and hiding it.

There is no header that says whom to look for, so names are known by how they look alone. What is masked is written as
it came: PNG without loss, JPEG with the tables that it had.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps, JpegImagePlugin

from core.deid.burned import ROUNDS, Written, written_in
from core.deid.burned_text import Shades, Spot
from core.deid.burned_words import Names
from core.errors import DataError, reason
from core.limits import limits
from core.pictures.pixels import decode
from core.pictures.zips import read_file

SUFFIXES = (".png", ".jpg", ".jpeg")
ORIENTATION = 0x0112
QUALITY = 95
"""Of a JPEG that is turned upright on the way: its tables fit it no more."""


def is_bare_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def shades_of(file: Path) -> Shades:
    """As people see it. DataError where it can't be decoded."""
    content = read_file(file, limits().picture_bytes)
    return np.asarray(decode(content, file.name), dtype=np.uint8)


def written_in_picture(shades: Shades) -> tuple[Written, ...]:
    return tuple(written_in(shades, Names()))


def mask_picture(file: Path, draft: Path, spots: Iterable[Spot], is_read_again: bool) -> None:
    """Paints over the spots, reads again and paints over what is still there, and writes the picture alone: nothing
    of what stood beside its pixels."""
    painted = list(spots)
    wanted = painted
    try:
        with Image.open(file) as opened:
            kind = opened.format or "PNG"
            picture = _upright(opened)
            for _ in range(ROUNDS):
                _paint(picture, wanted)
                _write(picture, draft, kind)
                left = _still_there(draft, painted) if is_read_again else []
                if not left:
                    return
                wanted = [spot.grown(2 + spot.height // 2, *picture.size) for spot in left]
                painted = [*painted, *wanted]
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"It can't be written again ({reason(error)}). Reject it.") from None
    raise DataError("Something that says who somebody is can still be read after masking. Draw larger rectangles.")


def _upright(opened: Image.Image) -> Image.Image:
    """The picture itself where it is upright already: only so a JPEG keeps its tables."""
    opened.load()
    if opened.getexif().get(ORIENTATION, 1) != 1:
        opened = ImageOps.exif_transpose(opened)
    return opened.convert("RGBA" if "transparency" in opened.info else "RGB") if opened.mode == "P" else opened


def _paint(picture: Image.Image, spots: Iterable[Spot]) -> None:
    """Black, and as opaque as can be."""
    bands = len(picture.getbands())
    opaque = (0,) * (bands - 1) + (255,) if picture.mode in ("LA", "RGBA") else (0,) * bands
    drawing = ImageDraw.Draw(picture)
    for spot in spots:
        corners = (spot.left, spot.top, spot.right - 1, spot.bottom - 1)
        drawing.rectangle(corners, fill=opaque if bands > 1 else 0)


def _write(picture: Image.Image, draft: Path, kind: str) -> None:
    if kind not in ("JPEG", "MPO"):
        plain = picture.copy()
        plain.info = {}
        plain.save(draft, "PNG")
    elif isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.format == "JPEG":
        picture.save(draft, "JPEG", quality="keep", exif=b"", comment=b"")
    else:
        picture.save(draft, "JPEG", quality=QUALITY, exif=b"", comment=b"")


def _still_there(draft: Path, painted: Iterable[Spot]) -> list[Spot]:
    """What a painted spot should have hidden, and what else looks like somebody's data."""
    return [
        each.spot
        for each in written_in_picture(shades_of(draft))
        if each.verdict == "person" or (each.verdict == "unsure" and any(each.spot.meets(spot) for spot in painted))
    ]
