"""What else holds an erased patient: uploads that were never added, log files, notes, copies on other machines."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from threading import Thread
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete, select, update

from core.case import ImageSet
from core.catalog import FORMATS, every
from core.checks.mending import LeftOut
from core.errors import CoreError
from core.limits import limits
from core.pictures.pixels import FilePixels
from core.pictures.store import Store, open_store
from core.records import audit, jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.database import Database
from core.records.erasing import erasing_cases, erasing_sets, leftovers, stale_copies
from core.records.erasing.erasable import erasable_kind
from core.records.erasing.erasing import Erasure
from core.records.payloads import Add
from core.records.place import Place
from core.records.runs import questions, runs
from core.records.sets import sets, uploads
from core.records.sets.mended import keep_left_out, left_out_of, list_cases, look_over_upload
from core.records.tables import Artifact, Case, Job, LogLine, Project, Run, Upload, Version, now
from core.sets.open import open_set
from tests.app.furnished import SETTINGS
from tests.records.test_erasing import count, finished
from tests.records.test_erasing_cases import every_byte, every_row
from tests.records.test_erasing_sets import receipt

PATIENT = "PAT7F3Q"
TABLE = "image,label,patient\n"


@dataclass(frozen=True)
class Clinic:
    """Ten grainy pictures of which 6 and 7 are of one patient, and a second project of the same admin."""

    db: Database
    place: Place
    admin: Who
    version: Version
    pictures: tuple[bytes, ...]
    other_project: int

    @property
    def project(self) -> int:
        return self.admin.projects[0]

    @property
    def which(self) -> str:
        return f"{self.version.set_id}/{PATIENT}"

    def plan(self, kind: str = "patient") -> Erasure:
        return erasable_kind(kind).plan(self.db, self.place, self.admin, self.which)

    def erase(self, kind: str = "patient") -> None:
        erasable_kind(kind).erase(self.db, self.place, self.admin, self.which)

    def bring(self, name: str, files: Mapping[str, bytes], project: int | None = None) -> Upload:
        """As it came: no check has looked at it."""
        folder = self.place.data / "arriving"
        folder.mkdir(parents=True, exist_ok=True)
        with ZipFile(folder / name, "w", ZIP_DEFLATED) as packed:
            for path, content in files.items():
                packed.writestr(path, content)
        return sets.new_upload(self.db, self.place, self.admin, project or self.project, folder / name, name)

    def check(self, name: str, files: Mapping[str, bytes], project: int | None = None) -> Upload:
        """What the worker's check keeps of it."""
        upload = self.bring(name, files, project)
        opened = open_set(sets.upload_path(self.place, upload), {}, every(FORMATS))
        list_cases(self.place, upload, look_over_upload(self.place, upload, opened))
        job_id = sets.request_check(self.db, self.place, self.admin, upload.id, {})
        sets.set_upload(self.db, upload.id, "checked", {"cases": len(opened.cases)})
        with self.db.session() as session:
            session.get_one(Job, job_id).state = "done"
        return upload

    def left(self) -> set[str]:
        with self.db.reading() as session:
            return set(session.scalars(select(Upload.name)))


@pytest.fixture
def clinic(database: Database, place: Place, who: Who, cells: ImageSet, tmp_path: Path) -> Clinic:
    noise, cases, pictures = np.random.default_rng(3), [], []
    for number, case in enumerate(cells.cases):
        file = tmp_path / f"cell_{number}.png"
        Image.fromarray(noise.integers(0, 255, (20, 30, 3), np.uint8)).save(file)
        patient = PATIENT if number in (6, 7) else case.patient
        cases.append(replace(case, id=f"img/{number}.png", pixels=FilePixels(file), patient=patient))
        pictures.append(file.read_bytes())
    version = sets.write_version(
        database, place, cells.with_cases(cases), who=who, project_id=who.projects[0], name="Clinic"
    )
    other = people.add_project(database, who, "Other ward")
    admin = replace(people.person(database, who.id), role="admin")
    return Clinic(database, place, replace(admin, projects=(*who.projects, other)), version, tuple(pictures), other)


def drawn(seed: int) -> bytes:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def table(*rows: str) -> bytes:
    return (TABLE + "".join(f"{row}\n" for row in rows)).encode()


def others_files() -> dict[str, bytes]:
    return {"a/x.png": drawn(91), "b/y.png": drawn(92), "cases.csv": table("a/x.png,dark,P8", "b/y.png,light,P9")}


def same_patient() -> dict[str, bytes]:
    """Another picture of theirs, and somebody else's."""
    rows = table(f"q.png,dark,{PATIENT}", "r.png,light,P8")
    return {"q.png": drawn(7), "r.png": drawn(8), "cases.csv": rows}


def everything(clinic: Clinic) -> dict[str, Upload]:
    """Every way in which an upload may hold them, by its name."""
    theirs, saved_anew = clinic.pictures[6], BytesIO()
    Image.open(BytesIO(clinic.pictures[7])).save(saved_anew, "PNG", compress_level=9, optimize=True)
    packed = BytesIO()
    with ZipFile(packed, "w") as inner:
        inner.writestr("deep/z.png", theirs)
    made = {
        "same picture.zip": clinic.check("same picture.zip", {"dark/1.png": theirs, "light/2.png": drawn(1)}),
        "saved anew.zip": clinic.check(
            "saved anew.zip", {"dark/1.png": saved_anew.getvalue(), "light/2.png": drawn(2)}
        ),
        "same patient.zip": clinic.check("same patient.zip", same_patient()),
        "not looked at.zip": clinic.bring("not looked at.zip", {"1.png": theirs}),
        "packed twice.zip": clinic.bring("packed twice.zip", {"inner.zip": packed.getvalue()}),
        "named.zip": clinic.bring("named.zip", {f"{PATIENT}_left.png": drawn(3)}),
        "in a table.zip": clinic.bring("in a table.zip", {"t.csv": table(f"a.png,dark,{PATIENT}")}),
        "originals.zip": clinic.check("originals.zip", others_files()),
    }
    original = uploads.check_folder(clinic.place, made["originals.zip"]) / "originals" / "IM1"
    original.parent.mkdir()
    original.write_bytes(theirs)
    return made


def test_uploads_that_were_never_added_go_with_the_patient_whichever_way_they_hold_them(clinic: Clinic) -> None:
    held = everything(clinic)
    stays = clinic.check("others.zip", others_files())
    theirs, named = clinic.pictures[6], PATIENT.encode()
    for name in held:
        folder = clinic.place.uploads / held[name].key
        assert (
            any(content in every_byte(folder) + unpacked(folder) for content in (theirs, named))
            or name == "saved anew.zip"
        )
    planned = clinic.plan()
    for name, upload in held.items():
        assert any(line.startswith(f"upload {upload.id} “{name}” (not added)") for line in planned.goes), name
    assert (
        f"upload {held['same patient.zip'].id} “same patient.zip” (not added): 1 of its 2 cases are theirs"
        in "".join(planned.goes)
    )
    assert "others.zip" not in repr(planned)

    clinic.erase()

    assert clinic.left() == {"others.zip"} and PATIENT not in every_row(clinic.db)
    assert [path.name for path in clinic.place.uploads.iterdir()] == [stays.key]
    left = every_byte(clinic.place.data) + unpacked(clinic.place.data)
    assert named not in left and theirs not in left and clinic.pictures[7] not in left
    facts = receipt(clinic.db).details
    assert facts["uploads"] == len(held) and facts["uploads_left"] == []
    with clinic.db.reading() as session:
        checked = set(session.scalars(select(Job.payload["upload"].as_integer()).where(Job.kind == "check")))
    assert checked == {stays.id}, "what the checks were asked and printed went with them"


def unpacked(folder: Path) -> bytes:
    """What zips below a folder hold, and zips within these."""
    content = b""
    for file in folder.rglob("*.zip"):
        with ZipFile(file) as packed:
            for member in packed.infolist():
                content += member.filename.encode() + packed.read(member)
    return content


def test_the_admin_says_whether_uploads_stay_or_go_from_other_projects_too(clinic: Clinic) -> None:
    theirs = {"dark/1.png": clinic.pictures[6], "light/2.png": drawn(1)}
    here = clinic.check("here.zip", theirs)
    there = clinic.check("there.zip", theirs, clinic.other_project)
    planned = clinic.plan()
    assert any("here.zip" in line and "goes whole" in line for line in planned.goes)
    assert (
        f"upload {there.id} “there.zip” (not added): 1 of its 2 cases are theirs (in the project Other ward)"
        in "".join(planned.stays)
    )
    kept, all_of_them = clinic.plan("patient-but-uploads"), clinic.plan("patient-and-runs-and-uploads")
    assert "here.zip" in repr(kept.stays) and "there.zip" in repr(kept.stays)
    assert "here.zip" in repr(all_of_them.goes) and "there.zip" in repr(all_of_them.goes)
    clinic.erase("patient-but-uploads")
    assert clinic.left() == {"here.zip", "there.zip"}
    assert receipt(clinic.db).details["uploads_left"] == [here.id, there.id]


@pytest.mark.parametrize(("kind", "left"), [("case", {"there.zip"}), ("case-and-uploads", set())])
def test_of_a_case_its_picture_tells_and_its_name_alone_does_not(clinic: Clinic, kind: str, left: set[str]) -> None:
    """Files are called alike everywhere; a picture is nobody else's."""
    theirs = {"dark/1.png": clinic.pictures[6], "light/2.png": drawn(1)}
    clinic.check("here.zip", theirs)
    clinic.check("there.zip", theirs, clinic.other_project)
    alike = {
        "img/6.png": drawn(5),
        "cases.csv": table("img/6.png,dark,P8", "img/0.png,light,P9"),
        "img/0.png": drawn(6),
    }
    clinic.check("called alike.zip", alike)
    which = f"{clinic.version.set_id}/img/6.png"
    planned = erasable_kind(kind).plan(clinic.db, clinic.place, clinic.admin, which)
    assert any("called alike.zip" in line and "Look whose it is" in line for line in planned.stays)
    erasable_kind(kind).erase(clinic.db, clinic.place, clinic.admin, which)
    assert clinic.left() == {"called alike.zip", *left}


def test_a_name_of_few_digits_is_said_not_to_be_looked_for_in_sentences(clinic: Clinic) -> None:
    assert not any(line.startswith("a name of few digits") for line in clinic.plan().stays)
    with clinic.db.session() as session:
        session.execute(update(Case).where(Case.patient == PATIENT).values(patient="12"))
    planned = erasable_kind("patient").plan(clinic.db, clinic.place, clinic.admin, f"{clinic.version.set_id}/12")
    assert any(line.startswith("a name of few digits") for line in planned.stays)


def test_uploads_of_projects_that_the_admin_is_not_in_are_neither_told_nor_touched(clinic: Clinic) -> None:
    clinic.check("there.zip", {"dark/1.png": clinic.pictures[6], "light/2.png": drawn(1)}, clinic.other_project)
    admin = replace(clinic.admin, projects=(clinic.project,))
    planned = erasable_kind("patient-and-uploads").plan(clinic.db, clinic.place, admin, clinic.which)
    assert "there.zip" not in repr(planned)
    with clinic.db.reading() as session:
        assert "Other ward" in set(session.scalars(select(Project.name))) and "Other ward" not in repr(planned)


def test_an_upload_of_another_set_stays_as_that_set_does(clinic: Clinic) -> None:
    """Where the same person is in another set, that is told, and erased there."""
    upload = clinic.check("other set.zip", same_patient())
    opened = open_set(sets.upload_path(clinic.place, upload), {}, every(FORMATS))
    other = sets.write_version(
        clinic.db, clinic.place, opened, who=clinic.admin, project_id=clinic.project, name="Another"
    )
    added(clinic, upload, other)
    clinic.erase()
    assert clinic.left() == {"other set.zip"}


def added(clinic: Clinic, upload: Upload, version: Version) -> None:
    with clinic.db.session() as session:
        job = jobs.enqueue(session, clinic.admin, clinic.project, Add(upload=upload.id, set_name="Another", task={}))
        job.state, job.result = "done", {"set": version.set_id, "version": version.id}
        row = session.get_one(Upload, upload.id)
        row.state, row.job_id = "added", job.id


def test_a_later_upload_with_the_number_of_one_that_is_gone_stays_when_its_version_is_erased(clinic: Clinic) -> None:
    """SQLite gives numbers again."""
    first = clinic.check("first.zip", others_files())
    added(clinic, first, clinic.version)
    uploads.discard_upload(clinic.db, clinic.place, clinic.admin, first.id)
    with clinic.db.session() as session:
        later = Upload(id=first.id, project_id=clinic.other_project, person_id=clinic.admin.id, name="later", key="k")
        session.add(later)
    erasing_sets.erase_set(clinic.db, clinic.place, clinic.admin, clinic.version.set_id)
    assert clinic.left() == {"later"}


def test_nothing_is_erased_while_an_upload_that_holds_them_is_looked_at(clinic: Clinic) -> None:
    upload = clinic.check("again.zip", {"dark/1.png": clinic.pictures[6], "light/2.png": drawn(1)})
    sets.request_check(clinic.db, clinic.place, clinic.admin, upload.id, {})
    with pytest.raises(CoreError, match=f"Upload {upload.id}, which holds them too, is being looked at"):
        clinic.erase()
    others = clinic.check("others.zip", others_files())
    sets.request_check(clinic.db, clinic.place, clinic.admin, others.id, {})
    assert any("“others.zip” (not added): it is looked at just now" in line for line in clinic.plan().stays)
    assert (
        clinic.left() == {"again.zip", "others.zip"}
        and len(sets.cases(clinic.db, clinic.admin, clinic.version.id).rows) == 10
    )


def test_a_check_that_begins_meanwhile_stops_the_erasing_or_finds_nothing(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the search and the moment in which the rows go."""
    upload = clinic.check("again.zip", {"dark/1.png": clinic.pictures[6], "light/2.png": drawn(1)})

    def and_a_check_begins(place: Place, names: object) -> int:
        sets.request_check(clinic.db, clinic.place, clinic.admin, upload.id, {})
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(erasing_cases, "mask_lines", and_a_check_begins)
        with pytest.raises(CoreError, match="began to be looked at meanwhile"):
            clinic.erase()
    assert len(sets.cases(clinic.db, clinic.admin, clinic.version.id).rows) == 10, "all or nothing"
    with clinic.db.session() as session:
        session.get_one(Job, session.get_one(Upload, upload.id).job_id).state = "done"
    clinic.erase()
    with pytest.raises(NotAllowed):
        sets.request_check(clinic.db, clinic.place, clinic.admin, upload.id, {})
    assert list(clinic.place.uploads.iterdir()) == []


def test_a_run_that_is_queued_while_they_are_erased_stops_it(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would begin with what the records don't show any more."""
    outcome = list[str]()

    def erase() -> None:
        try:
            clinic.erase()
            outcome.append("erased")
        except CoreError as error:
            outcome.append(str(error))

    thread = Thread(target=erase)

    def and_the_erasing_begins(*given: object) -> None:
        thread.start()
        thread.join(1.5)  # which has to wait for this transaction

    monkeypatch.setattr(runs, "refuse_leaking", and_the_erasing_begins)
    queued = runs.queue_run(clinic.db, clinic.place, clinic.admin, clinic.version.id, "Meanwhile", SETTINGS)
    thread.join(300)
    (why,) = outcome
    assert "waits or is carried out" in why and runs.run(clinic.db, clinic.admin, queued.id).state == "waiting"
    assert len(sets.cases(clinic.db, clinic.admin, clinic.version.id).rows) == 10


def test_a_question_that_comes_while_they_are_erased_keeps_no_picture(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(clinic.db, clinic.place, clinic.admin, clinic.version.id, "Tuned")
    (clinic.place.runs / run.key / "readings" / "test.parquet").unlink()
    look_up = questions._digest

    def and_they_are_erased(db: Database, who: Who, version_id: int, number: int) -> str:
        digest = look_up(db, who, version_id, number)
        clinic.erase()
        return digest

    monkeypatch.setattr(questions, "_digest", and_they_are_erased)
    with pytest.raises(CoreError, match="were erased on"):
        questions.ask(clinic.db, clinic.place, clinic.admin, run.id, 6)
    assert clinic.pictures[6] not in every_byte(clinic.place.data)


def test_what_people_and_jobs_wrote_loses_the_name_and_keeps_the_rest(clinic: Clinic) -> None:
    run = finished(clinic.db, clinic.place, clinic.admin, clinic.version.id, f"All but {PATIENT}_old")
    (clinic.place.runs / run.key / "readings" / "test.parquet").unlink()
    why = f"{PATIENT} was there twice,\nand " + "nobody minds that very much, " * 5
    (clinic.place.runs / run.key / "card.md").write_text(f"- Leakage was accepted: “{why}”.\n")
    wrapped = why.replace("minds that", "minds\n    that")
    (clinic.place.runs / f"{run.key}.yaml").write_text(f"leakage:\n  why: {wrapped}\n")
    with clinic.db.session() as session:
        row = session.get_one(Run, run.id)
        row.note = f"look at {PATIENT} again"
        row.settings = {**row.settings, "leakage": {"accepted_by": "a", "why": why}}
        job = session.get_one(Job, run.job_id)
        job.error = f"“img/6.png” of {PATIENT} can't be opened"
        session.get_one(Version, clinic.version.id).image_set.note = f"with {PATIENT}, and P6"
        session.add(LogLine(job_id=run.job_id, number=99, text=f"{PATIENT} was read"))
    planned = clinic.plan()
    assert "5 texts with a name of theirs" in "".join(planned.goes) and "1 line that jobs printed" in planned.goes
    assert "1 entry of it with a name of theirs, which nobody can change" in "".join(planned.stays)
    clinic.erase()
    with clinic.db.reading() as session:
        row = session.get_one(Run, run.id)
        assert (row.name, row.note) == ("All but [erased]_old", "look at [erased] again")
        assert session.get_one(Job, run.job_id).error == "“[erased]” of [erased] can't be opened"
        assert session.get_one(Version, clinic.version.id).image_set.note == "with [erased], and P6"
        session.expunge_all()
    assert PATIENT.encode() not in every_byte(clinic.place.data)
    assert (
        (clinic.place.runs / run.key / "card.md").read_text().startswith("- Leakage was accepted: “[erased] was there")
    )
    assert receipt(clinic.db).details["texts"] == 6
    assert audit.verify(clinic.db, clinic.place).faults == []


def test_log_files_lose_the_name_while_they_are_written(clinic: Clinic) -> None:
    """In as many bytes: whoever has such a file open goes on at its end."""
    clinic.place.logs.mkdir()
    log, older = clinic.place.logs / "worker-intake.log", clinic.place.logs / "worker-intake.log.1"
    with log.open("a") as writing:
        writing.write(f"Fault in job 3: “img/6.png” of {PATIENT}, größer\nnothing of P6\n")
        writing.flush()
        older.write_bytes(b"\xff\xfe " + PATIENT.encode() + b"\n")
        size = log.stat().st_size
        assert any("2 lines in log files of the studio" in line for line in clinic.plan().goes)
        clinic.erase()
        writing.write("and on\n")
    assert log.read_text() == "Fault in job 3: “*********” of *******, größer\nnothing of P6\nand on\n"
    assert log.stat().st_size == size + len("and on\n") and older.read_bytes() == b"\xff\xfe *******\n"
    assert receipt(clinic.db).details["lines_of_log_files"] == 2


def test_what_was_left_out_of_a_version_without_them_names_them_no_more(clinic: Clinic) -> None:
    with clinic.db.reading() as session:
        first = session.get_one(Version, clinic.version.id)
    newest = sets.new_version_with_task(
        clinic.db, clinic.place, clinic.admin, first.id, {"answers": ["dark", "light", "none"]}
    )
    with clinic.db.session() as session:
        session.execute(delete(Case).where(Case.version_id == newest.id, Case.patient == PATIENT))
    keep_left_out(clinic.place, newest, [LeftOut("img/6.png", "blurred"), LeftOut("img/77.png", "copy")])
    clinic.erase()
    assert left_out_of(clinic.db, clinic.place, clinic.admin, newest.id)[1].splitlines() == [
        "case,what is wrong,what becomes of it",
        "img/77.png,copy,left out",
    ]


def test_backups_and_other_machines_are_named_where_they_may_be(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = clinic.db.is_sqlite
    assert any("other machines" in line for line in clinic.plan().stays) is not alone
    assert clinic.plan().stays[-1 if alone else -3].startswith("backups, and what was taken away")
    (clinic.place.data / "copies").mkdir()
    monkeypatch.setattr(Store, "is_local", property(lambda self: False))
    warnings = clinic.plan().stays[-4:]
    assert "“copies” in the data folder" in warnings[1] and "runs/ and versions/ below VITASK_DATA" in warnings[2]
    assert "VITASK_CACHE" in warnings[2] and "docker compose logs" in warnings[3]
    monkeypatch.undo()
    clinic.erase()
    assert len(receipt(clinic.db).details["not_reached"]) == (2 if alone else 4)


def test_a_worker_removes_what_was_erased_elsewhere_from_its_own_disk(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(clinic.db, clinic.place, clinic.admin, clinic.version.id, "Tuned")
    far = clinic.place.model_copy(update={"data": tmp_path / "far"})
    kept = {
        "runs/erased/readings/test.parquet": True,
        "runs/erased.yaml": True,
        f"versions/{'a' * 64}/cases.parquet": True,
        f"versions/{clinic.version.hash}/cases.parquet": False,
        f"runs/{run.key}/readings/test.parquet": False,
        f"runs/{run.key}/novelty.safetensors": False,
    }
    old = time.time() - (limits().unused_hours + 1) * 3600
    for name in kept:
        file = far.data / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"as it was")
    assert stale_copies.drop_stale(clinic.db, far) == 0, "where the store is a folder there is one data folder"
    monkeypatch.setattr(Store, "is_local", property(lambda self: False))
    assert stale_copies.drop_stale(clinic.db, far) == 0, "somebody may be making them"
    monkeypatch.setattr(stale_copies, "newest", lambda path: old)
    assert stale_copies.drop_stale(clinic.db, far) == 3
    assert {name for name in kept if not (far.data / name).exists()} == {name for name, goes in kept.items() if goes}
    with clinic.db.session() as session:
        session.get_one(Version, clinic.version.id).erased = now()
        session.add(Artifact(run_id=run.id, path="readings/test.parquet", size=1, digest="1" * 64))
    monkeypatch.setattr(stale_copies, "newest", lambda path: time.time())
    assert stale_copies.drop_stale(clinic.db, far) == 2, "changed and removed by whoever took somebody out of them"
    assert list((far.data / "runs" / run.key).rglob("*.*")) == []


def test_an_upload_that_is_thrown_away_takes_along_what_its_checks_were_asked(clinic: Clinic) -> None:
    upload = clinic.check("mine.zip", others_files())
    with clinic.db.session() as session:
        job = session.get_one(Job, session.get_one(Upload, upload.id).job_id)
        job.payload = {**job.payload, "options": {"mending": {"leaves_out": [PATIENT]}}}
        session.add(LogLine(job_id=job.id, number=1, text=PATIENT))
    busy = clinic.check("busy.zip", others_files())
    job_id = sets.request_check(clinic.db, clinic.place, clinic.admin, busy.id, {"mending": {"leaves_out": ["ZZ9"]}})
    with clinic.db.session() as session:
        session.get_one(Job, job_id).state = "running"
    for each in (upload, busy):
        uploads.discard_upload(clinic.db, clinic.place, clinic.admin, each.id)
    assert every_row(clinic.db).count(PATIENT) == 2, "the two cases of the set"
    assert count(clinic.db, Job) == 1
    with clinic.db.session() as session:
        session.get_one(Job, job_id).state = "cancelled"
    leftovers.sweep(clinic.db, clinic.place)
    assert count(clinic.db, Job) == 0


def test_a_picture_that_came_from_a_browser_to_be_asked_about_goes_too(clinic: Clinic) -> None:
    folder = clinic.place.data / "arriving" / "abc"
    folder.mkdir(parents=True)
    (folder / "mine.png").write_bytes(clinic.pictures[6])
    (folder / "another.png").write_bytes(drawn(5))
    os.utime(folder / "mine.png")
    clinic.erase()
    assert [file.name for file in folder.iterdir()] == ["another.png"]
    assert clinic.pictures[6] not in every_byte(clinic.place.data) and open_store(clinic.place.store).keys()
