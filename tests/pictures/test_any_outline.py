"""Any polygon is filled, and any run lengths in letters are read, as COCO's own mask API does it."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.pictures.masks import RunPixels, marked, runs_of, runs_of_text
from core.pictures.outlines import OutlinePixels, Polygon

official = pytest.importorskip(
    "faster_coco_eval.core.mask", reason="faster-coco-eval is not installed: COCO's own masks"
)


def officially(encoded: Any) -> Any:
    return official.decode(encoded).astype(bool)


def letters(encoded: Any) -> str:
    counts = encoded["counts"]
    return str(counts.decode() if isinstance(counts, bytes) else counts)


@st.composite
def polygons(draw: st.DrawFn, width: int, height: int) -> tuple[float, ...]:
    """Corners on whole pixels and between them, up to a pixel outside, some of them closed by their first corner."""
    across, down = (
        st.one_of(st.integers(0, side), st.floats(-1, side + 1, width=32)).map(float) for side in (width, height)
    )
    corners = draw(st.lists(st.tuples(across, down), min_size=3, max_size=9))
    return tuple(number for corner in [*corners, *corners[: draw(st.integers(0, 1))]] for number in corner)


@st.composite
def drawings(draw: st.DrawFn) -> tuple[int, int, list[tuple[float, ...]]]:
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return width, height, draw(st.lists(polygons(width, height), min_size=1, max_size=3))


@given(drawings())
@example((6, 5, [(1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0)]))
@example((6, 5, [(2.0, 2.0, 2.0, 2.0, 2.0, 2.0)]))
def test_polygons_are_filled_as_by_coco(drawing: tuple[int, int, list[tuple[float, ...]]]) -> None:
    width, height, corners = drawing
    whole = official.merge(official.frPyObjects([list(each) for each in corners], height, width))
    union = marked(OutlinePixels(tuple(map(Polygon, corners)), width, height).load())
    assert (union == officially(whole)).all()


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_run_lengths_in_letters_are_read_as_coco_packs_them(width: int, height: int, share: float, seed: int) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < share
    packed = official.encode(np.asfortranarray(inside.astype(np.uint8)))
    assert runs_of_text(letters(packed)) == runs_of(inside)


@given(st.text(max_size=40))
def test_any_letters_are_run_lengths_or_none(text: str) -> None:
    runs = runs_of_text(text)
    assert runs is None or all(run >= 0 for run in runs)


def test_a_union_has_polygons_and_run_lengths_in_it_by_hand() -> None:
    square = Polygon((1, 1, 3, 1, 3, 3, 1, 3))
    column = RunPixels((8, 4), 3, 4)
    inside = marked(OutlinePixels((square, column), 3, 4).load())
    assert inside.astype(int).tolist() == [[0, 0, 1], [0, 1, 1], [0, 1, 1], [0, 0, 1]]
    assert square.length() == 8


def test_many_outlines_across_a_large_picture_take_no_longer_than_their_edges() -> None:
    side, many = 2000, 400
    thin = [Polygon((0.0, row, side, row, side, row + 1.0)) for row in map(float, range(many))]
    mask = OutlinePixels((*thin, RunPixels((side * side - 1, 1), side, side)), side, side)
    begun = process_time()
    inside = marked(mask.load())
    assert process_time() - begun < 3, "a look at every pixel for each outline takes far longer"
    assert inside[many // 2, side // 2] and inside[-1, -1] and not inside[many + 1 : -1].any()
