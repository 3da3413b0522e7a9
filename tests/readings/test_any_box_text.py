"""Boxes as text: what is written can be read back, and what can't be read is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.case import Box
from core.families.starter import tiny
from core.readings.box_text import boxes_as_text, boxes_in_text, regions_in
from core.readings.writing import Written

edges = st.integers(0, 100)
pairs = st.tuples(edges, edges).filter(lambda pair: pair[0] < pair[1])


@given(st.lists(st.tuples(pairs, pairs), max_size=6))
def test_boxes_are_read_as_they_were_written(corners: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    rows = sorted((left, top, right, bottom) for (left, right), (top, bottom) in corners)
    boxes = [Box("spot", *(edge / 100 for edge in row)) for row in rows]
    read, is_clean = boxes_in_text(boxes_as_text(boxes))
    assert is_clean and [tuple(round(100 * edge) for edge in place) for _, place in read] == rows


@given(st.text(max_size=60))
def test_any_text_gives_boxes_inside_the_picture_or_none(text: str) -> None:
    for _, (left, top, right, bottom) in boxes_in_text(text)[0]:
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


@pytest.mark.parametrize(
    ("text", "count", "is_clean"),
    [
        ("nothing", 0, True),
        ("10 20 30 40", 1, True),
        ("10 20 30 40; 50 60 70 80", 2, True),
        ("10 20 30 40; 50 60 70", 1, False),
        ("30 20 10 40", 0, False),
        ("10 20 30 140", 0, False),
        ("a spot at 10 20 30 40", 1, False),
        ("", 0, False),
    ],
)
def test_what_is_not_a_list_of_boxes_is_counted_though_its_boxes_are_taken(
    text: str, count: int, is_clean: bool
) -> None:
    boxes, whole = boxes_in_text(text)
    assert (len(boxes), whole) == (count, is_clean)


def test_a_box_is_as_sure_as_its_own_tokens_and_a_text_cut_off_is_unreadable() -> None:
    vlm = tiny()
    tokens = vlm.response("10 20 30 40; 50 60 70 80")[:-1]
    likely = tuple(
        -0.1 if vlm.tokenizer.decode(tokens[: place + 1]).count(";") == 0 else -1.0 for place in range(len(tokens))
    )
    regions, is_clean = regions_in(vlm, Written(tokens, likely, True), "spot")
    assert is_clean and regions[0].score == pytest.approx(0.905, abs=1e-3)
    assert regions[1].score == pytest.approx(0.368, abs=1e-3)
    assert not regions_in(vlm, Written(tokens, likely, False), "spot")[1]


@given(st.floats(0, 1), st.floats(0, 0.02))
def test_the_thinnest_box_is_one_that_can_be_read(edge: float, thickness: float) -> None:
    begin = min(edge, 1 - thickness)
    boxes, is_clean = boxes_in_text(boxes_as_text([Box("line", begin, begin, begin + thickness, begin + thickness)]))
    assert is_clean and len(boxes) == 1
