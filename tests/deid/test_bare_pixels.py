"""Pixel data keeps its pictures to the bit, and nothing else that was written into it."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit

from core.deid.bare_pixels import bare_frames, bare_pixels
from core.deid.choices import Choices
from core.deid.reading import dataset_in, tolerant
from core.deid.upload import deidentify
from core.errors import DataError
from tests.conftest import SHARED_DATA
from tests.deid.made import KEY, keep_header, made_header

DICOM = SHARED_DATA / "dicom"


def a_jpeg() -> bytes:
    exif, file = Image.Exif(), BytesIO()
    exif[0x013B] = "Mueller"
    Image.effect_noise((40, 30), 50).save(file, "JPEG", comment=b"Mueller", exif=exif, progressive=True)
    return file.getvalue() + b"Mueller!"


def a_codestream(is_boxed: bool) -> bytes:
    file = BytesIO()
    Image.effect_noise((40, 30), 50).save(file, "JPEG2000", comment="Mueller", no_jp2=not is_boxed)
    name = b"\0\0\0\x10xml Mueller!" if is_boxed else b"Mueller!"
    return file.getvalue() + name


@pytest.mark.parametrize(
    ("picture", "syntax"),
    [
        (a_jpeg(), JPEGBaseline8Bit),
        (a_codestream(False), JPEG2000Lossless),
        (a_codestream(True), JPEG2000Lossless),
    ],
)
@pytest.mark.parametrize("fragments", [1, 3])
def test_comments_within_compressed_pictures_go_and_the_pictures_stay(
    tmp_path: Path, picture: bytes, syntax: UID, fragments: int
) -> None:
    header = made_header()
    header.Rows, header.Columns, header.BitsAllocated, header.BitsStored, header.HighBit = 30, 40, 8, 8, 7
    header.PixelData = encapsulate([picture, picture], fragments_per_frame=fragments)
    header.NumberOfFrames = 2
    header["PixelData"].VR = "OB"
    keep_header(tmp_path / "in" / "1.dcm", header, syntax)
    deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    [file] = (tmp_path / "out").glob("*.dcm")
    assert b"ueller" not in file.read_bytes()
    after = dcmread(file)
    assert len(after.PixelData) == len(header.PixelData)
    np.testing.assert_array_equal(after.pixel_array, dcmread(tmp_path / "in" / "1.dcm").pixel_array)


def test_what_follows_the_last_pixel_goes(tmp_path: Path) -> None:
    header = made_header()
    header.PixelData += b"Mueller 48151623"
    keep_header(tmp_path / "in" / "1.dcm", header)
    deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    [file] = (tmp_path / "out").glob("*.dcm")
    assert dcmread(file).PixelData == bytes(range(8))


def test_an_overlay_in_bits_that_no_pixel_uses_goes(tmp_path: Path) -> None:
    header = made_header()
    for element, value in ((0x10, 2), (0x11, 2), (0x100, 16), (0x102, 12)):
        header.add_new((0x6000, element), "US", value)
    header.add_new((0x6000, 0x22), "LO", "by Schmitz")
    header.PixelData = struct.pack("<4H", 0x1001, 0x1FFF, 3, 0x1004)
    keep_header(tmp_path / "in" / "1.dcm", header)
    deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    [file] = (tmp_path / "out").glob("*.dcm")
    after = dcmread(file)
    assert struct.unpack("<4H", after.PixelData) == (1, 0xFFF, 3, 4)
    assert not [element for element in after if element.tag.group == 0x6000]


def test_a_picture_whose_beginning_is_damaged_is_refused() -> None:
    with pytest.raises(DataError, match="compressed pixels are damaged"):
        bare_frames(encapsulate([b"\xff\xd8\xff\xfe\0\x09Mueller Mueller "]))


@pytest.mark.slow
@pytest.mark.skipif(not DICOM.is_dir(), reason="no DICOM files here")
def test_real_files_of_every_syntax_keep_their_pixels_to_the_bit() -> None:
    changed = 0
    for file in sorted(DICOM.glob("*.dcm")):
        with tolerant():
            came, bare = dataset_in(file.read_bytes()), dataset_in(file.read_bytes())
            if came is None or bare is None:  # damaged
                continue
            bare_pixels(bare)
            if came.get("PixelData") != bare.get("PixelData"):
                changed += 1
                np.testing.assert_array_equal(bare.pixel_array, came.pixel_array, file.name)
    assert changed > 10
