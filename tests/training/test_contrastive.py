"""InfoNCE with several positives, worked out by hand, and the same however a step is cut."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.training.contrastive import KEYS, PICTURES, WORDS, Beyond, caption_keys, pair_losses, step_losses

ln2, ln3, ln5 = log(2), log(3), log(5)


def test_two_cases_of_two_captions_cost_what_is_worked_out_by_hand() -> None:
    """Scores, by a scale of ln 2: [[1, 0], [0, 1]] ln 2, so that each softmax is 2/3 to 1/3 in both directions."""
    rows = torch.eye(2, dtype=torch.float64)
    losses = pair_losses(rows, rows, torch.tensor([1, 2]), torch.tensor(ln2, dtype=torch.float64))
    assert losses.tolist() == pytest.approx([ln3 - ln2] * 2)


def test_both_directions_count_half_and_differ() -> None:
    """Scores [[ln 2, 0], [ln 2, 0]]: from pictures 1/3 of the second is right; from captions each is a half."""
    pictures = torch.tensor([[1.0, 0], [1, 0]], dtype=torch.float64)
    words = torch.eye(2, dtype=torch.float64)
    losses = pair_losses(pictures, words, torch.tensor([1, 2]), torch.tensor(ln2, dtype=torch.float64))
    assert losses.tolist() == pytest.approx([(ln3 - ln2 + ln2) / 2, (ln3 + ln2) / 2])


def test_equal_captions_are_positives_of_each_other() -> None:
    """Cases 1 and 2 share a caption. Scores of picture 1: (ln 2, ln 2, 0): softmax 2/5, 2/5, 1/5; target 1/2, 1/2, 0:
    KL = ln 1/2 - ln 2/5. Picture 3: (0, 0, ln 2): softmax 1/4, 1/4, 1/2; KL = ln 2. Captions alike, by symmetry."""
    rows = torch.tensor([[1.0, 0], [1, 0], [0, 1]], dtype=torch.float64)
    losses = pair_losses(rows, rows, torch.tensor([7, 7, 9]), torch.tensor(ln2, dtype=torch.float64))
    assert losses.tolist() == pytest.approx([ln5 - 2 * ln2, ln5 - 2 * ln2, ln2])


def test_a_perfect_space_costs_nothing_however_often_captions_repeat() -> None:
    rows = torch.eye(3, dtype=torch.float64)[[0, 0, 0, 1, 1, 2]]
    losses = pair_losses(rows, rows, torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor(60.0, dtype=torch.float64))
    assert losses.tolist() == pytest.approx([0.0] * 6, abs=1e-12)


def test_before_anything_is_learned_it_is_the_logarithm_of_how_few_are_right() -> None:
    rows = torch.ones(4, 2, dtype=torch.float64) / sqrt(2)
    losses = pair_losses(rows, rows, torch.tensor([0, 0, 1, 2]), torch.tensor(14.0, dtype=torch.float64))
    assert losses.tolist() == pytest.approx([ln2, ln2, 2 * ln2, 2 * ln2])


def test_equal_captions_have_equal_keys_and_others_have_not() -> None:
    keys = caption_keys(["a scar", "a spot", "a scar", "A scar"]).tolist()
    assert keys[0] == keys[2] and len(set(keys)) == 3


@pytest.mark.parametrize("cuts", [(6,), (3, 3), (4, 2), (2, 2, 2), (1, 5)], ids=str)
def test_a_step_in_parts_has_the_losses_and_gradients_of_the_step_in_one_piece(cuts: tuple[int, ...]) -> None:
    weights = torch.randn(2, 5, 4, dtype=torch.float64)
    raw = torch.randn(2, 6, 5, dtype=torch.float64)
    keys = torch.tensor([3, 4, 3, 5, 6, 3])

    def rows(learned: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        return normalize(raw[0, part] @ learned[0], dim=1), normalize(raw[1, part] @ learned[1], dim=1)

    whole, scale = weights.clone().requires_grad_(), torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    expected = pair_losses(*rows(whole, slice(None)), keys, scale)
    expected.sum().backward()

    learned, own_scale = weights.clone().requires_grad_(), torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    ends = [sum(cuts[: place + 1]) for place in range(len(cuts))]
    parts = [slice(end - length, end) for end, length in zip(ends, cuts, strict=True)]
    with torch.no_grad():
        shown = [{KEYS: keys[part], **dict(zip((PICTURES, WORDS), rows(learned, part), strict=True))} for part in parts]
    losses = []
    for place, part in enumerate(parts):
        losses.append(step_losses(*rows(learned, part), keys[part], own_scale, Beyond(shown, place)))
        losses[-1].sum().backward()
    assert torch.cat(losses).tolist() == pytest.approx(expected.tolist())
    torch.testing.assert_close(learned.grad, whole.grad)
    torch.testing.assert_close(own_scale.grad, scale.grad)
