"""Whatever is sent as boxes is refused in words or lies within the picture, large enough to be seen."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from core.case import Box, Task
from core.errors import SettingsError
from core.layouts.manifest_cells import boxes_cell, drawn_boxes
from core.sets.drawn_boxes import LEAST_PIXELS, checked_boxes, labels_with_boxes

LABELS = ("a", "b; c", '"d"', "é\u2028")
side = st.one_of(st.floats(0, 1), st.floats(), st.integers(), st.none(), st.text(max_size=2), st.booleans())
any_box = st.fixed_dictionaries(
    {"label": st.one_of(st.sampled_from(LABELS), st.text(max_size=3), st.none())},
    optional=dict.fromkeys(("left", "top", "right", "bottom"), side),
)
sides = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
true_boxes = st.builds(
    lambda label, across, down: Box(label, across[0], down[0], across[1], down[1]),
    st.sampled_from(LABELS),
    sides,
    sides,
).filter(lambda box: box.right - box.left > 0.01 and box.bottom - box.top > 0.01)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


@given(st.one_of(st.lists(any_box, max_size=4), st.lists(st.integers()), st.text(), st.none()), sizes)
@example([{"label": "a", "left": 0, "top": 0, "right": 1, "bottom": 5e-324}], (1, 1))
def test_whatever_is_sent_is_refused_or_lies_within(drawn: Any, size: tuple[int, int]) -> None:
    try:
        boxes = checked_boxes(drawn, size, LABELS, ())
    except SettingsError as error:
        assert str(error).endswith(".")
        return
    assert len(boxes) == len(drawn)
    for box in boxes:
        assert box.label in LABELS
        assert 0 <= box.left <= box.right <= 1 and 0 <= box.top <= box.bottom <= 1
        for share, pixels in ((box.right - box.left, size[0]), (box.bottom - box.top, size[1])):
            assert share * pixels >= min(LEAST_PIXELS, pixels) - 1e-5


@given(st.lists(true_boxes, max_size=5))
def test_boxes_come_back_from_the_browser_and_from_a_table_as_they_were(boxes: list[Box]) -> None:
    sent = json.loads(json.dumps([vars(box) for box in boxes]))
    assert checked_boxes(sent, (1000, 1000), LABELS, ()) == tuple(boxes)
    assert drawn_boxes(boxes_cell(boxes)) == tuple(boxes)


@given(
    st.lists(st.sampled_from(LABELS), unique=True),
    st.lists(true_boxes, max_size=4),
    st.lists(true_boxes, max_size=4),
)
def test_a_label_of_several_stands_for_its_boxes_after_a_correction(
    labels: list[str], before: list[Box], after: list[Box]
) -> None:
    task = Task(answers=LABELS, kind="multi")
    then = labels_with_boxes(task.in_order(labels), before, after, task)
    shown_before, shown = {box.label for box in before}, {box.label for box in after}
    assert set(then) >= shown - shown_before
    assert not set(then) & (shown_before - shown)
    untouched = set(LABELS) - (shown ^ shown_before)
    assert set(then) & untouched == set(labels) & untouched
    assert labels_with_boxes(then, after, after, task) == then
