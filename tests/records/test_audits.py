"""An audit draws once, counts what people decided, and says how many labels are wrong when all is decided."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from core.case import ImageSet
from core.errors import CoreError, RunError, SettingsError
from core.records.access import NotAllowed, Who
from core.records.audit import entries
from core.records.database import Database
from core.records.erasing import erasing_sets
from core.records.place import Place
from core.records.review import audits, queue, reviews, verdicts
from core.records.review.agreement import settle
from core.records.review.audits import AuditView
from core.records.review.queue import Filter
from core.records.tables import AuditedCase, LabelAudit
from core.statistics.sampled import Sample, total
from tests.records.search import Room, room


@pytest.fixture
def searched(database: Database, place: Place, who: Who, cells: ImageSet) -> Room:
    return room(database, place, who, cells)


def drawn(searched: Room, first: int = 3, others: int = 4) -> list[int]:
    """The ranks of an audit."""
    audits.draw(searched.db, searched.admin, searched.review_id, first, others)
    with searched.db.reading() as session:
        return list(session.scalars(select(AuditedCase.rank).order_by(AuditedCase.rank)))


def decide(searched: Room, who: Who, ranks: list[int], action: str, *labels: str) -> None:
    verdicts.decide(searched.db, who, searched.review_id, ranks, action, labels or None)


def audit_of(searched: Room, who: Who | None = None) -> AuditView:
    view = audits.label_audit(searched.db, who or searched.anna, searched.review_id)
    assert view is not None
    return view


def test_the_first_and_others_at_random_are_drawn_once(searched: Room) -> None:
    assert audits.label_audit(searched.db, searched.anna, searched.review_id) is None
    ranks = drawn(searched)
    view = audit_of(searched)
    assert ranks[:3] == [1, 2, 3] and len(set(ranks)) == 7 and ranks[-1] <= 10
    assert view.sample.ranks(view.seed) == ranks[3:]
    assert (view.sample, view.decided, view.is_decided, view.total) == (Sample(10, 3, 4), 0, False, None)
    entry = entries(searched.db, searched.admin, searched.admin.projects[0])[0]
    assert (entry.action, entry.details) == (
        "draw label audit",
        {"review": searched.review_id, "first": 3, "others": 4},
    )
    with pytest.raises(SettingsError, match="has its audit, and drawing again would let one choose the result"):
        audits.draw(searched.db, searched.admin, searched.review_id, 2, 2)
    assert audit_of(searched).sample == Sample(10, 3, 4)


def test_of_many_who_draw_at_once_one_does(searched: Room) -> None:
    together = Barrier(6)

    def draw(others: int) -> str:
        together.wait()
        try:
            audits.draw(searched.db, searched.admin, searched.review_id, 2, others)
        except SettingsError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(draw, range(1, 7)))
    assert outcomes.count("") == 1 and sum("has its audit" in outcome for outcome in outcomes) == 5
    others = outcomes.index("") + 1
    with searched.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditedCase)) == 2 + others
    assert audit_of(searched).sample == Sample(10, 2, others)


def test_no_number_is_told_before_every_case_is_decided(searched: Room) -> None:
    ranks = drawn(searched)
    decide(searched, searched.anna, [1], "change", "light")
    decide(searched, searched.anna, ranks[1:-1], "keep")
    assert (audit_of(searched).decided, audit_of(searched).wrong, audit_of(searched).total) == (6, 1, None)
    decide(searched, searched.anna, ranks[-1:], "change", "light" if ranks[-1] % 2 else "dark")
    view = audit_of(searched)
    assert (view.is_decided, view.wrong, view.wrong_drawn) == (True, 2, 1)
    assert view.total == total(Sample(10, 3, 4), 1, 1)
    assert view.total.value == 1 + 7 / 4 and view.total.low >= 2
    verdicts.undo(searched.db, searched.anna, searched.review_id)
    assert (audit_of(searched).decided, audit_of(searched).total) == (6, None)


def test_unsure_and_excluded_cases_are_told_apart_and_what_is_settled_counts(searched: Room) -> None:
    ranks = drawn(searched)
    decide(searched, searched.anna, ranks[:1], "unsure")
    decide(searched, searched.anna, ranks[1:2], "exclude")
    decide(searched, searched.anna, ranks[2:], "keep")
    view = audit_of(searched)
    assert (view.decided, view.unsure, view.differing, view.excluded, view.total) == (6, 1, 0, 1, None)
    settle(searched.db, searched.admin, searched.review_id, 1, "change", ["light"])
    view = audit_of(searched)
    assert (view.decided, view.unsure, view.wrong) == (7, 0, 1)
    assert view.total == total(Sample(10, 3, 4), 1, 0)


def test_where_two_look_a_case_is_decided_when_both_say_the_same_or_somebody_settled_it(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    searched = room(database, place, who, cells, readers=2)
    drawn(searched, 10, 0)
    decide(searched, searched.anna, list(range(1, 11)), "keep")
    assert (audit_of(searched).decided, audit_of(searched).differing) == (0, 0)
    decide(searched, searched.ben, list(range(2, 11)), "keep")
    decide(searched, searched.ben, [1], "change", "light")
    view = audit_of(searched)
    assert (view.decided, view.differing, view.total) == (9, 1, None)  # models, who suggest "light" too, have no vote
    settle(searched.db, searched.admin, searched.review_id, 1, "change", ["light"])
    assert audit_of(searched).total == total(Sample(10, 10, 0), 1, 0)


def test_the_queue_leads_through_the_audit(searched: Room) -> None:
    where = Filter(state="audit")
    assert queue.next_suspect(searched.db, searched.anna, searched.review_id, where) is None
    ranks = drawn(searched)
    seen, after = [], 0
    while (suspect := queue.next_suspect(searched.db, searched.anna, searched.review_id, where, after)) is not None:
        seen.append(after := suspect.rank)
    assert seen == ranks
    decide(searched, searched.anna, ranks[:2], "keep")
    assert queue.progress(searched.db, searched.anna, searched.review_id, where).matching == 5
    assert queue.progress(searched.db, searched.ben, searched.review_id, where).matching == 7


@pytest.mark.parametrize(("first", "others"), [(3, 0), (-1, 5), (60_000, 60_000)])
def test_what_would_say_nothing_is_refused(first: int, others: int, searched: Room) -> None:
    with pytest.raises(SettingsError, match=r"Draw at least one|An audit draws at most 100,000"):
        audits.draw(searched.db, searched.admin, searched.review_id, first, others)
    assert audits.label_audit(searched.db, searched.admin, searched.review_id) is None


def test_more_than_there_is_means_all(searched: Room) -> None:
    assert audits.draw(searched.db, searched.admin, searched.review_id, 8, 50).sample == Sample(10, 8, 2)


def test_who_may_not_draw_does_not(searched: Room) -> None:
    for who in (searched.reader, searched.anna, searched.stranger):
        with pytest.raises(NotAllowed):
            audits.draw(searched.db, who, searched.review_id)
    drawn(searched)
    assert audit_of(searched, searched.reader).decided == 0
    with pytest.raises(CoreError):
        audits.label_audit(searched.db, searched.stranger, searched.review_id)


def test_a_search_under_way_has_nothing_to_draw_from(
    database: Database, place: Place, who: Who, cells: ImageSet
) -> None:
    from core.records.sets import sets

    version = sets.write_version(database, place, cells, who=who, project_id=who.projects[0])
    view = reviews.queue_review(database, place, who, version.id)
    with pytest.raises(RunError, match="has not come to its end"):
        audits.draw(database, who, view.id)


@pytest.mark.parametrize(
    "statement",
    [
        "update label_audits set seed = 1",
        "delete from label_audits",
        "update audited_cases set is_drawn = true",
        "delete from audited_cases where rank = 1",
    ],
)
def test_what_was_drawn_is_never_changed(statement: str, searched: Room) -> None:
    drawn(searched)
    with pytest.raises(DBAPIError, match="what an audit drew stays"), searched.db.session() as session:
        session.execute(text(statement))


def test_an_audit_goes_with_its_review_and_no_other_does(searched: Room, place: Place, cells: ImageSet) -> None:
    from tests.records.search import finish

    view = reviews.queue_review(searched.db, place, searched.admin, searched.version_id, name="another")
    finish(searched.db, place, view.job_id, cells)
    audits.draw(searched.db, searched.admin, view.id, 2, 3)
    drawn(searched)
    erasure = erasing_sets.review_erasure(searched.db, searched.admin, searched.review_id)
    assert "1 audit of its labels" in erasure.goes
    erasing_sets.erase_review(searched.db, place, searched.admin, searched.review_id)
    with searched.db.reading() as session:
        assert session.scalars(select(LabelAudit.review_id)).all() == [view.id]
        assert session.scalar(select(func.count()).select_from(AuditedCase)) == 5
