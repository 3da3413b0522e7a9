"""How well pictures find their captions and captions their pictures, with intervals: recall at 1 and at 5.

All test cases of a set are held against each other. Cases may share a caption: a picture finds it at k where it is
among the k nearest captions, each counted once; a caption finds any of its pictures. Axes: N cases, C captions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.readings.statement import mean_of
from core.statistics.intervals import Groups, measured

Floats = NDArray[np.float32]
KIND, TITLE = "retrieval", "Finding captions and pictures"
AT = (1, 5)
AT_ONCE = 1024
TITLES = {
    **{f"picture_to_caption_{k}": f"Caption of a picture, recall@{k}" for k in AT},
    **{f"caption_to_picture_{k}": f"Picture of a caption, recall@{k}" for k in AT},
}


def recalls(pictures: Floats, words: Floats, captions: Sequence[str]) -> dict[str, list[float]]:
    """For every case 1 or 0 [N]: whether its caption, or a picture with its caption, is among the k nearest.

    `words` [N, H] are the vectors of the captions. What is as near as the right one counts as nearer: a space in which
    all is one finds nothing.
    """
    number_of = {caption: number for number, caption in enumerate(dict.fromkeys(captions))}
    caption_of = np.array([number_of[caption] for caption in captions])
    _, first_with = np.unique(caption_of, return_index=True)
    own = (pictures * words).sum(1)
    captions_nearer, pictures_nearer = np.zeros(len(captions)), np.zeros(len(number_of))
    for start in range(0, len(number_of), AT_ONCE):
        block = np.arange(start, min(start + AT_ONCE, len(number_of)))
        cosines = pictures @ words[first_with[block]].T
        is_own = caption_of[:, None] == block
        captions_nearer += ((cosines >= own[:, None]) & ~is_own).sum(1)
        nearest_own = np.where(is_own, cosines, -np.inf).max(0)
        pictures_nearer[block] = ((cosines >= nearest_own) & ~is_own).sum(0)
    return {
        **{f"picture_to_caption_{k}": (captions_nearer < k).astype(float).tolist() for k in AT},
        **{f"caption_to_picture_{k}": (pictures_nearer[caption_of] < k).astype(float).tolist() for k in AT},
    }


def retrieval_figures(
    reader: str, pictures: Floats, words: Floats, captions: Sequence[str], patients: Groups, draws: int, seed: int
) -> dict[str, Any]:
    """As figures of a statement are kept: they are shown wherever those are."""
    figures = measured(mean_of(recalls(pictures, words, captions)), len(captions), patients, draws, seed)
    return {
        "title": TITLE,
        "titles": TITLES,
        "cases": len(captions),
        "readers": {reader: {name: figure.plain() for name, figure in figures.items()}},
        "differences": {},
    }
