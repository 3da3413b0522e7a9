"""DICOM files as a set: where their labels are, which pictures a row means, and what of a header comes along."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from core.case import Finding, ImageSet
from core.catalog import FORMATS, every
from core.errors import DataError, SettingsError
from core.formats.dicom import Settings, looks_like, read, write_example
from core.layouts.modalities import modality_words
from core.pictures.dicom import DicomPixels
from core.pictures.dicom_file import Source
from core.pictures.pixels import FilePixels
from core.sets.open import open_set
from tests.dicom_files import drawn, saved


def findings_of(image_set: ImageSet) -> Mapping[str, Finding]:
    return {finding.kind: finding for finding in image_set.findings}


def labels(image_set: ImageSet) -> dict[str, tuple[str, ...]]:
    return {case.id: case.labels for case in image_set.cases}


def exported(folder: Path, **values: object) -> list[Dataset]:
    """Two patients with two pictures each, as a hospital exports them: a folder a patient, names that say nothing."""
    files = []
    for number in range(4):
        patient = f"P{number // 2}"
        elements = drawn(number, PatientID=patient, SeriesInstanceUID=f"1.2.3.{number // 2}", **values)
        files.append(saved(elements, folder / patient / f"I{number}"))
    return files


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    example = write_example(tmp_path / "scans")
    assert looks_like(tmp_path / "scans")
    assert read(tmp_path / "scans", Settings()) == example
    assert {case.pixels.load().getpixel((3, 3)) for case in example.cases} == {38, 39, 191, 192}  # by hand: 600/4000…


def test_a_zip_and_a_zip_within_a_zip_read_like_their_folder(tmp_path: Path) -> None:
    example = write_example(tmp_path / "scans")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "scans")
    packed = read(tmp_path / "packed.zip", Settings())
    assert packed.cases[0].pixels == DicomPixels(Source(tmp_path / "packed.zip", ("scans/IM0",)))
    assert packed.fingerprint() == example.fingerprint()
    with ZipFile(tmp_path / "inner.zip", "w") as inner:
        for number in range(6):
            inner.write(tmp_path / "scans" / f"IM{number}", f"IM{number}")
    with ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
        outer.write(tmp_path / "scans" / "labels.csv", "labels.csv")
    assert looks_like(tmp_path / "outer.zip")
    nested = read(tmp_path / "outer.zip", Settings())
    assert [case.id for case in nested.cases] == [f"inner.zip/IM{number}" for number in range(6)]
    assert [case.pixels.digest() for case in nested.cases] == [case.pixels.digest() for case in example.cases]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("file", "P0/I0,a\nI1,a\nP1/I2,b\nI3,b\n"),
        ("picture", "1.2.9.0,a\n1.2.9.1,a\n1.2.9.2,b\n1.2.9.3,b\n"),
        ("series", "1.2.3.0,a\n1.2.3.1,b\n"),
        ("patient", "P0,a\nP1,b\n"),
    ],
)
def test_a_table_finds_its_pictures_by_whatever_names_them(tmp_path: Path, key: str, rows: str) -> None:
    exported(tmp_path)
    (tmp_path / "labels.csv").write_text(f"remark,who,label\n{'x,'.join(['', *rows.splitlines(keepends=True)])}")
    image_set = read(tmp_path, Settings())
    assert labels(image_set) == {"P0/I0": ("a",), "P0/I1": ("a",), "P1/I2": ("b",), "P1/I3": ("b",)}
    assert [case.patient for case in image_set.cases] == ["P0", "P0", "P1", "P1"]
    assert {case.more["remark"] for case in image_set.cases} == {"x"}
    assert all("who" not in case.more for case in image_set.cases)
    assert not image_set.findings
    assert read(tmp_path, Settings.parse({"image": "who", "key": key}, "images")) == image_set


def test_a_row_is_about_the_least_that_it_names_and_a_running_number_is_no_file(tmp_path: Path) -> None:
    for number in range(1, 5):
        saved(drawn(number, PatientID=f"00{number // 3}", SeriesInstanceUID="1.2.3"), tmp_path / str(number))
    rows = "".join(f"{5 - number},1.2.3,1.2.9.{number},{'ab'[number % 2]}\n" for number in range(1, 5))
    (tmp_path / "labels.csv").write_text(f"row,series,instance,label\n{rows}")
    by_instance = {"1": ("b",), "2": ("a",), "3": ("b",), "4": ("a",)}
    assert labels(read(tmp_path, Settings())) == by_instance
    (tmp_path / "labels.csv").write_text("row,patient,label\n4,0,a\n1,1,b\n")  # as a spreadsheet leaves 000 and 001
    assert labels(read(tmp_path, Settings())) == {"1": ("a",), "2": ("a",), "3": ("b",), "4": ("b",)}


def test_a_row_without_its_file_does_not_make_the_others_about_their_patient(tmp_path: Path) -> None:
    exported(tmp_path / "scans")
    rows = ["file,patient,label", *(f"P{n // 2}/I{n},P{n // 2},{'ab'[n % 2]}" for n in range(4)), "P1/report,P1,a"]
    (tmp_path / "scans" / "labels.csv").write_text("\n".join(rows))
    image_set = read(tmp_path / "scans", Settings())
    assert labels(image_set) == {"P0/I0": ("a",), "P0/I1": ("b",), "P1/I2": ("a",), "P1/I3": ("b",)}
    assert set(findings_of(image_set)) == {"missing_image"}


def test_rows_without_files_and_files_without_rows_are_told(tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "labels.csv").write_text("PatientID,label\nP0,a\nP7,b\nP0,b\n")
    findings = findings_of(read(tmp_path, Settings(answers=("a", "b"))))
    message = 'Row 3 of labels.csv names the patient "P7", of which there is no DICOM file (PatientID).'
    assert findings["missing_image"].message.startswith(message)
    assert findings["duplicate_row"].cases == ("P0/I0", "P0/I1")
    assert findings["unlisted_image"].cases == ("P1/I2", "P1/I3")


def test_a_table_about_something_else_is_refused_with_its_header(tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "labels.csv").write_text("ward,label\nnorth,a\nsouth,b\n")
    with pytest.raises(DataError, match=r"No column of labels.csv names the DICOM files .*It has: ward, label"):
        read(tmp_path, Settings())
    with pytest.raises(DataError, match=r'labels\.csv has no column "who"'):
        read(tmp_path, Settings(image="who"))
    with pytest.raises(DataError, match=r'The column "ward" of labels\.csv names no DICOM file.* Choose another one'):
        read(tmp_path, Settings(image="ward"))


def test_labels_may_stand_in_an_element(tmp_path: Path) -> None:
    for number, part in enumerate(("CHEST", "HEAD", "", "CHEST")):
        saved(drawn(number, BodyPartExamined=part), tmp_path / f"I{number}.dcm")
    image_set = read(tmp_path, Settings(label_tag="BodyPartExamined"))
    assert labels(image_set) == {"I0.dcm": ("CHEST",), "I1.dcm": ("HEAD",), "I3.dcm": ("CHEST",)}
    assert findings_of(image_set)["unlabelled"].cases == ("I2.dcm",)
    assert read(tmp_path, Settings(label_tag="(0018,0015)")).cases == image_set.cases
    with pytest.raises(SettingsError, match='"Body Part" is no element of DICOM'):
        read(tmp_path, Settings(label_tag="Body Part"))


def test_folders_are_classes_unless_each_is_a_patient(tmp_path: Path) -> None:
    for number in range(6):
        saved(
            drawn(number, PatientID=f"P{number // 2}"), tmp_path / "sorted" / "train" / "ab"[number % 2] / f"I{number}"
        )
        saved(drawn(number, PatientID=f"P{number}"), tmp_path / "exported" / f"DOE {number}" / "I1")
    image_set = read(tmp_path / "sorted", Settings())
    assert {(case.labels, case.split) for case in image_set.cases} == {(("a",), "train"), (("b",), "train")}
    with pytest.raises(DataError, match=r"its folders are one for each patient\. Put a table"):
        read(tmp_path / "exported", Settings())


@pytest.mark.parametrize(
    ("settings", "frames"),
    [({}, (1, 2, 3, 4, 5)), ({"frames": "middle"}, (3,)), ({"frames": "every nth", "nth": 2}, (1, 3, 5))],
)
def test_a_file_with_frames_becomes_a_case_for_each_that_is_wanted(
    tmp_path: Path, settings: dict[str, object], frames: tuple[int, ...]
) -> None:
    pixels = np.arange(5, dtype="<u2").repeat(400) * 700
    elements = drawn(0, NumberOfFrames=5, PixelData=pixels.tobytes(), PatientID="", StudyInstanceUID="1.2.7")
    saved(elements, tmp_path / "a.dcm")
    saved(drawn(1), tmp_path / "b.dcm")
    (tmp_path / "labels.csv").write_text("file,label\na.dcm,loop\nb.dcm,still\n")
    image_set = read(tmp_path, Settings.parse(settings, "images"))
    assert [case.id for case in image_set.cases] == [*(f"a.dcm#{frame}" for frame in frames), "b.dcm"]
    shades = [case.pixels.load().getpixel((0, 0)) for case in image_set.cases[:-1]]
    # PS3.3 C.11.2.1.2: ((level - 1999.5) / 3999 + .5) * 255, for levels of 0, 700, 1400, 2100, 2800
    assert shades == [(0, 45, 89, 134, 179)[frame - 1] for frame in frames]
    assert {case.patient for case in image_set.cases[:-1]} == {"1.2.7"}
    assert findings_of(image_set)["no_patient"].count == len(frames)


def test_of_a_header_only_what_names_nobody_comes_along(tmp_path: Path) -> None:
    personal = {"PatientName": "DOE^JANE", "PatientBirthDate": "19600203", "ReferringPhysicianName": "WHO^DR"}
    exported(tmp_path, Manufacturer="Maker", ViewPosition="PA", Laterality="L", **personal)
    (tmp_path / "labels.csv").write_text("PatientID,label,view position\nP0,a,AP\nP1,b,\n")
    first, *_ = read(tmp_path, Settings()).cases
    assert first.more == {
        "modality": "DX",
        "body part": "CHEST",
        "laterality": "L",
        "view position": "AP",  # the table goes before the file
        "manufacturer": "Maker",
        "model": "",
        "photometric interpretation": "MONOCHROME2",
        "series number": "1",
        "size": "20 x 20",
        "window": "window 1 (2000, 4000)",
    }
    kept = first.pixels.stored() + repr(first).encode()  # type: ignore[attr-defined]
    assert not any(text.encode() in kept for text in personal.values())


def test_what_is_no_picture_is_told_or_passed_over(tmp_path: Path) -> None:
    write_example(tmp_path / "disc")
    (tmp_path / "disc" / "README.TXT").write_text("Double click on the viewer.")
    (tmp_path / "disc" / "setup").write_bytes(b"MZ" + bytes(900))
    (tmp_path / "disc" / "broken.dcm").write_bytes(bytes(900))
    report = drawn(9, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    del report.PixelData
    saved(report, tmp_path / "disc" / "SR1")
    saved(report, tmp_path / "disc" / "DICOMDIR")
    image_set = read(tmp_path / "disc", Settings())
    findings = findings_of(image_set)
    assert len(image_set.cases) == 6
    assert findings["no_picture"].message.startswith('"SR1" holds no picture (Basic Text SR Storage) and was left out.')
    assert findings["other_files"].cases == ("setup",)
    assert findings["unreadable"].cases == ("broken.dcm",)


def test_a_picture_beside_many_dicom_files_is_a_mask_or_told(tmp_path: Path) -> None:
    write_example(tmp_path / "scans")
    for name in ("mask.png", "logo.png"):
        Image.new("L", (20, 20), 255).save(tmp_path / "scans" / name)
    (tmp_path / "scans" / "labels.csv").write_text("file,label,mask\nIM0,a,mask.png\nIM1,b,\n")
    image_set = read(tmp_path / "scans", Settings())
    assert [case.mask for case in image_set.cases] == [FilePixels(tmp_path / "scans" / "mask.png"), None]
    assert findings_of(image_set)["other_pictures"].cases == ("logo.png",)


def test_pictures_beside_few_dicom_files_are_read_as_pictures(tmp_path: Path, shared_pictures: Path) -> None:
    write_example(tmp_path / "x")
    shutil.copy(tmp_path / "x" / "IM0", shared_pictures / "dark" / "IM0.dcm")
    assert not looks_like(shared_pictures)
    image_set = open_set(shared_pictures, {}, every(FORMATS))
    assert "a DICOM file" in findings_of(image_set)["other_files"].message


def test_a_single_file_is_answered_with_what_to_do(tmp_path: Path) -> None:
    write_example(tmp_path / "scans")
    with pytest.raises(DataError, match=r'"IM0" is a DICOM file\. .*folder or zip.*table'):
        open_set(tmp_path / "scans" / "IM0", {}, every(FORMATS))


def test_more_bits_and_oblong_pixels_are_told(tmp_path: Path) -> None:
    for number in range(2):
        pixels = np.arange(400, dtype="<u4") * 70_000
        wide = drawn(number, BitsAllocated=32, BitsStored=32, HighBit=31, PixelData=pixels.tobytes())
        wide.PixelSpacing = [0.5, 0.8]
        saved(wide, tmp_path / "ab"[number] / "1.dcm")
    findings = findings_of(read(tmp_path, Settings()))
    assert findings["narrowed"].count == findings["oblong_pixels"].count == 2


def test_the_words_of_modalities() -> None:
    assert modality_words([("DX", "CHEST"), ("CR", "CHEST")]) == "chest X-ray"
    assert modality_words([("MR", "BRAIN"), ("CT", "CHEST")]) == "CT and MRI"
    assert modality_words([("MG", "BREAST")]) == "mammography"
    assert modality_words([("OT", "")]) == "medical"


@pytest.fixture
def shared_pictures(tmp_path: Path) -> Path:
    """Six PNG in two class folders."""
    from core.formats import class_folders

    class_folders.write_example(tmp_path / "pictures")
    (tmp_path / "pictures" / "dark_cell").rename(tmp_path / "pictures" / "dark")
    return tmp_path / "pictures"


def test_a_file_is_found_without_suffix_and_without_preamble(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for number in range(4):
        elements = drawn(number, BodyPartExamined=("CHEST", "HEAD")[number % 2])
        del elements.file_meta
        elements.save_as(tmp_path / "scans" / f"IM{number}", implicit_vr=True, little_endian=True)
    assert (tmp_path / "scans" / "IM0").read_bytes()[:2] == b"\x08\x00"
    assert len(read(tmp_path / "scans", Settings(label_tag="BodyPartExamined")).cases) == 4


def test_a_file_without_picture_whose_kind_can_not_be_read_is_told(tmp_path: Path) -> None:
    exported(tmp_path / "disc")
    file = tmp_path / "disc" / "P0" / "I0"
    at = file.read_bytes().index(b"\x02\x00\x02\x00UI") + 4
    whole = file.read_bytes()[: file.read_bytes().index(b"\xe0\x7f\x10\x00")]
    file.write_bytes(whole[:at] + b"U\0" + whole[at + 2 :])
    finding = findings_of(read(tmp_path / "disc", Settings(label_tag="PatientID")))["unreadable"]
    assert finding.cases == ("P0/I0",) and "can't be read as DICOM" in finding.message


def test_a_zip_within_that_is_a_bomb_or_holds_a_further_one_is_told(tmp_path: Path) -> None:
    write_example(tmp_path / "scans")
    with ZipFile(tmp_path / "deep.zip", "w") as made:
        made.writestr("further.zip", b"PK")
        made.write(tmp_path / "scans" / "IM5", "IM5")
    with ZipFile(tmp_path / "bomb.zip", "w", ZIP_DEFLATED) as made:
        made.writestr("IM9", bytes(150_000_000))
    with ZipFile(tmp_path / "outer.zip", "w", ZIP_DEFLATED) as made:
        for name in ("IM0", "IM1", "IM2", "IM3", "IM4", "labels.csv"):
            made.write(tmp_path / "scans" / name, name)
        for name in ("deep.zip", "bomb.zip"):
            made.write(tmp_path / name, name)
    image_set = read(tmp_path / "outer.zip", Settings())
    findings = findings_of(image_set)
    assert [case.id for case in image_set.cases] == ["IM0", "IM1", "IM2", "IM3", "IM4", "deep.zip/IM5"]
    assert findings["nested_zip"].cases == ("deep.zip/further.zip",)
    assert findings["unreadable_zip"].message.startswith("outer.zip: bomb.zip unpacks to more than 200 times its size")
