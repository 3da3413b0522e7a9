"""What Compare writes of readers, from answers alone."""

from __future__ import annotations

import pytest

from app.pages.compare.words import answers_table
from core.case import Task
from core.readings.answer import Answer, conclude
from core.training.readers import UNTUNED

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
