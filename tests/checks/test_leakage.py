"""Leakage is counted, shuts the gate where it matters, and is settled without touching what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from core.case import Case, ImageSet, Split, Task
from core.checks.leakage import Leakage, LeakageSettings, leakage_of_looks, refuse, settled, words
from core.errors import DataError, SettingsError
from core.pictures.looks import look_at_all


@dataclass(frozen=True)
class Drawn:
    seed: int

    def load(self) -> Image.Image:
        coarse = np.random.default_rng(self.seed).integers(20, 220, (4, 4), dtype=np.uint8)
        return Image.fromarray(coarse).resize((20, 20), Image.Resampling.BILINEAR)

    def digest(self) -> str:
        return sha256(str(self.seed).encode()).hexdigest()


@dataclass(frozen=True)
class Mirrored(Drawn):
    def load(self) -> Image.Image:
        return super().load().transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def case(
    name: int, split: Split | None, shows: int | None = None, label: str = "a", patient: str | None = None
) -> Case:
    return Case(str(name), Drawn(name if shows is None else shows), (label,), split, patient)


def divided(*more: Case) -> list[Case]:
    """Forty training cases and twenty of each other split, all different; and some more."""
    splits: list[Split] = [*["train"] * 40, *["val"] * 20, *["test"] * 20]  # type: ignore[list-item]
    return [*(case(number, split, label="ab"[number % 2]) for number, split in enumerate(splits)), *more]


def leaks(cases: list[Case]) -> Leakage:
    return leakage_of_looks(cases, look_at_all([each.pixels for each in cases]))


def test_a_set_without_copies_and_patients_shares_nothing() -> None:
    nothing = leaks(divided())
    assert (nothing.is_any, nothing.reasons()) == (False, [])
    refuse(nothing, LeakageSettings(), "")


def test_one_copy_in_twenty_is_counted_and_two_shut_the_gate() -> None:
    one = leaks(divided(case(100, "test", shows=0)))
    assert one.as_json()["splits"]["test"] == {"cases": 21, "pictures": 1, "patients": 0}
    assert one.reasons() == []
    two = leaks(divided(case(100, "test", shows=0), case(101, "test", shows=2)))
    assert two.reasons() == ["2 of 22 test cases (more than 5%) show what is learned from"]
    with pytest.raises(DataError, match=r"2 of 22 test cases .* \(as 100, 101\).*Accept it so"):
        refuse(two, LeakageSettings(), "Accept it so.")


def test_mirrored_copies_shut_the_gate_but_for_runs_whose_split_did_not_look_for_them() -> None:
    cases = divided(*(Case(f"mirrored {place}", Mirrored(place), ("a",), "test") for place in (0, 2, 4)))
    looks = look_at_all([each.pixels for each in cases])
    assert leakage_of_looks(cases, looks).splits["test"].pictures == 3
    assert not leakage_of_looks(cases, looks, with_altered=False).is_any


def test_validation_cases_are_measured_against_training_and_test_cases_against_both() -> None:
    shared = leaks(divided(case(100, "val", shows=0), case(101, "test", shows=41))).splits
    assert (shared["val"].pictures, shared["test"].pictures) == (1, 1)


def test_a_patient_on_both_sides_shuts_the_gate() -> None:
    both = leaks(
        divided(case(100, "train", patient="p"), case(101, "test", patient="p"), case(102, "val", patient="q"))
    )
    assert both.reasons() == ["1 of 21 test cases are of patients learned from"]


def test_a_copy_with_another_label_in_a_hundred_shuts_the_gate() -> None:
    assert leaks(divided(case(100, "test", shows=0, label="b"))).reasons() == [
        "1 of 41 validation and test cases (more than 1%) are copies of others with another label"
    ]
    large = divided(case(1000, "test", shows=0, label="b"), *(case(100 + number, "test") for number in range(60)))
    assert (leaks(large).conflicts, leaks(large).reasons()) == (1, [])


def test_patients_of_two_sets_are_two_people_and_their_pictures_may_be_one() -> None:
    cases = [case(0, "train", patient="1"), case(1, "test", patient="1"), case(2, "test", shows=0, label="b")]
    looks = look_at_all([each.pixels for each in cases])
    joint = leakage_of_looks(cases, looks, [0, 1, 1])
    assert (joint.splits["test"].patients, joint.splits["test"].pictures, joint.conflicts) == (0, 1, 0)


def test_whoever_accepts_it_is_named_and_told() -> None:
    both = leaks(divided(case(100, "train", patient="p"), case(101, "test", patient="p")))
    accepted = LeakageSettings(accepted_by="me", why="the official split")
    refuse(both, accepted, "")
    assert words(both, accepted) == [
        "Leakage was accepted by me: “the official split”. 1 of 21 test cases are of patients learned from."
    ]
    with pytest.raises(SettingsError, match="accepted by nobody"):
        LeakageSettings.parse({"why": "so"}, "leakage")


def shared_set() -> ImageSet:
    more = (
        case(100, "test", shows=0),
        case(101, "val", shows=3),
        case(102, "train", patient="p"),
        case(103, "test", patient="p"),
        case(104, "val", shows=61),
    )
    return ImageSet("set", Task(answers=("a", "b")), tuple(divided(*more)))


def test_withdrawing_leaves_out_what_measured_cases_show_and_no_test_case() -> None:
    before = shared_set()
    after, left_out = settled(before, "withdraw")
    assert sorted(each.id for each in left_out) == ["0", "102", "104", "3"]
    assert after.of("test") == before.of("test")
    assert not leaks(list(after.cases)).is_any


def test_regrouping_keeps_every_case_and_the_shares() -> None:
    before = shared_set()
    after, left_out = settled(before, "regroup")
    assert (left_out, {each.id for each in after.cases}) == ((), {each.id for each in before.cases})
    assert not leaks(list(after.cases)).is_any
    assert abs(len(after.of("test")) - len(before.of("test"))) <= 3


@pytest.mark.parametrize("missing", ["val", "test"])
def test_regrouping_keeps_the_share_of_the_only_split_that_is_measured_and_makes_no_other(missing: Split) -> None:
    left = [each for each in shared_set().cases if each.split != missing]
    before = ImageSet("set", Task(answers=("a", "b")), tuple(left))
    after, _ = settled(before, "regroup")
    measured: Split = "test" if missing == "val" else "val"
    assert after.of(missing) == ()
    assert abs(len(after.of(measured)) - len(before.of(measured))) <= 3
    assert not leaks(list(after.cases)).is_any
