"""The losses on 2 x 3 logits that are logarithms of simple fractions, so that every number is worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import log

import pytest
import torch
from torch import Tensor

from core.training.losses import alignment_losses, contrast_losses, response_losses
from core.training.settings import Direction

ln2, ln3 = log(2), log(3)
TARGETS = torch.tensor([0, 2])


def logits(*rows: tuple[Fraction, Fraction, Fraction]) -> Tensor:
    """Unequal shifts change no probability and no loss."""
    shifts = torch.tensor([[0.7], [-1.3]], dtype=torch.float64)
    return (torch.tensor([[float(one) for one in row] for row in rows], dtype=torch.float64).log() + shifts).clone()


Z_O = logits((Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)), (Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)))
Z_E = logits((Fraction(1, 8), Fraction(1, 8), Fraction(3, 4)), (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)))
Z_N = logits((Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)), (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)))


def test_the_response_costs_minus_its_log_probability() -> None:
    assert response_losses(Z_O, TARGETS).tolist() == pytest.approx([ln2, ln3])
    assert response_losses(Z_E, TARGETS).tolist() == pytest.approx([3 * ln2, 2 * ln2])


def test_label_smoothing_spreads_its_share_over_every_token() -> None:
    first = 0.7 * ln2 + 0.3 * (ln2 + 2 * ln2 + 2 * ln2) / 3
    assert response_losses(Z_O, TARGETS, label_smoothing=0.3).tolist() == pytest.approx([first, ln3])


def test_alignment_is_kl_of_the_student_from_the_teacher() -> None:
    """Row 1: 1/2 ln 4 + 1/4 ln 2 + 1/4 ln 1/3; row 2: 1/3 (ln 2/3 + 2 ln 4/3)."""
    expected = [1.25 * ln2 - 0.25 * ln3, log(32 / 27) / 3]
    assert alignment_losses(Z_O, Z_E).tolist() == pytest.approx(expected)
    assert alignment_losses(Z_O, Z_E, "student_first").tolist() == pytest.approx(expected)


def test_teacher_first_is_the_other_direction_and_another_number() -> None:
    """Row 1: 1/8 ln 1/4 + 1/8 ln 1/2 + 3/4 ln 3; row 2: 1/2 ln 3/2 + 1/2 ln 3/4."""
    expected = [-0.375 * ln2 + 0.75 * ln3, 0.5 * log(9 / 8)]
    assert alignment_losses(Z_O, Z_E, "teacher_first").tolist() == pytest.approx(expected)


@pytest.mark.parametrize("direction", ["student_first", "teacher_first"])
def test_no_gradient_of_alignment_reaches_the_teacher(direction: Direction) -> None:
    student, teacher = Z_O.clone().requires_grad_(), Z_E.clone().requires_grad_()
    alignment_losses(student, teacher, direction).sum().backward()
    assert teacher.grad is None
    assert student.grad is not None and float(student.grad.abs().max()) > 0.1


def test_the_students_gradient_is_that_of_its_own_direction() -> None:
    """KL(p || q) by logit k: p_k (ln p_k/q_k - KL); KL(q || p): p_k - q_k."""
    p, q = Z_O.softmax(-1), Z_E.softmax(-1)
    gap = (p / q).log()
    torch.testing.assert_close(gradient("student_first"), p * (gap - (p * gap).sum(-1, keepdim=True)))
    torch.testing.assert_close(gradient("teacher_first"), p - q)


def gradient(direction: Direction) -> Tensor:
    student = Z_O.clone().requires_grad_()
    return torch.autograd.grad(alignment_losses(student, Z_E, direction).sum(), student)[0]


def test_contrast_is_cross_entropy_of_the_difference_of_logits() -> None:
    """Ratios p_o : p_n are 2, 1, 1/2 in row 1 and 2/3, 4/3, 4/3 in row 2."""
    assert contrast_losses(Z_O, Z_N, TARGETS).tolist() == pytest.approx([log(3.5 / 2), log(10 / 4)])


def test_contrast_is_the_log_of_the_vocabulary_where_the_image_changes_nothing() -> None:
    assert contrast_losses(Z_O, Z_O, TARGETS).tolist() == pytest.approx([ln3, ln3])
