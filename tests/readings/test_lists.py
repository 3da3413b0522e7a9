"""Several labels a case: what is read of a model whose probabilities are known by construction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from core.case import Task
from core.readings import distribution
from core.readings.answer import Answer
from core.readings.distribution import Asking, Likelihoods, Speaking

Sure = Mapping[str, float]


def chain(names: Sequence[str], sure: Sure) -> tuple[float, ...]:
    """A model that goes through the labels in order and names each with a probability of its own: a number for each
    name that is said, given those before it, and one for the end."""
    answers, values, at = list(sure), list[float](), 0
    for name in names:
        place = answers.index(name)
        values.append(sum(math.log1p(-sure[each]) for each in answers[at:place]) + math.log(sure[name]))
        at = place + 1
    return (*values, sum(math.log1p(-sure[each]) for each in answers[at:]))


def goes_on(tokens: Sequence[float]) -> float:
    """This model says nothing but lists, so whatever doesn't end one makes it longer."""
    ends = math.exp(tokens[-1])
    return sum(tokens[:-1]) + math.log1p(-ends) if ends < 1 else -math.inf


class Asked:
    """In the place of a VLM: says of every list how likely it is, and counts what it was asked."""

    def __init__(self, of_questions: Sequence[Sure]) -> None:
        self.of_questions = of_questions
        self.rounds = 0
        self.names: list[list[str]] = []

    @property
    def lists(self) -> int:
        return len(self.names)

    def __call__(
        self,
        vlm: Any,
        questions: Any,
        embedded: Any,
        ways: Any,
        texts: Sequence[Sequence[str]],
        speaking: Any = None,
        longer: Any = (),
    ) -> list[Likelihoods]:
        self.rounds += 1
        named = [
            [[name for name in text.split(", ") if name in sure] for text in of_question]
            for of_question, sure in zip(texts, self.of_questions, strict=True)
        ]
        self.names += [names for of_question in named for names in of_question]
        of_tokens = [
            [chain(names, sure) for names in of_question]
            for of_question, sure in zip(named, self.of_questions, strict=True)
        ]
        going_on = [[goes_on(tokens) for tokens in of_question] for of_question in of_tokens]
        return [Likelihoods(of_tokens, torch.zeros(len(texts), 1), [], going_on)]


def read_answers(monkeypatch: pytest.MonkeyPatch, *of_questions: Sure) -> tuple[list[Answer], Asked]:
    model = Asked(of_questions)
    monkeypatch.setattr(distribution, "log_likelihoods", model)
    questions = [Asking(Task(answers=tuple(sure), kind="multi"), None) for sure in of_questions]  # type: ignore[arg-type]
    ((answers, _),) = distribution._over_lists(None, questions, None, [False], Speaking([()]))  # type: ignore[arg-type]
    return answers, model


def read(monkeypatch: pytest.MonkeyPatch, *of_questions: Sure) -> tuple[list[tuple[float, ...]], Asked]:
    answers, model = read_answers(monkeypatch, *of_questions)
    return [answer.probabilities for answer in answers], model


def labels(probabilities: Sequence[float]) -> Sure:
    return {f"finding {number}": probability for number, probability in enumerate(probabilities)}


@pytest.mark.parametrize("count", [2, 4, 6])
def test_up_to_six_labels_every_list_is_asked_so_even_a_model_without_an_opinion_is_read_exactly(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        sure = labels(np.random.default_rng(seed).uniform(0.02, 0.98, count).tolist())
        (probabilities,), asked = read(monkeypatch, sure)
        assert probabilities == pytest.approx(tuple(sure.values()), abs=1e-9)
        assert (asked.lists, asked.rounds) == (2**count, 1)


@pytest.mark.parametrize("count", [7, 10, 14, 30, 80])
def test_five_sure_labels_among_many_are_all_found(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of at most three labels were asked once, so that two of five were lost."""
    named = [number * (count - 1) // 4 for number in range(5)]
    sure = labels([0.98 if number in named else 0.2 / count for number in range(count)])
    (probabilities,), asked = read(monkeypatch, sure)
    assert probabilities == pytest.approx(tuple(sure.values()), abs=0.03)
    assert asked.lists <= max(1024, 8 * count)


@pytest.mark.parametrize("count", [7, 8, 9, 10])
@pytest.mark.parametrize("lowest", [0.02, 0.995])
def test_up_to_ten_labels_are_read_exactly_however_unsure_the_model_is(
    count: int, lowest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probabilities of the model's own making: the longest lists may be the likeliest too."""
    sure = labels(np.random.default_rng(count).uniform(lowest, 0.999, count).tolist())
    (answer,), model = read_answers(monkeypatch, sure)
    assert answer.probabilities == pytest.approx(tuple(sure.values()), abs=1e-6)
    assert answer.explored is not None and answer.explored > 1 - 1e-6
    assert model.lists <= 2**count and model.rounds <= 12


@pytest.mark.parametrize(("probability", "at_least"), [(0.02, 0.999), (0.1, 0.95), (0.4, 0.05)])
def test_of_fourteen_labels_it_is_known_how_much_was_read(
    probability: float, at_least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This model says nothing but lists, so that what was read is what the asked lists make up."""
    sure = labels([probability] * 14)
    (answer,), model = read_answers(monkeypatch, sure)
    asked_lists = sum(math.exp(sum(chain(names, sure))) for names in model.names)
    assert answer.explored == pytest.approx(asked_lists, abs=1e-9)
    assert at_least <= asked_lists < 1 and model.lists <= 1024


def test_a_sure_model_is_asked_little_beside_an_unsure_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question goes on for as long as it has to."""
    sure, unsure = labels([0.999, *[1e-5] * 11]), labels([0.4] * 12)
    (first, second), _ = read(monkeypatch, sure, unsure)
    assert first == pytest.approx(tuple(sure.values()), abs=2e-3)
    assert all(0 < probability < 1 for probability in second)
    _, alone = read(monkeypatch, sure)
    _, beside = read(monkeypatch, unsure)
    assert alone.lists < 40 < beside.lists <= 1024
