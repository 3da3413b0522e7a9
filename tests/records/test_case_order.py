"""What cases are sorted by, worked out by hand."""

from __future__ import annotations

import pytest

from core.case import Task
from core.readings.answer import Answer, Conclusion, conclude
from core.records.runs.case_order import entropy_of, gap_of, largest_first

ONE = Task(modality="drawn", answers=("dark", "light"))
SEVERAL = Task(modality="drawn", kind="multi", answers=("dark", "light"))


def concluding(task: Task, **probabilities: tuple[float, ...]) -> dict[str, Conclusion]:
    return {reader: conclude(Answer(likely), task) for reader, likely in probabilities.items()}


def test_a_gap_is_what_one_reader_gave_the_right_label_more_than_the_other() -> None:
    conclusions = concluding(ONE, plain=(0.9, 0.1), tuned=(0.3, 0.7), alone=(0.5, 0.5))
    assert gap_of(conclusions, ["light"], ONE, "tuned", "plain") == pytest.approx(0.6)
    assert gap_of(conclusions, ["light"], ONE, "plain", "tuned") == pytest.approx(-0.6)
    assert gap_of(conclusions, ["light"], ONE, "alone", None) == pytest.approx(0.4)
    assert gap_of(conclusions, ["light"], ONE, None, "alone") == pytest.approx(0.2)
    assert gap_of(conclusions, ["dark"], ONE, None, None) == pytest.approx(0.6)


def test_of_several_labels_a_gap_is_the_mean_over_them() -> None:
    conclusions = concluding(SEVERAL, plain=(0.5, 0.5), tuned=(0.75, 0.25))
    assert gap_of(conclusions, ["dark"], SEVERAL, "tuned", "plain") == pytest.approx(0.25)
    assert gap_of(conclusions, [], SEVERAL, "tuned", "plain") == 0.0


def test_there_is_no_gap_without_both_readers_or_with_a_label_that_is_no_answer() -> None:
    conclusions = concluding(ONE, plain=(0.9, 0.1))
    assert gap_of(conclusions, ["light"], ONE, "plain", "tuned") is None
    assert gap_of(conclusions, ["odd"], ONE, "plain", "plain") is None


def test_of_any_reader_the_entropy_is_that_of_the_one_in_most_doubt() -> None:
    conclusions = concluding(ONE, plain=(1.0, 0.0), tuned=(0.5, 0.5))
    assert (entropy_of(conclusions, "plain"), entropy_of(conclusions, None)) == (0.0, 1.0)
    assert entropy_of(conclusions, "nobody") is None


def test_equals_stay_as_they_came_and_what_has_no_measure_comes_last() -> None:
    assert largest_first({0: None, 1: -0.5, 2: 0.25, 3: -0.5, 4: 0.0}) == [2, 4, 1, 3, 0]
