"""Thumbnails as they are compared: a little blurred, and described by a few numbers that light hardly changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 24
"""Of the thumbnails that are kept. With 16, half of the crops of some sets could not be told from other pictures."""
WORKING_SIDE = 32
WAVES = 8
FLAT = 2.0
"""Grey levels of spread: a picture of less shows noise, of which many look alike."""
NEIGHBOURHOOD = 6
LEAST_SPREAD = 3.0
MIDDLE = 0.96

Floats = NDArray[np.float32]
Thumbnails = NDArray[np.uint8]


@dataclass(frozen=True)
class Waves:
    """Pictures by their low frequencies [N, n], of unit length together: those that a mirror leaves, and those that it
    turns round."""

    even: Floats
    odd: Floats

    def __len__(self) -> int:
        return len(self.even)

    def of(self, rows: NDArray[np.int64] | slice) -> Waves:
        return Waves(self.even[rows], self.odd[rows])

    def likeness(self, other: Waves) -> Floats:
        """The cosine of each with each, or with its mirrored picture where that is larger."""
        whole: Floats = np.abs(self.odd @ other.odd.T)
        whole += self.even @ other.even.T
        return whole


def joined(parts: Sequence[Waves]) -> Waves:
    return Waves(np.concatenate([part.even for part in parts]), np.concatenate([part.odd for part in parts]))


def working(thumbnails: Thumbnails) -> Floats:
    """[N, SIDE, SIDE] enlarged and a little blurred, so that the grain of a JPEG counts less and edges can be moved."""
    return _both_ways(thumbnails.astype(np.float32), ENLARGING)


def is_flat(pictures: Floats) -> NDArray[np.bool_]:
    flat: NDArray[np.bool_] = pictures.std(axis=(1, 2)) < FLAT
    return flat


def waves(pictures: Floats, of_middle: bool = False) -> Waves:
    """Of working pictures, or of their middle parts: a crop is nearer to the middle than to the whole.

    What is seen is divided by its own contrast, or the round edge of a fundus would be all that counts."""
    seen = _both_ways(pictures, CUTTING) if of_middle else pictures
    apart = seen - _both_ways(seen, BLURRING)
    apart /= np.sqrt(np.maximum(_both_ways(apart * apart, BLURRING), 0)) + LEAST_SPREAD
    spectrum = _both_ways(apart, COSINES)
    even = spectrum[:, :, 0::2].reshape(len(seen), WAVES * WAVES // 2)[:, 1:]
    odd = spectrum[:, :, 1::2].reshape(len(seen), WAVES * WAVES // 2)
    length = np.sqrt((even**2).sum(axis=1) + (odd**2).sum(axis=1))[:, None] + 1e-6
    return Waves(even / length, odd / length)


def _both_ways(pictures: Floats, matrix: Floats) -> Floats:
    """The matrix applied to columns and rows."""
    made: Floats = matrix @ (pictures @ matrix.T)
    return made


def _blurring(side: int, times: int) -> Floats:
    step = np.zeros((side, side))
    for row in range(side):
        for shift, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            step[row, min(max(row + shift, 0), side - 1)] += weight
    blurring: Floats = np.linalg.matrix_power(step, times).astype(np.float32)
    return blurring


def _enlarging() -> Floats:
    columns = [
        np.asarray(Image.fromarray(unit[None]).resize((WORKING_SIDE, 1), Image.Resampling.BICUBIC))[0]
        for unit in np.eye(SIDE, dtype=np.float32)
    ]
    enlarging: Floats = (_blurring(WORKING_SIDE, 1) @ np.stack(columns, axis=1)).astype(np.float32)
    return enlarging


def _cutting() -> Floats:
    centre = (WORKING_SIDE - 1) / 2
    places = centre + (np.arange(WORKING_SIDE) - centre) * MIDDLE
    cutting: Floats = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(WORKING_SIDE))).astype(np.float32)
    return cutting


def _cosines() -> Floats:
    wave, place = np.arange(WAVES)[:, None], np.arange(WORKING_SIDE)[None]
    waves_there = np.cos(np.pi * wave * (2 * place + 1) / (2 * WORKING_SIDE))
    cosines: Floats = (waves_there * np.where(wave, 1, 0.5**0.5)).astype(np.float32)
    return cosines


ENLARGING, BLURRING, CUTTING, COSINES = _enlarging(), _blurring(WORKING_SIDE, NEIGHBOURHOOD), _cutting(), _cosines()
