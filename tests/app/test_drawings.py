"""What is drawn over a picture of regions and masks."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.drawings import listed, overlay
from app.drawings.mask import Corner, outlines
from core.case import Box
from core.pictures.masks import Inside
from core.readings.answer import Answer
from core.readings.mask import Mask
from core.readings.reader import Reader
from core.readings.regions import Region, Regions

READER = Reader("tpo", "tuned to show", "#CC79A7")
CELL = Region(label="cell", left=0.25, top=0.5, right=0.75, bottom=1, score=0.875)


def grid(*rows: str) -> Inside:
    return np.array([[letter == "#" for letter in row] for row in rows])


def test_regions_are_boxes_in_the_readers_colour_with_label_and_score() -> None:
    weak = CELL.model_copy(update={"score": 0.49})
    regions = Regions(regions=(CELL, weak), labels=("cell",))
    box, words = overlay({READER: Answer((1.0,), said=(regions,))})
    assert (box.tag, box.colour, box.title) == ("rect", "#CC79A7", "tpo: cell 88%")
    assert box.numbers == {"x": 0.25, "y": 0.5, "width": 0.5, "height": 0.5}
    assert (words.tag, words.colour, words.words) == ("text", "#CC79A7", "cell 88%")
    assert words.numbers["x"] == 0.25 and 0.4 < words.numbers["y"] < 0.5, "above the box"


def test_words_stand_within_a_box_that_has_no_room_above() -> None:
    at_the_top = CELL.model_copy(update={"top": 0.0})
    _, words = overlay({READER: Answer((1.0,), said=(Regions(regions=(at_the_top,), labels=("cell",)),))})
    assert 0 < words.numbers["y"] < 0.1


def test_boxes_are_counted_beside_the_colour_of_their_label() -> None:
    cell, spot = Box("cell", 0, 0, 1, 1), Box("a <spot>", 0, 0, 0.5, 0.5)
    counted = listed([spot, cell, cell], {"cell": "#111111", "a <spot>": "#222222"})
    assert re.sub(r"<i [^>]*(#\d+)[^>]*></i>", r"\1", counted) == "#111111 2 cell, #222222 1 a &lt;spot&gt;"


def test_the_reference_is_white_and_has_no_words_of_its_own() -> None:
    (box,) = overlay({}, (Regions(regions=(CELL,), labels=("cell",)),))
    assert (box.tag, box.colour, box.title) == ("rect", "#FFFFFF", "reference: cell")


def test_words_of_many_boxes_are_left_to_the_mouse() -> None:
    shapes = overlay({READER: Answer((1.0,), said=(Regions(regions=(CELL,) * 9, labels=("cell",)),))})
    assert [(shape.tag, shape.title) for shape in shapes] == [("rect", "tpo: cell 88%")] * 9


def test_a_mask_is_filled_within_its_outline_and_an_empty_one_is_not_drawn() -> None:
    (shape,) = overlay({READER: Answer((1.0,), said=(Mask.of("nucleus", grid("....", ".##.")),))})
    assert (shape.tag, shape.colour, shape.title) == ("path", "#CC79A7", "tpo: nucleus: 25.0% of the picture")
    assert set(shape.rings[0]) == {(0.25, 0.5), (0.75, 0.5), (0.75, 1), (0.25, 1)} and len(shape.rings) == 1
    assert overlay({READER: Answer((1.0,), said=(Mask.of("nucleus", grid("....")),))}) == ()


def test_a_hole_has_an_outline_of_its_own() -> None:
    rings = outlines(grid("###", "#.#", "###"))
    assert sorted(map(len, rings)) == [4, 4]
    assert {(0, 0), (3, 0), (3, 3), (0, 3)} in map(set, rings)


def filled(rings: list[list[Corner]], width: int, height: int) -> Inside:
    """As a browser fills it: inside is what a line to the left crosses an odd number of times."""
    inside = np.zeros((height, width), dtype=bool)
    for ring in rings:
        for (x, y), (_, next_y) in zip(ring, [*ring[1:], ring[0]], strict=True):
            for row in range(min(y, next_y), max(y, next_y)):
                inside[row, x:] ^= True
    return inside


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_what_outlines_go_round_is_the_mask(width: int, height: int, seed: int) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < 0.5
    rings = outlines(inside)
    assert (filled(rings, width, height) == inside).all()
    for ring in rings:
        assert all((x == next_x) != (y == next_y) for (x, y), (next_x, next_y) in pairwise(ring))
