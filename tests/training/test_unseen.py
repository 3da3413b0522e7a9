"""Features by TSMs that never saw a case: who is held back, and how they are carried into the final TSM's space."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from PIL import Image

from core.case import Case
from core.errors import DataError
from core.sets.joint import Item
from core.training.unseen import carry, folds


@dataclass(frozen=True)
class Shade:
    level: int

    def load(self) -> Image.Image:
        return Image.new("L", (4, 4), self.level)

    def digest(self) -> str:
        return str(self.level)


def item(number: int, label: str, split: str, patient: str | None = None) -> Item:
    return Item(0, Case(str(number), Shade(number), (label,), split, patient))  # type: ignore[arg-type]


def test_a_line_is_carried_by_the_slope_with_the_smallest_squared_error_held_small() -> None:
    """By hand: cases at 0 and 2 say 1 and 5. Around the means 1 and 3 the slope is (1·2 + 1·2) / (2 + 0.01·2)."""
    carried = carry(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]]))
    assert carried(torch.tensor([[3.0]])).item() == pytest.approx(3 + 2 * 4 / 2.02, rel=1e-6)


def test_a_space_that_is_turned_moved_and_stretched_is_found_again() -> None:
    known, turn = torch.randn(400, 6), torch.randn(6, 6)
    new = torch.randn(50, 6)
    carried = carry(known, known @ turn + 3)(new)
    assert torch.allclose(carried, new @ turn + 3, atol=0.15)


def test_fewer_cases_than_axes_and_axes_that_say_nothing_are_carried_too() -> None:
    few = carry(torch.randn(3, 8), torch.randn(3, 4))(torch.randn(5, 8))
    assert few.shape == (5, 4) and few.isfinite().all()
    assert torch.equal(carry(torch.ones(9, 2), torch.full((9, 3), 7.0))(torch.zeros(1, 2)), torch.full((1, 3), 7.0))


def test_every_training_case_is_held_back_once_and_nothing_else_changes() -> None:
    items = [item(number, "ab"[number % 2], ("train", "train", "val", "test")[number % 4]) for number in range(40)]
    divided = folds(items, seed=0)
    held = [place for fold in divided for place in fold.held]
    assert sorted(held) == [place for place, each in enumerate(items) if each.case.split == "train"]
    for fold in divided:
        learned = [place for place, each in enumerate(fold.items) if each.case.split == "train"]
        assert learned == list(fold.learned) and not set(learned) & set(fold.held)
        assert fold.share == pytest.approx(0.5)
        for before, after in zip(items, fold.items, strict=True):
            assert after == before or (before.case.split == "train" and after.case.split is None)


def test_a_patients_cases_and_copies_of_a_picture_are_held_back_together() -> None:
    patients = [item(number, "ab"[number % 2], "train", patient=str(number // 4)) for number in range(24)]
    copied = [Item(0, Case(f"copy {n}", Shade(1000 + n % 6), ("ab"[n % 2],), "train")) for n in range(100, 112)]
    for fold in folds([*patients, *copied], seed=3):
        for places in [*(range(4 * n, 4 * n + 4) for n in range(6)), *((24 + n, 30 + n) for n in range(6))]:
            assert len({place in fold.held for place in places}) == 1


def test_classes_are_spread_evenly_and_the_seed_alone_decides() -> None:
    items = [item(number, "a" if number < 30 else "b", "train") for number in range(40)]
    first, again, other = (folds(items, seed) for seed in (1, 1, 2))
    assert first == again != other
    rare = [sum(items[place].case.labels == ("b",) for place in fold.held) for fold in first]
    assert rare == [5, 5]
    assert all(len(one.held) == len(two.held) for one, two in pairwise(first))


def test_one_patient_can_not_be_held_back_from_itself() -> None:
    with pytest.raises(DataError, match=r"Add cases of other patients\."):
        folds([item(number, "ab"[number % 2], "train", patient="one") for number in range(8)], seed=0)
