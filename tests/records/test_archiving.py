"""Sets and reviews get other names and go out of the lists, by their owner or an admin, and lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from core.case import ImageSet
from core.records import archiving, audit, jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people
from core.records.database import Database
from core.records.place import Place
from core.records.review import reviews
from core.records.runs import runs
from core.records.sets import sets
from core.records.sets.set_names import SetError
from tests.app.furnished import SETTINGS


@dataclass(frozen=True)
class Desk:
    """A set and a review that cara made, who is a researcher like dora."""

    db: Database
    place: Place
    admin: Who
    cara: Who
    dora: Who
    stranger: Who
    set_id: int
    version_id: int
    review_id: int


@pytest.fixture
def desk(database: Database, place: Place, who: Who, cells: ImageSet) -> Desk:
    admin = people.add_person(database, "first", "a long password", "admin")
    other = people.add_project(database, who, "Elsewhere")
    cara, dora = (
        people.add_person(database, name, "a long password", "researcher", who.projects) for name in ("cara", "dora")
    )
    stranger = people.add_person(database, "stranger", "a long password", "admin", [other])
    version = sets.write_version(database, place, cells, who=cara, project_id=who.projects[0], name="Cells")
    view = reviews.queue_review(database, place, cara, version.id, name="First look")
    return Desk(database, place, admin, cara, dora, stranger, version.set_id, version.id, view.id)


def listed(desk: Desk, who: Who, **more: bool) -> list[str]:
    return [view.name for view in sets.sets(desk.db, who, desk.cara.projects[0], **more)]


def reviewed(desk: Desk, who: Who, **more: bool) -> list[str]:
    return [view.name for view in reviews.reviews(desk.db, who, desk.cara.projects[0], **more)]


def test_a_renamed_set_is_found_by_runs_and_reviews(desk: Desk) -> None:
    run = runs.queue_run(desk.db, desk.place, desk.cara, desk.version_id, "Run", SETTINGS)
    archiving.rename_set(desk.db, desk.cara, desk.set_id, " Blood cells ")
    assert listed(desk, desk.dora) == ["Blood cells"]
    assert runs.run(desk.db, desk.cara, run.id).set == "Blood cells"
    assert reviews.review(desk.db, desk.cara, desk.review_id).set == "Blood cells"
    made = sets.new_version_with_task(
        desk.db, desk.place, desk.cara, desk.version_id, {"answers": ["dark", "light", "none"]}
    )
    assert (made.number, made.set_id) == (2, desk.set_id)
    entry = audit.entries(desk.db, desk.admin, desk.cara.projects[0], "rename set")[0]
    assert (entry.who, entry.subject, entry.details["before"]) == ("cara", "Blood cells", "Cells")


def test_names_that_nobody_could_tell_apart_are_refused(desk: Desk, cells: ImageSet) -> None:
    sets.write_version(desk.db, desk.place, cells, who=desk.cara, project_id=desk.cara.projects[0], name="Taken")
    for name, why in (("", "1 to 255"), ("x" * 256, "1 to 255"), ("Taken", "already"), ("Erased set 3", "were erased")):
        with pytest.raises(SetError, match=why):
            archiving.rename_set(desk.db, desk.cara, desk.set_id, name)
    archiving.rename_set(desk.db, desk.cara, desk.set_id, "Cells")
    for name in (" ", "x" * 256, "two\nlines"):
        with pytest.raises(SetError, match="1 to 255"):
            archiving.rename_review(desk.db, desk.cara, desk.review_id, name)


def test_an_archived_set_is_in_no_list_and_all_of_it_is_there(desk: Desk) -> None:
    archiving.archive_set(desk.db, desk.cara, desk.set_id)
    archiving.archive_set(desk.db, desk.cara, desk.set_id)
    assert listed(desk, desk.cara) == [] and listed(desk, desk.cara, with_archived=True) == ["Cells"]
    assert sets.image_set(desk.db, desk.cara, desk.set_id).is_archived
    assert sets.cases(desk.db, desk.dora, desk.version_id).total == 10
    assert reviews.review(desk.db, desk.dora, desk.review_id).set == "Cells"
    archiving.bring_back_set(desk.db, desk.cara, desk.set_id)
    assert listed(desk, desk.cara) == ["Cells"]
    acts = [entry.action for entry in audit.entries(desk.db, desk.admin, desk.cara.projects[0], "set")]
    assert acts == ["bring back set", "archive set"]


def test_a_set_that_gets_another_version_is_back(desk: Desk, cells: ImageSet) -> None:
    archiving.archive_set(desk.db, desk.cara, desk.set_id)
    smaller = cells.with_cases(cells.cases[:4])
    made = sets.write_version(
        desk.db, desk.place, smaller, who=desk.dora, project_id=desk.cara.projects[0], name="Cells"
    )
    assert (made.number, listed(desk, desk.cara)) == (2, ["Cells"])


def test_a_review_gets_another_name_and_goes_out_of_the_list(desk: Desk) -> None:
    archiving.rename_review(desk.db, desk.cara, desk.review_id, "Second look")
    assert reviewed(desk, desk.dora) == ["Second look"]
    assert [entry.name for entry in jobs.queue_view(desk.db, desk.cara, "tune")] == ["labels of Second look"]
    archiving.archive_review(desk.db, desk.cara, desk.review_id)
    assert reviewed(desk, desk.dora) == [] and reviewed(desk, desk.dora, with_archived=True) == ["Second look"]
    assert reviews.review(desk.db, desk.dora, desk.review_id).is_archived
    archiving.bring_back_review(desk.db, desk.cara, desk.review_id)
    assert reviewed(desk, desk.dora) == ["Second look"]


ACTS: list[Callable[[Desk, Who], object]] = [
    lambda desk, who: archiving.rename_set(desk.db, who, desk.set_id, "Another"),
    lambda desk, who: archiving.archive_set(desk.db, who, desk.set_id),
    lambda desk, who: archiving.bring_back_set(desk.db, who, desk.set_id),
    lambda desk, who: archiving.rename_review(desk.db, who, desk.review_id, "Another"),
    lambda desk, who: archiving.archive_review(desk.db, who, desk.review_id),
    lambda desk, who: archiving.bring_back_review(desk.db, who, desk.review_id),
]


@pytest.mark.parametrize("act", ACTS)
def test_others_than_the_owner_and_admins_change_nothing(desk: Desk, act: Callable[[Desk, Who], object]) -> None:
    with pytest.raises(NotAllowed, match="Somebody else made this"):
        act(desk, desk.dora)
    with pytest.raises(NotAllowed, match="nothing here that you can see"):
        act(desk, desk.stranger)
    act(desk, desk.admin)
    act(desk, desk.cara)
    gone = people.add_person(desk.db, "reader", "a long password", "reader", desk.cara.projects)
    with pytest.raises(NotAllowed, match="As reader you may not"):
        act(desk, gone)


def test_an_owner_who_became_a_reader_changes_nothing(desk: Desk) -> None:
    cara = Who(desk.cara.id, "cara", "reader", desk.cara.projects)
    assert not archiving.may_change_set(cara, sets.image_set(desk.db, cara, desk.set_id))
    assert archiving.may_change_set(desk.cara, sets.image_set(desk.db, cara, desk.set_id))
    assert not archiving.may_change_review(desk.dora, reviews.review(desk.db, cara, desk.review_id))
    with pytest.raises(NotAllowed):
        archiving.archive_set(desk.db, cara, desk.set_id)
