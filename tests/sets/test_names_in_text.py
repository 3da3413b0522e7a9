"""Names are found as words of their own, whatever is around them, and taken out of a text without moving a byte."""

from __future__ import annotations

import pytest

from core.sets.names_in_text import NamesInText


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("P0003 was read", "[erased] was read"),
        ("“scans/P0003_left.png”", "“scans/[erased]_left.png”"),
        ("P00031, XP0003 and P0003é", "P00031, XP0003 and P0003é"),
        ("P0003, P0003.", "[erased], [erased]."),
        ("img/6.png, img/6.png2 and img_6.png", "[erased], img/6.png2 and img_6.png"),
        ("cell_6 and cell_6_2, xcell_6", "[erased] and cell_6_2, xcell_6"),
        ("cell_6 (new).png", "[erased]"),
        ("12 of 12 at 1.5", "12 of 12 at 1.5"),
        ("number 4711004, not 47110041", "number [erased], not 47110041"),
        ("Zoë Ng, Zoë", "[erased], Zoë"),
    ],
)
def test_a_name_is_found_as_a_word_of_its_own(text: str, without: str) -> None:
    cases = ("img/6.png", "cell_6", "cell_6 (new).png", "12", "1.5", "4711004", "??")
    names = NamesInText(cases, ("P0003", "Zoë Ng"))
    assert names.without(text) == without
    assert names.are_in(text) is (text != without)


def test_stars_take_as_many_bytes_as_the_name() -> None:
    names = NamesInText((), ("Zoë",))
    line = "größer: Zoë ".encode() + b"\xff\xfe Zo\xc3\xab\n"
    assert names.masked(line) == "größer: **** ".encode() + b"\xff\xfe ****\n"


def test_thousands_of_names_are_looked_for_in_the_time_of_one() -> None:
    """Not one after the other: a patient may have thousands of slices."""
    names = NamesInText([f"{number:05}.dcm of it" for number in range(20_000)], ())
    text = "slice 00007.dcm of it and 99999.dcm of it " * 2_000
    assert names.without(text).count("[erased]") == 2_000
