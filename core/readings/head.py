"""A method's own part on top of a VLM: from last-layer states to what is said of the picture.

Axes: B questions, H hidden size of the language model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import cast

import torch
from PIL import Image
from torch import Tensor, nn

from core.case import Marks, Task
from core.models.features import OwnEncoder
from core.models.vlm import ImageFeatures, Vlm
from core.readings.statement import Statement

Say = Callable[[Tensor], Sequence[Statement]]
See = Callable[[], ImageFeatures]
"""What a head's own encoder sees in a picture: read, or computed, when it is asked for."""


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
    own: See | None = None
    """Of the head's own encoder, where it has one."""


class Head(nn.Module):
    """`module` makes outputs of states [B, H], and `say` a statement for every picture of outputs.

    A head that asks questions of its own goes by these: it takes over `asks` and `statements`, and `tokens` where it
    puts in learned ones. One that looks at pictures with an encoder of its own names that by `encoder`.
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

    @property
    def encoder(self) -> OwnEncoder | None:
        """A frozen one beside the VLM's: what it sees in each picture is kept as the VLM's features are, and given to
        the head."""
        return None

    def prepare_for(self, tasks: Sequence[Task]) -> None:
        """What a run asks, in the order of its sets: told before the head learns, and before its weights are loaded."""

    def begin(self, vlm: Vlm) -> None:
        """Before it learns anything: what is taken from the model that it is put upon."""

    def asks(self, vlm: Vlm, task: Task, marks: Marks) -> Sequence[HeadQuestion]:
        """What it wants to have asked of a picture of this task, whose set says so much of places."""
        return ()

    def statements(self, vlm: Vlm, pictures: Sequence[Picture]) -> Sequence[tuple[Statement, ...]]:
        """What it says of every picture."""
        assert self._say is not None
        return [(statement,) for statement in self._say(self(torch.stack([picture.end for picture in pictures])))]


def own_encoders(heads: nn.ModuleDict) -> list[OwnEncoder]:
    """Those of heads, each once."""
    encoders = [cast(Head, head).encoder for head in heads.values()]
    return list({encoder.name: encoder for encoder in encoders if encoder is not None}.values())


def seen_anew(encoders: Iterable[OwnEncoder], image: Image.Image) -> dict[str, See]:
    """What these see in a picture that nothing is kept of, by the encoder's name; computed once at most."""

    def look(encoder: OwnEncoder) -> ImageFeatures:
        (features,) = encoder.encode([image])
        return features

    return {encoder.name: cache(partial(look, encoder)) for encoder in encoders}
