"""A patient of a set goes for good, from every version; what others' cases are, and what was decided on them, stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from core.case import Box, ImageSet
from core.errors import CoreError, SettingsError
from core.pictures.store import key_of, open_store
from core.readings.answer import Answer
from core.readings.nearest import Index, Indexed, load_index
from core.readings.reading import Reading, load, save
from core.records import audit, jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.database import Database
from core.records.erasing import leftovers
from core.records.erasing.erasable import erasable_kind, erase_named
from core.records.payloads import Find, Plug
from core.records.place import Place
from core.records.review import audits, boxes, corrections, reviews, verdicts
from core.records.review.queue import Filter, next_suspect, suspect
from core.records.runs.exports import export_path, queue_export
from core.records.sets import sets
from core.records.tables import (
    Artifact,
    BoxCorrection,
    Ground,
    Job,
    LabelAudit,
    LogLine,
    Remains,
    Review,
    Run,
    Suspect,
    Table,
    Verdict,
    Version,
)
from core.runs import forgotten
from core.runs.folder import Folder
from core.sets.learned_from import learned_from, read_learned, write_learned
from core.sets.version import read_version
from tests.records.search import Room, room
from tests.records.test_erasing import count, finished
from tests.records.test_erasing_sets import added_upload, receipt

PATIENT = "PAT7F3Q"


@dataclass(frozen=True)
class Ward:
    """Ten cells of which 6 and 7 are of one patient, in two versions, with a review, a run and what came of it."""

    room: Room
    cells: ImageSet
    run: Run
    second: int
    set_id: int

    @property
    def which(self) -> str:
        return f"{self.set_id}/{PATIENT}"


@pytest.fixture
def ward(database: Database, place: Place, who: Who, cells: ImageSet) -> Ward:
    named = [
        replace(case, id=f"{PATIENT}-{case.id}", patient=PATIENT) if case.patient == "P3" else case
        for case in cells.cases
    ]
    theirs = cells.with_cases(named)
    made = room(database, place, who, theirs)
    shutil.rmtree(place.data / "search 1")  # where the test wrote it, rather than a worker
    for rank in (1, 7, 10):
        verdicts.decide(database, made.anna, made.review_id, [rank], "change", ["light"], "so", key=f"press {rank}")
    second = corrections.apply(database, place, made.admin, made.review_id)
    run = finished(database, place, made.admin, made.version_id, "Tuned on all")
    fill_run(place.runs / run.key, theirs)
    return Ward(made, theirs, run, second.id, second.set_id)


def fill_run(folder: Path, cells: ImageSet) -> None:
    """What a run keeps of cases, as it keeps it."""
    save(
        [Reading.of(case, "cells", "tsm", Answer((0.5, 0.5))) for case in cells.cases], folder / "readings/test.parquet"
    )
    vectors = np.eye(len(cells.cases), dtype=np.float32)
    indexed = tuple(Indexed.of(case, "cells") for case in cells.cases)
    Index(vectors, indexed).save(folder / "index.safetensors")
    (folder / "tsm").mkdir()
    write_learned(folder / "tsm", learned_from(cells.cases))
    for name in ("novelty.safetensors", "rivals.safetensors", "out-of-sample/tsm.safetensors", "tsm/weights"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"numbers")


def erase(ward: Ward, kind: str = "patient", which: str = "") -> None:
    erasable_kind(kind).erase(ward.room.db, ward.room.place, ward.room.admin, which or ward.which)


def every_row(database: Database) -> str:
    """All that the records hold."""
    with database.reading() as session:
        tables = [session.execute(select(table)).all() for table in Table.metadata.sorted_tables]
    return repr(tables)


def every_byte(*folders: Path) -> bytes:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return b"".join(str(file).encode() + file.read_bytes() for file in files)


def test_after_a_patient_is_erased_nothing_anywhere_holds_them(
    ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the name nor the pictures: not in the records, not in a file, not in what SQLite let go."""
    monkeypatch.setenv("VITASK_CACHE", str(tmp_path / "cache"))
    made, database, place = ward.room, ward.room.db, ward.room.place
    shown = {case.digest: case for case in sets.cases(database, made.admin, ward.second).rows}
    gone = next(case.digest for case in shown.values() if case.name == f"{PATIENT}-cell_6.png")
    content = open_store(place.store).get(gone)
    sets.image(database, place, made.admin, ward.second, 6, "thumb")
    upload = added_upload(database, place, made.admin, sets.version(database, made.admin, made.version_id))
    (place.uploads / upload.key / f"{PATIENT}.png").write_bytes(content)
    for ending in ("", ".run"):
        folder = place.data / "reviews" / f"{review_of(ward).key}{ending}"
        folder.mkdir(parents=True)
        (folder / "suspects.parquet").write_text(PATIENT)
    with database.session() as session:
        search = jobs.enqueue(session, made.admin, ward.run.project_id, Find(run=ward.run.id, words="dark"))
        search.state, search.result = "done", {"near": [{"case": f"{PATIENT}-cell_7.png"}]}
        session.add(LogLine(job_id=ward.run.job_id, number=99, text=f"{PATIENT}-cell_7.png was read twice"))
    export = queue_export(database, place, made.admin, ward.run.id)
    with database.session() as session:
        session.get_one(Job, export).state = "done"
    export_path(place, export).parent.mkdir(exist_ok=True)
    export_path(place, export).write_text(PATIENT)
    assert PATIENT in every_row(database) and content in every_byte(place.data)

    erase(ward)

    assert PATIENT not in every_row(database)
    database.dispose()
    left = every_byte(place.data) + b"".join(file.read_bytes() for file in tmp_path.glob("studio.db*"))
    assert PATIENT.encode() not in left and content not in left
    assert not open_store(place.store).exists(key_of(gone))
    assert count(database, Remains) == 0 and not (place.data / "reviews" / review_of(ward).key).exists()
    assert audit.verify(database, place).faults == []


def review_of(ward: Ward) -> Review:
    with ward.room.db.reading() as session:
        return session.get_one(Review, ward.room.review_id)


def test_each_version_has_another_in_its_place_without_them(ward: Ward) -> None:
    db, place, admin = ward.room.db, ward.room.place, ward.room.admin
    kept_picture = sets.case(db, admin, ward.second, 7).digest
    before = {row.name: (row.labels, row.split) for row in sets.cases(db, admin, ward.second).rows}
    erase(ward)
    newest, first = sets.versions(db, admin, ward.set_id)
    assert (newest.number, first.number, newest.made_from) == (4, 3, first.id)
    assert newest.note.endswith("version 2 without 2 cases that were erased")
    rows = sets.cases(db, admin, newest.id).rows
    assert [row.number for row in rows] == list(range(8)), "numbers have no gaps: they are rows of the manifest"
    assert {row.name: (row.labels, row.split) for row in rows} == {
        name: kept for name, kept in before.items() if PATIENT not in name
    }
    manifest = read_version(place.versions / newest.hash, place.store)
    assert [case.id for case in manifest.cases] == [row.name for row in rows]
    assert manifest.version == newest.hash and {path.name for path in place.versions.iterdir()} == {
        newest.hash,
        first.hash,
    }
    assert open_store(place.store).exists(key_of(kept_picture)), "another patient's picture has the same bytes"
    for number in (ward.room.version_id, ward.second):
        with pytest.raises(NotAllowed, match="were erased on"):
            sets.cases(db, admin, number)


def test_what_was_decided_about_others_goes_on_with_the_new_version(ward: Ward) -> None:
    """Ranks stay, so that verdicts do; numbers follow the new version."""
    made = ward.room
    erase(ward)
    newest, first = sets.versions(made.db, made.admin, ward.set_id)
    review = reviews.review(made.db, made.admin, made.review_id)
    assert (review.version_id, review.cases) == (first.id, 8)
    with made.db.reading() as session:
        rows = session.scalars(select(Suspect).order_by(Suspect.rank)).all()
        assert [(row.rank, row.number) for row in rows] == [(rank, rank - 1) for rank in range(1, 7)] + [
            (9, 6),
            (10, 7),
        ]
        assert [row.name for row in rows][-2:] == ["cell_8.png", "cell_9.png"]
        assert sorted(session.scalars(select(Verdict.rank))) == [1, 10]
        numbers = {number for ground in session.scalars(select(Ground)) for number, _ in ground.neighbours}
        assert numbers <= set(range(8))
    changes = corrections.difference(made.db, made.admin, first.id, newest.id)
    assert [(change.name, change.why) for change in changes] == [("cell_0.png", "so")]
    verdicts.decide(made.db, made.ben, made.review_id, [9], "keep")
    assert suspect(made.db, made.ben, made.review_id, 10).name == "cell_9.png"
    assert next_suspect(made.db, made.ben, made.review_id, Filter(), 6) is not None
    drawn = audits.draw(made.db, made.admin, made.review_id, 6, 2)
    assert (drawn.sample.cases, drawn.sample.drawn) == (8, 8), "of what is left, whatever its ranks"


def test_an_audit_that_drew_them_goes_and_another_can_be_drawn(ward: Ward) -> None:
    made = ward.room
    audits.draw(made.db, made.admin, made.review_id, 10, 0)
    erase(ward)
    assert count(made.db, LabelAudit) == 0
    assert audits.draw(made.db, made.admin, made.review_id, 3, 2).sample.cases == 8


def test_a_run_keeps_its_weights_and_forgets_whom_it_read(ward: Ward) -> None:
    place, folder = ward.room.place, ward.room.place.runs / ward.run.key
    erase(ward)
    assert [reading.case for reading in load(folder / "readings" / "test.parquet")] == [
        case.id for case in ward.cells.cases if case.patient != PATIENT
    ]
    index = load_index(folder / "index.safetensors")
    assert len(index.vectors) == 8 and index.vectors[6, 8] == 1, "the vectors of the cases that are left"
    learned = read_learned(folder / "tsm")
    assert learned is not None and not learned.knows_patient(PATIENT) and learned.knows_patient("P0")
    assert "are erased" in learned.doubts[0]
    assert len(learned.pictures) == 8, "cell 7 shows what cell 5 does"
    assert sorted(path.name for path in folder.iterdir()) == ["index.safetensors", "out-of-sample", "readings", "tsm"]
    assert (folder / "tsm" / "weights").read_bytes() == b"numbers"
    assert leftovers.sweep(ward.room.db, place) == 0


def test_what_a_run_keeps_is_called_as_its_folder_calls_it(tmp_path: Path) -> None:
    """`forgotten` names the files itself, because the folder's module takes torch."""
    folder = Folder(tmp_path)
    for file in (folder.index, folder.novelty, folder.rivals, folder.unseen(1), folder.readings("val"), folder.before):
        assert any(file.relative_to(tmp_path).match(pattern) for pattern in forgotten.NAMED), file
    assert all(folder.tsm(number).match(forgotten.TSMS) for number in range(3))


def test_runs_that_learned_from_them_are_named_and_go_where_the_admin_says_so(ward: Ward) -> None:
    """Also one that took its VLM from such a run."""
    made = ward.room
    other = sets.write_version(
        made.db,
        made.place,
        ward.cells.with_cases(ward.cells.cases[:3]),
        who=made.admin,
        project_id=ward.run.project_id,
        name="Others",
    )
    plugged = finished(made.db, made.place, made.admin, other.id, "Took its VLM")
    with made.db.session() as session:
        job = session.get_one(Job, plugged.job_id)
        job.kind, job.payload = Plug.kind, {**job.payload, "of": ward.run.id, "tsm": "resnet"}
    kept = erasable_kind("patient").plan(made.db, made.place, made.admin, ward.which)
    named = f"“Tuned on all” (run {ward.run.id}), “Took its VLM” (run {plugged.id})"
    assert any(line.startswith(f"{named}: they may have learned from them") for line in kept.stays)
    assert any(line.startswith(f"in {named}: what was read of them") for line in kept.goes)
    whole = erasable_kind("patient-and-runs").plan(made.db, made.place, made.admin, ward.which)
    assert any(line.startswith(f"{named}: with files") for line in whole.goes)
    assert not any("may have learned" in line for line in whole.stays)
    erase(ward, "patient-and-runs")
    assert count(made.db, Run) == 0 and not list(made.place.runs.iterdir())
    assert receipt(made.db).details["runs_erased"] == 2
    assert len(sets.cases(made.db, made.admin, other.id).rows) == 3


def test_what_would_go_is_named_before(ward: Ward) -> None:
    made = ward.room
    alone = erasable_kind("patient").plan(made.db, made.place, made.admin, ward.which)
    assert alone.goes[1] == "1 picture that nothing else shows", "cell 5, which stays, shows what cell 7 does"
    sets.write_version(
        made.db,
        made.place,
        ward.cells.with_cases(ward.cells.cases[5:9]),
        who=made.admin,
        project_id=ward.run.project_id,
        name="Others",
    )
    planned = erasable_kind("patient").plan(made.db, made.place, made.admin, ward.which)
    assert planned.name == PATIENT
    assert planned.goes[:3] == (
        "2 cases names, labels, patient, boxes, report",
        "2 versions (1, 2): another takes its place, without them",
        "1 verdict about them",
    )
    assert "a patient called the same in Others: erase it there too if it is the same person" in planned.stays
    with pytest.raises(SettingsError, match="name that was typed"):
        erase_named(made.db, made.place, made.admin, "patient", ward.which, "P0")
    erase_named(made.db, made.place, made.admin, "patient", ward.which, PATIENT)


def test_the_receipt_does_not_tell_who_it_was_but_to_whom_has_the_key(ward: Ward) -> None:
    made = ward.room
    erase(ward)
    row = receipt(made.db)
    assert (row.action, row.subject) == ("erase patient", "cells")
    facts = {"set": ward.set_id, "versions": 2, "cases": 2, "runs": 1, "runs_erased": 0}
    assert facts.items() <= row.details.items() and len(row.details["mark"]) == 13
    assert PATIENT not in repr(row.details)


def test_a_single_case_goes_and_its_patient_stays(ward: Ward) -> None:
    made = ward.room
    erase(ward, "case", f"{ward.set_id}/{PATIENT}-cell_6.png")
    newest = sets.versions(made.db, made.admin, ward.set_id)[0]
    assert [row.name for row in sets.cases(made.db, made.admin, newest.id, patient=PATIENT).rows] == [
        f"{PATIENT}-cell_7.png"
    ]
    learned = read_learned(made.place.runs / ward.run.key / "tsm")
    assert learned is not None and learned.knows_patient(PATIENT) and len(learned.pictures) == 8


def test_boxes_of_their_cases_go_and_those_of_others_stay(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    boxed = cells.with_cases([replace(case, boxes=(Box(case.labels[0], 0, 0, 0.5, 0.5),)) for case in cells.cases])
    first = sets.write_version(database, place, boxed, who=who, project_id=who.projects[0])
    drawn = [asdict(Box("dark", 0.1, 0.1, 0.5, 0.5))]
    for number in (0, 6, 8):
        boxes.correct_boxes(
            database, place, who, first.id, number, [{**drawn[0], "label": ("dark", "light")[number % 2]}], 0
        )
    erasable_kind("patient").erase(database, place, who, f"{first.set_id}/P3")
    assert count(database, BoxCorrection) == 2
    assert [case.number for case in boxes.redrawn_cases(database, who, first.set_id)] == [0, 6]


def test_an_older_version_with_them_gets_none_in_its_place_where_a_newer_one_is_without(ward: Ward) -> None:
    """Else an old state would become the newest."""
    made = ward.room
    without = ward.cells.with_cases([case for case in ward.cells.cases if case.patient != PATIENT])
    newest = sets.write_version(
        made.db, made.place, without, who=made.admin, project_id=ward.run.project_id, set_id=ward.set_id
    )
    planned = erasable_kind("patient").plan(made.db, made.place, made.admin, ward.which)
    assert "2 versions (1, 2): a newer one shows none of them" in planned.goes
    assert "1 review of these versions, with all verdicts" in planned.goes
    erase(ward)
    assert [version.id for version in sets.versions(made.db, made.admin, ward.set_id)] == [newest.id]
    assert count(made.db, Review) == 0


@pytest.mark.parametrize(
    ("which", "why"),
    [("nobody", "names no patient"), ("{set}/P99", "has no patient “P99”"), ("{other}/P0", "has no other cases")],
)
def test_nobody_is_erased_who_is_not_there_or_is_all_that_is_there(ward: Ward, which: str, why: str) -> None:
    made = ward.room
    other = sets.write_version(
        made.db,
        made.place,
        ward.cells.with_cases(ward.cells.cases[:2]),
        who=made.admin,
        project_id=ward.run.project_id,
        name="One patient",
    )
    with pytest.raises(CoreError, match=why):
        erase(ward, which=which.format(set=ward.set_id, other=other.set_id))
    assert count(made.db, Version) == 3


def test_nothing_is_erased_while_something_works_with_it(ward: Ward) -> None:
    made = ward.room
    with made.db.session() as session:
        session.get_one(Job, ward.run.job_id).state = "running"
    with pytest.raises(CoreError, match="waits or is carried out"):
        erase(ward)
    assert len(load(made.place.runs / ward.run.key / "readings" / "test.parquet")) == 10


@pytest.mark.parametrize("kind", ["patient", "case-and-runs"])
def test_only_admins_of_its_project_erase_a_patient(ward: Ward, kind: str) -> None:
    made, erasable = ward.room, erasable_kind(kind)
    researcher = people.add_person(made.db, "researcher", "a long password", "researcher", made.admin.projects)
    acts: tuple[Callable[[Who], object], ...] = (
        lambda who: erasable.plan(made.db, made.place, who, ward.which),
        lambda who: erasable.erase(made.db, made.place, who, ward.which),
    )
    for person in (made.anna, made.reader, made.stranger, researcher):
        for act in acts:
            with pytest.raises(NotAllowed):
                act(person)
    assert erasable.listed(made.db, made.stranger) == []
    assert len(sets.cases(made.db, made.admin, ward.second).rows) == 10


def test_readings_in_a_far_store_are_changed_there_too(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on studios of several machines: what this one has not is fetched, changed, and sent back."""
    made, folder = ward.room, ward.room.place.runs / ward.run.key
    store = open_store(made.place.store)
    monkeypatch.setattr(type(store), "is_local", property(lambda self: False))
    names = ("readings/test.parquet", "novelty.safetensors")
    with made.db.session() as session:
        for name in names:
            session.add(Artifact(run_id=ward.run.id, path=name, size=1, digest="0" * 64))
            store.send(folder / name, f"runs/{ward.run.key}/{name}")
            (folder / name).unlink()
    erase(ward)
    kept = store.read(f"runs/{ward.run.key}/{names[0]}")
    assert PATIENT not in pq.read_table(pa.BufferReader(kept))["case"].to_pylist() and PATIENT.encode() not in kept
    assert not store.exists(f"runs/{ward.run.key}/{names[1]}")
    with made.db.reading() as session:
        left = {row.path: row.digest for row in session.scalars(select(Artifact).where(Artifact.run_id == ward.run.id))}
    assert names[1] not in left and left[names[0]] != "0" * 64
