"""Symmetric InfoNCE with several positives (arXiv 2412.04378; docs/method.md): pictures and captions in one space.

The loss of a case depends on all cases of its step, so a step that is cut into micro-batches first looks at all of
them without gradients (`Beyond`). Each micro-batch then takes the whole loss with its own rows learning: the gradients
of all micro-batches, added up, are those of the batch in one piece.

Axes: N cases of a step, n of a micro-batch, H hidden size. Rows are of unit length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

KEYS, PICTURES, WORDS = "keys", "pictures", "words"
Shown = Mapping[str, Tensor]
"""What the cases of a micro-batch show to all others of their step, a row a case."""


@dataclass(frozen=True)
class Beyond:
    """What all micro-batches of a step show, and which of them is the own."""

    shown: Sequence[Shown]
    place: int

    def rows(self, name: str, own: Tensor) -> Tensor:
        """Those of every case of the step, the own ones as they are given here: they learn."""
        parts = [own if place == self.place else part[name].to(own) for place, part in enumerate(self.shown)]
        return torch.cat(parts)

    def own(self) -> slice:
        """Where the own rows stand among all."""
        before = sum(len(part[KEYS]) for part in self.shown[: self.place])
        return slice(before, before + len(self.shown[self.place][KEYS]))


def caption_keys(captions: Sequence[str]) -> Tensor:
    """A number for each caption [n], equal where captions are, in every process."""
    digests = (hashlib.blake2b(caption.encode(), digest_size=8).digest() for caption in captions)
    return torch.tensor([int.from_bytes(digest, "big", signed=True) for digest in digests], dtype=torch.int64)


def pair_losses(pictures: Tensor, words: Tensor, keys: Tensor, scale: Tensor) -> Tensor:
    """The loss of each case [N]: the mean of both directions, picture to captions and caption to pictures.

    Every case with an equal caption is a positive, and all positives have an equal share in the target. As
    Kullback-Leibler divergence: 0 where all that is equal is found and nothing else, ln(N / positives) at first.
    """
    shares = (keys[:, None] == keys).to(pictures.dtype)
    shares = shares / shares.sum(1, keepdim=True)
    cosines = scale * (pictures @ words.T)
    return (_divergences(cosines, shares) + _divergences(cosines.T, shares)) / 2


def _divergences(scores: Tensor, shares: Tensor) -> Tensor:
    """KL(shares || softmax of scores), a row each."""
    return (torch.xlogy(shares, shares) - shares * log_softmax(scores, 1)).sum(1)


def step_losses(pictures: Tensor, words: Tensor, keys: Tensor, scale: Tensor, beyond: Beyond | None) -> Tensor:
    """The losses of a micro-batch's cases [n], each against all cases of the step.

    Their sum has the gradient of the whole step's sum with respect to the rows here. The scale, which every
    micro-batch shares, learns from the own losses alone, so that it is counted once.
    """
    if beyond is None:
        return pair_losses(pictures, words, keys, scale)
    every_key = beyond.rows(KEYS, keys)
    learning = (beyond.rows(PICTURES, pictures), beyond.rows(WORDS, words))
    held = (learning[0].detach(), learning[1].detach())
    own = pair_losses(*held, every_key, scale)[beyond.own()]
    whole = pair_losses(*learning, every_key, scale.detach()).sum()
    return own + (whole - whole.detach()) / len(own)
