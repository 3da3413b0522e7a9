"""How long a search will take is told from how long the like of it took here, and from nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.case import ImageSet
from core.records.access import NotAllowed, Who
from core.records.database import Database
from core.records.place import Place
from core.records.review import reviews
from core.records.review.expected import Expected, expected
from core.records.tables import Job
from tests.records.search import Room, finish, room


def take(room: Room, job_id: int, seconds: float, claims: int = 1) -> None:
    with room.db.session() as session:
        job = session.get_one(Job, job_id)
        assert job.started is not None
        job.ended, job.claims = job.started + timedelta(seconds=seconds), claims


def test_the_time_of_the_next_search_is_that_of_earlier_ones_by_case(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    searched = room(database, place, who, cells)
    anna, version = searched.anna, searched.version_id
    take(searched, reviews.review(database, anna, searched.review_id).job_id, 40)
    assert expected(database, anna, version) == Expected(40.0, 1)
    for seconds, claims, settings in ((60, 1, None), (9000, 2, None), (9000, 1, {"preset": "quick"})):
        again = reviews.queue_review(database, place, searched.admin, version, settings=settings)
        finish(database, place, again.job_id, cells)
        take(searched, again.job_id, seconds, claims)
    # One that was broken off and gone on with tells nothing, nor does one with other settings.
    assert expected(database, anna, version) == Expected(50.0, 2)
    with pytest.raises(NotAllowed):
        expected(database, searched.stranger, version)


def test_without_an_earlier_search_no_time_is_made_up(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    searched = room(database, place, who, cells)
    with searched.db.session() as session:
        for job in session.query(Job):
            job.state = "stopped"
    assert expected(searched.db, searched.anna, searched.version_id) is None
