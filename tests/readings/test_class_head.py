"""A class head: its losses and probabilities by hand, its columns, and that it reads where the answer would begin."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.case import Case, Task
from core.pictures.pixels import FilePixels
from core.readings.class_head import ClassHead
from core.readings.distribution import Asking
from tests.contract.official import build

ONE = Task(answers=("scar", "spot", "no"))
SEVERAL = Task(answers=("mass", "node"), kind="multi")


def case(*labels: str) -> Case:
    return Case("c", FilePixels(Path("never opened")), labels)


def class_head(hidden_size: int = 4) -> ClassHead:
    head = ClassHead(hidden_size)
    head.prepare_for((ONE, SEVERAL))
    return head


def test_losses_are_those_of_the_cases_own_answers_by_hand() -> None:
    outputs = torch.tensor([[0.0, math.log(2), math.log(3), 50.0, -50.0], [9.0, -9.0, 0.0, math.log(3), 0.0]])
    losses = class_head().losses(outputs, [case("spot"), case("mass")], [ONE, SEVERAL])
    # 1, 2 and 3 of 6; of several, 3/4 for the one that is there and 1/2 for the other, whose mean is taken.
    assert losses.tolist() == pytest.approx([math.log(3), (math.log(4 / 3) + math.log(2)) / 2])


def test_each_task_has_columns_of_its_own() -> None:
    head = class_head()
    assert (head.columns(ONE), head.columns(SEVERAL)) == (slice(0, 3), slice(3, 5))
    assert head(torch.zeros(1, 4)).shape == (1, 5)


def test_it_answers_from_the_state_in_which_the_question_ends() -> None:
    vlm = build("internvl")
    head = class_head(vlm.hidden_size)
    (features,) = vlm.encode([Image.new("RGB", (28, 28), "red")])
    prompt = vlm.prompt(ONE.instruction(), len(features.tokens))
    ids = torch.tensor([[*prompt.head, *prompt.tail]])
    embeds = vlm.embed(ids)
    embeds[ids == vlm.image_token] = features.tokens
    with torch.no_grad():
        state = vlm.base.model(inputs_embeds=embeds).last_hidden_state[0, -1]
        logits = head.module(state)
        single, several = head.answers(vlm, [Asking(ONE, features), Asking(SEVERAL, features)])
    assert single.probabilities == pytest.approx(logits[:3].softmax(-1).tolist(), abs=1e-5)
    assert len(several.probabilities) == 2 and sum(single.probabilities) == pytest.approx(1)
    assert single.token_log_likelihoods == () and single.text is None
