"""Distributions from shared branches equal those of every candidate scored alone by the model's own forward."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import exp, log

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.case import Task
from core.models.exemplar import Exemplars
from core.models.shared_prefix import Branches
from core.models.vlm import Vlm
from core.readings.answer import softmax
from core.readings.distribution import Asking, distributions, log_likelihoods
from tests.contract.official import ask, build, official_logits, pictures, tiny

ANSWERS = ("a scar", "a scan", "no", "a scar or a scan")
TASK = Task(answers=ANSWERS, template="What is this?")
SPOTS = Task(answers=("left", "right"), kind="multi", template="What is this?")
TEN = tuple(f"spot {letter}" for letter in "abcdefghij")


def questions(vlm: Vlm, task: Task = TASK, exemplars: Tensor | None = None) -> list[Asking]:
    known = [[] if exemplars is None else [exemplars[row]] for row in range(3)]
    return [Asking(task, one, known[row]) for row, one in enumerate(vlm.encode(pictures()))]


@pytest.mark.parametrize("name", ["internvl", "qwen_vl", "smolvlm", "gemma3", "paligemma"])
def test_a_distribution_is_that_of_every_candidate_scored_alone(name: str) -> None:
    """Three of the candidates begin with the same tokens, and one is the beginning of another."""
    vlm = tiny(name)
    (found,) = distributions(vlm, questions(vlm), None, [False])
    for row, picture in enumerate(pictures()):
        scores = []
        for place, answer in enumerate(ANSWERS):
            said = torch.tensor(vlm.response(answer))
            alone = official_logits(name, vlm, picture, answer).log_softmax(-1).gather(1, said[:, None])[:, 0]
            assert found[row].token_log_likelihoods[place] == pytest.approx(alone.tolist(), abs=1e-3)
            scores.append(float(alone.sum()))
        likely = np.exp(np.array(scores) - max(scores))
        np.testing.assert_allclose(found[row].probabilities, likely / likely.sum(), atol=1e-3)
        assert sum(found[row].probabilities) == pytest.approx(1, abs=1e-12)


def test_ways_of_reading_share_a_run_and_do_not_touch_each_other() -> None:
    vlm = tiny("internvl")
    exemplars, features = Exemplars([4], vlm.hidden_size), torch.randn(3, 4)
    asked = questions(vlm, TASK, features)
    with torch.no_grad():
        both = distributions(vlm, asked, exemplars, [False, True])
        (alone,) = distributions(vlm, questions(vlm), None, [False])
        embedded = exemplars([features], 3)
        rows = [(row, answer, True) for row in range(3) for answer in ANSWERS]
        plain = ask(vlm, rows, embedded, is_shared=False)
    for one, other in zip(both[0], alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    scores = [
        float(logits.log_softmax(-1).gather(1, torch.tensor(vlm.response(answer))[:, None]).sum())
        for (_, answer, _), logits in zip(rows, plain, strict=True)
    ]
    for row, one in enumerate(both[1]):
        likely = softmax(scores[4 * row : 4 * row + 4])
        assert one.probabilities == pytest.approx(likely, abs=1e-4)
        assert one.token_log_likelihoods[2] != pytest.approx(both[0][row].token_log_likelihoods[2], abs=1e-2)


def test_a_labels_probability_is_the_share_of_the_lists_that_name_it() -> None:
    vlm = tiny("internvl")
    (found,) = distributions(vlm, questions(vlm, SPOTS), None, [False])
    texts = ["no finding", "left", "right", "left, right"]
    with torch.no_grad():
        (said,) = log_likelihoods(vlm, questions(vlm, SPOTS), None, [False], [texts] * 3)
    for one, scores in zip(found, said.of_tokens, strict=True):
        none, left, right, both = (exp(sum(tokens)) for tokens in scores)
        whole = none + left + right + both
        assert one.probabilities == pytest.approx(((left + both) / whole, (right + both) / whole), abs=1e-5)


@pytest.fixture(scope="module")
def learned_lists() -> Vlm:
    """A tiny model that learned a few steps of what to list, and is sure of little yet."""
    vlm = build("internvl")
    vlm.base.requires_grad_(True)
    features, rows = vlm.encode(pictures()), [(0, TEN[1:2]), (1, TEN[2:6]), (2, TEN[:1] + TEN[7:])]
    optimiser = torch.optim.AdamW(vlm.base.parameters(), lr=3e-3)
    for _ in range(25):
        branches, loss = Branches(vlm, features), torch.zeros(())
        prompts = [vlm.prompt("What is this?", image.tokens.shape[0]) for image in features]
        responses = [vlm.response(", ".join(names)) for _, names in rows]
        slots = [branches.add(row, prompts[row], responses[row]) for row, _ in rows]
        logits = branches.logits()
        loss = sum(
            (
                cross_entropy(logits[places], torch.tensor(tokens))
                for places, tokens in zip(slots, responses, strict=True)
            ),
            start=loss,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    vlm.base.requires_grad_(False)
    return vlm


@pytest.mark.parametrize("count", [3, 8, 10])
@pytest.mark.parametrize("is_trained", [False, True])
def test_marginals_of_several_labels_are_those_of_every_list_there_is(
    count: int, is_trained: bool, learned_lists: Vlm
) -> None:
    vlm, names = learned_lists if is_trained else tiny("internvl"), TEN[:count]
    image_questions = questions(vlm, Task(answers=names, kind="multi", template="What is this?"))
    lists = [chosen for length in range(count + 1) for chosen in combinations(names, length)]
    with torch.no_grad():
        (answers,) = distributions(vlm, image_questions, None, [False])
        for answer, question in zip(answers, image_questions, strict=True):
            shares = softmax(
                [
                    score
                    for first in range(0, len(lists), 64)
                    for score in scores_of_lists(vlm, question, lists[first : first + 64])
                ]
            )
            brute = [
                sum(share for chosen, share in zip(lists, shares, strict=True) if name in chosen) for name in names
            ]
            assert answer.probabilities == pytest.approx(brute, abs=1e-6)
            assert answer.explored is not None and 1 - 1e-6 < answer.explored <= 1


def scores_of_lists(vlm: Vlm, question: Asking, lists: Sequence[Sequence[str]]) -> list[float]:
    (way,) = log_likelihoods(vlm, [question], None, [False], [[", ".join(chosen) or "no finding" for chosen in lists]])
    return [sum(tokens) for tokens in way.of_tokens[0]]


def test_tasks_of_different_kinds_are_read_in_one_batch() -> None:
    vlm = tiny("internvl")
    single, several = questions(vlm), questions(vlm, SPOTS)
    (mixed,) = distributions(vlm, [single[0], several[1], single[2]], None, [False])
    (one,), (other,) = distributions(vlm, single, None, [False]), distributions(vlm, several, None, [False])
    for found, expected in zip(mixed, (one[0], other[1], one[2]), strict=True):
        assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-5)


def test_another_instruction_gives_another_distribution() -> None:
    vlm = tiny("internvl")
    features = vlm.encode(pictures())[0]
    asked = [Asking(TASK, features), Asking(TASK, features, instruction="And this?")]
    (found,) = distributions(vlm, asked, None, [False])
    assert found[0].token_log_likelihoods[2] != pytest.approx(found[1].token_log_likelihoods[2], abs=1e-2)


def test_very_unlikely_candidates_still_make_a_distribution() -> None:
    assert softmax([-2000.0, -2000.0 + log(3)]) == pytest.approx((0.25, 0.75))
