"""The pace of a stage by hand: a rise over the warm-up, then the schedule's fall."""

from __future__ import annotations

from math import cos, pi

import pytest

from core.errors import SettingsError
from core.models.tsm import TsmSettings
from core.training.settings import TrainingSettings, learning_share
from core.training.tsm_stage import steps_of


def shares(steps: int, **settings: object) -> list[float]:
    chosen = TrainingSettings.parse(settings, "training")
    return [learning_share(step, steps, chosen) for step in range(steps)]


def test_cosine_rises_in_equal_steps_and_falls_along_half_a_wave() -> None:
    falls = [(1 + cos(pi * step / 4)) / 2 for step in range(4)]
    assert shares(6, warm_up=0.3) == pytest.approx([0.5, 1.0, *falls])
    assert falls[2] == pytest.approx(0.5)


def test_linear_falls_by_equal_amounts() -> None:
    assert shares(5, warm_up=0.2, schedule="linear") == pytest.approx([1.0, 1.0, 0.75, 0.5, 0.25])


def test_constant_stays_at_the_highest_rate() -> None:
    assert shares(4, warm_up=0.5, schedule="constant") == pytest.approx([0.5, 1.0, 1.0, 1.0])


def test_without_warm_up_the_first_step_has_the_highest_rate() -> None:
    assert shares(2, warm_up=0.0) == pytest.approx([1.0, 0.5])


def test_all_warm_up_only_rises() -> None:
    assert shares(4, warm_up=1.0) == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_a_micro_batch_is_never_larger_than_the_batch() -> None:
    assert TrainingSettings(batch_size=8, micro_batch_size=32).micro_batch() == 8
    assert TrainingSettings(batch_size=8, micro_batch_size=4).micro_batch() == 4
    assert TrainingSettings(batch_size=8).micro_batch() == 8


def test_a_setting_out_of_range_is_named_with_its_place() -> None:
    with pytest.raises(SettingsError, match=r"^training\.batch_size: .*not 1\. Change the value\.$"):
        TrainingSettings.parse({"batch_size": 1}, "training")


@pytest.mark.parametrize(
    ("settings", "steps_per_epoch", "share", "steps"),
    [
        ({"epochs": 5, "least_steps": 200}, 73, 1.0, 365),
        ({"epochs": 5, "least_steps": 200}, 3, 1.0, 200),
        ({"epochs": 30, "most_steps": 1500}, 34, 1.0, 1020),
        ({"epochs": 30, "most_steps": 1500}, 187, 1.0, 1500),
        ({"epochs": 30, "most_steps": 1500}, 187, 0.5, 750),
        ({"epochs": 1, "least_steps": 9, "most_steps": 5}, 1, 1.0, 9),
    ],
)
def test_a_tsm_is_trained_its_epochs_within_the_least_and_the_most_steps(
    settings: dict[str, int], steps_per_epoch: float, share: float, steps: int
) -> None:
    """On a part of the cases, that part of the steps."""
    assert steps_of(TsmSettings(name="any", **settings), steps_per_epoch, share) == steps  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "length", "steps"),
    [
        ({}, 1, 25),  # 2.5 epochs of 10 steps
        ({"most_epochs": 1}, 1, 25),  # who names epochs means them
        ({"steps": 160}, 1, 160),
        ({"steps": 160}, 2, 320),
        ({"steps": 160, "most_epochs": 4}, 1, 40),
        ({"steps": 160, "most_epochs": 4}, 2, 80),  # as many as two stages together
        ({"steps": 160, "most_epochs": 0.01}, 1, 1),
        ({"steps": 30, "most_epochs": 4}, 1, 30),
        ({"steps": 160, "most_epochs": 4, "least_steps": 60}, 1, 60),
        ({"steps": 30, "most_epochs": 4, "least_steps": 60}, 2, 60),  # no more than the steps themselves
        ({"steps": 160, "least_steps": 60}, 1, 160),
    ],
    ids=str,
)
def test_steps_that_are_given_end_after_so_many_passes(settings: dict[str, object], length: int, steps: int) -> None:
    assert TrainingSettings.parse(settings, "training").steps_of(2.5, length, 10) == steps
