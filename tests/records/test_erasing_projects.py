"""A project goes with all that was in it, and a picture that somebody brought with all that was answered about it."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from core.case import ImageSet
from core.errors import RunError, SettingsError
from core.pictures.store import key_of, open_store
from core.records import audit, audit_search, jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.audit_search import Sought
from core.records.database import Database
from core.records.erasing import erasing_pictures, erasing_projects
from core.records.erasing.erasable import ERASABLE, erase_named
from core.records.payloads import Find
from core.records.place import Place
from core.records.review import boxes, verdicts
from core.records.runs.exports import export_path, queue_export
from core.records.sets import sets
from core.records.tables import Audit, Case, Job, Membership, Person, Project, Remains, Review, Run, Table, Verdict
from tests.records.search import room
from tests.records.test_erasing import ask, count, finished
from tests.records.test_erasing_sets import added_upload, receipt

KEEPS = {"people", "audit", "projects", "memberships", "alembic_version", "queue_states", "sign_ins", "attempts"}


def rows(database: Database) -> dict[str, int | None]:
    with database.reading() as session:
        tables = Table.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) for table in tables}


def test_a_project_goes_with_everything_in_it_and_leaves_the_others(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    searched = room(database, place, who, cells)
    verdicts.decide(database, searched.anna, searched.review_id, [1], "keep")
    boxes.correct_boxes(database, place, searched.anna, searched.version_id, 0, [], 0, "")
    local = people.local(database)
    other = next(number for number in local.projects if number != who.projects[0])
    kept = sets.write_version(
        database, place, cells.with_cases(cells.cases[:2]), who=local, project_id=other, name="Kept"
    )
    before = rows(database)
    added_upload(database, place, local, sets.version(database, local, searched.version_id))
    run = finished(database, place, local, searched.version_id, "Run")
    store = open_store(place.store)
    brought = store.put(b"brought by a browser")
    ask(database, local, run, brought)
    (place.data / "arriving" / "1f").mkdir(parents=True)
    (place.data / "arriving" / "1f" / "scan.png").write_bytes(b"brought by a browser")
    (place.data / "arriving" / "1f" / "other.png").write_bytes(b"another")
    zipped = export_path(place, queue_export(database, place, local, run.id))
    zipped.parent.mkdir(parents=True, exist_ok=True)
    zipped.write_bytes(b"zip")
    with pytest.raises(RunError, match="1 job waits or is carried out"):
        erasing_projects.erase_project(database, place, local, who.projects[0])
    with database.session() as session:
        session.execute(update(Job).values(state="done"))

    named = erasing_projects.project_erasure(database, local, who.projects[0])
    assert named.name == "My project"
    assert named.goes[:8] == (
        "1 image set",
        "1 version",
        "1 run",
        "1 review",
        "1 verdict",
        "1 upload",
        "1 question",
        "1 zip to take away",
    )
    erasing_projects.erase_project(database, place, local, who.projects[0])

    after = rows(database)
    assert {name for name in after if after[name]} <= KEEPS | {"image_sets", "versions", "cases"}
    assert (after["image_sets"], after["cases"], after["people"]) == (1, 2, before["people"])
    assert count(database, Verdict) == count(database, Run) == count(database, Review) == count(database, Remains) == 0
    digests = {row.digest for row in sets.cases(database, people.local(database), kept.id).rows}
    assert {key for key in store.keys() if not key.startswith("versions/")} == {key_of(digest) for digest in digests}
    assert sorted(path.name for path in place.runs.iterdir()) == [] and not zipped.exists()
    assert list(place.uploads.iterdir()) == []
    assert [path.name for path in (place.data / "arriving" / "1f").iterdir()] == ["other.png"]
    row = receipt(database)
    assert (row.action, row.subject, row.project_id) == ("erase project", "My project", None)
    assert row.details == {"project": who.projects[0], "sets": 1, "runs": 1, "reviews": 1}
    assert audit.verify(database, place).faults == []


def test_a_new_project_is_not_told_what_was_done_in_one_that_was_erased(
    database: Database, place: Place, who: Who
) -> None:
    ann = people.add_person(database, "ann", "a long password", "admin")
    number = people.add_project(database, ann, "Secret study")
    erasing_projects.erase_project(database, place, people.person(database, ann.id), number)
    again = people.add_project(database, ann, "Next")
    assert again != number
    ann = people.person(database, ann.id)
    entries, _ = audit_search.search(database, ann, Sought(project_id=again))
    assert [entry.act for entry in entries] == ["add project"]
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(Audit.subject == "Secret study")) == 2


def test_the_last_project_may_go(database: Database, place: Place, who: Who) -> None:
    erasing_projects.erase_project(database, place, who, who.projects[0])
    assert count(database, Project) == count(database, Membership) == 0 and count(database, Person) == 1
    assert people.local(database).projects


def test_only_admins_who_are_in_it_erase_a_project(database: Database, place: Place, who: Who) -> None:
    people.add_person(database, "first", "a long password", "admin")
    elsewhere = people.add_project(database, who, "Elsewhere")
    stranger = people.add_person(database, "stranger", "a long password", "admin", [elsewhere])
    researcher = people.add_person(database, "researcher", "a long password", "researcher", who.projects)
    for person in (stranger, researcher):
        with pytest.raises(NotAllowed):
            erasing_projects.project_erasure(database, person, who.projects[0])
        with pytest.raises(NotAllowed):
            erasing_projects.erase_project(database, place, person, who.projects[0])
    assert erasing_projects.erasable_projects(database, stranger) == [("Elsewhere", elsewhere)]
    with pytest.raises(NotAllowed):
        erasing_projects.erasable_projects(database, researcher)
    assert count(database, Project) == 2


@pytest.fixture
def run(database: Database, place: Place, who: Who, cells: ImageSet) -> Run:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells")
    return finished(database, place, who, version.id, "Run")


def search_by(database: Database, who: Who, run: Run, image: str) -> int:
    with database.session() as session:
        job = jobs.enqueue(session, who, run.project_id, Find(run=run.id, image=image))
        job.state = "done"
        return job.id


def test_a_picture_goes_with_all_that_was_answered_about_it(
    database: Database, place: Place, who: Who, run: Run
) -> None:
    store = open_store(place.store)
    picture, other = store.put(b"of somebody"), store.put(b"of somebody else")
    store.write(f"thumbs/{key_of(picture)}.png", b"small")
    first = ask(database, who, run, picture)
    ask(database, who, run, picture)
    search_by(database, who, run, picture)
    kept = ask(database, who, run, other)
    choices = erasing_pictures.erasable_pictures(database, who)
    assert [number for _, number in choices] == [kept, first]
    assert choices[1][0].startswith(f"picture {first}: ") and choices[1][0].endswith("of Run, by local")
    (place.data / "arriving").mkdir(exist_ok=True)
    (place.data / "arriving" / "scan.png").write_bytes(b"of somebody")
    named = erasing_pictures.picture_erasure(database, who, first)
    assert named.goes == (
        "the picture and its thumbnail",
        "2 questions about it, with what was answered",
        "1 search about it, with what was answered",
    )
    erasing_pictures.erase_picture(database, place, who, first)
    keys = store.keys()
    assert key_of(picture) not in keys and f"thumbs/{key_of(picture)}.png" not in keys and key_of(other) in keys
    assert not (place.data / "arriving" / "scan.png").exists()
    assert [number for _, number in erasing_pictures.erasable_pictures(database, who)] == [kept]
    row = receipt(database)
    assert (row.action, row.subject, row.details) == ("erase picture", f"picture {first}", {"jobs": 3})
    with pytest.raises(NotAllowed):
        erasing_pictures.picture_erasure(database, who, first)


def test_a_picture_that_a_case_shows_too_stays_and_what_was_answered_goes(
    database: Database, place: Place, who: Who, run: Run
) -> None:
    digest = sets.case(database, who, run.version_id, 0).digest
    job = ask(database, who, run, digest)
    assert erasing_pictures.picture_erasure(database, who, job).stays[0].startswith("the picture itself")
    erasing_pictures.erase_picture(database, place, who, job)
    assert open_store(place.store).exists(key_of(digest)) and count(database, Case) == 10


def test_a_picture_that_is_asked_about_right_now_stays(database: Database, place: Place, who: Who, run: Run) -> None:
    picture = open_store(place.store).put(b"of somebody")
    first = ask(database, who, run, picture)
    ask(database, who, run, picture, "running")
    with pytest.raises(RunError, match="still being answered"):
        erasing_pictures.erase_picture(database, place, who, first)
    assert open_store(place.store).exists(key_of(picture))


def test_only_admins_of_its_project_erase_a_picture(database: Database, place: Place, who: Who, run: Run) -> None:
    job = ask(database, who, run, open_store(place.store).put(b"of somebody"))
    people.add_person(database, "first", "a long password", "admin")
    other = people.add_project(database, who, "Elsewhere")
    stranger = people.add_person(database, "stranger", "a long password", "admin", [other])
    researcher = people.add_person(database, "researcher", "a long password", "researcher", who.projects)
    for person in (stranger, researcher):
        with pytest.raises(NotAllowed):
            erasing_pictures.picture_erasure(database, person, job)
        with pytest.raises(NotAllowed):
            erasing_pictures.erase_picture(database, place, person, job)
    assert erasing_pictures.erasable_pictures(database, stranger) == []
    with pytest.raises(NotAllowed):  # of the run's own job too: it is no picture
        erasing_pictures.picture_erasure(database, who, run.job_id)


def test_whoever_erases_types_the_name(database: Database, place: Place, who: Who, run: Run) -> None:
    for kind in ERASABLE:
        listed = ERASABLE[kind].listed(database, who)
        for _, which in listed:
            with pytest.raises(SettingsError, match="The name that was typed is another"):
                erase_named(database, place, who, kind, which, "something else")
    for which in ("", "one", "-1", "1" * 10, "²"):
        with pytest.raises(SettingsError, match="nothing of this number"):
            erase_named(database, place, who, "run", which, "Run")
    with pytest.raises(SettingsError, match='kind "planet"'):
        erase_named(database, place, who, "planet", "1", "Earth")
    erase_named(database, place, who, "run", str(run.id), " Run ")
    assert count(database, Run) == 0
