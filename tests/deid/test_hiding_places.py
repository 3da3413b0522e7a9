"""Where a name may stand that no table of attributes looks: each place was found with a name in it once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from core.deid.choices import Choices, Dates
from core.deid.upload import deidentify
from tests.deid.made import KEY, keep_header, made_header

NAMES = ("ueller", "UELLER", "48151623", "Schmitz")


def left_of(folder: Path, names: tuple[str, ...] = NAMES, choices: Choices | None = None) -> list[str]:
    """Which names stand in anything that is written of an upload, in a file's name too."""
    out = folder.parent / "out"
    deidentify(folder, out, choices or Choices(), KEY)
    files = [file for file in out.rglob("*") if file.is_file()]
    written = b"".join(str(file.relative_to(out)).encode() + file.read_bytes() for file in files)
    encodings = ("utf-8", "latin-1", "utf-16-le")
    return [name for name in names if any(name.encode(encoding) in written for encoding in encodings)]


def among_numbers(header: Dataset) -> None:
    header.add_new("PixelPaddingValue", "US", list(struct.unpack("<8H", b"Mueller 48151623")))
    header.add_new("RedPaletteColorLookupTableData", "OW", b"Mueller 48151623" + bytes(496))


def as_safe_figure(header: Dataset) -> None:
    header.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "48151623")


def in_classes(header: Dataset) -> None:
    header.SOPClassUID = "1.2.840.10008.5.48151623"
    header.RelatedGeneralSOPClassUID = "1.3.48151623.2"
    header.SynchronizationFrameOfReferenceUID = "1.2.840.10008.48151623"


def beside_pixels(header: Dataset) -> None:
    header.add_new(0x7FE01110, "LO", "Schmitz")


def of_the_kind_of_picture(header: Dataset) -> None:
    header.ImageType = ["ORIGINAL", "PRIMARY", "MUELLER"]


def about_overlays(header: Dataset) -> None:
    header.add_new(0x60000022, "LO", "Schmitz")
    header.add_new(0x60001500, "LO", "Schmitz")


@pytest.mark.parametrize(
    "plant", [among_numbers, as_safe_figure, in_classes, beside_pixels, of_the_kind_of_picture, about_overlays]
)
def test_names_are_found_where_the_table_has_no_row(tmp_path: Path, plant: Callable[[Dataset], None]) -> None:
    header = made_header()
    plant(header)
    keep_header(tmp_path / "in" / "1.dcm", header)
    assert left_of(tmp_path / "in", choices=Choices(keep_safe_private=True)) == []


@pytest.mark.parametrize("dates", ["shifted", "kept", "removed"])
def test_what_is_no_date_or_time_does_not_pass_as_one(tmp_path: Path, dates: Dates) -> None:
    header = made_header()
    for keyword, vr in (("StudyTime", "TM"), ("StudyDate", "DA"), ("AcquisitionDateTime", "DT")):
        header.add_new(keyword, vr, "1" * (8 if vr != "TM" else 6))
    keep_header(tmp_path / "in" / "1.dcm", header)
    content = (tmp_path / "in" / "1.dcm").read_bytes()
    for kind, length in ((b"TM", 6), (b"DA", 8), (b"DT", 8)):
        written = kind + struct.pack("<H", length) + b"1" * length
        assert written in content
        content = content.replace(written, kind + struct.pack("<H", length) + b"Schmitz "[:length])
    (tmp_path / "in" / "1.dcm").write_bytes(content)
    assert left_of(tmp_path / "in", ("Schmit",), Choices(dates=dates)) == []


def test_structure_of_the_standard_stays(tmp_path: Path) -> None:
    header = made_header()
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.PixelPaddingValue, header.StudyTime = 4000, "101112.5"
    header.FrameOfReferenceUID = "1.2.840.10008.1.4.1.1"
    keep_header(tmp_path / "in" / "1.dcm", header)
    assert left_of(tmp_path / "in") == []
    [file] = (tmp_path / "out").glob("*.dcm")
    after = dcmread(file)
    assert list(after.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"] and after.StudyTime == "101112.5"
    assert after.PixelPaddingValue == 4000 and after.SOPClassUID == header.SOPClassUID
    assert after.FrameOfReferenceUID == "1.2.840.10008.1.4.1.1"


def test_a_name_in_another_encoding_than_the_header_says_is_known_in_names_of_folders(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "Müller Änne"
    keep_header(folder / "1.dcm", made_header())
    content = (folder / "1.dcm").read_bytes()
    assert content.count(b"ISO_IR 192") == 1
    (folder / "1.dcm").write_bytes(content.replace(b"ISO_IR 192", b"ISO_IR 6  "))
    assert left_of(tmp_path / "in", ("Müller", "Änne")) == []


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp437"])
def test_a_name_is_known_in_names_within_old_zips(tmp_path: Path, encoding: str) -> None:
    keep_header(tmp_path / "1.dcm", made_header())
    name = "Müller".encode(encoding)
    stand_in = "x" * len(name)
    with ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(tmp_path / "1.dcm", f"{stand_in}/1.dcm")
        archive.comment = b"Mueller"
    content = (tmp_path / "in.zip").read_bytes()
    (tmp_path / "in.zip").write_bytes(content.replace(stand_in.encode(), name))
    assert left_of(tmp_path / "in.zip", ("ller", *NAMES)) == []


def test_a_folder_that_is_called_by_a_short_record_number_is_called_otherwise(tmp_path: Path) -> None:
    keep_header(tmp_path / "in" / "q47" / "1" / "1.dcm", made_header(1, "Q47"))
    assert left_of(tmp_path / "in", ("q47", "Q47")) == []
    [file] = (tmp_path / "out").rglob("*.dcm")
    assert file.parent.name == "1"


def test_a_zip_and_a_folder_of_the_same_name_are_both_taken_on(tmp_path: Path) -> None:
    keep_header(tmp_path / "in" / "x" / "1.dcm", made_header(1))
    keep_header(tmp_path / "2.dcm", made_header(2))
    with ZipFile(tmp_path / "in" / "x.zip", "w") as archive:
        archive.write(tmp_path / "2.dcm", "1.dcm")
    record = deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    assert record.files == len(list((tmp_path / "out").rglob("*.dcm"))) == 2
