"""A review from its queueing to verdicts that nobody loses, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from core.case import ImageSet
from core.errors import RunError, SettingsError
from core.records import audit, jobs
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.review import queue, reviews, verdicts
from core.records.review.queue import Filter, ReviewProgress
from core.records.runs import runs
from core.records.sets import sets
from core.records.tables import Job
from tests.records.search import Room, finish, room

ALL = Filter(state="all")


@pytest.fixture
def searched(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    return room(database, place, who, cells)


@pytest.fixture
def blind(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    return room(database, place, who, cells, readers=2)


def decide(searched: Room, who: Who, ranks: list[int], action: str = "keep", label: str = "", **more: Any) -> None:
    verdicts.decide(searched.db, who, searched.review_id, ranks, action, [label] if label else None, **more)


def walk(searched: Room, who: Who, where: Filter, is_back: bool = False) -> list[int]:
    """Every rank that the queue shows, one after the other."""
    at, ranks = (1000 if is_back else 0), list[int]()
    while (suspect := queue.next_suspect(searched.db, who, searched.review_id, where, at, is_back)) is not None:
        ranks.append(at := suspect.rank)
    return ranks


def stands(searched: Room, who: Who, rank: int) -> tuple[str, tuple[str, ...] | None] | None:
    mine = queue.suspect(searched.db, who, searched.review_id, rank).mine
    return (mine.action, mine.labels) if mine else None


def test_a_search_is_queued_with_the_balanced_starter_and_noted(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    view = reviews.queue_review(database, place, who, version.id)
    assert (view.state, view.name, view.set, view.version, view.cases) == ("waiting", "cells", "cells", 1, 10)
    assert (view.answers, view.kind, view.sources) == (("dark", "light"), "single", ())
    job = reviews.review_of_job(database, view.job_id)
    assert job.settings["tsm"] == [{"name": "convnet"}] and job.settings["preset"] == "balanced"
    assert job.settings["images"].endswith(version.hash)
    (entry,) = jobs.queue_view(database, who, "tune")
    assert (entry.job.kind, entry.name) == ("suspects", "labels of cells")
    assert audit.entries(database, who, who.projects[0])[0].action == "queue review"


def test_what_can_not_be_searched_with_is_refused(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    run = runs.queue_run(database, place, who, version.id, "a run", reviews.USUAL)
    with pytest.raises(RunError, match="“a run” is not finished"):
        reviews.queue_review(database, place, who, version.id, run_id=run.id)
    with database.session() as session:
        session.get_one(Job, run.job_id).state = "done"
    other = sets.new_version_with_task(database, place, who, version.id, {"answers": ["dark", "light", "none"]})
    with pytest.raises(RunError, match="tuned on version 1 of cells"):
        reviews.queue_review(database, place, who, other.id, run_id=run.id)
    assert reviews.queue_review(database, place, who, version.id, run_id=run.id).run_id == run.id
    with pytest.raises(SettingsError, match="tsm must name one of"):
        reviews.queue_review(database, place, who, version.id, settings={"tsm": {"name": "oracle"}})
    with pytest.raises(SettingsError, match="3 people"):
        reviews.queue_review(database, place, who, version.id, readers=3)
    assert [review.run_id for review in reviews.reviews(database, who, who.projects[0])] == [run.id]


def test_what_the_search_found_is_shown(searched: Room) -> None:
    view = reviews.review(searched.db, searched.anna, searched.review_id)
    assert (view.state, view.index, view.cases) == ("done", 3.0, 10)
    assert [source.name for source in view.sources] == ["cleanlab", "neighbours", "duplicates"]
    suspect = queue.suspect(searched.db, searched.anna, searched.review_id, 2)
    assert (suspect.number, suspect.name, suspect.given, suspect.suggested) == (1, "cell_1.png", ("light",), ("dark",))
    assert (suspect.split, suspect.patient, suspect.group, suspect.group_size) == ("train", "P0", 0, 3)
    assert suspect.evidence == {"cleanlab": 0.5, "neighbours": 0.125, "duplicates": None}
    near = [(near.number, near.name, near.labels, near.similarity) for near in suspect.neighbours]
    assert near == [(3, "cell_3.png", ("light",), 0.75), (5, "cell_5.png", ("light",), 0.5)]
    assert (suspect.why, suspect.probabilities) == ("It is number 1.", (0.25, 0.75))
    assert (suspect.mine, suspect.others) == (None, ())
    assert len(suspect.digest) == 64
    assert [alike.rank for alike in queue.group(searched.db, searched.anna, searched.review_id, 2)] == [1, 2, 3]
    assert [alike.rank for alike in queue.group(searched.db, searched.anna, searched.review_id, 7)] == [7]


def test_taking_a_search_in_again_keeps_what_people_decided(searched: Room, cells: ImageSet) -> None:
    from core.records.review import intake

    decide(searched, searched.anna, [1], "exclude")
    review = reviews.review_of_job(searched.db, reviews.review(searched.db, searched.anna, searched.review_id).job_id)
    calls: list[tuple[int, int]] = []
    intake.take_search(
        searched.db, review, searched.place.data / f"search {review.job_id}", lambda *so_far: calls.append(so_far)
    )
    assert calls == [(10, 10)]
    assert stands(searched, searched.anna, 1) == ("exclude", None)
    assert queue.progress(searched.db, searched.anna, searched.review_id, ALL).decided == 1


def test_a_ranking_of_other_cases_is_refused(database: Database, place: Place, who: Who, cells: ImageSet) -> None:
    from dataclasses import replace

    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    view = reviews.queue_review(database, place, who, version.id)
    elsewhere = cells.with_cases(replace(case, id=f"other {case.id}") for case in cells.cases)
    with pytest.raises(RunError, match=r"names case 0, .other cell_0\.png.*Begin a new search"):
        finish(database, place, view.job_id, elsewhere)


FILTERED = [
    (ALL, list(range(1, 11))),
    (Filter(state="all", label="light"), [2, 4, 6, 8, 10]),
    (Filter(state="all", split="val"), [4, 9]),
    (Filter(state="all", source="cleanlab"), [2, 4, 6, 8, 10]),
    (Filter(state="all", source="duplicates"), []),
    (Filter(state="all", text="CELL_1"), [2]),
    (Filter(state="all", text="p2"), [5, 10]),
    (Filter(state="all", label="light", split="train", source="cleanlab"), [2, 6, 8]),
    (Filter(state="mine"), [1, 2, 5]),
    (Filter(state="open"), [3, 4, 6, 7, 8, 9, 10]),
    (Filter(state="open", label="dark"), [3, 7, 9]),
    (Filter(state="mine", label="dark"), [1, 5]),
    (Filter(state="decided"), [1, 2, 5, 6]),
    (Filter(state="disputed"), [5]),
    (Filter(state="all", label="dark", suggested="light"), [1, 3]),
    (Filter(state="all", suggested="light"), [1, 3, 6, 8, 10]),
    (Filter(suggested="dark"), [4, 7, 9]),
    (Filter(state="mine", suggested="dark"), [2, 5]),
]
"""What the queue shows after anna kept 1, 2 and 5, and ben excluded 5 and 6."""


def test_the_queue_shows_what_is_asked_for_both_ways_and_counts_it(searched: Room) -> None:
    decide(searched, searched.anna, [1, 2, 5])
    decide(searched, searched.ben, [5, 6], "exclude")
    for where, ranks in FILTERED:
        assert walk(searched, searched.anna, where) == ranks, where
        assert walk(searched, searched.anna, where, is_back=True) == ranks[::-1], where
        progress = queue.progress(searched.db, searched.anna, searched.review_id, where)
        expected = ReviewProgress(mine=3, decided=4, disputed=1, cases=10, matching=len(ranks), actions={"keep": 3})
        assert progress == expected, where


def test_an_unknown_filter_is_refused(searched: Room) -> None:
    for where, message in ((Filter(state="new"), "not a state"), (Filter(source="oracle"), "not a source")):
        with pytest.raises(SettingsError, match=message):
            queue.next_suspect(searched.db, searched.anna, searched.review_id, where)


def test_what_is_no_verdict_is_refused(searched: Room) -> None:
    for label in ("grey", "", "dark, light", "no finding"):
        with pytest.raises(SettingsError, match=f'can.t be changed to "{label}"'):
            verdicts.decide(searched.db, searched.anna, searched.review_id, [1], "change", [label])
    for labels in ([], ["dark", "light"]):
        with pytest.raises(SettingsError, match=f"has one label, and this verdict gives it {len(labels)}"):
            verdicts.decide(searched.db, searched.anna, searched.review_id, [1], "change", labels)
    with pytest.raises(SettingsError, match="names the new labels, and this one names none"):
        verdicts.decide(searched.db, searched.anna, searched.review_id, [1], "change")
    with pytest.raises(SettingsError, match="not a verdict"):
        decide(searched, searched.anna, [1], "approve")
    with pytest.raises(SettingsError, match="no case at rank 11"):
        decide(searched, searched.anna, [1, 11])
    with pytest.raises(SettingsError, match="1 to 1,000 cases"):
        decide(searched, searched.anna, [])
    with pytest.raises(SettingsError, match="how sure"):
        decide(searched, searched.anna, [1], confidence="very")
    assert verdicts.history(searched.db, searched.anna, searched.review_id) == []


def test_a_press_that_is_sent_again_counts_once(searched: Room) -> None:
    press = (searched.db, searched.anna, searched.review_id, [1, 2], "change", ["light"])
    made = verdicts.decide(*press, why=" blurred ", confidence="guess", seconds=2.5, key="press 1")
    assert verdicts.decide(*press, key="press 1") == made
    kept = verdicts.history(searched.db, searched.anna, searched.review_id)
    assert [(verdict.rank, verdict.action, verdict.given, verdict.labels) for verdict in kept] == [
        (1, "change", ("dark",), ("light",)),
        (2, "keep", ("light",), None),
    ]
    assert (kept[0].why, kept[0].confidence, kept[0].seconds) == ("blurred", "guess", 2.5)
    assert kept[0].person == "anna"
    assert verdicts.undo(searched.db, searched.anna, searched.review_id, "press 2") == [1, 2]
    assert verdicts.undo(searched.db, searched.anna, searched.review_id, "press 2") == [1, 2]
    assert len(verdicts.history(searched.db, searched.anna, searched.review_id)) == 4


def test_a_press_sent_many_times_at_once_counts_once(searched: Room) -> None:
    def press(_: int) -> list[int]:
        made = verdicts.decide(searched.db, searched.anna, searched.review_id, [1, 2, 3], "exclude", key="the same")
        return [verdict.id for verdict in made]

    with ThreadPoolExecutor(6) as threads:
        pressed = list(threads.map(press, range(12)))
    assert all(ids == pressed[0] for ids in pressed)
    assert len(verdicts.history(searched.db, searched.anna, searched.review_id)) == 3


def test_undo_takes_back_the_last_press_and_what_stood_before_stands_again(searched: Room) -> None:
    decide(searched, searched.anna, [1], "keep")
    decide(searched, searched.anna, [1, 2, 3], "exclude")
    decide(searched, searched.ben, [1], "exclude")
    decide(searched, searched.anna, [2], "unsure")

    def undo() -> list[int]:
        return verdicts.undo(searched.db, searched.anna, searched.review_id)

    assert undo() == [2]
    assert stands(searched, searched.anna, 2) == ("exclude", None)
    assert undo() == [1, 2, 3], "a batch is one press"
    assert [stands(searched, searched.anna, rank) for rank in (1, 2, 3)] == [("keep", None), None, None]
    assert queue.progress(searched.db, searched.anna, searched.review_id, ALL).disputed == 1
    assert undo() == [1]
    assert (undo(), stands(searched, searched.anna, 1)) == ([], None)
    assert stands(searched, searched.ben, 1) == ("exclude", None), "nobody undoes what another person did"
    rows = [
        verdict
        for verdict in verdicts.history(searched.db, searched.anna, searched.review_id)
        if verdict.person == "anna"
    ]
    assert len(rows) == 10
    assert {verdict.takes_back for verdict in rows if verdict.action == "undo"} == {
        verdict.id for verdict in rows if verdict.action != "undo"
    }
    decide(searched, searched.anna, [1], "keep")
    assert undo() == [1]


def test_the_database_refuses_to_change_or_delete_a_verdict(searched: Room) -> None:
    decide(searched, searched.anna, [1], "exclude")
    for statement in ("update verdicts set action = 'keep'", "delete from verdicts"):
        with pytest.raises(DatabaseError, match="only ever added"), searched.db.session() as session:
            session.execute(text(statement))
    assert stands(searched, searched.anna, 1) == ("exclude", None)


def test_two_people_who_decide_at_once_lose_nothing(searched: Room) -> None:
    def work(who: Who) -> None:
        for rank in range(1, 11):
            decide(searched, who, [rank], "keep" if who is searched.anna else "exclude")
            if rank % 5 == 0:
                assert verdicts.undo(searched.db, who, searched.review_id) == [rank]

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, (searched.anna, searched.ben)))
    rows = verdicts.history(searched.db, searched.anna, searched.review_id)
    for person in ("anna", "ben"):
        assert sorted(
            verdict.rank for verdict in rows if verdict.person == person and verdict.action != "undo"
        ) == list(range(1, 11))
    progress = queue.progress(searched.db, searched.ben, searched.review_id, ALL)
    assert (progress.mine, progress.decided, progress.disputed, progress.actions) == (8, 8, 8, {"exclude": 8})


def test_a_blind_reader_learns_nothing_of_the_other_until_both_have_decided(blind: Room) -> None:
    db, review_id = blind.db, blind.review_id
    decide(blind, blind.anna, [1, 2], "exclude", why="torn")
    assert queue.suspect(db, blind.ben, review_id, 1).others == ()
    assert verdicts.history(db, blind.ben, review_id) == [] == verdicts.history(db, blind.ben, review_id, 1)
    assert walk(blind, blind.ben, Filter(state="decided")) == []
    assert walk(blind, blind.anna, Filter(state="decided")) == [1, 2]
    assert queue.progress(db, blind.ben, review_id, ALL).decided == 0
    assert queue.progress(db, blind.anna, review_id, ALL).decided == 2
    assert queue.suspect(db, blind.reader, review_id, 1).others == ()
    decide(blind, blind.ben, [1], "keep")
    (other,) = queue.suspect(db, blind.ben, review_id, 1).others
    assert (other.person, other.action, other.why) == ("anna", "exclude", "torn")
    assert [verdict.person for verdict in queue.suspect(db, blind.reader, review_id, 1).others] == ["anna", "ben"]
    assert {verdict.rank for verdict in verdicts.history(db, blind.ben, review_id)} == {1}
    assert walk(blind, blind.ben, Filter(state="disputed")) == [1]
    verdicts.undo(db, blind.ben, review_id)
    assert queue.suspect(db, blind.anna, review_id, 1).others == ()


def test_in_an_open_review_everybody_sees_everything(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    seen = room(database, place, who, cells, readers=2, is_blind=False)
    decide(seen, seen.anna, [1])
    assert [verdict.person for verdict in queue.suspect(database, seen.ben, seen.review_id, 1).others] == ["anna"]


def test_roles_and_membership_are_asked_for(searched: Room) -> None:
    db, review_id = searched.db, searched.review_id
    assert reviews.review(db, searched.reader, review_id).id == review_id
    assert queue.next_suspect(db, searched.reader, review_id, ALL) is not None
    with pytest.raises(NotAllowed, match="As reader"):
        decide(searched, searched.reader, [1])
    with pytest.raises(NotAllowed, match="As reviewer"):
        reviews.queue_review(db, searched.place, searched.anna, searched.version_id)
    for ask in (
        lambda: reviews.review(db, searched.stranger, review_id),
        lambda: reviews.reviews(db, searched.stranger, searched.anna.projects[0]),
        lambda: queue.next_suspect(db, searched.stranger, review_id, ALL),
        lambda: queue.suspect(db, searched.stranger, review_id, 1),
        lambda: queue.group(db, searched.stranger, review_id, 1),
        lambda: queue.progress(db, searched.stranger, review_id, ALL),
        lambda: decide(searched, searched.stranger, [1]),
        lambda: verdicts.undo(db, searched.stranger, review_id),
        lambda: verdicts.history(db, searched.stranger, review_id),
        lambda: reviews.queue_review(db, searched.place, searched.stranger, searched.version_id),
    ):
        with pytest.raises(NotAllowed, match="nothing here that you can see"):
            ask()
    with pytest.raises(NotAllowed, match="nothing here that you can see"):
        reviews.review(db, searched.anna, 999)
