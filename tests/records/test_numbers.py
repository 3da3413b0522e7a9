"""What is new never has the number of something that was erased: browsers and programs may still name that."""

from __future__ import annotations

import shutil

from core.case import ImageSet
from core.records.access import Who
from core.records.accounts import people
from core.records.database import Database
from core.records.erasing import erasing, erasing_projects, erasing_sets
from core.records.place import Place
from core.records.review import reviews
from core.records.sets import sets
from core.records.tables import Run
from tests.records.search import finish
from tests.records.test_erasing import finished


def test_a_verdict_on_its_way_to_an_erased_review_reaches_no_other(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    first = searched(database, place, who, version.id, cells)
    erasing_sets.erase_review(database, place, who, first)
    assert searched(database, place, who, version.id, cells) > first


def test_a_run_has_a_number_of_its_own(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    numbers = []
    for _ in range(3):
        run = finished(database, place, who, version.id, "A run")
        erasing.erase_run(database, place, who, run.id)
        numbers.append(run.id)
    assert numbers == sorted(set(numbers))


def test_sets_and_versions_have_too(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    """An open page would show, and redraw boxes on, the cases of another set."""
    project = who.projects[0]
    first = sets.write_version(database, place, cells, who=who, project_id=project, name="Cells")
    erasing_sets.erase_set(database, place, who, first.set_id)
    second = sets.write_version(database, place, cells, who=who, project_id=project, name="Cells")
    assert (second.id > first.id, second.set_id > first.set_id) == (True, True)


def test_what_went_with_its_project_keeps_its_numbers(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    own = people.add_project(database, who, "Short")
    acting = people.person(database, who.id)
    version = sets.write_version(database, place, cells, who=acting, project_id=own)
    review = searched(database, place, acting, version.id, cells)
    run = finished(database, place, acting, version.id, "A run")
    erasing_projects.erase_project(database, place, acting, own)
    with database.reading() as session:
        assert session.get(Run, run.id) is None
    again = sets.write_version(database, place, cells, who=acting, project_id=who.projects[0])
    assert (again.id > version.id, again.set_id > version.set_id) == (True, True)
    assert searched(database, place, acting, again.id, cells) > review
    assert finished(database, place, acting, again.id, "A run").id > run.id


def searched(database: Database, place: Place, who: Who, version_id: int, cells: ImageSet) -> int:
    view = reviews.queue_review(database, place, who, version_id)
    finish(database, place, view.job_id, cells)
    shutil.rmtree(place.data / f"search {view.job_id}")
    return view.id
