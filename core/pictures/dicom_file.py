"""DICOM files wherever they lie: told from others by their first bytes, read as far as is wanted, and quietly.

Whatever pydicom raises on a damaged file becomes a DataError; what it warns of, and logs, reaches nobody: a warning may
quote a header, and headers hold names.
"""

from __future__ import annotations

import logging
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock

from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info, read_partial, read_preamble
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian
from pydicom.valuerep import VR

from core.errors import DataError, reason
from core.limits import limits, raised
from core.pictures.zips import read_file, read_member, read_nested

BEGINNING = 400
"""As many bytes as tell whether a file is DICOM."""
HEADER_BYTES = 1 << 16
"""In which nearly every header ends."""
PIXELS = (Tag("FloatPixelData"), Tag("DoubleFloatPixelData"), Tag("PixelData"))
_PIXELS = frozenset(map(int, PIXELS))
_VRS = frozenset(str(vr).encode() for vr in VR)
_FIRST_GROUPS = (0x0002, 0x0008)
_AGAIN = "Get it from where it came again, or remove it."


@dataclass(frozen=True)
class Source:
    """Where the bytes of a file are: on the disk, in a zip, or in a zip within one (`members` from outside in)."""

    path: Path
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.path.name}: {'/'.join(self.members)}" if self.members else self.path.name

    def content(self, most: int, only_beginning: bool = False) -> bytes:
        """The bytes. More than `most` are a DataError, or left out if the beginning alone is wanted."""
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe would keep us waiting, a device never end
                raise DataError(f'"{self.path}" is not a file but a pipe, a device or a folder. Remove it.')
            match self.members:
                case ():
                    return read_file(self.path, most, only_beginning)
                case (member,):
                    return read_member(self.path, member, most, only_beginning)
                case (outer, member):
                    return read_nested(self.path, outer, member, most, only_beginning)
            raise DataError(f'"{self.name}" lies in zips within zips. Unpack {self.path.name} first.')
        except OSError as error:
            raise DataError(f'"{self.path}" can\'t be read ({error.strerror}). Restore or remove it.') from None


def is_dicom(beginning: bytes) -> bool:
    """Whether a file that begins so is DICOM: by its preamble, or, where it has none, by a plausible first element."""
    return beginning[128:132] == b"DICM" or _is_plausible(beginning[:8])


def _is_plausible(first: bytes) -> bool:
    if len(first) < 8:
        return False
    for order in "<>":
        group, element, length = struct.unpack(f"{order}HHL", first)
        is_explicit = first[4:6] in _VRS
        if group in _FIRST_GROUPS and element < 0x100 and (is_explicit or (order == "<" and length < 256)):
            return True
    return False


@dataclass(frozen=True)
class Header:
    """Of a file what stands before its pixels, and whether there are any."""

    elements: Dataset
    has_pixels: bool


def read_header(source: Source, tags: Sequence[BaseTag | int]) -> Header:
    """Just these elements of a file. A DataError where it isn't DICOM."""
    beginning = source.content(HEADER_BYTES, only_beginning=True)
    if not is_dicom(beginning):
        raise DataError(f'"{source.name}" is not a DICOM file, or its beginning is damaged. {_AGAIN}')
    is_whole = len(beginning) < HEADER_BYTES
    try:
        header = _parsed(beginning, source.name, tags)
        if header.has_pixels or is_whole:
            return header
    except DataError:
        if is_whole:
            raise
    return _parsed(source.content(limits().picture_bytes), source.name, tags)


def read_whole(source: Source) -> Dataset:
    """All of a file."""
    content = source.content(limits().picture_bytes)
    if not is_dicom(content[:BEGINNING]):
        raise DataError(f'"{source.name}" is not a DICOM file, or its beginning is damaged. {_AGAIN}')
    refuse_inflating(content, source.name)
    with turned(source.name):
        return read_partial(BytesIO(content), force=True)


def _parsed(content: bytes, name: str, tags: Sequence[BaseTag | int]) -> Header:
    refuse_inflating(content, name)
    ends: list[BaseTag] = []

    def is_at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if int(tag) in _PIXELS:  # whole numbers are compared ten times as fast as tags are
            ends.append(tag)
        return bool(ends)

    with turned(name):
        elements = read_partial(BytesIO(content), is_at_pixels, force=True, specific_tags=[Tag(tag) for tag in tags])
    return Header(elements, bool(ends))


@contextmanager
def turned(name: str) -> Iterator[None]:
    """Whatever is raised while a file is read is told in our words, with the file's name."""
    try:
        with QUIET:
            yield
    except MemoryError:
        raise
    except DataError as error:
        raise (error if f'"{name}"' in str(error) else DataError(f'"{name}": {error}')) from None
    except Exception as error:  # pydicom and the decoders raise almost anything on damaged files
        raise DataError(f'"{name}" can\'t be read as DICOM ({reason(error)}). {_AGAIN}') from None


class _Quiet:
    """Nobody is warned while any thread is within: the filters of warnings are the whole process's."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._within = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._filters.__exit__(None, None, None)


QUIET = _Quiet()


def refuse_inflating(content: bytes, name: str) -> None:
    """A DataError for a deflated file that unpacks to more than a picture may have: pydicom unpacks without a bound."""
    if str(DeflatedExplicitVRLittleEndian).encode() not in content:
        return
    with turned(name):
        file, most = BytesIO(content), limits().picture_bytes
        read_preamble(file, force=True)
        meta = _read_file_meta_info(file)  # as pydicom does it, so that both begin to unpack at one place
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[file.tell() :], most + 1)
    if len(unpacked) > most:
        raise DataError(
            f'"{name}" unpacks to more than the {most / 1e6:,.0f} MB that a picture may have. Leave it out. '
            f"{raised('picture_bytes')}"
        )


def syntax_of(elements: Dataset) -> UID:
    """How the pixels of a file are written; guessed from how its elements are where it doesn't say."""
    named = getattr(getattr(elements, "file_meta", None), "TransferSyntaxUID", None)
    if named:
        return UID(named)
    is_implicit, is_little = elements.original_encoding
    plain = {(True, True): "1.2.840.10008.1.2", (False, True): "1.2.840.10008.1.2.1"}
    return UID(plain.get((bool(is_implicit), bool(is_little)), "1.2.840.10008.1.2.2"))
