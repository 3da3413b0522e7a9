"""What is no image set is called what it is, with what to do about it."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from core.catalog import FORMATS, every
from core.checks.check import check
from core.errors import DataError
from core.pictures.foreign import foreign_by_content
from core.pictures.pixels import FilePixels
from core.sets.open import open_set
from tests.messy import messy_slices

DICOM = b"\0" * 128 + b"DICM\2\0"
MP4 = b"\0\0\0\x20ftypisom"


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_set(path, {}, every(FORMATS))
    return str(caught.value)


def zipped(path: Path, **files: bytes) -> Path:
    with ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name.replace("_", "/", 1) if name.startswith("a_") else name, content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "called"),
    [
        ("report.pdf", b"%PDF-1.7", "is a PDF. Export the pictures in it"),
        ("report", b"%PDF-1.7", "is a PDF. Export the pictures in it"),
        ("clip.bin", MP4, "is a video. Export the frames"),
        ("set.rar", b"Rar!\x1a\7", "is an archive of a kind that is not read"),
        ("set.7z", b"7z\xbc\xaf\x27\x1c", "is an archive of a kind that is not read"),
        ("slides.pptx", b"PK\3\4", "is an Office document. Save the pictures"),
        ("scan.dcm", DICOM, "is a DICOM file. DICOM is read by itself: bring a folder or zip of such files"),
        ("scan", DICOM, "is a DICOM file"),
        ("head.nii.gz", b"\x1f\x8b", "is a NIfTI volume"),
        ("gone.bin", b"", "is an empty file (0 bytes). Copying or downloading it broke off"),
        (
            "set.zip",
            b"Rar!\x1a\7",
            "is not a whole zip file: it is an archive of a kind that is not read (RAR, 7z, tar). Unpack",
        ),
        (
            "set.zip",
            b"<!DOCTYPE html><p>Sign in",
            "is not a whole zip file: it is a web page. It was saved in place of a file",
        ),
        ("set.zip", b"", "is not a whole zip file: it is an empty file (0 bytes)."),
    ],
)
def test_a_file_is_called_what_it_is(tmp_path: Path, name: str, content: bytes, called: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert called in refusal(tmp_path / name)


def test_a_zip_of_dicom_files_without_a_picture_is_told_why(tmp_path: Path) -> None:
    for suffix in ("", ".dcm", ".IMA"):
        scans = {f"a_IM{number}{suffix}": DICOM for number in range(3)}
        message = refusal(zipped(tmp_path / f"scans{suffix}.zip", **scans))
        assert f'holds no DICOM file with a picture. "IM0{suffix}"' in message
    with_table = zipped(tmp_path / "table.zip", **{"labels.csv": b"image,label\n1.dcm,x\n", "1.dcm": DICOM})
    assert 'table holds no DICOM file with a picture. "1.dcm"' in refusal(with_table)


def test_a_zip_in_a_zip_and_one_with_a_password_are_told(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", **{"a_1.png": b""}).read_bytes()
    message = refusal(zipped(tmp_path / "outer.zip", **{"inner.zip": inner}))
    assert message == 'outer holds no pictures but a zip within it ("inner.zip"). Unpack the outer one, and bring that.'
    locked = bytearray(inner)
    for mark in (b"PK\1\2", b"PK\3\4"):
        place = locked.index(mark) + (8 if mark == b"PK\1\2" else 6)
        locked[place] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    assert "locked with a password. Make the zip again without one." in refusal(tmp_path / "locked.zip")


@pytest.mark.parametrize(
    ("content", "called"),
    [
        (b"", "is an empty file (0 bytes), not a picture. Copying or downloading it broke off"),
        (b"%PDF-1.7", "is a PDF, not a picture."),
        (DICOM, "is a DICOM file, not a picture. DICOM is read by itself"),
        (MP4, "is a video, not a picture."),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS, not a picture."),
        (b"hello", "can't be read as a picture (not a picture of a known kind). Replace or remove it."),
    ],
)
def test_a_picture_that_is_none_is_called_what_it_is(tmp_path: Path, content: bytes, called: str) -> None:
    (tmp_path / "scan.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        FilePixels(tmp_path / "scan.png").load()
    assert called in str(caught.value)


def test_pictures_and_tables_are_nothing_else() -> None:
    for beginning in (b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"II*\0", b"BM", b"RIFF\0\0\0\0WEBP", b"image,label"):
        assert foreign_by_content(beginning, "x") is None


def test_what_systems_leave_behind_is_neither_a_case_nor_unreadable(tmp_path: Path) -> None:
    """The messy slices hold files of macOS and Windows beside every folder."""
    report = check(open_set(messy_slices(tmp_path / "slices.zip"), {}, every(FORMATS)))
    assert report.cases == 403 + 3 + 5 + 2
    (unreadable,) = (finding for finding in report.findings if finding.kind == "unreadable")
    assert unreadable.count == 3
    (other,) = (finding for finding in report.findings if finding.kind == "other_files")
    assert other.cases == ("Anleitung.pdf",) and '"Anleitung.pdf" is a PDF and was left out.' in other.message
