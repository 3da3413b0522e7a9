"""No two sets of labels are said alike: held against every set there is, and refused wherever a task is made."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.case import ImageSet, Task
from core.checks.check import check
from core.errors import DataError
from core.sets.responses import refuse_shared, said_alike

NAMES = st.lists(
    st.sampled_from(["a", "b", "c", "a, b", "b, c", "a, b, c", "c, a", "a, a", "b, b", "no finding"]),
    min_size=2,
    max_size=6,
    unique=True,
)


def several(*answers: str, separator: str = ", ") -> Task:
    return Task.parse({"answers": answers, "kind": "multi", "separator": separator}, "task")


@given(NAMES)
def test_a_task_has_two_sets_that_are_said_alike_exactly_where_two_responses_are_equal(names: list[str]) -> None:
    task = several(*names)
    responses = [
        task.response(chosen) for length in range(len(names) + 1) for chosen in combinations(task.answers, length)
    ]
    pair = said_alike(task)
    assert (pair is not None) == (len(set(responses)) < len(responses))
    if pair is not None:
        assert set(pair[0]) != set(pair[1]) and task.response(pair[0]) == task.response(pair[1])


def test_many_labels_that_begin_alike_are_looked_through_as_well() -> None:
    """Every label begins with all shorter ones, so that there are as many ways to begin as there are sets of labels."""
    longest_first = [", ".join("x" * length) for length in range(40, 0, -1)]
    assert said_alike(several(*longest_first)) == ((longest_first[1], "x"), (longest_first[0],))
    assert said_alike(several(*(", ".join("x" * 2**power) for power in range(9, -1, -1)))) is None


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            several("oedema", "effusion", "oedema, effusion"),
            'The labels "oedema" and "effusion" together and "oedema, effusion" would be answered with the same words, '
            '"oedema, effusion", so that no reader could say which is meant. Let another sign stand between labels, or '
            "rename one of them.",
        ),
        (
            several("mass", "No Finding"),
            'The label "No Finding" can\'t be told from a case without any label: both are answered with "no finding". '
            "Leave the label out (a case without labels says it), or give it another name.",
        ),
    ],
)
def test_what_is_refused_says_which_are_alike_and_what_to_do(task: Task, message: str) -> None:
    with pytest.raises(DataError) as error:
        refuse_shared(task)
    assert str(error.value) == message


def test_what_can_be_told_apart_is_no_trouble() -> None:
    refuse_shared(several("oedema", "effusion", "oedema, effusion", separator="; "))
    refuse_shared(several("oedema, effusion", "oedema"))
    refuse_shared(Task(answers=("oedema", "no finding")))


def test_the_check_stops_a_new_set_and_warns_of_one_that_is_kept() -> None:
    new = ImageSet("set", several("a", "b", "a, b"), ())
    severities = [
        {finding.kind: finding.severity for finding in check(image_set).findings}
        for image_set in (new, ImageSet("set", new.task, (), version="0" * 64))
    ]
    assert [of_set["shared_response"] for of_set in severities] == ["error", "warning"]
