"""Uploads checked and added, as the job's own process does it."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.catalog import FORMATS, every
from core.deid.key import NAME, site_key
from core.deid.persons import identity_of_number
from core.pictures.store import StoredPixels
from core.records import jobs
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.payloads import Add, Fetch
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.samples import request_sample, sample_request
from core.records.sets import leaking, mended, sets, tray, uploads
from core.records.tables import Job
from core.sets.open import open_set
from core.sets.split import SplitSettings, assign
from tests import run_files as tiny
from tests.deid.burning import LAYING, burned, picture, written_to
from tests.deid.made import keep_header, made_header
from worker.child_job import ChildJob
from worker.child_protocol import Teller
from worker.context import Hands
from worker.kinds import intake, sample
from worker.tasks import carry_out


@pytest.fixture
def upload(database: Database, place: Place, who: Who, tmp_path: Path) -> int:
    brought = shutil.make_archive(str(tmp_path / "shades"), "zip", tiny.draw(tmp_path / "shades", count=4))
    return sets.new_upload(database, place, who, who.projects[0], Path(brought), "shades.zip").id


def child_job(database: Database, place: Place, who: Who, job_id: int) -> ChildJob:
    with database.reading() as session:
        return ChildJob(place, database, who, session.get_one(Job, job_id), Teller())


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_check_reports_and_keeps_nothing(
    database: Database, place: Place, who: Who, upload: int, capsys: pytest.CaptureFixture[str]
) -> None:
    job = sets.request_check(database, place, who, upload, {"modality": "drawn shade"})
    intake.check(child_job(database, place, who, job))
    found = sets.upload(database, who, upload)
    assert found.state == "checked" and found.report is not None
    assert found.report["cases"] == 12
    assert found.report["task"]["modality"] == "drawn shade"
    assert sets.sets(database, who, who.projects[0]) == []
    told = said(capsys)
    assert told[-1]["result"]["cases"] == 12
    assert told[-2]["progress"] == {"done": 12, "whole": 12, "text": "Looking at every picture"}
    listed = mended.listed_cases(place, uploads.upload(database, who, upload))
    assert len({row.case for row in listed}) == len({row.shown for row in listed}) == 12, "by which erasing finds them"


def test_an_upload_is_added_under_the_name_and_task_that_were_given(
    database: Database, place: Place, who: Who, upload: int, capsys: pytest.CaptureFixture[str]
) -> None:
    job = sets.request_add(database, place, who, upload, "shades", {"modality": "photograph"}, {})
    intake.add(child_job(database, place, who, job))
    (kept,) = sets.sets(database, who, who.projects[0])
    assert (kept.name, kept.latest.cases, kept.latest.task["modality"]) == ("shades", 12, "photograph")
    assert sets.upload(database, who, upload).state == "added"
    assert said(capsys)[-1]["result"]["version"] == kept.latest.id


def test_a_set_that_was_fetched_is_checked_without_being_asked_for(
    database: Database,
    place: Place,
    who: Who,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def arrives(name: str, size: int, folder: Path, progress: Any) -> SimpleNamespace:
        whole = shutil.make_archive(str(folder / name), "zip", tiny.draw(tmp_path / "drawn", count=4))
        return SimpleNamespace(path=Path(whole), licence="CC BY 4.0")

    monkeypatch.setattr("core.layouts.medmnist_fetch.fetch", arrives)
    with database.session() as session:
        job = jobs.enqueue(session, who, who.projects[0], Fetch(name="bloodmnist"))
        job_id = job.id
    intake.fetch(child_job(database, place, who, job_id))
    assert said(capsys)[-1]["result"]["licence"] == "CC BY 4.0"
    (brought,) = sets.uploads(database, who, who.projects[0])
    assert (brought.name, brought.state) == ("bloodmnist.zip", "checking")


def test_a_set_whose_splits_share_a_picture_gets_a_version_in_which_they_do_not(
    database: Database, place: Place, who: Who, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_set(str(tiny.draw(tmp_path / "shades", count=8)), {}, every(FORMATS))
    cases = assign(opened.cases, SplitSettings(), 0)
    copy = replace(next(case for case in cases if case.split == "test"), id="copy", split="train")
    version = sets.write_version(
        database, place, opened.with_cases([*cases, copy]), who=who, project_id=who.projects[0], name="shades"
    )
    job = leaking.request_settle(database, place, who, version.id, "withdraw")
    intake.settle(child_job(database, place, who, job))
    result = said(capsys)[-1]["result"]
    assert (result["number"], result["cases"], result["left_out"]) == (2, version.cases - 1, 1)


def test_what_is_no_image_set_is_refused_in_words_for_a_person(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    upload = sets.new_upload(database, place, who, who.projects[0], tmp_path / "notes.txt", "notes")
    job_id = sets.request_check(database, place, who, upload.id, {})
    hands = Hands(place, database, "intake", "intake@here:1", lambda: False)
    claimed = jobs.claim(database, job_id, hands.name)
    assert claimed is not None
    carry_out(hands, claimed)
    job = jobs.job(database, who, job_id)
    assert (job.state, job.fault_id) == ("failed", None)
    assert job.error is not None and "is not laid out in a way that is understood" in job.error
    assert sets.upload(database, who, upload.id).state == "refused"


def test_the_sample_is_asked_for_once(database: Database, place: Place, who: Who) -> None:
    assert sample_request(database, who, who.projects[0]) is None
    first = request_sample(database, place, who)
    assert first is not None
    assert request_sample(database, place, who) is None
    asked_for = sample_request(database, who, who.projects[0])
    assert asked_for is not None and asked_for.id == first


@pytest.mark.slow
def test_the_sample_is_a_set_and_a_queued_run(
    database: Database, place: Place, who: Who, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = request_sample(database, place, who)
    assert job_id is not None
    sample.draw(child_job(database, place, who, job_id))
    (run,) = runs.runs(database, who, who.projects[0])
    assert (run.state, run.is_sample, run.set) == ("waiting", True, sample.NAME)
    assert not list(place.data.glob(".sample-*")), "what was drawn on the way is gone"
    assert said(capsys)[-1]["result"]["run"] == run.id


def messy(folder: Path) -> Path:
    """Two classes of drawn pictures, an empty file, a copy with the other label, a plain copy, and a rare label."""
    shades = tiny.draw(folder / "shades", count=4)
    first, second, *_ = sorted(path for path in shades.iterdir() if path.is_dir())
    (first / "empty.png").write_bytes(b"")
    (first / "plain copy.png").write_bytes((first / "0.png").read_bytes())
    (second / "other label.png").write_bytes((first / "0.png").read_bytes())
    (shades / "rare").mkdir()
    shutil.copy(second / "1.png", shades / "rare" / "7.png")
    return Path(shutil.make_archive(str(folder / "messy"), "zip", shades))


def checked(database: Database, place: Place, who: Who, upload: int, **decisions: Any) -> dict[str, Any]:
    """The report after a check with these decisions."""
    job = sets.request_check(database, place, who, upload, {"mending": decisions} if decisions else {})
    intake.check(child_job(database, place, who, job))
    report = sets.upload(database, who, upload).report
    assert report is not None
    with database.session() as session:
        session.get_one(Job, job).state = "done"
    return report


def test_an_upload_is_mended_without_opening_a_picture_again_and_kept_as_decided(
    database: Database, place: Place, who: Who, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = sets.new_upload(database, place, who, who.projects[0], messy(tmp_path), "messy.zip").id
    first = checked(database, place, who, upload)
    assert (first["mending"]["unusable"], first["mending"]["copies"]) == (1, 1)
    assert [finding["kind"] for finding in first["findings"] if finding["severity"] == "error"] == ["unreadable"]
    pairs = [{side["case"] for side in pair["cases"]} for pair in first["mending"]["pairs"] if pair["is_exact"]]
    assert {"dark/0.png", "light/other label.png"} in pairs and len(pairs) == 2
    _, table = mended.unused_cases(database, place, who, upload)
    assert "dark/empty.png" in table and "to be mended" in table
    thumbnail = first["mending"]["pairs"][0]["cases"][0]["shown"]
    assert mended.copy_thumbnail(database, place, who, upload, thumbnail).startswith(b"\x89PNG")

    def opened(*picture: object) -> None:
        raise AssertionError("A picture was opened again")

    pictured = {case for finding in first["findings"] for case in finding["cases"][:6]} - {"dark/empty.png"}
    assert set(first["pictures"]) == pictured and first["pictures"]["dark/0.png"]["labels"] == ["dark"]
    for shown in first["pictures"].values():
        assert mended.copy_thumbnail(database, place, who, upload, shown["shown"]).startswith(b"\x89PNG")
    monkeypatch.setattr("core.pictures.pixels.decode", opened)
    decisions = {
        "leaves_out_unusable": True,
        "keeps_one_copy": True,
        "leaves_out": ["light/other label.png"],
        "labels": {"rare": "", "dark": "Dunkelgrün/schwarz"},
    }
    again = checked(database, place, who, upload, **decisions)
    assert again["findings"] == [finding for finding in again["findings"] if finding["severity"] != "error"]
    assert again["mending"]["labels"] == first["mending"]["labels"], "as they came"
    assert "rare" not in again["classes"] and again["classes"]["Dunkelgrün/schwarz"] == 4
    assert again["mending"]["left_out"] == 4 and again["mending"]["unusable"] == 0
    options = sets.upload(database, who, upload).options
    job = sets.request_add(database, place, who, upload, "shades", {"modality": "photograph"}, options)
    intake.add(child_job(database, place, who, job))
    (kept,) = sets.sets(database, who, who.projects[0])
    assert kept.latest.cases == again["cases"] and kept.latest.task["answers"] == again["task"]["answers"]
    assert kept.latest.note == ("from messy.zip; 4 left out; labels: “dark” is “Dunkelgrün/schwarz”, “rare” dropped")
    _, listed = mended.left_out_of(database, place, who, kept.latest.id)
    assert len(listed.splitlines()) == 5 and "is an empty file (0 bytes), not a picture" in listed
    sets.discard_upload(database, place, who, upload)
    assert not list(place.uploads.iterdir()), "what the check kept goes with the files"


def test_what_was_kept_of_an_upload_is_for_those_who_may_see_it(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    upload = sets.new_upload(database, place, who, who.projects[0], messy(tmp_path), "messy.zip").id
    shown = checked(database, place, who, upload)["mending"]["pairs"][0]["cases"][0]["shown"]
    stranger = replace(who, projects=(), role="researcher")
    for person, name in ((stranger, shown), (who, "../looks.parquet"), (who, "0" * 64)):
        with pytest.raises(NotAllowed):
            mended.copy_thumbnail(database, place, person, upload, name)
    with pytest.raises(NotAllowed):
        mended.unused_cases(database, place, stranger, upload)


def test_an_upload_of_dicom_is_kept_without_whose_it_is(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    rows = ["file,label,patient,dob"]
    for number in range(1, 7):
        keep_header(tmp_path / "scans" / f"IM{number}.dcm", made_header(number, f"48151{number}"))
        rows.append(f"IM{number}.dcm,{'nodule' if number % 2 else 'normal'},48151{number},19530412")
    (tmp_path / "scans" / "labels.csv").write_text("\n".join(rows))
    brought = shutil.make_archive(str(tmp_path / "scans"), "zip", tmp_path / "scans")
    upload = sets.new_upload(database, place, who, who.projects[0], Path(brought), "scans.zip").id
    intake.check(child_job(database, place, who, sets.request_check(database, place, who, upload, {})))
    row = sets.upload(database, who, upload)
    assert row.report is not None and row.report["cases"] == 6 and row.report["name"] == "scans"
    assert row.report["classes"] == {"nodule": 3, "normal": 3}
    note = next(finding for finding in row.report["findings"] if finding["kind"] == "deidentified")
    assert note["message"].startswith("7 files of 6 patients were de-identified")
    job = sets.request_add(database, place, who, upload, "slices", row.report["task"], {})
    intake.add(child_job(database, place, who, job))
    [kept] = sets.sets(database, who, who.projects[0])
    assert kept.latest.note == "from scans.zip; de-identified (113100, 113107; dates shifted), originals removed"
    cases = sets.cases(database, who, kept.latest.id).rows
    assert len({case.patient for case in cases}) == 6
    assert all(case.patient and case.patient.startswith("P") for case in cases)
    everything = b"".join(file.read_bytes() for file in place.data.rglob("*") if file.is_file())
    assert [name for name in (b"481511", b"ueller", "Änne".encode(), b"19530412") if name in everything] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_with_a_name_in_it_waits_and_nothing_of_its_upload_is_kept_before(
    database: Database, place: Place, who: Who, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        texts = LAYING if number == 0 else ((12, 30 * number, "R"),)
        written_to(tmp_path / "scans" / ("dark", "light")[number % 2] / f"{number}.dcm", burned(texts))
    brought = shutil.make_archive(str(tmp_path / "scans"), "zip", tmp_path / "scans")
    upload = sets.new_upload(database, place, who, who.projects[0], Path(brought), "scans.zip").id

    def check_again() -> dict[str, Any]:
        row = sets.upload(database, who, upload)
        if row.state != "checking":
            sets.request_check(database, place, who, upload, row.options)
        job_id = sets.upload(database, who, upload).job_id
        assert job_id is not None
        intake.check(child_job(database, place, who, job_id))
        return dict(sets.upload(database, who, upload).report or {})

    assert check_again()["waiting"] == 1
    (held,) = tray.waiting(database, place, who, upload)
    assert held.reasons == ("person",)
    job_id = sets.upload(database, who, upload).job_id
    assert job_id is not None
    with pytest.raises(sets.UploadError, match="One picture waits"):  # whoever asks for it past the page
        intake.add(added_as(child_job(database, place, who, job_id), upload))
    sets.set_upload(database, upload, "checked")
    tray.settle(database, place, who, upload, held.number, "mask")
    report = check_again()
    assert report["cases"] == 4 and "waiting" not in report
    (finding,) = [finding for finding in report["findings"] if finding["kind"] == "looked_at"]
    assert finding["message"].startswith("Pictures looked at for what is written in them: 1 masked.")


def added_as(job: ChildJob, upload: int) -> ChildJob:
    job.row.payload = Add(upload=upload, set_name="scans", task={}).model_dump(mode="json")
    return job


def test_what_a_table_says_of_persons_is_told_and_goes_by_a_click_each(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    """From columns, patients and names of files; what is kept holds none of it, and a later set the same pseudonyms."""
    people = ("Weber^Anna", "Novak^Jan", "Rossi^Maria", "Lang^Peter")
    rows = ["file,label,patient,mrn,scanner"]
    folder = tmp_path / "cells"
    folder.mkdir()
    for number, name in enumerate(people * 3):
        file = f"{name.split('^')[0].lower()}_{number}.png"
        Image.new("L", (30, 20), 10 * number).save(folder / file)
        rows.append(f"{file},{('dark', 'light')[number % 2]},{name},00{7712 + 31 * number},A")
    (folder / "labels.csv").write_text("\n".join([*rows, "weber_99.png,dark,Weber^Anna,007712,A"]) + "\n")
    brought = shutil.make_archive(str(tmp_path / "cells"), "zip", folder)
    upload = sets.new_upload(database, place, who, who.projects[0], Path(brought), "weber.zip").id
    intake.check(child_job(database, place, who, sets.request_check(database, place, who, upload, {})))
    report = sets.upload(database, who, upload).report
    assert report is not None
    assert [each["kind"] for each in report["findings"]].count("names_somebody") == 3
    fixes = [fix["text"] for fix in report["mending"]["fixes"][:3]]
    assert fixes == [
        "Drop the column “mrn”",
        "Put pseudonyms in the place of patients",
        "Call cases by numbers",
    ]
    mending = {"drops_columns": ["mrn"], "pseudonymizes": True, "numbers_cases": True, "leaves_out_unusable": True}
    decided = {"mending": mending}
    intake.check(child_job(database, place, who, sets.request_check(database, place, who, upload, decided)))
    report = sets.upload(database, who, upload).report
    assert report is not None and not any(name[:4].lower() in repr(report).lower() for name in people)
    assert "names_somebody" not in repr(report)
    job = sets.request_add(database, place, who, upload, "Cells", {}, decided)
    intake.add(child_job(database, place, who, job))
    (kept,) = sets.sets(database, who, who.projects[0])
    listed = sets.cases(database, who, kept.latest.id).rows
    assert [row.name for row in listed] == [f"{number:06}" for number in range(1, 13)]
    key = site_key(place.data / NAME)
    assert [row.patient for row in listed[:4]] == [key.pseudonym(identity_of_number(name)) for name in people]
    assert kept.latest.note.startswith(f"from upload {upload}; 1 column dropped, patients by pseudonyms, cases by")
    whole = b"".join(file.read_bytes() for file in place.versions.rglob("*") if file.is_file())
    whole += b"".join(file.read_bytes() for file in Path(place.store).rglob("*") if file.is_file())
    assert not any(name[:4].lower().encode() in whole.lower() for name in people) and b"7712" not in whole


def test_patients_in_names_of_files_are_taken_by_a_click_and_then_kept_together(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    """Twelve patients with three pictures each, of which one stands in train and test."""
    folder, draws = tmp_path / "eyes", np.random.default_rng(0)
    for number in range(36):
        split, label = ("train", "test")[number > 22], ("dark", "light")[number // 3 % 2]
        (folder / split / label).mkdir(parents=True, exist_ok=True)
        shades = draws.integers(0, 255, (6, 6), dtype=np.uint8)
        drawn = Image.fromarray(shades).resize((48, 48), Image.Resampling.BICUBIC)
        drawn.save(folder / split / label / f"eye{number // 3:03}_{number % 3}.png")
    brought = shutil.make_archive(str(tmp_path / "eyes"), "zip", folder)
    upload = sets.new_upload(database, place, who, who.projects[0], Path(brought), "eyes.zip").id

    def checked(mending: dict[str, bool]) -> tuple[list[str], list[dict[str, Any]]]:
        options = {"mending": mending} if mending else {}
        intake.check(child_job(database, place, who, sets.request_check(database, place, who, upload, options)))
        report = sets.upload(database, who, upload).report
        assert report is not None
        return [each["kind"] for each in report["findings"]], report["mending"]["fixes"]

    kinds, fixes = checked({})
    assert "patients_in_names" in kinds and "patients_unnamed" not in kinds
    assert [fix["text"] for fix in fixes if fix["names_patients"]] == ["Take “eye007” and its like for the patients"]
    kinds, fixes = checked({"names_patients": True})
    assert "patients_in_names" not in kinds and "patient_across_splits" in kinds
    assert [fix["divides_anew"] for fix in fixes] == [True]
    decided = {"names_patients": True, "divides_anew": True}
    assert "patient_across_splits" not in checked(decided)[0]
    job = sets.request_add(database, place, who, upload, "Eyes", {}, {"mending": decided})
    intake.add(child_job(database, place, who, job))
    (kept,) = sets.sets(database, who, who.projects[0])
    assert "patients by names of files; split drawn anew" in kept.latest.note
    splits = defaultdict[str, set[str | None]](set)
    for row in sets.cases(database, who, kept.latest.id, size=100).rows:
        assert row.patient == row.name.rpartition("/")[2].partition("_")[0]
        splits[row.patient].add(row.split)
    assert len(splits) == 12 and all(len(names) == 1 for names in splits.values())


def test_what_is_hardly_a_name_is_not_told(database: Database, place: Place, who: Who, upload: int) -> None:
    intake.check(child_job(database, place, who, sets.request_check(database, place, who, upload, {})))
    report = sets.upload(database, who, upload).report
    assert report is not None and "names_somebody" not in repr(report)


@pytest.mark.slow
def test_text_in_pictures_is_looked_for_where_that_is_wished(
    database: Database, place: Place, who: Who, tmp_path: Path
) -> None:
    """Of a zip: the picture with a name waits, is masked, and is kept so; the others are as they came."""
    folder = tmp_path / "cells"
    for number in range(4):
        label = folder / ("dark", "light")[number % 2]
        label.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(LAYING if number == 1 else ())).save(label / f"{number}.png")
    brought = shutil.make_archive(str(tmp_path / "cells"), "zip", folder)
    upload = sets.new_upload(database, place, who, who.projects[0], Path(brought), "cells.zip").id
    options = {"deid": {"reads_pictures": True}}

    def checked() -> dict[str, Any]:
        with database.reading() as session:
            row = session.get_one(sets.Upload, upload)
            job = row.job_id if row.state == "checking" else None
        intake.check(child_job(database, place, who, job or sets.request_check(database, place, who, upload, options)))
        report = sets.upload(database, who, upload).report
        assert report is not None
        return report

    assert checked()["waiting"] == 1
    (held,) = tray.waiting(database, place, who, upload)
    assert (held.reasons, Path(held.place).name) == (("person",), "1.png")
    assert tray.settle(database, place, who, upload, held.number, "mask") == [held.number]
    report = checked()
    kinds = [finding["kind"] for finding in report["findings"]]
    assert report["cases"] == 4 and {"read_pictures", "looked_at"} <= set(kinds)
    intake.add(child_job(database, place, who, sets.request_add(database, place, who, upload, "Cells", {}, options)))
    (kept,) = sets.sets(database, who, who.projects[0])
    assert "pictures looked at for what is written in them: 1 masked" in kept.latest.note
    rows = {row.name: row.digest for row in sets.cases(database, who, kept.latest.id).rows}
    shown = {name: np.asarray(StoredPixels(place.store, digest).load()) for name, digest in rows.items()}
    assert np.array_equal(shown["dark/0.png"], picture(()))
    assert not shown["light/1.png"][12:22, 15:60].any(), "the name is painted over"
