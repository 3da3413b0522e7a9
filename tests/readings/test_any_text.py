"""What a model wrote is understood as it was meant, whatever the answers are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.case import Kind, Task
from core.readings.answer import parse

WORDS = st.text("abcäßİ-+/, 12'", min_size=1, max_size=8).filter(str.strip)
ANSWERS = st.lists(WORDS, min_size=2, max_size=5, unique=True).map(tuple)
ALPHABETIC = st.lists(st.text("abcd", min_size=1, max_size=4), min_size=2, max_size=6, unique=True).map(tuple)


def task(answers: tuple[str, ...], kind: Kind) -> Task:
    return Task(answers=answers, kind=kind)


@given(ANSWERS, st.data())
def test_an_answer_alone_is_understood_as_itself(answers: tuple[str, ...], data: st.DataObject) -> None:
    answer = data.draw(st.sampled_from(answers))
    for kind in ("single", "ordinal", "multi"):
        assert parse(answer, task(answers, kind)) == (answer,)


@given(ALPHABETIC, st.data())
def test_a_perfect_response_of_several_is_understood_as_its_labels(
    answers: tuple[str, ...], data: st.DataObject
) -> None:
    labels = data.draw(st.lists(st.sampled_from(answers), unique=True))
    several = task(answers, "multi")
    assert parse(several.response(labels), several) == tuple(name for name in answers if name in labels)


@given(ANSWERS, st.text(max_size=40))
def test_only_answers_of_the_task_are_understood_each_once_and_in_its_order(
    answers: tuple[str, ...], text: str
) -> None:
    for kind in ("single", "multi"):
        understood = parse(text, task(answers, kind))
        assert understood is None or understood == tuple(name for name in answers if name in understood)
        assert kind == "multi" or understood is None or len(understood) == 1


@given(ALPHABETIC, st.data())
def test_two_answers_to_a_question_for_one_are_not_understood(answers: tuple[str, ...], data: st.DataObject) -> None:
    first, second = data.draw(st.lists(st.sampled_from(answers), min_size=2, max_size=2, unique=True))
    assert parse(f"{first}, then {second}", task(answers, "single")) is None
