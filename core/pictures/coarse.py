"""Finds pictures that are almost the same (stored again, resized, brightened) by 8 x 8 grey levels, as they were found
before crops and mirrored pictures were: for what was kept, and splits that were drawn, then.

Thumbnails are hashed by random directions (Datar and others 2004), so that alike ones often share a bucket, and
compared there. A difference hash was tried first: a JPEG saved again at quality 60 kept
its 64 bits in only 5 to 70 % of cases.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SIDE = 8
ALIKE = 2.0  # mean difference in grey levels: copies stay below 1, different pictures of three real sets begin at 7
SURE, OF_SPREAD = 0.7, 0.1
BUCKET_WIDTH = 90.0
DIRECTIONS = 6
TABLES = 10
MAX_STEPS = 16  # how far apart in a bucket two pictures may be and still be compared

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


def coarse_pairs(thumbnails: npt.NDArray[np.uint8], is_strict: bool = False) -> list[tuple[int, int]]:
    """Pairs of rows [N, SIDE * SIDE] that are almost the same but for brightness, lowest first. Strictly, pale ones, of
    which many differ by a level or two, have to be nearer the less they vary."""
    centred = thumbnails.astype(np.float32)
    centred -= centred.mean(axis=1, keepdims=True)
    strict = np.clip(OF_SPREAD * centred.std(axis=1), SURE, ALIKE)
    limits = strict if is_strict else np.full(len(centred), ALIKE, np.float32)
    generator = np.random.default_rng(0)
    pairs: set[tuple[int, int]] = set()
    for _ in range(TABLES if len(centred) > 1 else 0):
        directions = generator.standard_normal((centred.shape[1], DIRECTIONS)).astype(np.float32)
        offsets = generator.uniform(0, BUCKET_WIDTH, DIRECTIONS).astype(np.float32)
        buckets = np.floor((centred @ directions + offsets) / BUCKET_WIDTH).astype(np.int64)
        pairs.update(_alike_neighbours(centred, buckets, limits))
    return sorted(pairs)


def _alike_neighbours(centred: Floats, buckets: Places, limits: Floats) -> set[tuple[int, int]]:
    order = np.lexsort(buckets.T)
    sorted_buckets = buckets[order]
    pairs: set[tuple[int, int]] = set()
    for step in range(1, min(MAX_STEPS, len(order) - 1) + 1):
        together = np.flatnonzero((sorted_buckets[step:] == sorted_buckets[:-step]).all(axis=1))
        if not together.size:
            break
        first, second = order[together], order[together + step]
        difference = np.abs(centred[first] - centred[second]).mean(axis=1)
        alike = difference <= np.minimum(limits[first], limits[second])
        low, high = np.minimum(first, second)[alike], np.maximum(first, second)[alike]
        pairs.update(zip(low.tolist(), high.tolist(), strict=True))
    return pairs
