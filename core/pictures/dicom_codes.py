"""Compressions that are decoded in a way of their own: lossless and 12-bit JPEG by gdcm, and frames deflated each."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

from core.errors import DataError
from core.machine.aside import Answer, Aside, BusyError, LostError
from core.pictures.dicom_groups import text, whole

DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")
TWELVE = (12, 16)
"""Bits stored and allocated of the JPEG that nobody but gdcm decodes."""
NUMBERS = {
    "Rows": 0,
    "Columns": 0,
    "SamplesPerPixel": 1,
    "BitsAllocated": 0,
    "BitsStored": 0,
    "PixelRepresentation": 0,
    "PlanarConfiguration": 0,
}
_CHILDREN = Aside()
NAMES = {DEFLATED_FRAMES: "Deflated Image Frame Compression"}
"""Of syntaxes that pydicom has no name for."""


def is_ours(syntax: UID, elements: Dataset) -> bool:
    """Whether a frame of this syntax is decoded here."""
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        return True
    is_grey = whole(elements.get("SamplesPerPixel"), 1) == 1
    bits = whole(elements.get("BitsStored"), 0), whole(elements.get("BitsAllocated"), 0)
    return is_grey and (
        bits[1] in (1, 8, 16) if syntax == DEFLATED_FRAMES else syntax == JPEGExtended12Bit and bits == TWELVE
    )


def decode(syntax: UID, coded: bytes, elements: Dataset) -> NDArray[Any]:
    """The stored values of a frame [rows, columns] or [rows, columns, 3]."""
    if syntax == DEFLATED_FRAMES:
        return _inflated(coded, elements)
    kind = text(elements.get("PhotometricInterpretation"))
    numbers = [whole(elements.get(keyword), usual) for keyword, usual in NUMBERS.items()]
    while True:
        try:
            (order, shape), values = _CHILDREN.run(by_gdcm, coded, str(syntax), kind, *numbers)
            return np.frombuffer(values, order).reshape(shape)
        except BusyError:
            continue  # as many threads wait as there are: each child is let go of in time
        except LostError:
            raise DataError(f"Its pixels ({syntax.name}) can't be decoded: they are damaged, or too many.") from None


def by_gdcm(coded: bytes, syntax: str, kind: str, *numbers: int) -> Answer:
    """A frame that gdcm decodes, in a process of its own: damage makes it abort, which nothing catches."""
    import gdcm
    from pydicom.pixels.decoders.base import get_decoder

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    try:
        rows, columns, samples, allocated, stored, representation, planar = numbers
        if syntax == JPEGExtended12Bit:
            values = _of_12_bit_jpeg(coded, rows, columns, kind, representation)
        else:
            options: dict[str, Any] = {
                "rows": rows,
                "columns": columns,
                "samples_per_pixel": samples,
                "bits_allocated": allocated,
                "bits_stored": stored,
                "pixel_representation": representation,
                "planar_configuration": planar,
                "photometric_interpretation": kind,
                "number_of_frames": 1,
                "pixel_keyword": "PixelData",
            }
            decoder = get_decoder(UID(syntax))
            values, _ = decoder.as_array(encapsulate([coded]), index=0, decoding_plugin="gdcm", **options)
    except Exception as error:  # pydicom wraps whatever its plugin raises, of which the last line says what
        last = next(reversed(str(error).strip().splitlines()), type(error).__name__).strip()
        raise DataError(f"Its pixels ({UID(syntax).name}) can't be decoded ({last}). Export it again.") from None
    return [values.dtype.str, list(values.shape)], values.tobytes()


def _inflated(coded: bytes, elements: Dataset) -> NDArray[Any]:
    rows, columns = whole(elements.get("Rows"), 0), whole(elements.get("Columns"), 0)
    bits = whole(elements.get("BitsAllocated"), 0)
    expected = (rows * columns * bits + 7) // 8
    values = zlib.decompressobj(-zlib.MAX_WBITS).decompress(coded, expected)
    if len(values) < expected:
        raise DataError(f"Its pixels are {len(values):,} bytes where they should be {expected:,}. Export it again.")
    if bits == 1:
        single: NDArray[Any] = np.unpackbits(np.frombuffer(values, np.uint8), bitorder="little")[: rows * columns]
        return single.reshape(rows, columns)
    sign = "i" if whole(elements.get("PixelRepresentation"), 0) else "u"
    return np.frombuffer(values, f"<{sign}{bits // 8}").reshape(rows, columns)


def _of_12_bit_jpeg(coded: bytes, rows: int, columns: int, kind: str, representation: int) -> NDArray[Any]:
    import gdcm

    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(coded)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    picture = gdcm.Image()
    picture.SetNumberOfDimensions(2)
    picture.SetDimensions((columns, rows, 1))
    picture.SetDataElement(element)
    named = gdcm.PhotometricInterpretation.GetPIType(kind)
    picture.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(named))
    picture.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(JPEGExtended12Bit))))
    picture.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, representation))
    # gdcm gives its bytes as text
    return np.frombuffer(picture.GetBuffer().encode("utf-8", "surrogateescape"), "<u2").reshape(rows, columns)
