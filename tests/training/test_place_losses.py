"""The losses of boxes and masks, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from core.readings.locator import to_corners
from core.training.place_losses import box_losses, generalised_iou, mask_losses, match, region_losses


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ([0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5], 1.0),
        # They share 1/16 of 7/16, and the square around both is 9/16.
        ([0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 0.75, 0.75], 1 / 7 - 2 / 9),
        # Apart: nothing shared, and .08 of the whole picture is filled.
        ([0.0, 0.0, 0.2, 0.2], [0.8, 0.8, 1.0, 1.0], -0.92),
        # One inside the other: a quarter is shared, and nothing is around.
        ([0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0], 0.25),
    ],
)
def test_giou(first: list[float], second: list[float], value: float) -> None:
    assert generalised_iou(torch.tensor([first]), torch.tensor([second])).item() == pytest.approx(value, abs=1e-6)


def test_a_box_costs_five_times_its_distance_and_twice_what_is_missing_of_giou() -> None:
    boxes, true = torch.tensor([[0.25, 0.25, 0.5, 0.5]]), torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    assert to_corners(boxes).tolist() == [[0.0, 0.0, 0.5, 0.5]]
    assert box_losses(boxes, true).item() == pytest.approx(5 * 0.5 + 2 * (1 - (1 / 7 - 2 / 9)), abs=1e-6)


def test_true_boxes_are_answered_for_by_those_that_fit_best_together() -> None:
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.5, 0.6, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1]])
    true = torch.tensor([[0.5, 0.52, 0.2, 0.2], [0.46, 0.5, 0.2, 0.2]])
    # The first is nearest to both true ones; the whole is cheapest where it leaves the nearer one to the second.
    rows, columns = match(boxes, torch.zeros(3), true)
    assert dict(zip(rows, columns, strict=True)) == {0: 1, 1: 0}
    matched, scores = region_losses(boxes, torch.tensor([0.0, 2.0, -1.0]), true)
    assert matched.tolist() == pytest.approx(
        [box_losses(boxes[:1], true[1:]).item(), box_losses(boxes[1:2], true[:1]).item()]
    )
    assert scores.tolist() == pytest.approx(
        [math.log(2), math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))], abs=1e-6
    )


def test_a_sure_box_is_taken_before_one_that_is_as_near() -> None:
    boxes = torch.tensor([[0.4, 0.5, 0.2, 0.2], [0.6, 0.5, 0.2, 0.2]])
    true = torch.tensor([[0.5, 0.5, 0.2, 0.2]])
    assert match(boxes, torch.tensor([-3.0, 3.0]), true) == ([1], [0])


@pytest.mark.parametrize(("sure", "taken"), [(0.95, 1), (0.7, 0)])
def test_a_box_that_is_surer_by_enough_is_taken_before_a_nearer_one(sure: float, taken: int) -> None:
    """Half a width aside costs 5 x .1 + 2 x (1 - 1/3) = 1.83; being surer by .45 is worth 2.25, by .2 only 1."""
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.6, 0.5, 0.2, 0.2]])
    logits = torch.tensor([0.5, sure]).logit()
    assert match(boxes, logits, boxes[:1]) == ([taken], [0])


def test_of_more_true_boxes_than_can_be_said_as_many_are_answered_for() -> None:
    matched, scores = region_losses(torch.rand(2, 4), torch.zeros(2), torch.rand(5, 4))
    assert (len(matched), len(scores)) == (2, 2)


def test_a_mask_costs_what_is_missing_of_dice_and_its_cross_entropy() -> None:
    true = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    # Half likely everywhere: Dice (2 + 1) / (2 + 2 + 1), cross-entropy ln 2.
    assert mask_losses(torch.zeros(2, 2), true).item() == pytest.approx(0.4 + math.log(2), abs=1e-6)
    assert mask_losses(100 * (2 * true - 1), true).item() == pytest.approx(0, abs=1e-6)
