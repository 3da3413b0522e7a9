"""Answers by cosine, worked out by hand on vectors of two numbers; and soft prompts that begin as their words."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import cast

import pytest
import torch
from torch import Tensor

from core.case import NO_FINDING, Task
from core.families import internvl
from core.models.vlm import ImageFeatures, Vlm
from core.readings.distribution import Asking
from core.readings.embedder import FIRST_SCALE, LARGEST_SCALE, OF_IMAGE, OF_TEXT, Embedder, by_cosine

VECTORS = {"scar": [1.0, 0.0], "spot": [0.0, 1.0], NO_FINDING: [0.0, 0.0]}


class Space:
    """An embedder in which every picture lies at (1, 0), with a scale of ln 3."""

    scale = torch.tensor(log(3))

    def pictures(self, vlm: Vlm, features: Sequence[ImageFeatures]) -> Tensor:
        return torch.tensor([[1.0, 0.0]] * len(features))

    def texts(self, vlm: Vlm, texts: Sequence[str]) -> Tensor:
        return torch.tensor([VECTORS[text] for text in texts])


def answered(task: Task) -> tuple[float, ...]:
    question = Asking(task, ImageFeatures(torch.zeros(1, 2)))
    (answer,) = by_cosine(cast(Vlm, None), cast(Embedder, Space()), [question])
    return answer.probabilities


def test_the_likelier_answer_is_the_one_whose_name_is_nearer() -> None:
    """Scores ln 3 and 0: 3/4 and 1/4."""
    assert answered(Task(answers=("scar", "spot"))) == pytest.approx((0.75, 0.25))


def test_each_of_several_labels_is_held_against_that_there_is_no_finding() -> None:
    """Scores ln 3, 0 and 0 of none: 3/4, and a half."""
    assert answered(Task(answers=("scar", "spot"), kind="multi")) == pytest.approx((0.75, 0.5))


def test_where_nothing_found_is_an_answer_it_is_what_the_likeliest_label_leaves() -> None:
    """Held against itself it would always be a half."""
    assert answered(Task(answers=("scar", NO_FINDING, "spot"), kind="multi")) == pytest.approx((0.75, 0.25, 0.5))


def test_soft_prompts_begin_as_the_words_that_they_stand_for_and_embed_the_same() -> None:
    vlm = internvl.tiny()
    soft, hard = Embedder(vlm.hidden_size, True), Embedder(vlm.hidden_size, False)
    soft.begin(vlm)
    assert soft.tokens is not None and hard.tokens is None
    length = len(vlm.prompt(OF_IMAGE, 1).tail) + len(vlm.prompt(OF_TEXT, 1).tail)
    assert soft.tokens.shape == (length, vlm.hidden_size)
    noise = torch.randn(2, 4, vlm.hidden_size)
    pictures = [ImageFeatures(tokens) for tokens in noise]
    with torch.no_grad():
        for embed, shown in ((Embedder.pictures, pictures), (Embedder.texts, ["a scar", "no"])):
            vectors = embed(soft, vlm, shown)  # type: ignore[arg-type]
            torch.testing.assert_close(vectors, embed(hard, vlm, shown), atol=1e-5, rtol=0)  # type: ignore[arg-type]
            torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_the_scale_begins_at_its_first_value_and_never_passes_its_largest() -> None:
    embedder = Embedder(8, False)
    assert embedder.scale.item() == pytest.approx(FIRST_SCALE)
    with torch.no_grad():
        embedder.log_scale.fill_(10.0)
    assert embedder.scale.item() == LARGEST_SCALE
