"""Muon for matrices: momentum, then the nearest matrix with even singular values (https://kellerjordan.github.io/posts/muon/).

torch has the same optimizer, in bfloat16 whatever the machine: on processors without instructions for it a step of the
starter's build takes minutes. Here the iteration is computed in the numbers that the machine is quick with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from core.machine.precision import number_format_here

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
TINY = 1e-7


class Muon(torch.optim.Optimizer):
    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype: torch.dtype = getattr(torch, number_format_here())

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, matrix.grad, group["lr"], group["momentum"], group["weight_decay"])

    def _move(self, matrix: nn.Parameter, slope: Tensor, rate: float, momentum: float, weight_decay: float) -> None:
        mean = self.state[matrix].setdefault("mean", torch.zeros_like(matrix))
        mean.lerp_(slope, 1 - momentum)
        ahead = slope.lerp(mean, momentum)  # Nesterov's
        rows, columns = matrix.shape
        matrix.mul_(1 - rate * weight_decay)
        matrix.add_(evened(ahead.to(self.dtype)), alpha=-rate * math.sqrt(max(1.0, rows / columns)))


def evened(matrix: Tensor) -> Tensor:
    """About the same singular vectors with singular values near 1, by Newton-Schulz iterations of fifth order."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    levelled = matrix.T if is_tall else matrix
    levelled = levelled / levelled.norm().clamp(min=TINY)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = levelled @ levelled.T
        levelled = torch.addmm(levelled, torch.addmm(gram, gram, gram, beta=b, alpha=c), levelled, beta=a)
    return levelled.T if is_tall else levelled
