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


class Asked:
    """In the place of a VLM: says of every list how likely it is, and counts what it was asked."""

    def __init__(self, of_questions: Sequence[Sure]) -> None:
        self.of_questions = of_questions
        self.lists = 0
        self.rounds = 0

    def __call__(
        self, vlm: Any, questions: Any, embedded: Any, ways: Any, texts: Sequence[Sequence[str]], speaking: Any = None
    ) -> list[Likelihoods]:
        self.lists += sum(map(len, texts))
        self.rounds += 1
        told = [
            [chain([name for name in text.split(", ") if name in sure], sure) for text in of_question]
            for of_question, sure in zip(texts, self.of_questions, strict=True)
        ]
        return [Likelihoods(told, torch.zeros(len(texts), 1), [])]


def read(monkeypatch: pytest.MonkeyPatch, *of_questions: Sure) -> tuple[list[tuple[float, ...]], Asked]:
    asked = Asked(of_questions)
    monkeypatch.setattr(distribution, "log_likelihoods", asked)
    questions = [Asking(Task(answers=tuple(sure), kind="multi"), None) for sure in of_questions]  # type: ignore[arg-type]
    ((answers, _),) = distribution._over_lists(None, questions, None, [False], Speaking([()]))  # type: ignore[arg-type]
    return [answer.probabilities for answer in answers], asked


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
    assert asked.lists <= max(256, 8 * count)


def test_all_of_ten_labels_may_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    (probabilities,), asked = read(monkeypatch, labels([0.995] * 10))
    assert probabilities == pytest.approx([0.995] * 10, abs=5e-3) and asked.lists <= 256


def test_a_sure_model_is_asked_little_beside_an_unsure_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question goes on for as long as it has to."""
    sure, unsure = labels([0.999, *[1e-5] * 11]), labels([0.4] * 12)
    (first, second), _ = read(monkeypatch, sure, unsure)
    assert first == pytest.approx(tuple(sure.values()), abs=2e-3)
    assert all(0 < probability < 1 for probability in second)
    _, alone = read(monkeypatch, sure)
    _, beside = read(monkeypatch, unsure)
    assert alone.lists < 40 < beside.lists <= 256
