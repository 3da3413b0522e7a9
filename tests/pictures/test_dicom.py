"""From stored values to a picture, in numbers that anybody can work out again."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLossless

from core.errors import DataError
from core.pictures.deep import Deep, Table, Window
from core.pictures.dicom import DicomPixels, picture_in
from core.pictures.dicom_file import Source, is_dicom, read_header
from core.pictures.dicom_frame import coded_size
from core.pictures.dicom_views import listed_entries
from core.pictures.pixels import deep_in
from tests.dicom_files import drawn, saved


def four(values: list[int], kind: str = "<u2", **more: object) -> Dataset:
    """A picture of four pixels in a row, without a window."""
    size = {"Rows": 1, "Columns": 4, "PixelData": np.array(values, kind).tobytes()}
    elements = drawn(0, **(size | more))
    if "WindowCenter" not in more:
        del elements.WindowCenter, elements.WindowWidth
    return elements


def deep(elements: Dataset, frame: int = 0) -> Deep:
    elements.set_original_encoding(False, True)
    picture = picture_in(elements, frame, "x.dcm")
    assert isinstance(picture, Deep)
    return picture


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def table(first: int, bits: int, entries: list[int], **values: object) -> Dataset:
    made = item(LUTDescriptor=[len(entries), first, bits], LUTData=entries, **values)
    made["LUTDescriptor"].VR = made["LUTData"].VR = "US"
    return made


def test_signed_levels_are_moved_to_begin_at_0_and_measure_what_they_did() -> None:
    ct = four([-1024, -1, 0, 2047], "<i2", PixelRepresentation=1, Modality="CT", RescaleSlope=2, RescaleIntercept=-10)
    picture = deep(ct)
    assert picture.levels.tolist() == [[1024, 2047, 2048, 4095]]
    assert picture.measures().tolist() == [[-2058, -12, -10, 4084]]
    assert (picture.unit, picture.views[0]) == ("HU", Window("soft tissue", 40, 400))


def test_values_in_the_upper_bits_are_brought_down() -> None:
    upper = four([0x1230, 0xFFF0, 0x0010, 0x800F], HighBit=15)
    assert deep(upper).levels.tolist() == [[0x123, 0xFFF, 1, 0x800]]
    signed = four([-16, 16, 0, 0x7FF0], "<i2", HighBit=15, PixelRepresentation=1)
    assert deep(signed).measures().tolist() == [[-1, 1, 0, 0x7FF]]


def test_bits_above_those_that_are_stored_mean_nothing() -> None:
    assert deep(four([0xF001, 0x1002, 3, 0x8FFF])).levels.tolist() == [[1, 2, 3, 0xFFF]]


def test_a_table_of_the_scanner_goes_before_all_else() -> None:
    elements = four([0, 5, 6, 9], ModalityLUTSequence=Sequence([table(5, 16, [100, 40000], ModalityLUTType="OD")]))
    picture = deep(elements)
    assert (picture.levels.tolist(), picture.unit) == ([[100, 100, 40000, 40000]], "OD")


def test_tables_and_then_windows_become_views_in_the_files_order() -> None:
    elements = four(
        [0, 1, 2, 3],
        WindowCenter=[2, 1],
        WindowWidth=[4, 2],
        WindowCenterWidthExplanation=["WIDE", "NARROW"],
        VOILUTFunction="LINEAR_EXACT",
        VOILUTSequence=Sequence([table(1, 8, [0, 255, 51], LUTExplanation="STEP"), table(0, 12, [0, 4095, 1, 1])]),
    )
    picture = deep(elements)
    assert picture.views == (
        Table("STEP", 1, bytes([0, 255, 51])),
        Table("table 2", 0, bytes([0, 255, 0, 0])),
        Window("WIDE", 2, 4, "LINEAR_EXACT"),
        Window("NARROW", 1, 2, "LINEAR_EXACT"),
    )
    assert picture.shades().tolist() == [[0, 0, 255, 51]]
    assert picture.shades(picture.views[2]).tolist() == [[0, 64, 128, 191]]


def test_a_table_of_shades_may_begin_below_0_though_it_is_read_as_a_number_above_all() -> None:
    """Implicit VR does not say of what kind the numbers of a table are: -2 is read as 65534."""
    rescale: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -2}
    elements = four([0, 1, 2, 9], VOILUTSequence=Sequence([table(65534, 8, [10, 20, 30])]), **rescale)
    assert deep(elements).shades().tolist() == [[10, 20, 30, 30]]
    signed = four(
        [-2, -1, 0, 9], "<i2", PixelRepresentation=1, ModalityLUTSequence=Sequence([table(65534, 8, [7, 8, 9])])
    )
    assert deep(signed).levels.tolist() == [[7, 8, 9, 9]]
    unsigned = four(
        [0, 65534, 65535, 9], BitsStored=16, HighBit=15, VOILUTSequence=Sequence([table(65534, 8, [10, 20])])
    )
    assert deep(unsigned).shades().tolist() == [[10, 10, 20, 10]]


def test_a_width_belongs_to_the_center_at_its_place() -> None:
    picture = deep(four([0, 1, 2, 3], WindowCenter=["", "2"], WindowWidth=["4", "3"]))
    assert picture.views == (Window("window 2", 2, 3),)


def test_a_window_that_dicom_does_not_allow_is_left_out() -> None:
    picture = deep(four([10, 20, 30, 40], WindowCenter=[20, 20], WindowWidth=[0, -4]))
    assert [view.name for view in picture.views] == ["all of it"]
    narrow = deep(four([0, 1, 1, 1], WindowCenter=0.5, WindowWidth=0.5))
    assert narrow.views == (Window("window 1", 0.5, 0.5, "LINEAR_EXACT"),)


def test_what_was_not_measured_is_out_of_the_span() -> None:
    picture = deep(four([100, 300, 4095, 4000], PixelPaddingValue=4095, PixelPaddingRangeLimit=4000))
    assert picture.views == (Window("all of it", 200, 200, "LINEAR_EXACT"),)
    assert picture.shades().tolist() == [[0, 255, 255, 255]]


def test_eight_bits_without_a_window_stay_as_they_are() -> None:
    values: dict[str, Any] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    assert deep(four([7, 50, 60, 200], "u1", **values)).shades().tolist() == [[7, 50, 60, 200]]
    inverted = deep(four([7, 50, 60, 200], "u1", PhotometricInterpretation="MONOCHROME1", **values))
    assert inverted.shades().tolist() == [[248, 205, 195, 55]]


def test_fractions_and_wide_numbers_are_laid_over_16_bits() -> None:
    wide = four([0, 70_000, 140_000, 65_535 * 4], "<u4", BitsAllocated=32, BitsStored=32, HighBit=31)
    assert deep(wide).levels.tolist() == [[0, 17_500, 35_000, 65_535]]
    assert deep(wide).measures().tolist() == [[0, 70_000, 140_000, 262_140]]
    fractions = four([0], BitsAllocated=32)
    del fractions.PixelData, fractions.BitsStored, fractions.HighBit, fractions.PixelRepresentation
    fractions.FloatPixelData = np.array([-1, 0, np.nan, 1], "<f4").tobytes()
    assert deep(fractions).levels.tolist() == [[0, 32_768, 0, 65_535]]
    assert np.allclose(deep(fractions).measures(), [[-1, 0, -1, 1]], atol=2e-5)


def test_each_frame_has_its_own_window_and_rescale() -> None:
    def of_frame(center: int, slope: int) -> Dataset:
        window = item(WindowCenter=center, WindowWidth=100)
        rescale = item(RescaleSlope=slope, RescaleIntercept=0)
        return item(FrameVOILUTSequence=Sequence([window]), PixelValueTransformationSequence=Sequence([rescale]))

    values: dict[str, Any] = {
        "NumberOfFrames": 2,
        "PerFrameFunctionalGroupsSequence": Sequence([of_frame(50, 1), of_frame(90, 3)]),
    }
    elements = four([1, 2, 3, 4, 5, 6, 7, 8], **values)
    first, second = deep(elements), deep(elements, 1)
    assert (first.measures().tolist(), first.views[0]) == ([[1, 2, 3, 4]], Window("window 1", 50, 100))
    assert (second.measures().tolist(), second.views[0]) == ([[15, 18, 21, 24]], Window("window 1", 90, 100))
    with pytest.raises(DataError, match=r'"x.dcm": It has no picture 3'):
        picture_in(elements, 2, "x.dcm")


def test_colours_of_16_bits_become_8_and_planes_come_together() -> None:
    values: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 1}
    planes = [0, 65535, 0, 0, 257, 0, 0, 0, 0, 0, 32896, 0]
    elements = four(planes, BitsStored=16, HighBit=15, **values)
    picture = picture_in(elements, 0, "x.dcm")
    assert np.asarray(picture).tolist() == [[[0, 1, 0], [255, 0, 0], [0, 0, 128], [0, 0, 0]]]


def test_colours_that_are_not_read_are_never_taken_for_red_green_and_blue() -> None:
    values: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "HSV", "PlanarConfiguration": 0}
    elements = four([1] * 12, "u1", BitsAllocated=8, BitsStored=8, HighBit=7, **values)
    with pytest.raises(DataError, match=r"Its colours \(HSV, 3 of uint8\) are not read here"):
        picture_in(elements, 0, "x.dcm")


@pytest.mark.parametrize("kind", ["YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLossless])
def test_brightness_and_colours_of_more_than_8_bits_are_refused_in_our_words(kind: str, syntax: UID) -> None:
    values: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": kind, "PlanarConfiguration": 0}
    elements = four([100] * 12, BitsStored=16, HighBit=15, **values)
    elements.file_meta.TransferSyntaxUID = syntax
    with pytest.raises(DataError) as caught:
        picture_in(elements, 0, "x.dcm")
    assert str(caught.value) == (
        f'"x.dcm": Its colours ({kind} of 16 bits) are not read here: of this kind those of 8 bits are. Export it as '
        "RGB, or with 8 bits."
    )


def test_frames_of_single_bits_follow_each_other_within_bytes() -> None:
    frames = np.random.default_rng(0).integers(0, 2, (9, 5, 7), np.uint8)
    bits = np.packbits(frames.ravel(), bitorder="little").tobytes()
    elements = four([0], Rows=5, Columns=7, NumberOfFrames=9, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=bits)
    for number, frame in enumerate(frames):
        assert np.array_equal(deep(elements, number).levels, frame)
    elements.PixelData = bits[:-2]
    with pytest.raises(DataError, match=r"Its picture 9 has 24 pixels where it says 35\. Export it again"):
        deep(elements, 8)


def test_two_entries_of_a_palette_lie_in_a_word_the_first_in_its_lower_half() -> None:
    assert listed_entries(b"\1\2\3\4", 4, is_little=True).tolist() == [1, 2, 3, 4]
    assert listed_entries(b"\2\1\4\3", 4, is_little=False).tolist() == [1, 2, 3, 4]


def test_a_palette_begins_at_its_first_number_and_ends_with_its_last() -> None:
    elements = four(
        [0, 10, 11, 99], "u1", BitsAllocated=8, BitsStored=8, HighBit=7, PhotometricInterpretation="PALETTE COLOR"
    )
    for colour, entries in (("Red", [0, 0xFF00]), ("Green", [0x8000, 0]), ("Blue", [0, 0xFFFF])):
        setattr(elements, f"{colour}PaletteColorLookupTableDescriptor", [2, 10, 16])
        elements[f"{colour}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(elements, f"{colour}PaletteColorLookupTableData", np.array(entries, "<u2").tobytes())
    elements.set_original_encoding(False, True)
    dark, light = [0, 128, 0], [254, 0, 255]
    assert np.asarray(picture_in(elements, 0, "x.dcm")).tolist() == [[dark, dark, light, light]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "rescale slope is 0"),
        ({"NumberOfFrames": 10**9}, r"1,000,000,000 pictures\. Split it\. An admin may set VITASK_LIMIT_ROWS"),
        ({"Rows": 60_000, "Columns": 60_000}, "60,000 x 60,000, larger than 40 million pixels"),
        ({"Columns": 9}, "less than expected"),
        ({"VOILUTSequence": Sequence([table(0, 12, [1])])}, ""),
        ({"VOILUTSequence": Sequence([item(LUTDescriptor=[900, 0, 12], LUTData=[1, 2])])}, "2 entries of 12 bits"),
        ({"PhotometricInterpretation": "GREYISH"}, "GREYISH"),
    ],
)
def test_what_a_file_claims_falsely_is_told_before_it_is_decoded(values: dict[str, object], message: str) -> None:
    elements = four([0, 1, 2, 3])
    for keyword, value in values.items():
        setattr(elements, keyword, value)
    elements.set_original_encoding(False, True)
    if not message:
        picture_in(elements, 0, "x.dcm")
        return
    with pytest.raises(DataError, match=message) as caught:
        picture_in(elements, 0, "x.dcm")
    assert '"x.dcm"' in str(caught.value)


def test_a_compression_that_nobody_reads_is_named(tmp_path: Path) -> None:
    elements = drawn(1)
    elements.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    with pytest.raises(
        DataError, match=r"MPEG-4 AVC/H.264 High Profile / Level 4.1, which is not read here\. Export it"
    ):
        picture_in(elements, 0, "x.dcm")


def test_a_coded_picture_of_another_size_is_refused_before_it_is_unpacked() -> None:
    siz = b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">4L", 60_000, 50_000, 0, 0) + bytes(20)
    jpeg = b"\xff\xd8\xff\xe0\0\4ab\xff\xc3\0\x0b\x0c" + struct.pack(">2H", 300, 200) + bytes(9)
    assert (coded_size(siz), coded_size(jpeg), coded_size(b"RLE")) == ((60_000, 50_000), (200, 300), None)
    elements = drawn(1)
    elements.file_meta.TransferSyntaxUID = JPEG2000Lossless
    basic = b"\xfe\xff\0\xe0\0\0\0\0"
    elements.PixelData = basic + b"\xfe\xff\0\xe0" + struct.pack("<L", len(siz)) + siz + b"\xfe\xff\xdd\xe0\0\0\0\0"
    with pytest.raises(DataError, match=r"It says 20 x 20 pixels, but what is coded in it has 60,000 x 50,000"):
        picture_in(elements, 0, "x.dcm")
    endless = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(16)
    elements.PixelData = basic + b"\xfe\xff\0\xe0" + struct.pack("<L", len(endless)) + endless
    with pytest.raises(DataError, match=r"The boxes of its JPEG 2000 are damaged"):
        picture_in(elements, 0, "x.dcm")


def test_a_deflated_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_PICTURE_BYTES", "100000")
    elements = drawn(1)
    elements.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    saved(elements, tmp_path / "plain.dcm")
    content = (tmp_path / "plain.dcm").read_bytes()
    place = content.index(b"1.2.840.10008.1.2.1\0")
    longer = b"1.2.840.10008.1.2.1.99"
    head = bytearray(content[: place - 2] + struct.pack("<H", len(longer)) + longer)
    end = content.index(b"\x08\0\x16\0UI", place)
    head += content[place + 20 : end]
    size = struct.unpack("<L", content[140:144])[0] + len(longer) - 20
    head[140:144] = struct.pack("<L", size)
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(content[end:] + bytes(10**6)) + packer.flush()
    (tmp_path / "bomb.dcm").write_bytes(bytes(head) + packed)
    for read in (
        lambda: DicomPixels(Source(tmp_path / "bomb.dcm")).load(),
        lambda: read_header(Source(tmp_path / "bomb.dcm"), []),
    ):
        with pytest.raises(DataError, match=r'"bomb.dcm" unpacks to more than the 0 MB .*VITASK_LIMIT_PICTURE_BYTES'):
            read()


def test_a_header_is_read_without_the_pixels_however_long_it_is(tmp_path: Path) -> None:
    long = drawn(1, ImageComments="x" * 9000)
    long.add_new(0x00091010, "OB", bytes(100_000))
    saved(long, tmp_path / "long.dcm")
    header = read_header(Source(tmp_path / "long.dcm"), [0x00280010])
    assert (header.has_pixels, header.elements.Rows, "PatientID" in header.elements) == (True, 20, False)


def test_what_is_kept_holds_pixels_and_nothing_of_the_header(tmp_path: Path) -> None:
    saved(drawn(7, PatientName="DOE^JANE", InstitutionName="St. Elsewhere"), tmp_path / "a.dcm")
    pixels = DicomPixels(Source(tmp_path / "a.dcm"))
    again = deep_in(pixels.stored(), "a.png")
    assert again is not None
    assert (again.levels == 700).all()
    assert again.views == (Window("window 1", 2000, 4000),)
    assert not any(word in pixels.stored() for word in (b"DOE", b"Elsewhere", b"P1"))
    assert pixels.load().tobytes() == again.shades().tobytes()


def test_a_file_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    saved(drawn(7), tmp_path / "a.dcm")
    with ZipFile(tmp_path / "inner.zip", "w", ZIP_DEFLATED) as inner:
        inner.write(tmp_path / "a.dcm", "b/a.dcm")
    with ZipFile(tmp_path / "outer.zip", "w", ZIP_DEFLATED) as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
    places = (("a.dcm", ()), ("inner.zip", ("b/a.dcm",)), ("outer.zip", ("inner.zip", "b/a.dcm")))
    digests = {DicomPixels(Source(tmp_path / file, members)).digest() for file, members in places}
    assert len(digests) == 1
    with pytest.raises(DataError, match=r'"inner.zip/c.dcm" of outer.zip can\'t be read'):
        DicomPixels(Source(tmp_path / "outer.zip", ("inner.zip", "c.dcm"))).load()


def test_dicom_is_told_by_its_preamble_or_a_plausible_beginning() -> None:
    assert is_dicom(bytes(128) + b"DICM")
    assert is_dicom(b"\x08\0\x05\0CS\x0a\0")
    assert is_dicom(b"\x08\0\x05\0\x0a\0\0\0")
    assert is_dicom(b"\0\x08\0\x05CS\0\x0a")
    for other in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b'{"a": 1}',
        b"MZ\x90\0\3\0\0\0",
        bytes(140),
        b"\x08\0\x05\0\xff\xff\xff\xff",
    ):
        assert not is_dicom(other)
