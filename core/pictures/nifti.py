"""Volumes in NIfTI files (.nii, .nii.gz): slices along a plane of the body, with 16 bits and a window of the volume.

Planes and sides follow the affine, never the order in which voxels are stored. A slice is drawn as radiologists look at
it: the patient's right at the left, the front (or the head) at the top; a sagittal one with the front at the left.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from gzip import GzipFile
from typing import IO, Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import DataError
from core.limits import limits, raised
from core.pictures.data_files import AT_ONCE, DataFile, in_our_words
from core.pictures.deep import LEVELS, Deep, Levels, Window, as_deep_png
from core.pictures.foreign import BEGINNING, NIFTI, foreign_by_content
from core.pictures.pixels import refuse_large
from core.pictures.zips import opening_lock

SUFFIXES = frozenset({".nii", ".nii.gz"})
KIND = "a volume"
Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = get_args(Plane)
AXES: dict[Plane, tuple[int, int, int]] = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
"""What a plane cuts across, what goes up its rows and what along its columns: 0 to the right, 1 to the front, 2 up."""
HEADER_BYTES = 540
"""Of the second version, the longer one."""
MOST_TIMES = 1 << 15
LEAST_STRETCH = 1.01
"""Voxels that are less oblong than this are drawn as squares."""
OPEN_VOLUMES = 16
WHOLE = LEVELS - 1

Voxels = npt.NDArray[Any]
Affine = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Header:
    """What a volume says of itself. Array axis `axes[n]` is the one that runs along direction n of the body."""

    shape: tuple[int, int, int]
    times: int
    dtype: np.dtype[Any]
    start: int
    slope: float
    intercept: float
    axes: tuple[int, int, int]
    is_reversed: tuple[bool, bool, bool]
    spacing: tuple[float, float, float]
    """Along each direction of the body, in millimetres as a rule."""
    is_placed: bool
    """Whether it says which side is which."""

    @property
    def bytes_per_time(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def slices(self, plane: Plane) -> int:
        return self.shape[self.axes[AXES[plane][0]]]


@dataclass(frozen=True)
class Seen:
    """How much of what a volume measures goes from black to white: a window, or else between shares (in percent)."""

    darkest: float = 0.5
    brightest: float = 99.5
    center: float | None = None
    width: float | None = None


@dataclass(frozen=True)
class Volume:
    """One moment of a volume, mapped from the disk. A voxel's level is (voxel - low) / step."""

    header: Header
    voxels: Voxels
    low: float
    step: float
    counted: npt.NDArray[np.int64]
    """How many voxels have a level or one below it."""

    @property
    def slope(self) -> float:
        return self.header.slope * self.step

    @property
    def intercept(self) -> float:
        return self.header.intercept + self.header.slope * self.low

    def slice(self, plane: Plane, number: int) -> Voxels:
        """Voxels as they are drawn, from the first slice (left, back, feet), which has the number 1."""
        across, up, along = AXES[plane]
        axes, is_reversed, count = self.header.axes, self.header.is_reversed, self.header.slices(plane)
        if not 1 <= number <= count:
            raise DataError(f"there is no {plane} slice {number} of {count}. Read the set again.")
        cut = np.take(self.voxels, count - number if is_reversed[across] else number - 1, axis=axes[across])
        upright = cut if axes[up] < axes[along] else cut.T
        # What runs to the head, the front or the right is drawn from its end on.
        drawn: Voxels = upright[:: 1 if is_reversed[up] else -1, :: 1 if is_reversed[along] else -1]
        return drawn

    def levels(self, voxels: Voxels) -> Levels:
        return _levels(voxels, self.low, self.step)

    def views(self, seen: Seen) -> tuple[Window, ...]:
        shares = (seen.darkest, seen.brightest), (0.0, 100.0)
        names = f"{seen.darkest:g} to {seen.brightest:g} % of the volume", "all of it"
        windows = [self._between(name, *both) for name, both in zip(names, shares, strict=True)]
        if seen.center is not None and seen.width is not None:
            windows.insert(0, Window("as chosen", seen.center, seen.width, "LINEAR_EXACT"))
        return tuple(windows)

    def _between(self, name: str, darkest: float, brightest: float) -> Window:
        wanted = np.array([darkest, brightest]) / 100 * self.counted[-1]
        low, high = np.sort(np.searchsorted(self.counted, np.maximum(wanted, 1)) * self.slope + self.intercept)
        return Window(name, float(low + high) / 2, max(float(high - low), abs(self.slope)), "LINEAR_EXACT")


@dataclass(frozen=True)
class SlicePixels:
    """A slice of a volume as a deep picture. `is_square` says that oblong voxels are stretched to squares."""

    file: DataFile
    plane: Plane
    number: int
    time: int = 0
    seen: Seen = Seen()
    is_square: bool = True
    is_drawn_anew: ClassVar[bool] = True

    def load(self) -> Image.Image:
        return Image.fromarray(self._deep().shades())

    def digest(self) -> str:
        return hashlib.sha256(self.stored()).hexdigest()

    def stored(self) -> bytes:
        return as_deep_png(self._deep())

    def _deep(self) -> Deep:
        with in_our_words(self.file, KIND, f"slice {self.number}"):
            volume = open_volume(self.file, self.time)
            cut = _cut(volume, self)
            levels = volume.levels(cut)
            if (size := _drawn_size(volume.header, self)) != cut.shape[::-1]:
                drawn = Image.fromarray(levels.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
                levels = np.clip(np.rint(np.asarray(drawn)), 0, WHOLE).astype(np.uint16)
            return Deep(levels, volume.views(self.seen), volume.slope, volume.intercept)


@dataclass(frozen=True)
class MaskSlicePixels:
    """A slice of a volume that marks: white where it is above 0."""

    file: DataFile
    plane: Plane
    number: int
    is_square: bool = True
    time: int = 0

    def load(self) -> Image.Image:
        with in_our_words(self.file, KIND, f"slice {self.number}"):
            volume = open_volume(self.file, self.time)
            cut = _cut(volume, self)
            marked = np.nan_to_num(cut.astype(np.float64)) * volume.header.slope + volume.header.intercept > 0
            size = _drawn_size(volume.header, self)
            return Image.fromarray(marked.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)

    def digest(self) -> str:
        drawn = self.load()
        return hashlib.sha256(drawn.tobytes() + str(drawn.size).encode()).hexdigest()


def read_header(file: DataFile) -> Header:
    """What a volume says of itself, in bounds; DataError where it is damaged or nothing that is read here."""
    with in_our_words(file, KIND, "its header"), _unpacked(file) as stream:
        header = _header(stream.read(HEADER_BYTES), file.name)
    if header.start + header.bytes_per_time > limits().volume_bytes:
        raise DataError(
            f'"{file.name}" would have {(header.start + header.bytes_per_time) / 1e6:,.0f} MB, more than the '
            f"{limits().volume_bytes / 1e6:,.0f} MB that a volume may have. Cut it, or store fewer bits. "
            f"{raised('volume_bytes')}"
        )
    return header


def open_volume(file: DataFile, time: int = 0) -> Volume:
    """One moment of a volume, kept open for this process."""
    with opening_lock("volumes"):  # within which a zip may be opened
        volume = _volume(file, time, file.stamp())
    if isinstance(volume, str):
        raise DataError(volume)
    return volume


@lru_cache(maxsize=OPEN_VOLUMES)
def _volume(file: DataFile, time: int, stamp: int) -> Volume | str:
    """A text where it can't be opened, so that each of its slices need not try it again."""
    try:
        header = read_header(file)
        if time >= header.times:
            return f'"{file.name}" has {header.times} points in time; {time + 1} was chosen. Choose an earlier one.'
        with in_our_words(file, KIND, "what it holds"):
            return _measured(header, _mapped(file, header, time), file.name)
    except DataError as error:
        return str(error)


def _header(block: bytes, name: str) -> Header:
    import nibabel as nib

    kinds: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
    sizes = {int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")} & kinds.keys()
    if not sizes or len(block) < (size := sizes.pop()):
        if (kind := foreign_by_content(block[:BEGINNING], name)) and kind is not NIFTI:
            raise DataError(f'"{name}" is {kind.name}, not a volume. {kind.advice}')
        raise ValueError("it does not begin as NIfTI does")
    header = kinds[size](block[:size], check=False)
    if bytes(header["magic"])[:3] in (b"ni1", b"ni2"):
        raise ValueError("its voxels are in another file (.img). Save both as one .nii")
    if bytes(header["magic"])[:3] not in (b"n+1", b"n+2"):
        raise ValueError("it does not say that it is NIfTI")
    shape, dtype = tuple(map(int, header.get_data_shape())), header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ValueError(f"its voxels are {'colours' if dtype.names else dtype}, not plain numbers. Convert them")
    if len(shape) < 2 or min(shape) < 1 or math.prod(shape[4:]) > 1 or math.prod(shape[3:]) > MOST_TIMES:
        raise ValueError(f"it is {' x '.join(map(str, shape))}. A volume has three sides, and at most points in time")
    start = int(header.get_data_offset())
    if start < size:
        raise ValueError(f"it says that its voxels begin at byte {start}, within its header")
    slope, intercept = (float(number) if number is not None else None for number in header.get_slope_inter())
    axes, is_reversed, spacing = _directions(np.asarray(header.get_best_affine(), np.float64))
    wide, deep, high = (*shape, 1)[:3]
    is_placed = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    measure = 1.0 if slope is None else slope, intercept or 0.0
    return Header(
        (wide, deep, high), math.prod(shape[3:]), dtype, start, *measure, axes, is_reversed, spacing, is_placed
    )


def _directions(
    affine: Affine,
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool], tuple[float, float, float]]:
    """For each direction of the body (right, front, up): the array axis nearest to it, whether it runs the other way,
    and how far apart its voxels are."""
    from nibabel.orientations import io_orientation

    if not np.isfinite(affine).all():
        raise ValueError("its affine, which says where its voxels lie, holds what is no number")
    turned = np.asarray(io_orientation(affine))
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if not np.isfinite(turned).all() or not np.isfinite(lengths).all() or lengths.min() <= 0:
        raise ValueError("its affine, which says where its voxels lie, makes it flat")
    first, second, third = (int(np.argmax(turned[:, 0] == direction)) for direction in range(3))
    axes = first, second, third
    back, left, down = (bool(turned[axis, 1] < 0) for axis in axes)
    wide, deep, high = (float(lengths[axis]) for axis in axes)
    return axes, (back, left, down), (wide, deep, high)


@contextmanager
def _unpacked(file: DataFile) -> Iterator[IO[bytes]]:
    """Its bytes from the first on, whether they are packed or not."""
    with ExitStack() as stack:
        packed: Any = stack.enter_context(file.open())
        if packed.peek(2)[:2] == b"\x1f\x8b":
            packed = stack.enter_context(GzipFile(fileobj=packed))
        yield packed


def _mapped(file: DataFile, header: Header, time: int) -> Voxels:
    """The voxels of one moment [x, y, z], on the disk: of a packed file in one without a name that ends with us."""
    start, size = header.start + time * header.bytes_per_time, header.bytes_per_time
    with _unpacked(file) as stream:
        if not file.member and not isinstance(stream, GzipFile):
            if file.path.stat().st_size < start + size:
                raise ValueError(f"it claims {start + size:,} bytes and has {file.path.stat().st_size:,}")
            return np.memmap(stream, header.dtype, "r", start, header.shape, "F")
        with tempfile.TemporaryFile() as kept:
            _copy(stream, None, start)
            _copy(stream, kept, size)
            kept.flush()
            return np.memmap(kept, header.dtype, "r", 0, header.shape, "F")


def _copy(stream: IO[bytes], kept: IO[bytes] | None, size: int) -> None:
    while size:
        part = stream.read(min(size, AT_ONCE))
        if not part:
            raise ValueError(f"it ends {size:,} bytes before its last voxel")
        if kept is not None:
            kept.write(part)
        size -= len(part)


def _measured(header: Header, voxels: Voxels, name: str) -> Volume:
    """Two ways through the voxels, a part at a time: the span of what is measured, then how often each level is."""
    low, high, is_whole = math.inf, -math.inf, True
    for part in _finite_parts(voxels):
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        is_whole = is_whole and bool((part == np.rint(part)).all())
    span = (high - low) * max(1.0, abs(header.slope))
    if not (math.isfinite(low) and math.isfinite(span) and math.isfinite(header.intercept + header.slope * low)):
        raise DataError(f'"{name}" holds no numbers that can be drawn (from {low:g} to {high:g}). Write it again.')
    step = 1.0 if is_whole and high - low <= WHOLE else (high - low) / WHOLE or 1.0
    counts = np.zeros(LEVELS, np.int64)
    for part in _finite_parts(voxels):
        counts += np.bincount(_levels(part, low, step), minlength=LEVELS)
    return Volume(header, voxels, low, step, counts.cumsum())


def _finite_parts(voxels: Voxels) -> Iterator[npt.NDArray[np.float64]]:
    flat = voxels.reshape(-1, order="F")
    for start in range(0, len(flat), AT_ONCE):
        part = np.asarray(flat[start : start + AT_ONCE], np.float64)
        if len(finite := part[np.isfinite(part)]):
            yield finite


def _levels(voxels: Voxels, low: float, step: float) -> Levels:
    numbers = np.nan_to_num(np.asarray(voxels, np.float64), nan=low, posinf=np.inf, neginf=-np.inf)
    return np.clip(np.rint((numbers - low) / step), 0, WHOLE).astype(np.uint16)


def _cut(volume: Volume, pixels: SlicePixels | MaskSlicePixels) -> Voxels:
    refuse_large(*_drawn_size(volume.header, pixels), f"{pixels.file.name}, {pixels.plane}")
    return volume.slice(pixels.plane, pixels.number)


def _drawn_size(header: Header, pixels: SlicePixels | MaskSlicePixels) -> tuple[int, int]:
    """Width and height of a slice, with voxels stretched to squares if that is wished."""
    _, up, along = AXES[pixels.plane]
    width, height = header.shape[header.axes[along]], header.shape[header.axes[up]]
    oblong = header.spacing[up] / header.spacing[along]
    if not pixels.is_square or 1 / LEAST_STRETCH < oblong < LEAST_STRETCH:
        return width, height
    return (width, round(height * oblong)) if oblong > 1 else (round(width / oblong), height)
