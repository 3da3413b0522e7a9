"""Folds hold a patient's cases and copies of one picture together, and spread classes evenly."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from core.case import Case
from core.errors import DataError
from core.pictures.looks import look_at
from core.sets.alike import Alike, alike
from core.sets.split import Group, divide
from core.suspects.folds import numbered, together


@dataclass(frozen=True)
class Noise:
    """A picture of noise around a grey level, a little brighter where wanted."""

    number: int
    brighter: int = 0

    def load(self) -> Image.Image:
        pixels = np.random.default_rng(self.number).integers(20, 220, (32, 32), dtype=np.uint8)
        return Image.fromarray(pixels + np.uint8(self.brighter))

    def digest(self) -> str:
        return hashlib.sha256(f"{self.number} {self.brighter}".encode()).hexdigest()


def case(number: int, label: str, patient: str | None = None) -> Case:
    return Case(f"{number}.png", Noise(number), (label,), patient=patient)


def groups(cases: list[Case], *copies: tuple[int, ...]) -> list[Group]:
    return together(cases, Alike(copies))


def test_copies_and_brightened_copies_are_one_group() -> None:
    pictures = [Noise(1), Noise(2), Noise(1), Noise(1, brighter=6), Noise(3)]
    assert alike([look_at(pixels) for pixels in pictures]) == Alike(((0, 2, 3),))


def test_patients_and_copies_are_never_divided_even_through_each_other() -> None:
    cases = [case(0, "a", "one"), case(1, "b", "one"), case(2, "a", "two"), case(3, "b"), case(4, "a"), case(5, "b")]
    fold_of = divide(groups(cases, (1, 2)), 3, seed=0)
    assert fold_of[0] == fold_of[1] == fold_of[2]
    assert set(fold_of.tolist()) == {0, 1, 2}


def test_classes_are_spread_evenly_over_folds() -> None:
    cases = [case(number, "rare" if number % 10 == 0 else "common") for number in range(100)]
    fold_of = divide(groups(cases), 5, seed=4)
    table = Counter((int(fold), drawn.labels[0]) for fold, drawn in zip(fold_of, cases, strict=True))
    assert table == {(fold, name): count for fold in range(5) for name, count in (("rare", 2), ("common", 18))}


def test_the_seed_alone_decides_how_folds_are_dealt() -> None:
    cases = [case(number, "ab"[number % 2]) for number in range(40)]
    first, again, other = (divide(groups(cases), 5, seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_fewer_groups_than_folds_make_as_many_folds_as_there_are_groups() -> None:
    cases = [case(0, "a", "one"), case(1, "b", "one"), case(2, "a", "two"), case(3, "b", "three")]
    assert divide(groups(cases), 5, seed=0).max() == 2


def test_a_set_of_one_patient_is_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"Add cases of other patients\."):
        divide(groups([case(0, "a", "one"), case(1, "b", "one")]), 5, seed=0)


def test_groups_are_numbered_by_case() -> None:
    cases = [case(0, "a", "one"), case(1, "b"), case(2, "a", "one")]
    assert numbered(groups(cases)).tolist() == [0, 1, 0]
