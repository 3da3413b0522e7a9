"""Scores beside the sum, worked out by hand: the mean a token, and PMI against a blank picture."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
import torch
from PIL import Image

from core.case import Task
from core.readings.answer import Answer, softmax
from core.readings.blank import beside_blank
from core.readings.distribution import Asking, distributions
from core.readings.other_scores import other_scores
from core.readings.reading import Reading
from core.readings.results import evaluate, table
from tests.contract.official import official_logits, tiny

TASK = Task(answers=("a long name", "short"), template="What is this?")
SEVERAL = Task(answers=("left", "right"), kind="multi", template="What is this?")
LONG, SHORT = (-1.0, -0.5, -0.75), (-1.5,)
BLANK = (-4.0, -1.25)


def test_the_sum_the_mean_a_token_and_pmi_may_each_say_something_else() -> None:
    """Sums -2.25 and -1.5: the short one. Means -.75 and -1.5, and -2.25 + 4 against -1.5 + 1.25: the long one."""
    answer = Answer(softmax([sum(LONG), sum(SHORT)]), (LONG, SHORT), blank=BLANK)
    assert answer.probabilities[1] > answer.probabilities[0]
    assert other_scores(answer) == {"length_normalised": (-0.75, -1.5), "pmi": (1.75, -0.25)}
    assert softmax((1.75, -0.25)) == pytest.approx((exp(2) / (1 + exp(2)), 1 / (1 + exp(2))))


def test_there_is_no_pmi_without_a_blank_picture_and_no_score_without_tokens() -> None:
    assert other_scores(Answer((0.5, 0.5), (LONG, SHORT))) == {"length_normalised": (-0.75, -1.5)}
    assert other_scores(Answer((0.5, 0.5))) == {}


def test_what_is_said_of_a_blank_picture_is_what_the_models_own_forward_says_of_a_grey_one() -> None:
    vlm, grey = tiny("internvl"), Image.new("RGB", (448, 448), (127, 127, 127))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8))
    with torch.no_grad():
        ((answer, of_lists),) = distributions(
            vlm, [Asking(task, vlm.encode([noise])[0]) for task in (TASK, SEVERAL)], None, [False]
        )
        beside, several = beside_blank(vlm, [answer, of_lists], [TASK, SEVERAL])
    expected = []
    for name in TASK.answers:
        tokens = torch.tensor(vlm.response(name))
        likely = official_logits("internvl", vlm, grey, name).log_softmax(-1).gather(1, tokens[:, None])
        expected.append(float(likely.sum()))
    assert beside.blank == pytest.approx(expected, abs=1e-3)
    assert beside.probabilities == answer.probabilities and several == of_lists


def reading(number: int, label: str, long: float, short: float, blank: tuple[float, ...] = BLANK) -> Reading:
    tokens = ((long / 2, long / 4, long / 4), (short,))
    answer = Answer(softmax([long, short]), tokens, blank=blank)
    return Reading("one", str(number), "test", "vlm", (label,), None, answer)


def test_figures_of_each_score_stand_beside_those_of_the_sum() -> None:
    """By the sum every answer is the short one, right in half of the cases; by PMI (a long one gains 2.75) all are
    right, by the mean a token all are the long one."""
    rows = [reading(number, "a long name", -2.25 - number / 100, -1.5) for number in range(8)]
    rows += [reading(number, "short", -4.3 - number / 100, -1.5) for number in range(8, 16)]
    results = evaluate(rows, {"one": TASK}, draws=50, seed=0)
    scored = results["other_scores"]["vlm"]
    assert results["readers"]["vlm"]["accuracy"]["value"] == 0.5
    assert scored["pmi"]["figures"]["accuracy"]["value"] == 1.0
    assert scored["length_normalised"]["figures"]["accuracy"]["value"] == 0.5
    assert scored["pmi"]["differences"]["accuracy"]["value"] == 0.5
    written = table(results)
    assert "**Scored in other ways**" in written and "| vlm (PMI) | 1.000 [" in written
    assert "| vlm (length-normalised) | 0.500 [" in written and "less that before a blank picture" in written


def test_a_reader_that_saw_no_blank_picture_has_no_other_figures() -> None:
    rows = [reading(number, "short", -2.0, -1.5, blank=()) for number in range(4)]
    results = evaluate(rows, {"one": TASK}, draws=20, seed=0)
    assert results["other_scores"] == {} and "other ways" not in table(results)
