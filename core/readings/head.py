"""A method's own part on top of a VLM: from last-layer states to what is said of the picture.

Axes: B questions, H hidden size of the language model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.case import Marks, Task
from core.models.vlm import ImageFeatures, Vlm
from core.readings.statement import Statement

Say = Callable[[Tensor], Sequence[Statement]]


@dataclass(frozen=True)
class HeadQuestion:
    """What a head asks of a picture by itself, and the answer that it puts in: learned tokens, or words."""

    instruction: str
    response: tuple[int, ...]


@dataclass(frozen=True)
class Picture:
    """What a head is told of a picture: whose it is, the state in which the reader's question ends [H], and the states
    before each token of what the head asked itself, question by question, [T, H]."""

    task: Task
    marks: Marks
    features: ImageFeatures
    end: Tensor
    states: tuple[Tensor, ...] = ()


class Head(nn.Module):
    """`module` makes outputs of states [B, H], and `say` a statement for every picture of outputs.

    A head that asks questions of its own goes by these: it takes over `asks` and `statements`, and `tokens` where it
    puts in learned ones.
    """

    def __init__(self, module: nn.Module, say: Say | None = None) -> None:
        super().__init__()
        self.module = module
        self._say = say

    def forward(self, states: Tensor) -> Tensor:
        """Always in float32: a head is small, and what it says should not be rounded."""
        with torch.autocast(states.device.type, enabled=False):
            outputs: Tensor = self.module(states.float())
        return outputs

    @property
    def tokens(self) -> Tensor | None:
        """The embeddings of the learned tokens that it puts in, [K, H]."""
        return None

    def begin(self, vlm: Vlm) -> None:
        """Before it learns anything: what is taken from the model that it is put upon."""

    def asks(self, vlm: Vlm, task: Task, marks: Marks) -> Sequence[HeadQuestion]:
        """What it wants to have asked of a picture of this task, whose set says so much of places."""
        return ()

    def statements(self, vlm: Vlm, pictures: Sequence[Picture]) -> Sequence[tuple[Statement, ...]]:
        """What it says of every picture."""
        assert self._say is not None
        return [(statement,) for statement in self._say(self(torch.stack([picture.end for picture in pictures])))]
