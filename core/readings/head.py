"""A method's own part on top of a VLM: from the state in which a question ends to what is said of the picture.

Axes: B questions, H hidden size of the language model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.readings.statement import Statement

Say = Callable[[Tensor], Sequence[Statement]]


class Head(nn.Module):
    """`module` makes outputs of states [B, H], and `say` a statement for every picture of outputs."""

    def __init__(self, module: nn.Module, say: Say) -> None:
        super().__init__()
        self.module = module
        self._say = say

    def forward(self, states: Tensor) -> Tensor:
        """Always in float32: a head is small, and what it says should not be rounded."""
        with torch.autocast(states.device.type, enabled=False):
            outputs: Tensor = self.module(states.float())
        return outputs

    def say(self, states: Tensor) -> Sequence[Statement]:
        return self._say(self(states))
