"""The loss and the augmentation that every task-specific model shares."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.errors import ModelError
from core.models.tsm import read_saved, tsm_losses, tsm_probabilities
from core.tsms import convnet

LN2 = math.log(2)
# Odds of 1 : 2 : 1 and 1 : 1 : 2.
LOGITS = torch.tensor([[0.0, LN2, 0.0], [0.0, 0.0, LN2]])


def test_the_loss_of_one_label_is_that_of_its_probability() -> None:
    assert tsm_losses(LOGITS, torch.tensor([1, 0]), "single").tolist() == pytest.approx([LN2, 2 * LN2])


def test_smoothing_mixes_in_the_mean_over_all_answers() -> None:
    losses = tsm_losses(LOGITS, torch.tensor([1, 0]), "ordinal", label_smoothing=0.3)
    everywhere = (2 * LN2 + LN2 + 2 * LN2) / 3
    assert losses.tolist() == pytest.approx([0.7 * LN2 + 0.3 * everywhere, 0.7 * 2 * LN2 + 0.3 * everywhere])


def test_only_answers_of_the_own_set_compete() -> None:
    allowed = torch.tensor([[True, True, False], [False, True, True]])
    targets = torch.tensor([1, 1])
    assert tsm_losses(LOGITS, targets, "single", allowed).tolist() == pytest.approx([math.log(3 / 2), math.log(3)])
    smoothed = tsm_losses(LOGITS, targets, "single", allowed, label_smoothing=0.5)
    # Half the label's own loss, half the mean over two answers of odds 1 : 2.
    mean = (math.log(3) + math.log(3 / 2)) / 2
    assert smoothed.tolist() == pytest.approx([(math.log(3 / 2) + mean) / 2, (math.log(3) + mean) / 2])
    expected = [[1 / 3, 2 / 3, 0.0], [0.0, 1 / 3, 2 / 3]]
    torch.testing.assert_close(tsm_probabilities(LOGITS, "single", allowed), torch.tensor(expected))


def test_several_labels_are_judged_one_by_one() -> None:
    labels = torch.tensor([[1, 0, 1], [0, 0, 1]])
    of_two = math.log(3 / 2)  # odds of 2 : 1 are a probability of 2/3
    losses = tsm_losses(LOGITS, labels, "multi")
    assert losses.tolist() == pytest.approx([(LN2 + math.log(3) + LN2) / 3, (LN2 + LN2 + of_two) / 3])
    allowed = torch.tensor([[True, False, False], [False, False, True]])
    assert tsm_losses(LOGITS, labels, "multi", allowed).tolist() == pytest.approx([LN2, of_two])
    chances = tsm_probabilities(LOGITS, "multi", allowed)
    torch.testing.assert_close(chances, torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 2 / 3]]))


def test_gradients_stay_finite_where_answers_are_not_allowed() -> None:
    logits = LOGITS.clone().requires_grad_()
    allowed = torch.tensor([[True, True, False], [False, True, True]])
    tsm_losses(logits, torch.tensor([0, 2]), "single", allowed, label_smoothing=0.1).mean().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    assert (logits.grad[~allowed] == 0).all()


def pictures() -> Tensor:
    return torch.randint(0, 256, (64, 3, 10, 10), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def augmented(pixels: Tensor, seed: int = 0, **settings: float | str) -> Tensor:
    still: dict[str, float | str] = {"shift": 0.0, "brightness": 0.0, "flips": "none"}
    tsm = convnet.build(convnet.Settings.parse(still | settings | {"width": 8}, "tsm"), 2)
    return tsm.augment(pixels, torch.Generator().manual_seed(seed))


def test_augmentation_that_is_switched_off_leaves_pictures_alone() -> None:
    assert torch.equal(augmented(pictures()), pictures())


def test_the_same_generator_augments_the_same_way() -> None:
    every: dict[str, float | str] = {"shift": 0.2, "brightness": 0.3, "flips": "all"}
    assert torch.equal(augmented(pictures(), 7, **every), augmented(pictures(), 7, **every))
    assert not torch.equal(augmented(pictures(), 7, **every), augmented(pictures(), 8, **every))


@pytest.mark.parametrize(("flips", "axes"), [("sideways", [(), (3,)]), ("all", [(), (2,), (3,), (2, 3)])])
def test_mirrored_pictures_are_mirror_images_and_all_kinds_occur(flips: str, axes: list[tuple[int, ...]]) -> None:
    pixels, seen = pictures(), augmented(pictures(), flips=flips)
    kinds = torch.stack([(seen == pixels.flip(axis)).flatten(1).all(1) for axis in axes])
    assert (kinds.sum(0) == 1).all()
    assert (kinds.sum(1) > 64 / len(axes) / 2).all()


def test_where_the_set_decides_each_picture_is_mirrored_as_its_own_allows() -> None:
    tsm = convnet.build(convnet.Settings(shift=0, width=8), 2)
    pixels = pictures()
    seen = tsm.augment(pixels, torch.Generator().manual_seed(0), [None, "sideways"] * 32)
    as_it_is, sideways, upended = (
        (seen == (pixels.flip(axis) if axis else pixels)).flatten(1).all(1) for axis in ((), (3,), (2,))
    )
    assert as_it_is[::2].all() and not sideways[::2].any()
    assert 8 < sideways[1::2].sum() < 24 and (as_it_is | sideways).all() and not upended.any()
    assert torch.equal(tsm.augment(pixels, torch.Generator().manual_seed(0)), pixels)


def test_shifted_pictures_move_by_whole_pixels_up_to_the_share_and_repeat_the_edge() -> None:
    ramp = torch.arange(10, dtype=torch.uint8).expand(200, 3, 10, 10)
    rows = augmented(ramp, shift=0.2)[:, 0, 0].int()
    steps = rows[:, 5] - 5
    assert set(steps.tolist()) == {-2, -1, 0, 1, 2}
    assert torch.equal(rows, (torch.arange(10) + steps[:, None]).clamp(0, 9).int())


def test_brightness_changes_whole_pictures_by_up_to_its_share() -> None:
    grey = torch.full((200, 3, 4, 4), 100, dtype=torch.uint8)
    seen = augmented(grey, brightness=0.2)
    assert seen.dtype == torch.uint8
    assert (seen == seen[:, :1, :1, :1]).all()
    assert 80 <= seen.min() <= 85 and 115 <= seen.max() <= 120


def test_a_folder_without_a_tsm_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no readable tsm\.json"):
        read_saved(tmp_path)
    (tmp_path / "tsm.json").write_text('{"name": "convnet"}')
    with pytest.raises(ModelError, match="finished TSM"):
        read_saved(tmp_path)
