"""Whatever is packed into one row, each question in it sees just what it would see in a sequence of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.shared_prefix import PackedRow, exemplar_token
from core.models.vlm import Prompt
from tests.contract.official import ask, tiny

IMAGE = 9
TOKEN = st.integers(0, 2)  # so few that much is shared
TOKENS = st.lists(TOKEN, min_size=1, max_size=4).map(tuple)
HEAD = st.tuples(st.lists(TOKEN, max_size=2), st.integers(1, 3)).map(lambda parts: (*parts[0], *[IMAGE] * parts[1]))
PROMPT = st.builds(Prompt, HEAD, TOKENS)
QUESTION = st.tuples(PROMPT, st.integers(0, 2), TOKENS)
WORDS = st.sampled_from(["a scar", "no", "a scan", "no scar", "a"])


def plain(prompt: Prompt, exemplars: int, response: tuple[int, ...]) -> list[int]:
    """The sequence that asks this alone; its last token is never put in."""
    return [*prompt.head, *map(exemplar_token, range(exemplars)), *prompt.tail, *response[:-1]]


@given(st.lists(QUESTION, min_size=1, max_size=6), st.sampled_from(["causal", "prefix"]))
def test_a_token_sees_the_sequence_that_it_would_be_in_alone(
    questions: list[tuple[Prompt, int, tuple[int, ...]]], sees: str
) -> None:
    packed = PackedRow(0)
    places = [
        packed.add_response(packed.add_prompt(prompt, range(exemplars), sees), response)
        for prompt, exemplars, response in questions
    ]
    tokens = np.array([token for segment in packed.segments for token in segment.tokens])
    visible, depths = packed.ancestry(None), packed.depths()
    assert len(tokens) == packed.length
    for (prompt, exemplars, response), at in zip(questions, places, strict=True):
        alone = plain(prompt, exemplars, response)
        assert len(at) == len(response)
        for number, place in enumerate(at):
            seen = np.flatnonzero(visible[place])
            assert tokens[seen].tolist() == alone[: len(alone) - len(response) + 1 + number]
            assert depths[seen].tolist() == list(range(len(seen)))


@given(st.lists(QUESTION, min_size=1, max_size=6))
def test_image_tokens_see_each_other_and_the_rest_what_stood_before(
    questions: list[tuple[Prompt, int, tuple[int, ...]]],
) -> None:
    packed = PackedRow(0)
    for prompt, exemplars, response in questions:
        packed.add_response(packed.add_prompt(prompt, range(exemplars), "image"), response)
    is_image = np.array([token == IMAGE for segment in packed.segments for token in segment.tokens])
    before, after = packed.ancestry(None), packed.ancestry(is_image)
    assert after[np.ix_(is_image, is_image)].all()
    assert (after[~is_image] == before[~is_image]).all()
    assert before.diagonal().all()
    assert not np.triu(before, 1).any()


@given(st.lists(QUESTION, min_size=1, max_size=6))
def test_a_question_asked_again_takes_no_more_room(questions: list[tuple[Prompt, int, tuple[int, ...]]]) -> None:
    once, twice = PackedRow(0), PackedRow(0)
    for row, repeated in ((once, questions), (twice, questions * 2)):
        for prompt, exemplars, response in repeated:
            row.add_response(row.add_prompt(prompt, range(exemplars), "causal"), response)
    assert once.segments == twice.segments
    assert once.length <= sum(len(plain(*question)) for question in questions)


@pytest.mark.slow
@settings(max_examples=6)
@given(st.lists(st.tuples(st.integers(0, 2), WORDS, st.booleans()), min_size=1, max_size=6))
def test_any_questions_get_the_logits_of_plain_passes(questions: list[tuple[int, str, bool]]) -> None:
    vlm = tiny("internvl")
    exemplars = torch.linspace(-1, 1, 6 * vlm.hidden_size).view(3, 2, vlm.hidden_size)
    with torch.no_grad():
        shared = ask(vlm, questions, exemplars, is_shared=True)
        alone = ask(vlm, questions, exemplars, is_shared=False)
    for ours, theirs in zip(shared, alone, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
