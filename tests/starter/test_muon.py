"""The optimizer of the starter's matrices, beside torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.starter.muon import Muon, evened


def steps(optimizer: Any, **more: Any) -> list[Tensor]:
    """Three matrices after three steps with the same slopes."""
    random = torch.Generator().manual_seed(0)
    matrices = [nn.Parameter(torch.randn(shape, generator=random)) for shape in ((4, 4), (9, 3), (3, 9))]
    made = optimizer(matrices, lr=0.1, momentum=0.9, weight_decay=0.05, **more)
    if isinstance(made, Muon):
        made.dtype = torch.bfloat16
    for _ in range(3):
        for matrix in matrices:
            matrix.grad = torch.randn(matrix.shape, generator=random)
        made.step()
    return [matrix.detach() for matrix in matrices]


def test_in_bfloat16_it_is_the_optimizer_that_torch_has() -> None:
    ours, theirs = steps(Muon), steps(torch.optim.Muon, adjust_lr_fn="original")
    assert all(torch.equal(mine, torchs) for mine, torchs in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("shape", [(6, 6), (20, 5), (5, 20)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    some = torch.linalg.svd(torch.randn(shape, generator=torch.Generator().manual_seed(1)), full_matrices=False)
    wide = torch.linspace(1, 5, len(some.S))
    after = torch.linalg.svdvals(evened(some.U @ torch.diag(wide) @ some.Vh))
    assert after.min() > 0.6 and after.max() < 1.3
