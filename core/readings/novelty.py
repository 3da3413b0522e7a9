"""How unlike a picture is to everything that a run learned from: its distance to the nearest training pictures.

Models answer with confidence about pictures of a kind that they never saw. The distance is taken among features of the
VLM's frozen image encoder, which learned from none of the run's pictures, so that validation pictures, whose distances
are the measure of what is usual, are as new to it as any other. Which features and which distance was chosen by
measurement (docs/log.md). Axes: N pictures, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.draw import evenly
from core.errors import DataError
from core.models.features import CHUNK, FeatureStore
from core.models.vlm import ImageFeatures

Floats = NDArray[np.float32]
MOST_KNOWN, MOST_USUAL = 4096, 2048
"""Training pictures that are kept as neighbours, and validation pictures that are measured; more are drawn evenly."""
FARTHER_THAN = 0.99


@dataclass(frozen=True)
class Unlikeness:
    """How far a picture is from what a run learned, beside the run's validation pictures."""

    distance: float
    nearer: int
    """So many validation pictures are nearer to what was learned than this one."""
    of: int

    @property
    def is_unlike(self) -> bool:
        """Farther than 99 in 100 validation pictures; than all of them, where there are fewer than a hundred."""
        return self.nearer >= FARTHER_THAN * self.of

    def __str__(self) -> str:
        if not self.is_unlike:
            return (
                f"{self.nearer} of {self.of} validation pictures are nearer to what the run learned from than this one."
            )
        among = f"all {self.of}" if self.nearer == self.of else f"{self.nearer} of the {self.of}"
        return (
            f"This picture is unlike those that the run learned from: it is farther from them than {among} validation "
            "pictures. Answers about it mean little, however sure they look."
        )


def plain(unlikeness: Unlikeness | str) -> dict[str, Any]:
    """As JSON, whether it could be told or not."""
    if isinstance(unlikeness, str):
        return {"distance": None, "nearer": None, "of": None, "is_unlike": None, "text": unlikeness}
    return vars(unlikeness) | {"is_unlike": unlikeness.is_unlike, "text": str(unlikeness)}


@dataclass(frozen=True)
class Novelty:
    """Where the training pictures lie, [N, D] of unit length, and how far each validation picture is from them."""

    known: Floats
    usual: Floats

    def judge(self, shown: Sequence[ImageFeatures]) -> list[Unlikeness]:
        distances = _distances(summary(shown), self.known)
        nearer = np.searchsorted(np.sort(self.usual), distances, side="left")
        return [
            Unlikeness(float(distance), int(count), len(self.usual))
            for distance, count in zip(distances, nearer, strict=True)
        ]

    def save(self, path: Path) -> None:
        draft = path.with_suffix(".part")
        save_file(vars(self), draft)
        draft.replace(path)


def of_run(cases: FeatureStore) -> Novelty:
    """From the features of a run's cases."""

    def summarised(split: str, most: int) -> Floats:
        places = evenly([place for place, item in enumerate(cases.items) if item.case.split == split], most)
        parts = [summary(cases.of(places[start : start + CHUNK])) for start in range(0, len(places), CHUNK)]
        return np.concatenate(parts)

    learned = summarised("train", MOST_KNOWN)
    return Novelty(learned, _distances(summarised("val", MOST_USUAL), learned))


def load(path: Path) -> Novelty:
    try:
        return Novelty(**load_file(path))
    except (OSError, SafetensorError, TypeError) as error:
        raise DataError(f"{path} can't be read ({error}). Remove it: it is made anew from the run's images.") from None


def summary(shown: Sequence[ImageFeatures]) -> Floats:
    """[N, D]: mean and spread of each picture's tokens, however many it has, as directions."""
    rows = torch.stack([features.mean_and_spread() for features in shown])
    directions: Floats = torch.nn.functional.normalize(rows, dim=1).cpu().numpy()
    return directions


def _distances(shown: Floats, learned: Floats) -> Floats:
    """[N]: one minus the cosine to the nearest training picture."""
    nearest: Floats = 1 - (shown @ learned.T).max(1)
    return nearest
