"""Runs are named, noted, tagged, put away and found again by those who may, and each change is in the audit log."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.case import ImageSet
from core.errors import CoreError, RunError, SettingsError
from core.records import audit, jobs
from core.records.access import NotAllowed, Who
from core.records.accounts import people, roster
from core.records.database import Database
from core.records.erasing import erasing
from core.records.place import Place
from core.records.runs import run_search, run_upkeep, runs, seeds
from core.records.runs.run_search import Sought
from core.records.sets import sets
from core.records.tables import Audit, Job
from tests.app.furnished import SETTINGS

PASSWORD = "six herons over a pier"


@pytest.fixture
def version(database: Database, place: Place, who: Who, cells: ImageSet) -> int:
    return sets.write_version(database, place, cells, who=who, project_id=who.projects[0], name="Cells").id


def ended(database: Database, place: Place, who: Who, version: int, name: str, **changed: object) -> int:
    run = runs.queue_run(database, place, who, version, name, SETTINGS | changed)
    with database.session() as session:
        session.get_one(Job, run.job_id).state = "done"
    return run.id


def member(database: Database, who: Who, name: str, role: str) -> Who:
    return people.add_person(database, name, PASSWORD, role, who.projects)


def actions(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        return [(row.action, row.subject) for row in session.execute(select(Audit).order_by(Audit.id)).scalars()]


def names_of(database: Database, who: Who, sought: Sought) -> list[str]:
    views = runs.runs(database, who, who.projects[0], sought)
    assert run_search.count(database, who, who.projects[0], sought) == len(views)
    return [view.name for view in views]


def test_a_run_is_renamed_noted_and_tagged_and_the_log_says_so(
    database: Database, place: Place, who: Who, version: int
) -> None:
    run_id = ended(database, place, who, version, "First")
    run_upkeep.rename(database, who, run_id, "  Cells,\n longer ")
    run_upkeep.write_note(database, who, run_id, "Patient 12 **stays out**.\r\nAsk Monday. ")
    assert run_upkeep.set_tags(database, who, run_id, ["Baseline", " for  the paper", "baseline"]) == (
        "baseline",
        "for the paper",
    )
    view = runs.run(database, who, run_id)
    assert (view.name, view.note) == ("Cells, longer", "Patient 12 **stays out**.\nAsk Monday.")
    assert view.tags == ("baseline", "for the paper") == tuple(run_search.tags(database, who, who.projects[0]))
    log = [entry for entry in actions(database) if "queue" not in entry[0]]
    assert log[-3:] == [(act, "Cells, longer") for act in ("rename run", "write note on run", "tag run")]
    with database.reading() as session:
        kept = list(session.scalars(select(Audit.details)))
    assert not any("Patient" in str(details) for details in kept)
    assert audit.verify(database, place).faults == []
    run_upkeep.set_tags(database, who, run_id, [])
    run_upkeep.write_note(database, who, run_id, " ")
    view = runs.run(database, who, run_id)
    assert (view.note, view.tags, run_search.tags(database, who, who.projects[0])) == ("", (), [])


@pytest.mark.parametrize(
    ("act", "given", "why"),
    [
        (run_upkeep.rename, " \n", "1 to 255 characters"),
        (run_upkeep.rename, "x" * 256, "1 to 255 characters"),
        (run_upkeep.rename, "right\u202eleft", "nobody sees"),
        (run_upkeep.rename, "nothing\0", "nobody sees"),
        (run_upkeep.write_note, "x" * 10_001, "up to 10,000 characters, and this one 10,001"),
        (run_upkeep.write_note, "nothing\0at all", "can't be kept"),
        (run_upkeep.set_tags, ["one, two"], "no comma"),
        (run_upkeep.set_tags, [" "], "is no tag"),
        (run_upkeep.set_tags, ["x" * 31], "1 to 30 characters"),
        (run_upkeep.set_tags, [f"tag {number}" for number in range(13)], "up to 12 tags, and these are 13"),
    ],
)
def test_what_can_not_be_written_is_refused_in_words(
    database: Database,
    place: Place,
    who: Who,
    version: int,
    act: Callable[[Database, Who, int, object], object],
    given: object,
    why: str,
) -> None:
    run_id = ended(database, place, who, version, "First")
    before = actions(database)
    with pytest.raises(SettingsError, match=why):
        act(database, who, run_id, given)
    assert runs.run(database, who, run_id).name == "First" and actions(database) == before


def test_an_archived_run_leaves_the_lists_and_nothing_else(
    database: Database, place: Place, who: Who, version: int
) -> None:
    first = ended(database, place, who, version, "First")
    second = ended(database, place, who, version, "Second", seed=1)
    run_upkeep.archive(database, who, first)
    run_upkeep.archive(database, who, first)  # twice is once
    assert names_of(database, who, Sought()) == ["Second"]
    assert names_of(database, who, Sought(with_archived=True)) == ["Second", "First"]
    view = runs.run(database, who, first)
    assert view.archived is not None and view.name == "First"
    of_seeds = seeds.alike(database, who, runs.run(database, who, second))
    assert [run.id for run in of_seeds] == [first, second], "figures of several seeds stay what they were"
    run_upkeep.bring_back(database, who, first)
    assert names_of(database, who, Sought()) == ["Second", "First"]
    log = [act for act, _ in actions(database)]
    assert (log.count("archive run"), log.count("bring back run")) == (1, 1)


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_run_that_goes_on_is_not_archived_and_says_what_to_do(
    database: Database, place: Place, who: Who, version: int, state: str
) -> None:
    run = runs.queue_run(database, place, who, version, "Going", SETTINGS)
    if state == "running":
        assert jobs.claim(database, run.job_id, "test") is not None
    with pytest.raises(RunError, match=r"“Going” waits or runs\. Stop it"):
        run_upkeep.archive(database, who, run.id)
    with pytest.raises(RunError, match=r"Stop that or wait for its end, then erase it"):
        erasing.erase_run(database, place, who, run.id)
    assert names_of(database, who, Sought()) == ["Going"]


def test_an_archived_run_is_brought_back_before_it_goes_on(
    database: Database, place: Place, who: Who, version: int
) -> None:
    run = runs.queue_run(database, place, who, version, "Stopped", SETTINGS)
    runs.stop(database, who, run.id)
    run_upkeep.archive(database, who, run.id)
    with pytest.raises(RunError, match=r"is archived\. Bring it back"):
        runs.resume(database, place, who, run.id)
    run_upkeep.bring_back(database, who, run.id)
    runs.resume(database, place, who, run.id)
    assert runs.run(database, who, run.id).state == "waiting"


def test_owners_and_admins_settle_and_whoever_may_start_runs_writes(
    database: Database, place: Place, who: Who, version: int
) -> None:
    admin, owner, colleague, reviewer = (
        member(database, who, name, role)
        for name, role in (
            ("admin", "admin"),
            ("owner", "researcher"),
            ("colleague", "researcher"),
            ("rev", "reviewer"),
        )
    )
    elsewhere = people.add_project(database, who, "Elsewhere")
    stranger = people.add_person(database, "stranger", PASSWORD, "admin", [elsewhere])
    run_id = ended(database, place, owner, version, "Owned")
    view = runs.run(database, owner, run_id)
    settling: list[Callable[[Who], object]] = [
        lambda person: run_upkeep.rename(database, person, run_id, f"By {person.name}"),
        lambda person: run_upkeep.archive(database, person, run_id),
        lambda person: run_upkeep.bring_back(database, person, run_id),
        lambda person: erasing.run_erasure(database, person, run_id),
    ]
    writing: list[Callable[[Who], object]] = [
        lambda person: run_upkeep.write_note(database, person, run_id, f"By {person.name}"),
        lambda person: run_upkeep.set_tags(database, person, run_id, [person.name]),
    ]
    for person, writes, settles in (
        (admin, True, True),
        (owner, True, True),
        (colleague, True, False),
        (reviewer, False, False),
        (stranger, False, False),
    ):
        assert run_upkeep.rights(person, view) == run_upkeep.Rights(writes, settles)
        for act, may in [*((act, settles) for act in settling), *((act, writes) for act in writing)]:
            before = actions(database)
            if may:
                act(person)
            else:
                with pytest.raises(NotAllowed):
                    act(person)
                assert actions(database) == before
    view = runs.run(database, owner, run_id)
    assert (view.name, view.note, view.tags) == ("By owner", "By colleague", ("colleague",))
    for person in (colleague, reviewer, stranger):
        with pytest.raises(NotAllowed):
            erasing.erase_run(database, place, person, run_id)
    erasing.erase_run(database, place, owner, run_id)
    with pytest.raises(NotAllowed):
        runs.run(database, owner, run_id)
    assert actions(database)[-1] == ("erase run", "By owner")


def test_whoever_was_moved_meanwhile_erases_nothing(database: Database, place: Place, who: Who, version: int) -> None:
    owner = member(database, who, "owner", "researcher")
    run_id = ended(database, place, owner, version, "Owned")
    people.add_person(database, "ann", PASSWORD, "admin", who.projects)
    roster.set_role(database, who, "owner", "reader")
    with pytest.raises(CoreError, match="As reader you may not"):
        erasing.erase_run(database, place, owner, run_id)  # who they were when they opened the page
    assert runs.run(database, who, run_id).name == "Owned"


def test_runs_are_found_by_name_number_set_method_and_tag(
    database: Database, place: Place, who: Who, version: int
) -> None:
    plain = ended(database, place, who, version, "100% plain", method={"name": "vanilla"})
    ended(database, place, who, version, "Aided")
    run_upkeep.set_tags(database, who, plain, ["for the paper"])
    for text, names in {
        "PLAIN": ["100% plain"],
        "0%": ["100% plain"],
        "_": [],
        "vitask": ["Aided"],
        "cell": ["Aided", "100% plain"],
        "the pap": ["100% plain"],
        str(plain): ["100% plain"],
        "9" * 30: [],
        " ": ["Aided", "100% plain"],
    }.items():
        assert names_of(database, who, Sought(text=text)) == names, text
    assert names_of(database, who, Sought(tag="for the paper")) == ["100% plain"]
    assert names_of(database, who, Sought(tag="for the")) == []
    assert names_of(database, who, Sought(text="aided", tag="for the paper")) == []


def test_what_of_a_run_goes_and_stays_names_its_seeds_and_its_note(
    database: Database, place: Place, who: Who, version: int
) -> None:
    first = ended(database, place, who, version, "Seeds", method={"name": "discriminative"})
    for seed in (1, 2):
        ended(database, place, who, version, f"Seeds {seed}", method={"name": "discriminative"}, seed=seed)
    run_upkeep.write_note(database, who, first, "Known to be best.")
    erasure = erasing.run_erasure(database, who, first)
    assert erasure.goes[1:] == (
        "its note and its tags",
        "its index, in which Find looks for cases",
        "addresses that lead to it, or to its cases on Compare: nothing is there any more",
    )
    assert erasure.stays[0] == "2 runs of other seeds: together they are told without it"
