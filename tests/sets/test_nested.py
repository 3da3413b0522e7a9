"""Every beginning of the order is a smaller set like the whole, and holds all smaller ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.case import Case, Split
from core.pictures.pixels import FilePixels
from core.sets.nested import nested_order


def cases(labels: Sequence[tuple[str, ...]], split: Split = "train") -> list[Case]:
    return [Case(f"{split} {number}", FilePixels(Path("no.png")), names, split) for number, names in enumerate(labels)]


UNEVEN = cases([("common",)] * 80 + [("less",)] * 16 + [("rare",)] * 4)


def counted(places: list[int]) -> dict[str, int]:
    return dict(Counter(UNEVEN[place].labels[0] for place in places))


def test_every_class_is_there_first_and_then_has_its_share() -> None:
    order = nested_order(UNEVEN, "train", seed=0)
    assert sorted(order) == list(range(100))
    assert counted(order[:3]) == {"common": 1, "less": 1, "rare": 1}
    assert counted(order[:25]) == {"common": 20, "less": 4, "rare": 1}
    assert counted(order[:50]) == {"common": 40, "less": 8, "rare": 2}


def test_a_seed_draws_the_same_again_and_another_one_others() -> None:
    first, again, other = (nested_order(UNEVEN, "train", seed)[:25] for seed in (0, 0, 1))
    assert first == again and set(first) != set(other)


def test_other_splits_are_left_alone() -> None:
    both = [*UNEVEN, *cases([("common",), ("rare",)], "val")]
    assert nested_order(both, "train", 0) == nested_order(UNEVEN, "train", 0)
    assert sorted(nested_order(both, "val", 0)) == [100, 101]


def test_of_several_labels_the_rarest_counts() -> None:
    several = cases([("often", "seldom"), *[("often",)] * 6, *[()] * 3])
    assert set(nested_order(several, "train", 0)[:3]) & {0} == {0}
