"""Whether two pictures are copies of each other: one is laid over the other, as a crop of it may lie, and what is left
of the difference is measured, on the whole and place by place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.pictures.working import WORKING_SIDE, Floats

FURTHEST = 0.05
"""Of a side: how far an edge is moved at most."""
ROUNDS = 2
HOPELESS = (-1.1, -1.3)
"""The logarithm of the share that is not told, at half the size, after a round and after two: copies end below -2."""
BLOCK = 4
LEAST_VARIANCE = 8.0
"""Grey levels squared: what a block has more of than grain."""
WORST, BEST = 1e-5, 1e-3


@dataclass(frozen=True)
class Laid:
    """The first pictures of pairs laid over the second, where they lie on them, and how: right, wider, down, higher, of
    half a side."""

    pictures: Floats
    covered: Floats
    moves: Floats

    def of(self, rows: NDArray[np.bool_]) -> Laid:
        return Laid(self.pictures[rows], self.covered[rows], self.moves[rows])


def unlikeness(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """How far pairs of working pictures are from being copies, whatever their brightness and contrast: the logarithm of
    the share of the whole's variance that one does not tell of the other, and the mean of those of its blocks (0 where
    half the size shows already that they are none). And how far the sides of the first have to be moved, as a share of
    a side."""
    half, half_there, hopeful = _halved(first), _halved(second), np.arange(len(first))
    laid = Laid(half, np.ones_like(half), np.zeros((len(first), 4), np.float32))
    for hopeless in HOPELESS:
        laid = _lay(half[hopeful], half_there[hopeful], laid)
        is_hopeful = _untold(laid, half_there[hopeful]) < hopeless
        hopeful, laid = hopeful[is_hopeful], laid.of(is_hopeful)
    far, moved = np.zeros(len(first), np.float32), np.zeros(len(first), np.float32)
    if hopeful.size:
        there, laid = second[hopeful], _moved(first[hopeful], laid.moves)
        for _ in range(ROUNDS):
            laid = _lay(first[hopeful], there, laid)
        blocks = 1 - _block_likeness(laid.pictures, there, laid.covered)
        far[hopeful] = _untold(laid, there) + np.log10(np.maximum(blocks, BEST)).mean(axis=1)
        moved[hopeful] = np.abs(laid.moves).max(axis=1) / 2
    return far, moved


def _halved(pictures: Floats) -> Floats:
    rows = pictures[:, ::2] + pictures[:, 1::2]
    half: Floats = (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return half


def _lay(first: Floats, second: Floats, laid: Laid) -> Laid:
    """The first moved once more than in `laid`, by Gauss and Newton: the second is told from it, its slopes and a
    constant by least squares."""
    side = first.shape[-1]
    across: Floats = ((np.arange(side) - (side - 1) / 2) / (side / 2)).astype(np.float32)
    down, right = _slopes(laid.pictures)
    causes = np.empty((len(first), 6, side, side), np.float32)
    causes[:, 0], causes[:, 1], causes[:, 2], causes[:, 4] = 1, laid.pictures, right, down
    np.multiply(right, across, out=causes[:, 3])
    np.multiply(down, across[:, None], out=causes[:, 5])
    causes *= laid.covered[:, None]
    flat = causes.reshape(len(first), 6, side * side)
    squares = flat @ flat.transpose(0, 2, 1) + 0.01 * np.eye(6, dtype=np.float32)
    parts = np.linalg.solve(squares, flat @ second.reshape(len(first), side * side, 1))[:, :, 0]
    step = parts[:, 2:] / np.maximum(parts[:, 1:2], 0.2) / (side / 2)
    moves = np.clip(laid.moves + np.clip(step, -2 / side, 2 / side), -2 * FURTHEST, 2 * FURTHEST)
    return _moved(first, moves.astype(np.float32))


def _slopes(pictures: Floats) -> tuple[Floats, Floats]:
    """Downwards and to the right; half of it at the edges."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down: Floats = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * np.float32(0.5)
    right: Floats = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * np.float32(0.5)
    return down, right


def _untold(laid: Laid, second: Floats) -> Floats:
    """The logarithm of the share of the second's variance that the first does not tell."""
    untold: Floats = np.log10(np.maximum(1 - _correlation(laid.pictures, second, laid.covered), WORST))
    return untold


def _moved(pictures: Floats, moves: Floats) -> Laid:
    side = pictures.shape[-1]
    right, is_in_width = _sampling(side, moves[:, 0], moves[:, 1])
    down, is_in_height = _sampling(side, moves[:, 2], moves[:, 3])
    covered: Floats = (is_in_height[:, :, None] & is_in_width[:, None, :]).astype(np.float32)
    moved = (down @ pictures @ right.transpose(0, 2, 1)).astype(np.float32, copy=False)
    return Laid(moved, covered, moves)


def _sampling(side: int, shift: Floats, widening: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """For each pair the matrix that samples a side anew, and which of the places lie on it."""
    places, centre = np.arange(side, dtype=np.float32), (side - 1) / 2
    sampled = centre + (places - centre) * (1 + widening[:, None]) + shift[:, None] * (side / 2)
    is_inside = (sampled >= -0.5) & (sampled <= side - 0.5)
    sampled = np.clip(sampled, 0, side - 1)
    weights: Floats = np.maximum(0, 1 - np.abs(sampled[:, :, None] - places))
    return weights, is_inside


def _correlation(first: Floats, second: Floats, weights: Floats) -> Floats:
    count = weights.sum(axis=(1, 2))[:, None, None]
    left = (first - (first * weights).sum(axis=(1, 2))[:, None, None] / count) * weights
    right = (second - (second * weights).sum(axis=(1, 2))[:, None, None] / count) * weights
    spread = np.sqrt((left * left).sum(axis=(1, 2)) * (right * right).sum(axis=(1, 2))) + 1e-6
    correlation: Floats = (left * right).sum(axis=(1, 2)) / spread
    return correlation


def _block_likeness(first: Floats, second: Floats, weights: Floats) -> Floats:
    """Of each block, once the first has the contrast of the second: 1 where they vary alike, or hardly at all."""
    left, right, weighed = (_blocks(pictures) for pictures in (first, second, weights))
    count = np.maximum(weighed.sum(axis=2, keepdims=True), 1)
    left = (left - (left * weighed).sum(axis=2, keepdims=True) / count) * weighed
    right = (right - (right * weighed).sum(axis=2, keepdims=True) / count) * weighed
    of_left, of_right, together = (
        (product).sum(axis=2) / count[:, :, 0] for product in (left * left, right * right, left * right)
    )
    gain = (together.sum(axis=1) / np.maximum(of_left.sum(axis=1), 1e-6))[:, None]
    likeness: Floats = (2 * gain * together + LEAST_VARIANCE) / (gain**2 * of_left + of_right + LEAST_VARIANCE)
    return likeness


def _blocks(pictures: Floats) -> Floats:
    count = WORKING_SIDE // BLOCK
    cut = pictures.reshape(-1, count, BLOCK, count, BLOCK).transpose(0, 1, 3, 2, 4)
    return cut.reshape(-1, count * count, BLOCK * BLOCK)
