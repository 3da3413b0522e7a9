"""What is erased is gone, with its files and what was asked of it; what depends on it is named before."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from core.case import ImageSet
from core.errors import DataError, RunError
from core.pictures.store import key_of, open_store
from core.records import audit, jobs
from core.records.accounts import people, roster
from core.records.accounts.people import NotAllowed, PeopleError, SignInError, Who
from core.records.database import Database
from core.records.erasing import erasing, leftovers
from core.records.payloads import Ask, Plug
from core.records.place import Place
from core.records.runs import runs
from core.records.runs.exports import export_path, queue_export
from core.records.sets import sets
from core.records.tables import Artifact, Audit, Event, Job, LogLine, Run, Stage
from tests.app.furnished import SETTINGS, events

PASSWORD = "six herons over a pier"
LEFT = (Run, Stage, Event, LogLine, Artifact)


@pytest.fixture
def version(database: Database, place: Place, who: Who, cells: ImageSet) -> int:
    written = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    return written.id


def finished(database: Database, place: Place, who: Who, version: int, name: str) -> Run:
    run = runs.queue_run(database, place, who, version, name, SETTINGS)
    claimed = jobs.claim(database, run.job_id, "test")
    assert claimed is not None
    runs.take_events(database, run.id, 0, events())
    jobs.log(database, run.job_id, ["a line"])
    (place.runs / run.key / "readings").mkdir(parents=True)
    (place.runs / run.key / "readings" / "test.parquet").write_bytes(b"readings")
    (place.runs / f"{run.key}.yaml").write_text("seed: 0")
    with database.session() as session:
        session.add(Artifact(run_id=run.id, path="metrics.json", size=2, digest="0" * 64))
    open_store(place.store).write(f"runs/{run.key}/metrics.json", b"{}")
    jobs.finish(database, claimed, {})
    return run


def ask(database: Database, who: Who, run: Run, image: str, state: str = "done") -> int:
    with database.session() as session:
        job = jobs.enqueue(session, who, run.project_id, Ask(run=run.id, image=image))
        job.state = state
        return job.id


def count(database: Database, table: type) -> int | None:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_a_run_goes_with_its_files_and_what_was_asked_of_it(
    database: Database, place: Place, who: Who, version: int
) -> None:
    run = finished(database, place, who, version, "Gone")
    before = [count(database, table) for table in (*LEFT, Job)]
    kept = finished(database, place, who, version, "Kept")
    store = open_store(place.store)
    alone, shared = (store.put(picture) for picture in (b"of a patient", b"asked of both"))
    case = sets.case(database, who, version, 0).digest
    for image in (alone, shared, case):
        ask(database, who, run, image)
    ask(database, who, kept, shared)
    export = queue_export(database, place, who, run.id)
    with database.session() as session:
        session.get_one(Job, export).state = "done"
    export_path(place, export).parent.mkdir(exist_ok=True)
    export_path(place, export).write_bytes(b"zip")

    named = erasing.run_erasure(database, who, run.id)
    assert named.name == "Gone"
    assert named.goes[1:-1] == ("3 questions", "1 zip to take away", "1 picture that was brought to be asked about")
    erasing.erase_run(database, place, who, run.id)

    assert [number for _, number in erasing.erasable_runs(database, who)] == [kept.id]
    after = [count(database, table) for table in (*LEFT, Job)]
    assert after[:-1] == before[:-1] and after[-1] == (before[-1] or 0) + 1, "as many rows as of the other run alone"
    assert sorted(path.name for path in place.runs.iterdir()) == sorted((kept.key, f"{kept.key}.yaml"))
    assert not export_path(place, export).exists()
    assert [store.exists(key_of(image)) for image in (alone, shared, case)] == [False, True, True]
    keys = store.keys()
    assert not any(run.key in key for key in keys) and f"runs/{kept.key}/metrics.json" in keys
    with pytest.raises(NotAllowed):
        runs.run(database, who, run.id)
    with database.reading() as session:
        receipt = session.scalars(select(Audit).order_by(Audit.id.desc())).first()
        assert receipt is not None
        assert (receipt.action, receipt.subject, receipt.details["run"]) == ("erase run", "Gone", run.id)
    assert audit.verify(database, place).faults == []


def test_what_stays_is_named(database: Database, place: Place, who: Who, version: int) -> None:
    run = finished(database, place, who, version, "Source")
    runs.queue_run(database, place, who, version, "Copy", SETTINGS, copy_of=run.id)
    with database.session() as session:
        job = jobs.enqueue(session, who, run.project_id, Plug(run=run.id, of=run.id, tsm="convnet"))
        job.state = "done"
    stays = erasing.run_erasure(database, who, run.id).stays
    assert stays[0] == "1 copy without the way back to it"
    assert stays[1].startswith("1 run that took its VLM")
    assert stays[-1] == "its name in the audit log"


@pytest.mark.parametrize("what", ["run", "question", "plug"])
def test_nothing_is_erased_while_something_works_with_it(
    database: Database, place: Place, who: Who, version: int, what: str
) -> None:
    run = finished(database, place, who, version, "Busy")
    if what == "run":
        with database.session() as session:
            session.get_one(Job, run.job_id).state = "running"
    elif what == "question":
        ask(database, who, run, "0" * 64, "waiting")
    else:
        with database.session() as session:
            jobs.enqueue(session, who, run.project_id, Plug(run=run.id, of=run.id, tsm="convnet"))
    with pytest.raises(RunError, match="waits or is carried out"):
        erasing.erase_run(database, place, who, run.id)
    assert (place.runs / run.key / "readings" / "test.parquet").exists() and count(database, Run) == 1


def test_a_refused_erasing_puts_the_folder_back(
    database: Database, place: Place, who: Who, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(database, place, who, version, "Stays")

    def broken(session: object) -> None:
        raise RunError("The database is full.")

    monkeypatch.setattr(audit, "_chain", broken)
    with pytest.raises(RunError, match="full"):
        erasing.erase_run(database, place, who, run.id)
    monkeypatch.undo()
    assert (place.runs / run.key / "readings" / "test.parquet").exists() and count(database, Run) == 1


def test_what_can_not_be_removed_is_told_and_swept_later(
    database: Database, place: Place, who: Who, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(database, place, who, version, "Stuck")

    def stuck(path: Path) -> None:
        raise OSError("busy")

    monkeypatch.setattr("core.records.erasing.erasing.shutil.rmtree", stuck)
    with pytest.raises(RunError, match="1 of its files could not be removed"):
        erasing.erase_run(database, place, who, run.id)
    monkeypatch.undo()
    assert [path.name for path in place.runs.iterdir()] == [f".erased-{run.key}"] and count(database, Run) == 0
    leftovers.sweep(database, place)
    assert list(place.runs.iterdir()) == []


def test_what_an_erasing_left_that_was_cut_off_is_swept(
    database: Database, place: Place, who: Who, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, store = finished(database, place, who, version, "Cut off"), open_store(place.store)
    picture = store.put(b"a picture of somebody")
    again = store.put(b"a picture that is brought again")
    for brought in (picture, again):
        ask(database, who, run, brought)
    zipped = export_path(place, queue_export(database, place, who, run.id))
    zipped.parent.mkdir(parents=True, exist_ok=True)
    zipped.write_bytes(b"zip")
    with database.session() as session:
        session.execute(update(Job).where(Job.kind == "export").values(state="done"))

    def killed(*all_of_it: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(erasing, "_remove", killed)
    with pytest.raises(KeyboardInterrupt):
        erasing.erase_run(database, place, who, run.id)
    monkeypatch.undo()
    assert count(database, Run) == 0 and store.exists(key_of(picture))
    ask(database, who, finished(database, place, who, version, "Next"), again)
    leftovers.sweep(database, place)
    assert store.exists(key_of(again))
    assert not zipped.exists()
    assert not store.exists(key_of(picture)) and not store.exists(f"runs/{run.key}/metrics.json")
    assert [path for path in place.runs.iterdir() if run.key in path.name] == []


def test_a_zip_whose_number_went_to_another_job_is_not_swept(
    database: Database, place: Place, who: Who, version: int
) -> None:
    """SQLite gives the numbers of rows that went to new ones."""
    zipped = export_path(place, queue_export(database, place, who, finished(database, place, who, version, "New").id))
    for file in (zipped, place.runs / ".erased-0123" / "metrics.json"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"{}")
    leftovers.write_rest(place.runs / ".erased-0123", [int(zipped.stem)], [], [])
    leftovers.sweep(database, place)
    assert zipped.exists() and not (place.runs / ".erased-0123").exists()


def test_the_folder_of_a_run_that_is_there_after_all_comes_back(
    database: Database, place: Place, who: Who, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(database, place, who, version, "Still here")
    folder = place.runs / run.key
    aside = folder.rename(place.runs / f".erased-{run.key}")
    leftovers.sweep(database, place)
    assert (aside / "readings" / "test.parquet").exists(), "somebody may be erasing it right now"
    later = time.time() + 2 * leftovers.SECONDS_BETWEEN_SWEEPS
    monkeypatch.setattr(time, "time", lambda: later)
    leftovers.sweep(database, place)
    assert (folder / "readings" / "test.parquet").exists() and not aside.exists()


def test_what_the_store_can_not_remove_is_swept_later(
    database: Database, place: Place, who: Who, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, store = finished(database, place, who, version, "Stored"), open_store(place.store)

    def away(self: object, key: str) -> None:
        raise DataError("The store does not answer.")

    monkeypatch.setattr(type(store), "remove", away)
    with pytest.raises(RunError, match="1 of its files could not be removed"):
        erasing.erase_run(database, place, who, run.id)
    leftovers.sweep(database, place)
    assert store.exists(f"runs/{run.key}/metrics.json")
    monkeypatch.undo()
    leftovers.sweep(database, place)
    assert not store.exists(f"runs/{run.key}/metrics.json") and list(place.runs.iterdir()) == []


def test_nobody_erases_a_run_but_its_owner_and_admins_of_its_project(
    database: Database, place: Place, who: Who, version: int
) -> None:
    run = finished(database, place, who, version, "Kept")
    other = people.add_project(database, who, "Elsewhere")
    people.add_person(database, "first", PASSWORD, "admin")
    stranger = people.add_person(database, "stranger", PASSWORD, "admin", [other])
    researcher = people.add_person(database, "researcher", PASSWORD, "researcher", who.projects)
    for person in (stranger, researcher):
        for act in (erasing.run_erasure, lambda db, acting, number: erasing.erase_run(db, place, acting, number)):
            with pytest.raises(NotAllowed):
                act(database, person, run.id)
    assert erasing.erasable_runs(database, stranger) == []
    with pytest.raises(NotAllowed):
        erasing.erasable_runs(database, researcher)


def test_a_person_goes_and_their_work_stays_under_no_name(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    ann = people.add_person(database, "ann", PASSWORD, "admin")
    bob = people.add_person(database, "bob", PASSWORD, "researcher", ann.projects)
    token = people.sign_in(database, "bob", PASSWORD, "10.0.0.1")
    sets.write_version(database, place, cells, who=bob, project_id=bob.projects[0], name="Cells")
    named = erasing.person_erasure(database, ann, "bob")
    assert named.stays[0] == f"1 version of a set under “erased person {bob.id}”"
    assert erasing.erase_person(database, ann, "bob") == f"erased person {bob.id}"
    assert people.who(database, token) is None
    with pytest.raises(SignInError):
        people.sign_in(database, "bob", PASSWORD, "10.0.0.1")
    assert [person.name for person in roster.roster(database, ann)] == ["ann"]
    assert roster.project_list(database, ann)[0].members == ("ann",)
    for name in ("bob", f"erased person {bob.id}"):
        with pytest.raises(PeopleError, match="no person called"):
            roster.reactivate(database, ann, name)
    assert audit.verify(database, place).faults == []
    people.add_person(database, "bob", PASSWORD, "reader", who=ann)


def test_nobody_is_named_like_somebody_erased_and_the_last_admin_stays(database: Database, who: Who) -> None:
    ann = people.add_person(database, "ann", PASSWORD, "admin")
    for name in ("erased person 3", "Erased Person 99"):
        with pytest.raises(PeopleError, match="those of people who were erased"):
            people.add_person(database, name, PASSWORD, "admin", who=ann)
    bob = people.add_person(database, "bob", PASSWORD, "researcher")
    with pytest.raises(PeopleError, match="ann is the last admin"):
        erasing.erase_person(database, ann, "ann")
    with pytest.raises(PeopleError, match=r'no person called "local"'):
        erasing.erase_person(database, ann, people.LOCAL)
    for act in (erasing.erase_person, erasing.person_erasure):
        with pytest.raises(NotAllowed):
            act(database, bob, "ann")


def test_a_picture_that_is_somebodys_mask_stays(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    first, *more = cells.cases
    masked = cells.with_cases([replace(first, mask=more[0].pixels), *more[1:]])
    version = sets.write_version(database, place, masked, who=who, project_id=who.projects[0], name="Masks").id
    run = finished(database, place, who, version, "First")
    mask = sets.cases(database, who, version).rows[0].mask
    assert mask is not None
    ask(database, who, run, mask)
    erasing.erase_run(database, place, who, run.id)
    assert open_store(place.store).exists(key_of(mask))
