"""Where the pixels of a case are, and how they become an upright 8-bit picture.

Archives and arrays stay open per process, so a picture costs one read and nothing is extracted beside the data.
"""

from __future__ import annotations

import hashlib
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from core.case import Pixels
from core.errors import DataError
from core.limits import limits, raised
from core.pictures.deep import Deep, deep_of
from core.pictures.foreign import BEGINNING, foreign_by_content
from core.pictures.npz import Array, open_array
from core.pictures.zips import read_member

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"})
KINDS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""What is opened whatever a file is called: Pillow knows forty more, of which one starts another program."""
TURNED = range(2, 9)
"""Of what EXIF says of how a picture lies, all but upright."""
OF_SEVERAL = ("TIFF", "GIF", "WEBP", "PNG")
"""What may hold further pictures. Those that a JPEG of a telephone holds are the same one, smaller or in depth."""
IS_FIRST = "is first of several"
"""Under this a decoded picture says whether its file holds more: pages of a TIFF, frames of a GIF."""
BAND_PIXELS = 1 << 20
"""How much of a picture is made anew at a time, so that a large one is in memory no more than twice."""


@runtime_checkable
class Filed(Protocol):
    """Pixels of which there is a file to keep: one that Pillow opens, or a deep picture."""

    def stored(self) -> bytes: ...


@dataclass(frozen=True)
class FilePixels:
    """A picture in a file of its own."""

    path: Path
    is_apart: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return str(self.path)

    def load(self) -> Image.Image:
        return decode(self.stored(), self.name)

    def digest(self) -> str:
        return hashlib.sha256(self.stored()).hexdigest()

    def stored(self) -> bytes:
        """The file as it came."""
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe would keep us waiting, a device never end
                raise DataError(f'"{self.path}" is not a file but a pipe, a device or a folder. Remove it.')
            refuse_long(self.path.stat().st_size, self.path.name)
            return self.path.read_bytes()
        except OSError as error:
            raise DataError(f'"{self.path}" can\'t be read ({error.strerror}). Restore or remove it.') from None


@dataclass(frozen=True)
class ZipPixels:
    """A picture in a zip, read in place."""

    zip: Path
    member: str
    is_apart: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"{self.zip.name}: {self.member}"

    def load(self) -> Image.Image:
        return decode(self.stored(), self.name)

    def digest(self) -> str:
        return hashlib.sha256(self.stored()).hexdigest()

    def stored(self) -> bytes:
        """The file as it was put in."""
        return read_member(self.zip, self.member, limits().picture_bytes)


@dataclass(frozen=True)
class ArrayPixels:
    """A picture that is one row of an array in an npz file: [N, H, W] grey, or [N, H, W, 3] colour."""

    npz: Path
    key: str
    row: int

    def load(self) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(self._stored()))

    def digest(self) -> str:
        row = np.ascontiguousarray(self._stored())
        return hashlib.sha256(row.tobytes() + str(row.shape).encode()).hexdigest()

    def _stored(self) -> Array:
        rows = open_array(self.npz, self.key)
        if not 0 <= self.row < len(rows):
            raise DataError(f"{self.npz.name} has no row {self.row} in {self.key}. Read the set again.")
        row: Array = rows[self.row]
        return row[..., 0] if row.ndim == 3 and row.shape[-1] == 1 else row


def is_apart(pixels: Pixels) -> bool:
    """Whether they lie in a file of their own, which any process opens as quickly: not in one with many others, that is
    unpacked or read as a whole first."""
    return bool(getattr(pixels, "is_apart", False))


def is_drawn_anew(pixels: Pixels) -> bool:
    """Whether the file that is kept of them is a PNG which is made here, of what they show."""
    return bool(getattr(pixels, "is_drawn_anew", False))


def name_of(pixels: Pixels) -> str:
    """What a message calls them."""
    return str(getattr(pixels, "name", pixels))


def broken_off(name: str, words: str) -> str:
    """What is wrong with a picture over which a process ended, also when it was given no other."""
    return f'"{name}" can\'t be read: the program that did so broke off ({words}), twice. Replace or remove it.'


def decode(stored: bytes, name: str) -> Image.Image:
    """An encoded picture as an upright one in mode RGB or L; `name` is for the message."""
    with _opened(stored, name) as picture:
        # Before it is loaded, which would undo it.
        is_first = picture.format in OF_SEVERAL and bool(getattr(picture, "is_animated", False))
        deep = deep_of(picture, name)
        shown = Image.fromarray(deep.shades()) if deep else eight_bit(_upright(picture))
        if is_first:
            shown.info[IS_FIRST] = True
        return shown


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as it is looked at; the opened one itself where nobody has to turn it."""
    picture.load()  # some kinds of files know how they lie only then
    is_turned = picture.getexif().get(ExifTags.Base.Orientation, 1) in TURNED
    return ImageOps.exif_transpose(picture) if is_turned else picture


def deep_in(stored: bytes, name: str) -> Deep | None:
    """An encoded picture with all its bits and windows; None where it has but 8 bits, or says nothing of windows."""
    with _opened(stored, name) as picture:
        return deep_of(picture, name)


def refuse_long(size: int, name: str) -> None:
    """A DataError for a file that has more bytes than a picture may have."""
    if size > limits().picture_bytes:
        raise DataError(
            f'"{name}" has {size / 1e6:,.0f} MB, more than the {limits().picture_bytes / 1e6:,.0f} MB that a picture '
            f"may have. Make it smaller, or cut it into tiles. {raised('picture_bytes')}"
        )


def refuse_large(width: int, height: int, name: str) -> None:
    """A DataError for more pixels than a picture may have; before they are decoded."""
    if width * height > limits().pixels:
        raise DataError(
            f'"{name}" is {width:,} x {height:,}, larger than {limits().pixels / 1e6:,.0f} million pixels. '
            f"Make it smaller, or cut it into tiles. {raised('pixels')}"
        )


def size_of(stored: bytes, name: str) -> tuple[int, int]:
    """Width and height of an encoded picture as `decode` turns it, told from its first bytes."""
    with _opened(stored, name) as picture:
        width, height = picture.size
        is_on_its_side = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    return (height, width) if is_on_its_side else (width, height)


@contextmanager
def _opened(stored: bytes, name: str) -> Iterator[Image.Image]:
    """A picture while something is done with it; whatever goes wrong with it is told in our words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is looked at here
            picture = Image.open(BytesIO(stored), formats=KINDS)
        with picture:
            refuse_large(*picture.size, name)
            yield picture
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError:
        limit = f"{limits().pixels / 1e6:,.0f} million pixels"
        raise DataError(f'"{name}" is larger than {limit}. Make it smaller, or cut it into tiles.') from None
    except Exception as error:  # Pillow's plugins raise almost anything on damaged files
        if kind := foreign_by_content(stored[:BEGINNING], name):
            raise DataError(f'"{name}" is {kind.name}, not a picture. {kind.advice}') from None
        reason = "not a picture of a known kind" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(f'"{name}" can\'t be read as a picture ({reason}). Replace or remove it.') from None


def eight_bit(picture: Image.Image) -> Image.Image:
    """The same picture in mode L or RGB; what is transparent becomes white."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _stretched(np.asarray(picture))
    mode = "L" if picture.mode in ("1", "L", "LA", "La") else "RGB"
    if picture.has_transparency_data:
        return _on_white(picture, mode)
    return picture if picture.mode == mode else picture.convert(mode)


def _on_white(picture: Image.Image, mode: str) -> Image.Image:
    whole = Image.new(mode, picture.size)
    for band in _bands(*picture.size):
        part = picture.crop((0, band.start, picture.width, band.stop)).convert("RGBA")
        white = Image.new("RGBA", part.size, "white")
        whole.paste(Image.alpha_composite(white, part).convert(mode), (0, band.start))
    return whole


def _stretched(grey: Array) -> Image.Image:
    # From the picture's own darkest to its brightest: 12-bit scans in 16-bit files would come out black otherwise.
    bands = [grey[band.start : band.stop] for band in _bands(grey.shape[1], grey.shape[0])]
    low = min(float(_finite(band).min()) for band in bands)
    high = max(float(_finite(band).max()) for band in bands)
    shades = np.zeros(grey.shape, np.uint8)
    for band, kept in zip(bands, np.split(shades, range(len(bands[0]), len(grey), len(bands[0]))), strict=True):
        if high > low:
            kept[:] = ((_finite(band) - low) * (255.0 / (high - low))).round()
    return Image.fromarray(shades)


def _finite(band: Array) -> Array:
    return np.nan_to_num(band.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _bands(width: int, height: int) -> list[range]:
    """Rows of a picture, as many at a time as make a band."""
    step = max(1, BAND_PIXELS // width)
    return [range(top, min(top + step, height)) for top in range(0, height, step)]
