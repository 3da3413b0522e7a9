"""Which cases make which step: drawn from seed, stage and epoch alone, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.draw import generator

Member = TypeVar("Member")


@dataclass(frozen=True)
class Batches:
    """The cases of a stage, shuffled anew each epoch and cut into batches; what is left over waits for the next."""

    cases: int
    batch_size: int
    seed: int
    stage: str

    @property
    def steps_per_epoch(self) -> int:
        return max(1, self.cases // self.batch_size)

    def batch(self, step: int) -> list[int]:
        epoch, place = divmod(step, self.steps_per_epoch)
        shuffled = generator(self.seed, self.stage, epoch).permutation(self.cases)
        start = place * self.batch_size
        return [int(case) for case in shuffled[start : start + self.batch_size]]


def in_parts(step: Sequence[Member], size: int) -> list[list[Member]]:
    """A step cut into micro-batches."""
    return [list(step[start : start + size]) for start in range(0, len(step), size)]
