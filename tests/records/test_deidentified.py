"""DICOM uploads lose whose they are, and their originals, before a format sees them."""

from __future__ import annotations

import re
import shutil
from errno import ENOSPC
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from core.deid.door import Door, door_of
from core.deid.key import SiteKey
from core.errors import SettingsError
from core.records import audit
from core.records.access import Who
from core.records.database import Database
from core.records.place import Place
from core.records.sets import sets
from core.records.sets.deid_keys import key_findings
from core.records.sets.deidentified import deidentify_upload, findings_of, key_of, record_of, words_of
from core.records.tables import Upload
from tests.deid.made import keep_header, made_header

ON = Door()


@pytest.fixture
def upload(database: Database, place: Place, who: Who, tmp_path: Path) -> Upload:
    keep_header(tmp_path / "scans" / "nodule" / "Mueller.dcm", made_header(1))
    keep_header(tmp_path / "scans" / "normal" / "2.dcm", made_header(2, "777777"))
    (tmp_path / "scans" / "letter.txt").write_text("Dear Dr. Okonkwo")
    brought = shutil.make_archive(str(tmp_path / "Mueller"), "zip", tmp_path / "scans")
    return sets.new_upload(database, place, who, who.projects[0], Path(brought), "Mueller.zip")


def everything_in(folder: Path) -> bytes:
    return b"".join(str(path).encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_originals_are_replaced_and_gone(database: Database, place: Place, upload: Upload) -> None:
    seen: list[tuple[int, int]] = []
    deidentify_upload(database, place, upload, ON, lambda done, whole: seen.append((done, whole)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    path = sets.upload_path(place, upload)
    headers = [dcmread(file) for file in path.rglob("*.dcm")]
    assert [header.PatientIdentityRemoved for header in headers] == ["YES", "YES"]
    left = everything_in(place.uploads / upload.key)
    assert [word for word in (b"Mueller", b"Okonkwo", "Änne".encode(), b"777777") if word in left] == []
    assert (place.data / "deid.key").stat().st_mode & 0o777 == 0o600


def test_the_upload_loses_a_name_that_is_a_persons(database: Database, place: Place, who: Who, upload: Upload) -> None:
    deidentify_upload(database, place, upload, ON)
    name = sets.upload(database, who, upload.id).name
    assert "Mueller" not in name and name == upload.name


def test_what_was_done_is_told_in_the_report_and_the_versions_note(
    database: Database, place: Place, upload: Upload
) -> None:
    deidentify_upload(database, place, upload, ON)
    done, left, doubts = findings_of(place, upload)
    assert (doubts.kind, doubts.severity, doubts.count) == ("perhaps_the_same_patient", "warning", 1)
    assert (done.kind, done.severity, done.count) == ("deidentified", "note", 2)
    assert done.message.startswith("2 files of 2 patients were de-identified (PS3.15 Table E.1-1, basic profile")
    assert re.search(r"Of their values, removed: \d+; emptied: \d+; replaced: \d+; cleaned: \d+\. Ident", done.message)
    assert "The originals were removed." in done.message
    assert (
        left.message == "Left out at the door, by their numbers in the upload: 1 (of a kind that is not de-identified)."
    )
    assert words_of(place, upload) == "de-identified (113100, 113107; dates shifted), originals removed"


def test_originals_stay_where_that_is_asked(database: Database, place: Place, upload: Upload) -> None:
    deidentify_upload(database, place, upload, Door(keeps_originals=True))
    assert "originals kept with the upload" in words_of(place, upload)
    assert b"Mueller" in everything_in(place.uploads / upload.key / ".check" / "originals")
    assert record_of(place, upload) is not None


def test_what_was_broken_off_goes_on_and_what_is_done_is_left(
    database: Database, place: Place, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def stops(before: Dataset, after: Dataset, name: str) -> None:
        seen.append(name)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deidentify_upload(database, place, upload, ON, onlooker=stops)
    assert sets.upload_path(place, upload).suffix == ".zip"
    deidentify_upload(database, place, upload, ON, onlooker=lambda before, after, name: seen.append(name))
    assert len(seen) == 3 and len(set(seen)) == 2
    deidentify_upload(database, place, upload, ON, onlooker=lambda before, after, name: seen.append(name))
    assert len(seen) == 3


def test_other_choices_begin_anew(database: Database, place: Place, upload: Upload) -> None:
    def stops(before: Dataset, after: Dataset, name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deidentify_upload(database, place, upload, ON, onlooker=stops)
    deidentify_upload(database, place, upload, Door(keep_patient=True))
    [first, *_] = sets.upload_path(place, upload).rglob("*.dcm")
    assert dcmread(first).PatientSex == "F"


def test_switched_off_or_without_dicom_nothing_happens(
    database: Database, place: Place, who: Who, upload: Upload, tmp_path: Path
) -> None:
    deidentify_upload(database, place, upload, Door(is_on=False))
    assert sets.upload_path(place, upload).suffix == ".zip" and findings_of(place, upload) == ()
    (tmp_path / "labels.csv").write_text("file,label\n")
    other = sets.new_upload(database, place, who, who.projects[0], tmp_path / "labels.csv", "labels.csv")
    deidentify_upload(database, place, other, ON)
    assert sets.upload_path(place, other).name == "labels.csv" and words_of(place, other) == ""


def test_the_choices_stand_among_the_options_of_an_upload() -> None:
    rest, door = door_of({"modality": "CT", "deid": {"dates": "kept"}})
    assert rest == {"modality": "CT"} and door == Door(dates="kept") and door_of({})[1] == ON
    with pytest.raises(SettingsError, match=r"deid\.dates"):
        door_of({"deid": {"dates": "guessed"}})


def test_no_name_of_a_file_reaches_the_audit_log(
    database: Database, place: Place, who: Who, upload: Upload, caplog: pytest.LogCaptureFixture
) -> None:
    deidentify_upload(database, place, upload, ON)
    sets.request_check(database, place, who, upload.id, {})
    sets.discard_upload(database, place, who, upload.id)
    entries = [entry for entry in audit.entries(database, who, who.projects[0]) if entry.action != "cancel"]
    assert [entry.action for entry in entries] == ["discard upload", "check upload", "de-identify upload", "upload"]
    assert {entry.subject for entry in entries} == {f"upload {upload.id}"}
    assert "Mueller" not in caplog.text + str([entry.details for entry in entries])


def test_another_key_than_that_of_earlier_uploads_is_told(database: Database, place: Place, upload: Upload) -> None:
    deidentify_upload(database, place, upload, ON)
    assert key_findings(database, key_of(place, upload)) == ()
    [finding] = key_findings(database, SiteKey(b"quite another key").fingerprint())
    assert (finding.kind, finding.severity, finding.count) == ("another_key", "warning", 1)
    assert "is another than that of 1 earlier uploads" in finding.message


def test_originals_stay_where_the_disk_is_full_until_the_record_is_whole(
    database: Database, place: Place, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def half_of(path: Path, text: str, encoding: str | None = None) -> int:
        if path.name.startswith("record.json"):
            write_text(path, text[: len(text) // 2], encoding)
            raise OSError(ENOSPC, "No space left on device")
        return write_text(path, text, encoding)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", half_of)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                deidentify_upload(database, place, upload, ON)
    assert sets.upload_path(place, upload).suffix == ".zip"
    deidentify_upload(database, place, upload, ON)
    assert record_of(place, upload)
