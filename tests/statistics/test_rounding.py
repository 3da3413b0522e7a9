"""What is nearly certain never prints as certain, and what is nearly nothing never as nothing."""

from __future__ import annotations

import pytest

from core.statistics.intervals import in_brackets
from core.statistics.rounding import rounded


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.9996, 3, ">.999"),
        (0.9994, 3, "0.999"),
        (1.0, 3, "1.000"),
        (1.0004, 3, "1.000"),
        (0.0004, 3, "<.001"),
        (0.0, 3, "0.000"),
        (-0.0, 3, "0.000"),
        (-0.0004, 3, ">-.001"),
        (-0.9999, 3, "<-.999"),
        (0.912, 3, "0.912"),
        (0.996, 2, ">.99"),
        (0.004, 2, "<.01"),
    ],
)
def test_only_what_is_certain_prints_as_certain(value: float, digits: int, text: str) -> None:
    assert rounded(value, digits) == text


def test_ends_of_intervals_too() -> None:
    assert in_brackets({"value": 0.9996, "low": 0.0001, "high": 1.0}) == ">.999 [<.001, 1.000]"
