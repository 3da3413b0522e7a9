"""Splits keep patients and copies together, classes in proportion, and come out the same each time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.case import SPLITS, Case, Split
from core.errors import DataError, SettingsError
from core.layouts.splits import split_named
from core.pictures.pixels import FilePixels
from core.sets.split import SplitSettings, as_frozen, assign, limit


@dataclass(frozen=True)
class Shade:
    """Pixels that need no file."""

    value: str

    def load(self) -> Image.Image:
        return Image.frombytes("L", (8, 8), sha512(self.value.encode()).digest())

    def digest(self) -> str:
        return sha256(self.value.encode()).hexdigest()


@dataclass(frozen=True)
class Blank:
    """Of one shade throughout."""

    value: int

    def load(self) -> Image.Image:
        return Image.new("L", (8, 8), self.value)

    def digest(self) -> str:
        return sha256(bytes([self.value])).hexdigest()


def case(number: int, *labels: str, split: Split | None = None, patient: str | None = None, shade: str = "") -> Case:
    return Case(f"{number}.png", Shade(shade or str(number)), labels, split, patient)


def cases(**counts: int) -> list[Case]:
    names = [name for name, count in counts.items() for _ in range(count)]
    return [case(number, name) for number, name in enumerate(names)]


def table(cases: Sequence[Case]) -> Counter[tuple[Any, ...]]:
    return Counter((each.split, *each.labels) for each in cases)


def test_classes_are_divided_in_proportion() -> None:
    assigned = assign(cases(a=200, b=40), SplitSettings(), seed=3)
    assert table(assigned) == {
        ("train", "a"): 140,
        ("val", "a"): 30,
        ("test", "a"): 30,
        ("train", "b"): 28,
        ("val", "b"): 6,
        ("test", "b"): 6,
    }
    assert [each.id for each in assigned] == [f"{number}.png" for number in range(240)]


def test_the_same_seed_divides_alike_and_another_one_does_not() -> None:
    every = cases(a=50, b=50)
    assert assign(every, SplitSettings(), 1) == assign(every, SplitSettings(), 1)
    assert assign(every, SplitSettings(), 1) != assign(every, SplitSettings(), 2)


def test_given_splits_are_kept() -> None:
    given = [case(number, "a", split=split) for number, split in enumerate(SPLITS)]
    assert assign(given, SplitSettings(), 0) == tuple(given)


def test_a_missing_validation_split_is_carved_out_of_train_alone() -> None:
    every = [case(number, "ab"[number % 2], split="train" if number < 100 else "test") for number in range(140)]
    assigned = assign(every, SplitSettings(val=0.2), 0)
    assert table(assigned) == {
        ("train", "a"): 40,
        ("train", "b"): 40,
        ("val", "a"): 10,
        ("val", "b"): 10,
        ("test", "a"): 20,
        ("test", "b"): 20,
    }
    assert all(each.split == "test" for each in assigned[100:])


def test_a_share_of_zero_makes_no_such_split() -> None:
    assert {each.split for each in assign(cases(a=20, b=20), SplitSettings(test=0.0), 0)} == {"train", "val"}


def test_cases_without_a_split_among_others_are_refused() -> None:
    with pytest.raises(DataError, match="1 of 2 cases have no split, the first is 1"):
        assign([case(0, "a", split="train"), case(1, "b")], SplitSettings(), 0)


def test_a_set_without_training_cases_is_refused() -> None:
    with pytest.raises(DataError, match="No case is in the train split"):
        assign([case(0, "a", split="test"), case(1, "b", split="val")], SplitSettings(), 0)


def test_patients_and_copies_stay_together() -> None:
    every = [case(n, "ab"[n % 3 == 0], patient=f"P{n // 4}" if n < 160 else None) for n in range(200)]
    every += [case(200 + n, "a", patient=f"Q{n}", shade=str(n * 8)) for n in range(10)]  # copies of P0's, P2's, ...
    every += [case(210 + n, "b", shade="copy") for n in range(5)]
    assigned = assign(every, SplitSettings(), 5)
    together: defaultdict[str, set[object]] = defaultdict(set)
    for each in assigned:
        together[each.pixels.digest()].add(each.split)
        together[each.patient or each.id].add(each.split)
    assert all(len(splits) == 1 for splits in together.values())
    counts = Counter(each.split for each in assigned)
    assert all(abs(counts[split] - 215 * share) < 8 for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True))


def stored_twice(folder: Path, number: int) -> list[Case]:
    """One picture as PNG, and again as JPEG under another name."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC)
    files = [folder / f"{number}.png", folder / f"{number} again.jpg"]
    picture.save(files[0])
    picture.save(files[1], quality=85)
    return [Case(file.name, FilePixels(file), ("ab"[number % 2],)) for file in files]


def divided(cases: Sequence[Case], settings: SplitSettings, seed: int) -> int:
    """How many pictures are in two splits."""
    splits: defaultdict[str, set[object]] = defaultdict(set)
    for each in assign(cases, settings, seed):
        splits[each.id.split(".")[0].split(" ")[0]].add(each.split)
    return sum(len(where) > 1 for where in splits.values())


def test_a_picture_that_is_stored_again_stays_in_its_split(tmp_path: Path) -> None:
    every = [case for number in range(50) for case in stored_twice(tmp_path, number)]
    assert [divided(every, SplitSettings(), seed) for seed in range(5)] == [0] * 5
    assert min(divided(every, SplitSettings(near_copies=False), seed) for seed in range(5)) > 10
    counts = Counter(each.split for each in assign(every, SplitSettings(), 0))
    assert counts == {"train": 68, "val": 16, "test": 16}


def test_a_mirrored_picture_stays_in_its_split_where_altered_copies_are_looked_for(tmp_path: Path) -> None:
    every = [case for number in range(50) for case in stored_twice(tmp_path, number)]
    for file in tmp_path.glob("*.jpg"):
        with Image.open(file) as again:
            again.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file, quality=85)
    assert [divided(every, SplitSettings(), seed) for seed in range(3)] == [0] * 3
    assert min(divided(every, SplitSettings(altered_copies=False), seed) for seed in range(3)) > 10


def test_pictures_of_one_shade_are_near_copies_of_none() -> None:
    shades = [Case(f"{n}.png", Blank(n), ("ab"[n % 2],)) for n in range(40)]
    assert Counter(each.split for each in assign(shades, SplitSettings(), 0)) == {"train": 28, "val": 6, "test": 6}


def test_what_was_frozen_before_near_copies_were_looked_for_is_drawn_as_it_was() -> None:
    nothing = {"near_copies": False, "altered_copies": False}
    assert as_frozen({"val": 0.2, "test": 0.1}) == nothing | {"val": 0.2, "test": 0.1}
    assert as_frozen({"near_copies": True}) == {"near_copies": True, "altered_copies": False}
    assert as_frozen(SplitSettings().model_dump())["near_copies"] is True
    assert as_frozen({}) == {}


def test_class_proportions_come_out_near_when_patients_are_of_unequal_size() -> None:
    sizes = [1, 2, 3, 5, 8, 13] * 10
    every, number = [], 0
    for patient, size in enumerate(sizes):
        for _ in range(size):
            every.append(case(number, "rare" if patient % 5 == 0 else "common", patient=f"P{patient}"))
            number += 1
    counts = table(assign(every, SplitSettings(), 0))
    totals = Counter(each.labels[0] for each in every)
    for name, total in totals.items():
        assert abs(counts["val", name] / total - 0.15) < 0.05
        assert abs(counts["test", name] / total - 0.15) < 0.05


def test_every_class_is_in_train() -> None:
    every = [*cases(a=40), *(case(100 + n, "a" if n % 2 else "b", "c", patient="P") for n in range(3))]
    for seed in range(20):
        assigned = assign([*every, case(200, "d")], SplitSettings(val=0.45, test=0.45), seed)
        assert {name for each in assigned if each.split == "train" for name in each.labels} == {"a", "b", "c", "d"}


def test_a_handful_of_cases_fills_every_split() -> None:
    for seed in range(10):
        counts = Counter(each.split for each in assign(cases(a=3, b=3), SplitSettings(), seed))
        assert counts == {"train": 4, "val": 1, "test": 1}


def test_pictures_with_no_finding_are_divided_like_a_class() -> None:
    every = [case(number, *(["mass"] if number < 40 else [])) for number in range(80)]
    assert table(assign(every, SplitSettings(), 0))[("test",)] == 6


@pytest.mark.parametrize("word", ["Train", " training ", "VALID", "validation", "dev", "Test", "testing"])
def test_splits_have_several_words(word: str) -> None:
    assert (
        split_named(word) == {"t": "train", "v": "val", "d": "val"}[word.strip().lower()[0]] or "test" in word.lower()
    )


def test_other_words_name_no_split() -> None:
    assert [split_named(word) for word in ("", "fold 1", "0", "trains")] == [None] * 4


def test_a_limit_draws_in_proportion_and_keeps_the_order() -> None:
    every = [*cases(a=600, b=300, c=100)]
    drawn = limit(assign(every, SplitSettings(val=0.0, test=0.0), 0), {"train": 100}, 0)
    assert table(drawn) == {("train", "a"): 60, ("train", "b"): 30, ("train", "c"): 10}
    assert [each.id for each in drawn] == sorted((each.id for each in drawn), key=lambda name: int(name[:-4]))


def test_a_limit_keeps_one_of_each_class() -> None:
    every = [case(number, "b" if number == 7 else "a", split="train") for number in range(1000)]
    assert table(limit(every, {"train": 10}, 0)) == {("train", "a"): 9, ("train", "b"): 1}


def test_a_limit_leaves_other_splits_and_small_ones_alone() -> None:
    every = [case(number, "a", split=SPLITS[number % 3]) for number in range(30)]
    assert table(limit(every, {"train": 4, "val": 50}, 0)) == {("train", "a"): 4, ("val", "a"): 10, ("test", "a"): 10}


def test_a_multi_case_counts_for_its_rarest_label() -> None:
    every = [case(number, *(["a", "b"] if number < 10 else ["a"]), split="train") for number in range(100)]
    drawn = limit(every, {"train": 20}, 0)
    assert sum("b" in each.labels for each in drawn) == 2


def test_the_same_seed_draws_the_same() -> None:
    every = [case(number, "ab"[number % 2], split="train") for number in range(100)]
    assert limit(every, {"train": 10}, 1) == limit(every, {"train": 10}, 1) != limit(every, {"train": 10}, 2)


def test_an_impossible_limit_is_refused() -> None:
    every = [case(number, "abc"[number % 3], split="train") for number in range(9)]
    with pytest.raises(SettingsError, match=r"limit\.train: 2 is fewer than the 3 classes"):
        limit(every, {"train": 2}, 0)
    with pytest.raises(SettingsError, match=r"limit\.valid is not a split"):
        limit(every, {"valid": 2}, 0)
