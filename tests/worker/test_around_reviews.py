"""The whole way of a correction, with real workers and engines: searched, decided, applied, trained again, compared."""

from __future__ import annotations

import numpy as np
import pytest

from app.pages.review.retrained import comparison
from core.readings import reading
from core.records.review import corrections, queue, reviews, verdicts
from core.records.review.queue import Filter
from tests.worker.conftest import Studio

pytestmark = pytest.mark.slow
SEARCH = {"suspects": {"folds": 2, "rounds": 1}}


def rank_of(studio: Studio, review_id: int, name: str) -> int:
    found = queue.next_suspect(studio.database, studio.who, review_id, Filter(state="all", text=name))
    assert found is not None and found.name == name
    return found.rank


def test_a_corrected_set_is_trained_on_again_and_compared_on_the_same_test_cases(studio: Studio) -> None:
    """Of the old run's test cases one gets another label and one leaves the set."""
    db, place, who = studio.database, studio.place, studio.who
    old = studio.queue("before", training={"steps": 2, "evaluate_every": 2})
    view = reviews.queue_review(db, place, who, studio.version_id, settings={**studio.values, **SEARCH})
    studio.work()
    assert studio.until_state(old, "done", "failed").error is None
    studio.until(lambda: reviews.review(db, who, view.id).state in ("done", "failed"), "the end of the search")
    done = reviews.review(db, who, view.id)
    assert done.error is None

    tested = [one for one in reading.load(studio.folder(old) / "readings" / "test.parquet") if one.reader == "tsm"]
    moved, gone = tested[0], tested[-1]
    other = next(answer for answer in done.answers if answer not in moved.labels)
    verdicts.decide(db, who, view.id, [rank_of(studio, view.id, moved.case)], "change", [other])
    verdicts.decide(db, who, view.id, [rank_of(studio, view.id, gone.case)], "exclude")
    corrected = corrections.apply(db, place, who, view.id)
    new = corrections.retrain(db, place, who, old.id, corrected.id)
    assert studio.until_state(new, "done", "failed").error is None
    again = [one for one in reading.load(studio.folder(new) / "readings" / "test.parquet") if one.reader == "tsm"]
    assert {one.case for one in again} == {one.case for one in tested} - {gone.case}, "cases stay in their splits"

    told = corrections.retrained(db, place, who, old.id, new.id)
    assert (told.cases, told.relabelled, told.excluded) == (len(tested) - 1, 1, 1)
    gains = {(one.reader, one.figure): one for one in told.under_new}
    assert {"tsm", "vitask+tsm"} <= {reader for reader, _ in gains}
    right = [one.labels == (done.answers[int(np.argmax(one.answer.probabilities))],) for one in again]
    assert gains["tsm", "accuracy"].after == pytest.approx(np.mean(right))
    for gain in (*told.under_old, *told.under_new):
        if gain.difference is not None and gain.before is not None and gain.after is not None:
            assert gain.difference == pytest.approx(gain.after - gain.before)
            assert (gain.why is None) == (gain.low is not None) == (gain.high is not None)
            assert gain.low is None or gain.high is None or gain.low <= gain.difference <= gain.high
    shown = comparison(told)
    assert f"on the same {len(tested) - 1} test cases, of which 1 have another label now. 1 more have left" in shown
    assert "Under the old test labels" in shown and "Under the corrected test labels" in shown
