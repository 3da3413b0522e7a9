"""A row may be chosen that the list doesn't hold at the moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio.exceptions import Error

from app import row_choice
from app.row_choice import RowChoice


def test_a_number_that_another_event_took_from_the_list_goes_through() -> None:
    choice = RowChoice([("Run 111", 111)])
    assert choice.preprocess(3) == 3 and choice.preprocess(None) is None
    assert RowChoice([("Run 111", 111)], multiselect=True).preprocess([111, 3]) == [111, 3]


@pytest.mark.parametrize("payload", ["Run 3", -1, 0, 1 << 31, True, [3, "x"], 3.5])
def test_what_is_no_number_of_a_row_does_not(payload: object) -> None:
    with pytest.raises(Error, match="not in the list"):
        RowChoice([("Run 111", 111)]).preprocess(payload)  # type: ignore[arg-type]


def test_the_browser_draws_it_as_any_list() -> None:
    assert RowChoice([]).get_block_name() == "dropdown"


def test_nothing_is_written_beside_the_code() -> None:
    assert not Path(row_choice.__file__).with_suffix(".pyi").exists()
