"""Paints over parts of the pixels of a DICOM file. Colour stays colour, and what is compressed is so afterwards.

Decoders and encoders are pydicom's. What was compressed with loss is written again without: the rest of the picture
stays as it was. Where no encoder of a family is there (JPEG), the pixels are written as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array, set_pixel_data
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from core.deid.burned_text import Spot
from core.errors import DataError, reason

CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
LOSSLESS = {
    JPEG2000: JPEG2000Lossless,
    JPEG2000Lossless: JPEG2000Lossless,
    HTJ2K: JPEG2000Lossless,
    HTJ2KLossless: JPEG2000Lossless,
    HTJ2KLosslessRPCL: JPEG2000Lossless,
    JPEGLSNearLossless: JPEGLSLossless,
    JPEGLSLossless: JPEGLSLossless,
    RLELossless: RLELossless,
}
"""By which syntax a compressed picture is written again; the nearest that there is an encoder for."""

Pixels = NDArray[Any]


def paint(dataset: FileDataset, spots: Collection[Spot]) -> None:
    """Makes the spots black in every frame, and says so in the header. DataError where that can't be done."""
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax.is_compressed and not syntax.is_deflated:
            _decompress(dataset)
        if dataset.PhotometricInterpretation == "YBR_FULL_422":  # two pixels share their colours: none alone is painted
            _set_pixels(dataset, "RGB")
        _paint_plain(dataset, spots)
        if family := LOSSLESS.get(syntax):
            _compress(dataset, family)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # decoders raise almost anything
        raise DataError(
            f"The pixels can't be written again once they are painted over ({reason(error)}). Reject the picture, or "
            "mask it with the program that made it."
        ) from None
    _say_so(dataset)


def _decompress(dataset: FileDataset) -> None:
    try:
        dataset.decompress(as_rgb=True, generate_instance_uid=False)
    except ValueError:  # signs are corrected in an array that some decoders give for reading only
        _set_pixels(dataset, dataset.PhotometricInterpretation)


def _set_pixels(dataset: FileDataset, photometric: str) -> None:
    """As pydicom shows them."""
    set_pixel_data(dataset, pixel_array(dataset), photometric, dataset.BitsStored, generate_instance_uid=False)


def _paint_plain(dataset: FileDataset, spots: Collection[Spot]) -> None:
    """In bytes as they lie in the file: nothing outside the spots is written."""
    keyword = next(name for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in dataset)
    if dataset.BitsAllocated == 1:
        raise DataError("A picture of one bit a pixel can't be painted over. Reject it, or release it as it is.")
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    kind = {"PixelData": "i" if dataset.get("PixelRepresentation") else "u"}.get(keyword, "f")
    stored = bytearray(dataset[keyword].value)
    if order == ">" and dataset[keyword].VR == "OW" and dataset.BitsAllocated == 8:
        order = "|"
        return _paint_swapped(dataset, keyword, stored, spots)
    _fill(dataset, np.frombuffer(stored, f"{order}{kind}{dataset.BitsAllocated // 8}"), spots)
    dataset[keyword].value = bytes(stored)


def _paint_swapped(dataset: FileDataset, keyword: str, stored: bytearray, spots: Collection[Spot]) -> None:
    """Bytes of a big-endian file that lie in words of two: each pair is the other way round."""
    pairs = np.frombuffer(stored, np.uint8).reshape(-1, 2)
    turned = np.ascontiguousarray(pairs[:, ::-1]).reshape(-1)
    _fill(dataset, turned, spots)
    pairs_after = turned.reshape(-1, 2)[:, ::-1]
    dataset[keyword].value = pairs_after.tobytes()


def _fill(dataset: Dataset, values: Pixels, spots: Collection[Spot]) -> None:
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    frames = int(dataset.get("NumberOfFrames") or 1)
    is_planar = samples > 1 and dataset.get("PlanarConfiguration", 0) == 1
    shape = (frames, samples, rows, columns) if is_planar else (frames, rows, columns, samples)
    pixels = values[: frames * rows * columns * samples].reshape(shape)
    for spot in spots:
        across = slice(spot.top, spot.bottom), slice(spot.left, spot.right)
        for sample, black in enumerate(_black(dataset, pixels)):
            part = pixels[:, sample, *across] if is_planar else pixels[:, *across, sample]
            part[...] = black


def _black(dataset: Dataset, pixels: Pixels) -> Iterator[Any]:
    """What black is stored as, a value a sample."""
    photometric = dataset.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        yield _darkest(dataset)
    elif photometric == "MONOCHROME1":
        yield pixels.max()
    elif photometric == "MONOCHROME2":
        yield pixels.min()
    elif photometric.startswith("YBR"):
        middle = 1 << (dataset.BitsStored - 1)
        yield from (0, middle, middle)
    else:
        yield from [0] * dataset.SamplesPerPixel


def _darkest(dataset: Dataset) -> int:
    """The entry of the palette that is nearest to black."""
    entries, first, _ = dataset.RedPaletteColorLookupTableDescriptor
    numbers = np.arange(first, first + (entries or 1 << 16))
    colours = apply_color_lut(numbers.reshape(1, -1), dataset)
    return int(numbers[int(colours[0, :, :3].astype(np.int64).sum(axis=1).argmin())])


def _compress(dataset: FileDataset, syntax: UID) -> None:
    """Without loss. Where no encoder takes this picture, it stays as it is."""
    try:
        dataset.compress(syntax, generate_instance_uid=False)
    except (RuntimeError, ValueError, NotImplementedError, AttributeError):
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _say_so(dataset: Dataset) -> None:
    if "IconImageSequence" in dataset:  # shows what was painted over
        del dataset.IconImageSequence
    dataset.BurnedInAnnotation = "NO"
    codes = list(dataset.get("DeidentificationMethodCodeSequence") or [])
    if CLEAN_PIXELS[0] not in [code.get("CodeValue") for code in codes]:
        code = Dataset()
        code.CodeValue, code.CodeMeaning = CLEAN_PIXELS
        code.CodingSchemeDesignator = "DCM"
        dataset.DeidentificationMethodCodeSequence = [*codes, code]
