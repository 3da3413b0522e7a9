"""Masks that readers and sets draw: how they are kept, compared and told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from core.case import Case
from core.pictures.masks import Inside, RunPixels, inside_of, marked, misfit, packed_runs, runs_of, unpacked_runs
from core.pictures.store import as_png
from core.readings.mask import MOST, Mask, sampled

grids = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32)).map(
    lambda drawn: np.random.default_rng(drawn[2]).random(drawn[:2]) < 0.5
)


@dataclass(frozen=True)
class Drawing:
    """A picture in memory."""

    picture: Image.Image

    def load(self) -> Image.Image:
        return self.picture

    def digest(self) -> str:
        return str(hash(self.picture.tobytes()))


def grid(*rows: str) -> Inside:
    return np.array([[letter == "#" for letter in row] for row in rows])


def reference(inside: Inside, shade: int = 255) -> Mask:
    drawing = Drawing(Image.fromarray(inside.astype(np.uint8) * shade))
    mask = Mask.reference(Case("1.png", drawing, ("a",), mask=drawing))
    assert mask is not None
    return mask


def figures(statements: list[Mask], references: list[Mask]) -> dict[str, float]:
    values = Mask.measured(statements, references)(np.ones((len(statements), 1)))
    return {name: float(value[0]) for name, value in values.items()}


def test_runs_go_down_one_column_after_another_and_begin_outside() -> None:
    assert runs_of(grid(".#", "##")) == (1, 3)
    assert runs_of(grid("#.", "..")) == (0, 1, 3)
    assert runs_of(grid("..", "..")) == (4,) and runs_of(grid("##", "##")) == (0, 4)


@given(grids)
def test_runs_hold_the_whole_mask(inside: Inside) -> None:
    height, width = inside.shape
    assert (inside_of(runs_of(inside), width, height) == inside).all()
    assert (Mask.of("nucleus", inside).inside() == inside).all()
    runs = RunPixels(runs_of(inside), width, height)
    assert (marked(runs.load()) == inside).all()
    assert unpacked_runs(*packed_runs(as_png(runs.load()), "mask")) == runs


@pytest.mark.parametrize("change", [{"runs": (1, 2)}, {"runs": (1, 0, 3)}, {"runs": (5, -1)}, {"width": MOST + 1}])
def test_runs_that_do_not_fill_the_grid_are_refused(change: dict[str, object]) -> None:
    values = {"label": "nucleus", "width": 2, "height": 2, "runs": (1, 3)}
    assert Mask.model_validate(values).inside().sum() == 3
    with pytest.raises(ValidationError):
        Mask.model_validate(values | change)


def test_a_large_mask_is_sampled_so_that_shares_stay() -> None:
    inside = np.zeros((600, 1200), dtype=bool)
    inside[:300, :400] = True
    mask = Mask.of("nucleus", inside)
    assert (mask.width, mask.height) == (256, 128)
    assert mask.words() == "nucleus: 16.6% of the picture", "a sixth, to a column of the grid"


def test_any_shade_but_black_is_inside_and_no_mask_is_not_an_empty_one() -> None:
    assert (reference(grid("#.", "##"), shade=1).inside() == grid("#.", "##")).all()
    assert reference(grid("..")).words() == "nothing"
    assert Mask.reference(Case("1.png", Drawing(Image.new("L", (2, 2))), ("a",))) is None


def test_overlaps_are_those_worked_out_by_hand() -> None:
    left, truth = Mask.of("n", grid("##..", "....")), reference(grid(".###", "...."))
    assert figures([left], [truth]) == pytest.approx({"dice": 2 / 5, "iou": 1 / 4})
    empty = Mask.of("n", grid("...."))
    assert figures([empty], [reference(grid("...."))]) == {"dice": 1, "iou": 1}
    assert figures([empty, empty], [reference(grid("....")), reference(grid("#..."))]) == {"dice": 0.5, "iou": 0.5}


def test_readers_are_held_to_the_pixels_of_the_reference() -> None:
    truth = reference(grid("##..", "##..", "....", "...."))
    assert figures([Mask.of("n", grid("#.", ".."))], [truth]) == {"dice": 1, "iou": 1}
    fine = np.repeat(np.repeat(grid("##..", "#...", "....", "...."), 16, 0), 16, 1)
    assert figures([Mask.of("n", fine)], [truth]) == pytest.approx({"dice": 6 / 7, "iou": 3 / 4})


def test_a_grid_at_another_size_is_what_the_middle_of_each_cell_lies_on() -> None:
    assert sampled(grid("#.#", "..."), 6, 1).tolist() == [[False] * 6]
    assert sampled(grid("#.#"), 6, 2).tolist() == [[True, True, False, False, True, True]] * 2
    assert sampled(grid("##..", "...."), 2, 2).tolist() == [[True, False], [False, False]]


def test_a_mask_of_another_size_or_of_more_shades_than_two_is_told() -> None:
    assert misfit(Image.new("L", (4, 3)), (4, 3)) is None and misfit(Image.new("1", (4, 3), 1), (4, 3)) is None
    assert "is 3 x 4 pixels large, and the picture 4 x 3" in str(misfit(Image.new("L", (3, 4)), (4, 3)))
    shades = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert "has the shades 0, 1, 2, 3, 4 and 7 more, where a mask has two" in str(misfit(shades, (4, 3)))
    no_black = Image.fromarray(np.array([[85, 170]], dtype=np.uint8))
    assert "has the shades 85, 170, where" in str(misfit(no_black, (2, 1)))
