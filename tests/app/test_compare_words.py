"""What Compare writes of readers, from answers alone."""

from __future__ import annotations

import pytest

from app.pages.compare.words import answers_table, tokens_table
from core.case import Task
from core.readings.answer import Answer, conclude
from core.records.runs.comparison import CaseView
from core.training.readers import UNTUNED

TASK = Task(answers=("clear", "hazy"))
SEVERAL = Task(answers=("nodule", "mass"), kind="multi")


@pytest.mark.parametrize(
    ("explored", "share"), [(None, None), (1.0, None), (0.95, None), (0.9499, "94 %"), (0.8399, "83 %")]
)
def test_how_much_of_the_lists_was_read_is_shown_where_it_is_little(explored: float | None, share: str | None) -> None:
    conclusion = conclude(Answer((0.7, 0.2), explored=explored), SEVERAL)
    written = answers_table({UNTUNED.reader: conclusion}, None)
    assert "nodule" in written
    assert ("the lists that were read hold" in written) == (share is not None)
    if share is not None:
        assert f'<small class="quiet">the lists that were read hold {share} of the probability</small>' in written


def test_each_candidate_is_shown_with_its_sum_its_mean_a_token_and_pmi() -> None:
    seen = conclude(Answer((0.3, 0.7), ((-1.0, -0.5), (-1.25,)), blank=(-3.0, -1.0)), TASK)
    blind = conclude(Answer((0.3, 0.7), ((-1.0, -0.5), (-1.25,))), TASK)
    case = CaseView(1, "1.png", ("clear",), "test", None, {"vlm": seen, "vitask": blind})
    assert tokens_table(case, TASK.answers) == [
        ["vlm", "clear", -1.5, -0.75, 1.5, "-1.00  -0.50"],
        ["vlm", "hazy", -1.25, -1.25, -0.25, "-1.25"],
        ["vitask", "clear", -1.5, -0.75, "–", "-1.00  -0.50"],
        ["vitask", "hazy", -1.25, -1.25, "–", "-1.25"],
    ]
