"""Drawings as training batches: worn pixels, token ids, and targets for the throw-away heads."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.starter.architecture import IMAGE_TOKENS, MEAN, SIDE, SPREAD
from core.starter.drawing import Drawing
from core.starter.looks import draw
from core.starter.questions import Survey, naming, talk
from core.starter.tokenizer import END, END_OF_TEXT, IMAGE, IMAGE_END, IMAGE_START, START

LOW_SIDE = 28
LENGTH, NAMING_LENGTH = 96, 128  # of every row: each new shape costs a CPU seconds of preparing its kernels
IGNORED = -100
SIZE = 32


@dataclass(frozen=True)
class Batch:
    """Pixels [B, 3, S, S] as the model takes them, ids and labels [B, T], facts and measures with masks."""

    pixels: Tensor
    ids: Tensor
    labels: Tensor
    facts: Tensor
    measures: Tensor
    measures_known: Tensor


def wear(rng: np.random.Generator, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture after a bad scanner: half of them at 28 pixels, some compressed, some lighter or flatter."""
    image = Image.fromarray(pixels)
    if rng.random() < 0.5:
        method = Image.Resampling.BICUBIC if rng.random() < 0.5 else Image.Resampling.BOX
        image = image.resize((LOW_SIDE, LOW_SIDE), method).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if rng.random() < 0.2:
        stored = io.BytesIO()
        image.save(stored, "JPEG", quality=int(rng.integers(30, 90)))
        image = Image.open(stored)
    levels = np.asarray(image, np.float32)
    levels = 128 + (levels - 128) * rng.uniform(0.9, 1.1) + rng.uniform(-8, 8)
    return np.clip(levels, 0, 255).astype(np.uint8)


def normalised(pixels: NDArray[np.uint8]) -> Tensor:
    """[B, S, S, 3] of bytes as the image processor would give them."""
    levels = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (levels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(SPREAD).view(3, 1, 1)


def prompt(question: str) -> str:
    """A first turn, up to where the answer starts; the image already takes its full number of tokens."""
    return f"{START}user\n{IMAGE_START}{IMAGE * IMAGE_TOKENS}{IMAGE_END}\n{question}{END}\n{START}assistant\n"


def encode(
    tokenizer: PreTrainedTokenizerFast, turns: list[tuple[str, str]], length: int = LENGTH
) -> tuple[list[int], list[int]]:
    """Ids of a conversation about one picture, and labels: only answers and their end are learned.

    Turns that do not fit are left out.
    """
    ids: list[int] = []
    labels: list[int] = []
    for number, (question, answer) in enumerate(turns):
        opening = f"\n{START}user\n{question}{END}\n{START}assistant\n" if number else prompt(question)
        head, tail = tokenizer.encode(opening), tokenizer.encode(answer + END)
        if len(ids) + len(head) + len(tail) > length:
            break
        ids += head + tail
        labels += [IGNORED] * len(head) + tail
    return ids, labels


class Batches:
    """Batch number i is the same for the same seed, whoever draws it."""

    def __init__(
        self, seed: int, steps: int, surveyed: Survey, tokenizer: PreTrainedTokenizerFast, is_naming: bool = False
    ) -> None:
        self.part, self.converse = (3, naming) if is_naming else (2, talk)
        self.length = NAMING_LENGTH if is_naming else LENGTH
        self.seed, self.steps, self.survey, self.tokenizer = seed, steps, surveyed, tokenizer
        self.slots: dict[str, slice] = {}
        for noun, values in surveyed.values.items():
            self.slots[noun] = slice(self.width, self.width + len(values))

    @property
    def width(self) -> int:
        """How many values all nouns have together."""
        return max((slot.stop for slot in self.slots.values()), default=0)

    def __len__(self) -> int:
        return self.steps

    def unmet(self) -> list[int]:
        """Tokens that no conversation of the first part holds."""
        rng = np.random.default_rng([self.seed, 4])
        talks = [talk(rng, draw(rng, 16), self.survey.values) for _ in self.survey.captions]
        met = {token for turns in talks for token in encode(self.tokenizer, turns)[0]}
        return sorted(set(range(len(self.tokenizer))) - met)

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([self.seed, self.part, number])
        drawings = [draw(rng, SIDE) for _ in range(SIZE)]
        pixels = normalised(np.stack([wear(rng, drawing.pixels) for drawing in drawings]))
        ids, labels = self._text([self.converse(rng, drawing, self.survey.values) for drawing in drawings])
        return Batch(pixels, ids, labels, self._facts(drawings), *self._measures(drawings))

    def _text(self, talks: list[list[tuple[str, str]]]) -> tuple[Tensor, Tensor]:
        rows = [encode(self.tokenizer, turns, self.length) for turns in talks]
        pad = self.tokenizer.get_vocab()[END_OF_TEXT]
        ids = [row + [pad] * (self.length - len(row)) for row, _ in rows]
        labels = [row + [IGNORED] * (self.length - len(row)) for _, row in rows]
        return torch.tensor(ids), torch.tensor(labels)

    def _facts(self, drawings: list[Drawing]) -> Tensor:
        """Which values hold; nothing is marked for a noun that the picture does not have."""
        holds = torch.zeros(len(drawings), self.width)
        for row, drawing in enumerate(drawings):
            for noun, value in drawing.facts.items():
                values = self.survey.values.get(noun, ())
                if value in values:  # what the survey never met has no head
                    holds[row, self.slots[noun].start + values.index(value)] = 1.0
        return holds

    def _measures(self, drawings: list[Drawing]) -> tuple[Tensor, Tensor]:
        rows = [[drawing.measures.get(name, float("nan")) for name in self.survey.measures] for drawing in drawings]
        values = torch.tensor(rows)
        return values.nan_to_num(), (~values.isnan()).float()
