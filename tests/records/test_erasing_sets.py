"""Sets, versions and reviews go for good, with their pictures; runs that used them stay, and say so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from core.case import Box, ImageSet, Task
from core.checks.mending import LeftOut
from core.errors import DataError, RunError
from core.machine.aside import ASIDE
from core.pictures.store import Store, key_of, open_store
from core.records import archiving, audit, jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.database import Database
from core.records.erasing import erasing_sets, leftovers, remains
from core.records.payloads import Add
from core.records.place import Place
from core.records.review import boxes, corrections, reviews, verdicts
from core.records.runs import questions, runs
from core.records.sets import sets
from core.records.sets.mended import keep_left_out
from core.records.sets.versions import SetError
from core.records.tables import (
    Audit,
    BeingErased,
    BoxCorrection,
    Case,
    Correction,
    Ground,
    Job,
    Remains,
    Review,
    Run,
    Standing,
    Suspect,
    Upload,
    Verdict,
    Version,
)
from core.records.tables import (
    ImageSet as SetRow,
)
from core.sets.version import read_version, write_about
from tests.records.search import Room, finish, room
from tests.records.test_erasing import ask, count, finished

OF_REVIEWS = (Review, Suspect, Ground, Standing, Verdict, Correction)


@pytest.fixture
def searched(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    """With a verdict that changes a label, one that was taken back, and the version that was made of it."""
    made = room(database, place, who, cells)
    verdicts.decide(database, made.anna, made.review_id, [1], "change", ["light"], "a light one", key="first")
    verdicts.decide(database, made.anna, made.review_id, [2], "exclude", key="second")
    verdicts.undo(database, made.anna, made.review_id)
    (place.data / "reviews" / key_of_review(database, made.review_id)).mkdir(parents=True)
    return made


def key_of_review(database: Database, review_id: int) -> str:
    with database.reading() as session:
        return session.get_one(Review, review_id).key


def version_row(database: Database, version_id: int) -> Version:
    with database.reading() as session:
        return session.get_one(Version, version_id)


def receipt(database: Database) -> Audit:
    with database.reading() as session:
        return session.scalars(select(Audit).order_by(Audit.id.desc()).limit(1)).one()


def stored_pictures(place: Place) -> list[str]:
    return [key for key in open_store(place.store).keys() if len(key) == 65]


def test_a_review_goes_with_its_verdicts_and_no_other_does(searched: Room, place: Place, cells: ImageSet) -> None:
    other = reviews.queue_review(searched.db, place, searched.admin, searched.version_id, name="Another")
    finish(searched.db, place, other.job_id, cells)
    verdicts.decide(searched.db, searched.anna, other.id, [1], "keep")
    made = corrections.apply(searched.db, place, searched.admin, searched.review_id)
    with searched.db.session() as session:
        stays = {
            table: session.scalar(select(func.count()).where(table.review_id == other.id)) for table in OF_REVIEWS[1:]
        }
    named = erasing_sets.review_erasure(searched.db, searched.admin, searched.review_id)
    assert named.name == "cells"
    assert named.goes == (
        "what its search found, case by case, and its folder",
        "3 verdicts of 1 person, undone ones too",
        "1 version told why its cases differ: who said so, and their words",
    )
    erasing_sets.erase_review(searched.db, place, searched.admin, searched.review_id)
    for table, many in stays.items():
        assert count(searched.db, table) == many, table.__tablename__
    assert [view.id for view in reviews.reviews(searched.db, searched.admin, searched.admin.projects[0])] == [other.id]
    assert list((place.data / "reviews").iterdir()) == []
    assert sets.case(searched.db, searched.admin, made.id, 0).labels == ("light",), "the version stays as it is"
    (change,) = corrections.difference(searched.db, searched.admin, searched.version_id, made.id)
    assert (change.who, change.why) == ("", "")
    row = receipt(searched.db)
    assert (row.action, row.subject, row.details["verdicts"]) == ("erase review", "cells", 3)
    assert audit.verify(searched.db, place).faults == []
    assert (count(searched.db, BeingErased), count(searched.db, Remains)) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        "delete from verdicts",
        "delete from verdicts where review_id = {review}",
        "update verdicts set why = 'x'",
        "update verdicts set why = 'x' where review_id = {review}",
    ],
)
def test_only_what_is_named_as_erased_may_go(searched: Room, place: Place, cells: ImageSet, change: str) -> None:
    """Of two reviews with verdicts one is named: those of the other stay, and nothing is ever changed."""
    other = reviews.queue_review(searched.db, place, searched.admin, searched.version_id, name="Another")
    finish(searched.db, place, other.job_id, cells)
    verdicts.decide(searched.db, searched.anna, other.id, [1], "keep")
    statement = text(change.format(review=searched.review_id))
    with pytest.raises(DBAPIError, match="only ever added"), searched.db.engine.begin() as connection:
        connection.execute(statement)
    is_whole = "where" not in change
    with searched.db.engine.connect() as connection:
        named = other.id if is_whole and "delete" in change else searched.review_id
        connection.execute(insert(BeingErased).values(kind="review", number=named))
        if change.startswith("delete") and not is_whole:
            connection.execute(text("delete from standings"))
            connection.execute(statement)
        else:
            with pytest.raises(DBAPIError, match="only ever added"):
                connection.execute(statement)
        connection.rollback()
    assert count(searched.db, Verdict) == 4


def test_a_search_under_way_is_not_erased(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    view = reviews.queue_review(database, place, who, version.id)
    with pytest.raises(SetError, match="waits or is carried out"):
        erasing_sets.erase_review(database, place, who, view.id)
    assert count(database, Review) == 1


def test_a_version_goes_with_its_cases_and_the_run_on_it_stays(searched: Room, place: Place, who: Who) -> None:
    db, admin = searched.db, searched.admin
    made = corrections.apply(db, place, admin, searched.review_id)
    run = finished(db, place, admin, searched.version_id, "On the first")
    asked = questions.ask(db, place, admin, run.id, 3)
    brought = ask(db, admin, run, open_store(place.store).put(b"brought"))
    with db.session() as session:
        session.execute(update(Job).values(state="done"))
    named = erasing_sets.version_erasure(db, admin, searched.version_id)
    assert named.name == "cells v1"
    assert named.goes == (
        "10 cases: names, labels, patients, boxes, reports",
        "1 review with 3 verdicts",
        "1 question about its cases",
    )
    assert named.stays[1].startswith("1 run that was tuned on it with figures, files and readings")
    before = stored_pictures(place)
    erasing_sets.erase_version(db, place, admin, searched.version_id)

    assert [version.id for version in sets.versions(db, admin, made.set_id)] == [made.id]
    with pytest.raises(NotAllowed, match="version 1, were erased on"):
        sets.cases(db, admin, searched.version_id)
    with pytest.raises(NotAllowed, match="were erased on"):
        runs.queue_run(db, place, admin, searched.version_id, "Again", run.settings)
    assert not (place.versions / version_row(db, searched.version_id).hash).exists()
    assert stored_pictures(place) == before, "the version that was made of it shows the same pictures"
    view = runs.run(db, admin, run.id)
    assert (view.is_set_erased, view.set, view.version) == (True, "cells", 1)
    with pytest.raises(NotAllowed):
        jobs.job(db, admin, asked)
    assert questions.answer(db, admin, brought).state == "done"
    assert count(db, Review) == 0 and count(db, Verdict) == 0
    next_version = sets.new_version_with_task(db, place, admin, made.id, {"answers": ["dark", "light", "none"]})
    assert next_version.number == 3
    with pytest.raises(NotAllowed, match="were erased"):
        corrections.revert(db, place, admin, made.id)
    assert audit.verify(db, place).faults == []


def test_the_newest_version_goes_and_its_number_comes_to_no_other(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    project = who.projects[0]
    first = sets.write_version(database, place, cells, who=who, project_id=project, name="Cells")
    smaller = cells.with_cases(cells.cases[:4])
    second = sets.write_version(database, place, smaller, who=who, project_id=project, name="Cells")
    erasing_sets.erase_version(database, place, who, second.id)
    (view,) = sets.sets(database, who, project)
    assert (view.latest.id, view.versions) == (first.id, 1)
    again = sets.write_version(database, place, smaller, who=who, project_id=project, name="Cells")
    assert (again.number, again.hash) == (3, second.hash)
    assert len(sets.cases(database, who, again.id).rows) == 4
    erasing_sets.erase_version(database, place, who, first.id)
    with pytest.raises(SetError, match=r"only version of its set\. Erase the set"):
        erasing_sets.erase_version(database, place, who, again.id)
    assert erasing_sets.erasable_versions(database, who) == []


def test_a_set_without_runs_leaves_nothing(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    """Neither rows nor pictures, nor what it was made of."""
    store, project = open_store(place.store), who.projects[0]
    masked = cells.with_cases([replace(case, mask=cells.cases[0].pixels) for case in cells.cases])
    version = sets.write_version(database, place, masked, who=who, project_id=project, name="Cells")
    keep_left_out(place, version, [LeftOut("cell_99.png", "too small")])
    for number in range(2):
        sets.image(database, place, who, version.id, number, "thumb")
    upload = added_upload(database, place, who, version)
    named = erasing_sets.set_erasure(database, who, version.set_id)
    assert named.goes == (
        "1 version",
        "10 cases: names, labels, patients, boxes, reports",
        "9 pictures that nothing else shows",
        "1 upload that it was made of",
    )
    assert named.stays == ("its name in the audit log",)
    erasing_sets.erase_set(database, place, who, version.set_id)
    for table in (SetRow, Version, Case, Upload, Job, Remains):
        assert count(database, table) == 0, table.__tablename__
    assert store.keys() == [] and list(place.versions.iterdir()) == []
    assert not (place.uploads / upload.key).exists()
    assert receipt(database).details == {"set": version.set_id, "versions": 1, "cases": 10, "runs": 0}


def added_upload(database: Database, place: Place, who: Who, version: Version) -> Upload:
    """As a worker leaves it once it is added."""
    folder = place.data / "arriving"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cells.zip").write_bytes(b"zip")
    upload = sets.new_upload(database, place, who, who.projects[0], folder / "cells.zip", "cells.zip")
    with database.session() as session:
        payload = Add(upload=upload.id, set_name="Cells", task={})
        job = jobs.enqueue(session, who, who.projects[0], payload)
        job.state = "done"
        job.result = {"upload": upload.id, "set": version.set_id, "version": version.id, "cases": 10}
        session.get_one(Upload, upload.id).state = "added"
    return upload


def test_a_set_that_a_run_used_leaves_its_number_and_no_name(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    project = who.projects[0]
    version = sets.write_version(database, place, cells, who=who, project_id=project, name="Of ward 7", note="ward 7")
    second = sets.new_version_with_task(database, place, who, version.id, {"answers": ["dark", "light", "none"]})
    run = finished(database, place, who, version.id, "Tuned")
    erasing_sets.erase_set(database, place, who, version.set_id)
    assert sets.sets(database, who, project, with_archived=True) == []
    with database.reading() as session:
        (row,) = session.scalars(select(SetRow))
        assert (row.name, row.note) == (f"erased set {version.set_id}", "")
        assert session.get(Version, second.id) is None
        assert (session.get_one(Version, version.id).note, session.get_one(Version, version.id).counts) == ("", {})
    view = runs.run(database, who, run.id)
    assert (view.set, view.is_set_erased) == (f"erased set {version.set_id}", True)
    assert [row.id for row in runs.runs(database, who, project)] == [run.id]
    for act in (sets.versions, boxes.redrawn_cases, sets.image_set):
        with pytest.raises(NotAllowed):
            act(database, who, version.set_id)
    again = sets.write_version(database, place, cells, who=who, project_id=project, name="Of ward 7")
    assert (again.number, again.set_id != version.set_id) == (1, True)
    with pytest.raises(SetError, match="are those of sets that were erased"):
        sets.write_version(database, place, cells, who=who, project_id=project, name="Erased set 5")
    with database.session() as session:
        session.get_one(Job, run.job_id).state = "stopped"
    with pytest.raises(RunError, match="were erased"):
        runs.resume(database, place, who, run.id)


def test_boxes_that_were_corrected_go_with_the_version_that_they_were_drawn_on(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    boxed = cells.with_cases([replace(case, boxes=(Box(case.labels[0], 0, 0, 0.5, 0.5),)) for case in cells.cases])
    first = sets.write_version(database, place, boxed, who=who, project_id=who.projects[0])
    drawn = [asdict(Box("dark", 0.1, 0.1, 0.5, 0.5))]
    boxes.correct_boxes(database, place, who, first.id, 0, drawn, 0, "")
    second = corrections.apply_boxes(database, place, who, first.set_id)
    boxes.correct_boxes(database, place, who, second.id, 2, drawn, 0, "")
    assert "1 correction of boxes" in erasing_sets.version_erasure(database, who, first.id).goes
    erasing_sets.erase_version(database, place, who, first.id)
    assert count(database, BoxCorrection) == 1
    assert [case.number for case in boxes.redrawn_cases(database, who, first.set_id)] == [2]
    assert sets.case(database, who, second.id, 0).boxes == (Box("dark", 0.1, 0.1, 0.5, 0.5),)
    with pytest.raises(DBAPIError, match="only ever added"), database.engine.begin() as connection:
        connection.execute(text("delete from box_corrections"))


def test_pictures_of_another_set_and_of_questions_stay(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    """Also in another project, and a version there with the same cases, and so the same folder."""
    other = people.add_project(database, who, "Elsewhere")
    both = people.local(database)
    version = sets.write_version(database, place, cells, who=both, project_id=both.projects[0], name="Cells")
    twin = sets.write_version(database, place, cells, who=both, project_id=other, name="Cells")
    before = open_store(place.store).keys()
    erasing_sets.erase_set(database, place, both, version.set_id)
    assert open_store(place.store).keys() == before and (place.versions / twin.hash).is_dir()
    asked_run = finished(
        database,
        place,
        both,
        sets.write_version(
            database, place, cells.with_cases(cells.cases[:1]), who=both, project_id=both.projects[0], name="One"
        ).id,
        "Run",
    )
    digest = sets.case(database, both, twin.id, 5).digest
    ask(database, both, asked_run, digest)
    erasing_sets.erase_set(database, place, both, twin.set_id)
    kept = {digest, sets.case(database, both, asked_run.version_id, 0).digest}
    assert set(stored_pictures(place)) == {key_of(digest) for digest in kept}


@pytest.mark.parametrize("what", ["run", "question", "adding", "search"])
def test_no_set_is_erased_while_something_works_with_it(
    database: Database, place: Place, who: Who, cells: ImageSet, what: str
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    run = finished(database, place, who, version.id, "Run")
    if what == "run":
        with database.session() as session:
            session.get_one(Job, run.job_id).state = "running"
    elif what == "question":
        ask(database, who, run, "0" * 64, "waiting")
    elif what == "search":
        reviews.queue_review(database, place, who, version.id)
    else:
        with database.session() as session:
            jobs.enqueue(session, who, who.projects[0], Add(upload=1, set_name="Cells", task={}))
    with pytest.raises(SetError, match="1 job waits or is carried out"):
        erasing_sets.erase_set(database, place, who, version.set_id)
    assert count(database, Case) == 10


def test_what_could_not_be_removed_is_told_and_swept_later(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    store = open_store(place.store)

    def away(self: object, key: str) -> None:
        raise DataError("The store does not answer.")

    monkeypatch.setattr(type(store), "remove", away)
    with pytest.raises(RunError, match="is erased, but not all of its files"):
        erasing_sets.erase_set(database, place, who, version.set_id)
    assert receipt(database).action == "erase left files"
    leftovers.sweep(database, place)
    assert stored_pictures(place) and count(database, Remains) == 1
    monkeypatch.undo()
    leftovers.sweep(database, place)
    assert store.keys() == [] and count(database, Remains) == 0


def test_an_erasing_that_was_cut_off_is_finished_and_one_that_failed_changes_nothing(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    before = open_store(place.store).keys()

    def broken(session: object) -> None:
        raise RunError("The database is full.")

    with monkeypatch.context() as patch, pytest.raises(RunError, match="full"):
        patch.setattr(audit, "_chain", broken)
        erasing_sets.erase_set(database, place, who, version.set_id)
    leftovers.sweep(database, place)
    assert open_store(place.store).keys() == before and count(database, Case) == 10

    def killed(*all_of_it: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(erasing_sets, "clear", killed)
        erasing_sets.erase_set(database, place, who, version.set_id)
    assert open_store(place.store).keys() == before and count(database, Case) == 0
    assert leftovers.sweep(database, place) == 1
    assert open_store(place.store).keys() == [] and not (place.versions / version.hash).exists()


def test_pictures_wait_while_images_are_added_which_may_be_the_same(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    with database.session() as session:
        adding = jobs.enqueue(session, who, who.projects[0], Add(upload=1, set_name="Others", task={}))
        adding.state = "running"
    with pytest.raises(remains.RemainsError, match="9 pictures, while images are being added"):
        erasing_sets.erase_set(database, place, who, version.set_id)
    assert len(stored_pictures(place)) == 9
    again = sets.write_version(
        database, place, cells.with_cases(cells.cases[:3]), who=who, project_id=who.projects[0], name="Others"
    )
    with database.session() as session:
        session.get_one(Job, adding.id).state = "done"
    leftovers.sweep(database, place)
    kept = {key_of(row.digest) for row in sets.cases(database, who, again.id).rows}
    assert set(stored_pictures(place)) == kept and len(kept) == 3


def test_image_features_of_erased_pictures_go_and_others_stay(
    database: Database, place: Place, who: Who, cells: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITASK_CACHE", str(tmp_path / "cache"))
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    digests = [row.digest for row in sets.cases(database, who, version.id).rows]
    folder = tmp_path / "cache" / "features"
    folder.mkdir(parents=True)
    for name, pictures in (("own", [*digests[:2], "f" * 64]), ("other", ["f" * 64])):
        (folder / f"{name}.json").write_text(json.dumps({"digests": pictures}))
        (folder / f"{name}.features").write_bytes(b"features")
    (folder / "broken.json").write_text("{")
    erasing_sets.erase_set(database, place, who, version.set_id)
    assert sorted(path.name for path in folder.iterdir()) == ["broken.json", "other.features", "other.json"]


def test_more_pictures_than_are_looked_up_by_name_are_found_all_the_same(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remains, "AT_ONCE", 2)
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    kept = sets.write_version(
        database, place, cells.with_cases(cells.cases[:3]), who=who, project_id=who.projects[0], name="Three"
    )
    assert "6 pictures that nothing else shows" in erasing_sets.set_erasure(database, who, version.set_id).goes
    erasing_sets.erase_set(database, place, who, version.set_id)
    assert len(stored_pictures(place)) == 3 and sets.image(database, place, who, kept.id, 0)


@pytest.mark.parametrize("kind", ["set", "version", "review"])
def test_only_admins_of_its_project_erase(searched: Room, place: Place, kind: str) -> None:
    db = searched.db
    number = {"set": sets.version(db, searched.admin, searched.version_id).set_id, "version": searched.version_id}.get(
        kind, searched.review_id
    )
    plan: Callable[..., object] = getattr(erasing_sets, f"{kind}_erasure")
    erase: Callable[..., object] = getattr(erasing_sets, f"erase_{kind}")
    listed: Callable[..., list[tuple[str, int]]] = getattr(erasing_sets, f"erasable_{kind}s")
    researcher = people.add_person(db, "researcher", "a long password", "researcher", searched.admin.projects)
    for person in (searched.anna, searched.reader, searched.stranger, researcher):
        with pytest.raises(NotAllowed):
            plan(db, person, number)
        with pytest.raises(NotAllowed):
            erase(db, place, person, number)
        if person is searched.stranger:
            assert listed(db, person) == []
        else:
            with pytest.raises(NotAllowed):
                listed(db, person)
    assert (count(db, Review), count(db, Case), count(db, Verdict)) == (1, 10, 3)


def test_an_erased_version_is_in_no_list_of_what_can_be_erased(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    finished(database, place, who, version.id, "Run")
    assert [number for _, number in erasing_sets.erasable_sets(database, who)] == [version.set_id]
    erasing_sets.erase_set(database, place, who, version.set_id)
    assert erasing_sets.erasable_sets(database, who) == []
    for act in (erasing_sets.set_erasure, archiving.archive_set):
        with pytest.raises(NotAllowed):
            act(database, who, version.set_id)
    with pytest.raises(NotAllowed):
        erasing_sets.version_erasure(database, who, version.id)
    assert count(database, Run) == 1


def test_cases_that_are_erased_while_a_version_is_made_of_them_do_not_come_back(
    searched: Room, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the records nor on the disk, where whoever took a version back, or wrote another question, was at
    work with them."""
    db, admin = searched.db, searched.admin
    made = corrections.apply(db, place, admin, searched.review_id)
    folders = {path.name for path in place.versions.iterdir()}

    def read_then_erased(*given: Any) -> ImageSet:
        before = read_version(*given)
        erasing_sets.erase_version(db, place, admin, searched.version_id)
        return before

    monkeypatch.setattr("core.records.sets.version_changes.read_version", read_then_erased)
    with pytest.raises(NotAllowed, match="were erased"):
        corrections.revert(db, place, admin, made.id)
    (living,) = sets.versions(db, admin, made.set_id)
    assert living.id == made.id
    leftovers.sweep(db, place)
    assert {path.name for path in place.versions.iterdir()} == folders & {made.hash}
    assert not any(made.hash not in key for key in open_store(place.store).keys() if key.startswith("versions/"))
    assert count(db, Remains) == 0


def test_a_question_is_not_written_for_cases_that_are_erased_meanwhile(
    searched: Room, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, admin = searched.db, searched.admin
    made = corrections.apply(db, place, admin, searched.review_id)
    task = replace_question(sets.task_of(made))

    def written_then_erased(draft: Path, about: Any) -> None:
        write_about(draft, about)
        if about.task == task:
            erasing_sets.erase_version(db, place, admin, made.id)

    monkeypatch.setattr("core.records.sets.versions.write_about", written_then_erased)
    with pytest.raises(NotAllowed, match="were erased"):
        sets.new_version_with_task(db, place, admin, made.id, task)
    assert [version.id for version in sets.versions(db, admin, made.set_id)] == [searched.version_id]
    leftovers.sweep(db, place)
    assert {path.name for path in place.versions.iterdir()} == {version_row(db, searched.version_id).hash}


def replace_question(task: Task) -> Task:
    return Task.parse({**task.model_dump(), "modality": "another kind of picture"}, "task")


def test_a_thumbnail_that_is_made_while_its_picture_is_erased_does_not_stay(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    make = ASIDE.run

    def made_then_erased(*given: Any) -> Any:
        made = make(*given)
        erasing_sets.erase_set(database, place, who, version.set_id)
        return made

    monkeypatch.setattr(ASIDE, "run", made_then_erased)
    sets.image(database, place, who, version.id, 0, "thumb")
    assert open_store(place.store).keys() == []


def test_pictures_are_removed_before_their_thumbnails(
    database: Database, place: Place, who: Who, cells: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes a thumbnail meanwhile looks for the picture afterwards, and takes it back where that is gone."""
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    removed: list[str] = []
    remove = Store.remove

    def removed_slowly(store: Store, key: str) -> None:
        if not key.startswith("thumbs/"):
            time.sleep(0.05)
        remove(store, key)
        removed.append(key)

    monkeypatch.setattr(Store, "remove", removed_slowly)
    erasing_sets.erase_set(database, place, who, version.set_id)
    are_thumbs = [key.startswith("thumbs/") for key in removed]
    assert any(are_thumbs) and are_thumbs == sorted(are_thumbs)


def test_whoever_decides_while_a_review_is_erased_is_waited_for(
    searched: Room, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither stops the other, and the verdict goes with the review."""
    erasing = Thread(target=lambda: erasing_sets.erase_review(searched.db, place, searched.admin, searched.review_id))
    refuse = verdicts._refuse_without_look

    def refuse_slowly(*given: Any) -> None:
        refuse(*given)
        erasing.start()
        time.sleep(1)

    monkeypatch.setattr(verdicts, "_refuse_without_look", refuse_slowly)
    verdicts.decide(searched.db, searched.ben, searched.review_id, [3], "unsure")
    erasing.join(300)
    for table in OF_REVIEWS[:-1]:
        assert count(searched.db, table) == 0, table.__tablename__
    with pytest.raises(NotAllowed, match="nothing here"):
        verdicts.decide(searched.db, searched.ben, searched.review_id, [3], "unsure")
