"""A whole upload: every file once, nothing of a person left in it, whatever the syntax."""

from __future__ import annotations

import json
import random
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from core.deid.choices import Choices
from core.deid.planted import plant
from core.deid.reading import tolerant
from core.deid.record import FOLDER, LIST_OF_OLD_NAMES
from core.deid.source import holds_dicom
from core.deid.upload import deidentify
from core.errors import DataError
from tests.deid.made import KEY, keep_header, made_header

NAMES = (
    "Müller",
    "Mueller",
    "MUELLER",
    "Änne",
    "48151623",
    "Okonkwo",
    "19530412",
    "20190803",
    "ACC7700",
    "Wolkenstein",
)


def an_upload(folder: Path) -> Path:
    keep_header(folder / "normal" / "Mueller_1.dcm", made_header(1))
    keep_header(folder / "normal" / "IM2", made_header(2), ImplicitVRLittleEndian)
    keep_header(folder / "Müller Änne 48151623" / "IM3", made_header(3), ExplicitVRBigEndian)
    keep_header(folder / "other" / "IM4", made_header(4, "99"), DeflatedExplicitVRLittleEndian)
    (folder / "readme.txt").write_text("of Änne Müller")
    pixels_without_end = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\0\0\0"
    name = b"\x10\0\x10\0PN\x08\0Mueller "
    (folder / "other" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + name + pixels_without_end)
    return folder


def everything_in(folder: Path) -> bytes:
    """All that is written: names, headers (of deflated files too), the record."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    text = b"\n".join(str(file.relative_to(folder)).encode() + file.read_bytes() for file in files)
    return text + b"".join(str(dcmread(file)).encode() for file in files if file.suffix == ".dcm")


@pytest.mark.parametrize("is_zip", [False, True])
def test_nothing_of_a_person_is_left_and_folders_stay_labels(tmp_path: Path, is_zip: bool) -> None:
    source = an_upload(tmp_path / "upload")
    if is_zip:
        with ZipFile(tmp_path / "upload.zip", "w") as archive:
            for file in source.rglob("*"):
                archive.write(file, file.relative_to(source))
        source = tmp_path / "upload.zip"
    record = deidentify(source, tmp_path / "out", Choices(), KEY)
    written = everything_in(tmp_path / "out")
    encodings = ("utf-8", "latin-1", "utf-16-le")
    assert [name for name in NAMES for encoding in encodings if name.encode(encoding) in written] == []
    assert record.files == 4 and len(record.patients) == 2
    assert sorted(left.reason for left in record.left_out) == [
        "damaged: it can't be read whole",
        "of a kind that is not de-identified",
    ]
    files = sorted((tmp_path / "out").rglob("*.dcm"))
    assert sorted({file.parent.name for file in files} - {KEY.mark("Müller Änne 48151623")}) == ["normal", "other"]
    pseudonym = KEY.pseudonym("id:48151623:")
    assert sum(file.name.startswith(pseudonym) for file in files) == 3


def test_syntax_and_pixels_are_as_they_came(tmp_path: Path) -> None:
    source = an_upload(tmp_path / "upload")
    deidentify(source, tmp_path / "out", Choices(), KEY)
    paths = ("normal/Mueller_1.dcm", "normal/IM2", "Müller Änne 48151623/IM3", "other/IM4")
    path_of = {KEY.uid(made_header(number).SOPInstanceUID): path for number, path in enumerate(paths, 1)}
    for file in (tmp_path / "out").rglob("*.dcm"):
        after = dcmread(file)
        came = dcmread(source / path_of[after.SOPInstanceUID])
        assert after.file_meta.TransferSyntaxUID == came.file_meta.TransferSyntaxUID
        assert after.PixelData == came.PixelData
        assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
        assert "SourceApplicationEntityTitle" not in after.file_meta


def test_a_second_start_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    source = an_upload(tmp_path / "upload")
    seen: list[str] = []

    def stops(before: Dataset, after: Dataset, name: str) -> None:
        seen.append(name)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deidentify(source, tmp_path / "out", Choices(), KEY, onlooker=stops)
    whole = deidentify(source, tmp_path / "out", Choices(), KEY, onlooker=lambda before, after, name: seen.append(name))
    assert len(seen) == 5 and len(set(seen)) == 4
    assert whole.files == 4
    at_once = deidentify(source, tmp_path / "again", Choices(), KEY)
    assert at_once == whole
    outs = (tmp_path / "out", tmp_path / "again")
    names = [sorted(str(file.relative_to(out)) for file in out.rglob("*.dcm")) for out in outs]
    assert names[0] == names[1]


def test_an_onlooker_sees_the_names_and_may_change_the_pixels(tmp_path: Path) -> None:
    keep_header(tmp_path / "upload" / "1", made_header())

    def masks(before: Dataset, after: Dataset, name: str) -> None:
        assert before.PatientName == "Müller^Änne" and "PixelData" not in before
        assert after.PatientName == KEY.pseudonym("id:48151623:")
        after.PixelData = bytes(8)

    deidentify(tmp_path / "upload", tmp_path / "out", Choices(), KEY, onlooker=masks)
    assert [dcmread(file).PixelData for file in (tmp_path / "out").glob("*.dcm")] == [bytes(8)]


def test_copies_of_one_instance_are_all_kept(tmp_path: Path) -> None:
    for name in ("a", "b"):
        keep_header(tmp_path / "upload" / name, made_header())
    deidentify(tmp_path / "upload", tmp_path / "out", Choices(), KEY)
    stems = sorted(file.stem for file in (tmp_path / "out").glob("*.dcm"))
    assert len(stems) == 2 and stems[1] == f"{stems[0]}-2"


def test_the_record_tells_each_action_with_its_code(tmp_path: Path) -> None:
    deidentify(an_upload(tmp_path / "upload"), tmp_path / "out", Choices(), KEY)
    record = json.loads((tmp_path / "out" / FOLDER / "record.json").read_text())
    assert record["profile"] == "PS3.15 Table E.1-1, basic profile, edition 2026c"
    assert [code["code"] for code in record["codes"]] == ["113100", "113107"]
    name = next(row for row in record["actions"] if row["path"] == "(0010,0010)")
    assert name == {"path": "(0010,0010)", "keyword": "PatientName", "profile": "Z", "action": "Z", "count": 4}
    lines = (tmp_path / "out" / FOLDER / "record.csv").read_text().splitlines()
    assert lines[0] == "path,keyword,profile,action,count" and '"(0010,0010)",PatientName,Z,Z,4' in lines


def test_an_upload_without_dicom_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("nothing")
    assert not holds_dicom(tmp_path)
    with pytest.raises(DataError, match="holds no DICOM file"):
        deidentify(tmp_path, tmp_path / "out", Choices(), KEY)
    keep_header(tmp_path / "in" / "1", made_header())
    assert holds_dicom(tmp_path)


def test_what_lies_in_a_zip_within_the_upload_is_taken_on_too(tmp_path: Path) -> None:
    keep_header(tmp_path / "in" / "1.dcm", made_header())
    with ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.write(tmp_path / "in" / "1.dcm", "normal/1.dcm")
    with ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "Mueller.zip")
    assert holds_dicom(tmp_path / "outer.zip")
    deidentify(tmp_path / "outer.zip", tmp_path / "out", Choices(), KEY)
    [file] = (tmp_path / "out").rglob("*.dcm")
    assert file.relative_to(tmp_path / "out").parent == Path(KEY.mark("Mueller")) / "normal"


def test_pictures_beside_keep_their_pixels_and_lose_the_rest(tmp_path: Path) -> None:
    keep_header(tmp_path / "in" / "1.dcm", made_header())
    shades = Image.effect_noise((40, 30), 50)
    comment = PngInfo()
    comment.add_text("Patient", "Mueller")
    shades.save(tmp_path / "in" / "a.png", pnginfo=comment)
    exif = Image.Exif()
    exif[0x013B] = "Mueller"
    shades.save(tmp_path / "in" / "Mueller.jpg", exif=exif, comment=b"Mueller", progressive=True)
    (tmp_path / "in" / "task.yaml").write_text("modality: CT\n")
    deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    assert b"ueller" not in everything_in(tmp_path / "out")
    assert (tmp_path / "out" / "task.yaml").read_text() == "modality: CT\n"
    for name in ("a.png", f"{KEY.mark('Mueller')}.jpg"):
        came = Image.open(tmp_path / "in" / name.replace(KEY.mark("Mueller"), "Mueller"))
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / name)), np.asarray(came))


def test_a_deflated_file_that_unpacks_to_too_much_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITASK_LIMIT_PICTURE_BYTES", "100000")
    bomb = made_header()
    bomb.PixelData = bytes(10**7)
    keep_header(tmp_path / "in" / "bomb.dcm", bomb, DeflatedExplicitVRLittleEndian)
    keep_header(tmp_path / "in" / "good.dcm", made_header(2))
    record = deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    assert (record.files, [left.reason for left in record.left_out]) == (1, ["damaged or too large"])


def test_mutated_files_are_taken_on_or_left_out_and_end_nothing(tmp_path: Path) -> None:
    draw = random.Random(11)
    keep_header(tmp_path / "whole", made_header())
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "in").mkdir()
    keep_header(tmp_path / "in" / "0.dcm", made_header())
    for number in range(1, 201):
        content = bytearray(whole)
        for _ in range(draw.choice((1, 3, 20))):
            place, length = draw.randrange(132, len(content)), draw.randrange(1, 9)
            content[place : place + draw.choice((0, length))] = draw.randbytes(draw.choice((0, 1, length)))
        (tmp_path / "in" / f"{number}.dcm").write_bytes(
            content[: draw.choice((len(content), draw.randrange(200, 900)))]
        )
    record = deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    assert record.files + len(record.left_out) == 201
    assert record.files > 50 and len(record.left_out) > 10
    with tolerant():
        for file in (tmp_path / "out").rglob("*.dcm"):
            assert dcmread(file).PatientIdentityRemoved == "YES"


def with_issuer(header: Dataset, issuer: str) -> Dataset:
    header.IssuerOfPatientID = issuer
    return header


def pseudonyms_in(folder: Path) -> list[str]:
    with tolerant():
        return sorted(str(dcmread(file).PatientID) for file in folder.rglob("*.dcm"))


def test_a_number_without_its_issuer_is_that_of_the_only_one_there_is(tmp_path: Path) -> None:
    """Which one device of the study left out; the days move alike, and a table goes on naming the same patient."""
    keep_header(tmp_path / "in" / "a.dcm", with_issuer(made_header(1), "St. Anna"))
    keep_header(tmp_path / "in" / "b.dcm", made_header(2))
    (tmp_path / "in" / "labels.csv").write_text("file,patient id,label\na.dcm,48151623,x\nb.dcm,48151623,y\n")
    record = deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    only = KEY.pseudonym("id:48151623:st.anna")
    assert pseudonyms_in(tmp_path / "out") == [only, only] and record.patients == {only}
    assert (tmp_path / "out" / "labels.csv").read_text().count(f",{only},") == 2
    with tolerant():
        days = {str(dcmread(file).StudyDate) for file in (tmp_path / "out").rglob("*.dcm")}
    assert len(days) == 1 and record.perhaps_the_same == [] and record.doubts() == ""


def test_one_number_of_two_issuers_is_two_patients_and_whoever_shares_a_study_is_told(tmp_path: Path) -> None:
    """As the third has no issuer, and there are two, it is neither's."""
    for number, issuer in enumerate(("St. Anna", "St. Paul", ""), 1):
        keep_header(tmp_path / "in" / f"{number}.dcm", with_issuer(made_header(number), issuer))
    record = deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    assert len(record.patients) == 3
    assert record.perhaps_the_same == [tuple(sorted(record.patients))]
    assert "3 pseudonyms may be of fewer patients" in record.doubts()
    kept = json.loads((tmp_path / "out" / FOLDER / "record.json").read_text())
    assert kept["perhaps_the_same"] == [sorted(record.patients)]


@pytest.mark.parametrize(("shared", "is_told"), [("study", True), ("person", True), ("nothing", False)])
def test_a_number_with_and_without_its_zeros_is_told_where_more_speaks_for_one_person(
    tmp_path: Path, shared: str, is_told: bool
) -> None:
    first, second = made_header(1, "0123456"), made_header(2, "123456")
    if shared != "study":
        second.StudyInstanceUID = f"{first.StudyInstanceUID}.7"
    if shared != "person":
        second.PatientBirthDate = "19610101"
    keep_header(tmp_path / "in" / "1.dcm", first)
    keep_header(tmp_path / "in" / "2.dcm", second)
    record = deidentify(tmp_path / "in", tmp_path / "out", Choices(), KEY)
    assert len(record.patients) == 2 and bool(record.doubts()) == is_told


def test_a_dicomdir_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    plant(tmp_path / "planted", people=1)
    source = tmp_path / "planted"
    (listed,) = [file.parent for file in source.rglob("DICOMDIR")][:1]
    record = deidentify(listed, tmp_path / "out", Choices(), KEY)
    assert [left.reason for left in record.left_out] == [LIST_OF_OLD_NAMES]
    assert not list((tmp_path / "out").rglob("DICOMDIR"))
