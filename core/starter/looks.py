"""Every way the starter can draw a picture, and how often it does."""

from __future__ import annotations

import numpy as np

from core.starter import cells, scans, shapes, surfaces
from core.starter.drawing import Draw, Drawing

LOOKS: tuple[tuple[Draw, float], ...] = (
    (shapes.scene, 5.0),
    (shapes.pattern, 2.0),
    (cells.smear, 6.0),
    (scans.chest, 3.0),
    (scans.body_slice, 1.0),
    (scans.ultrasound, 1.0),
    (scans.layers, 1.0),
    (surfaces.fundus, 1.0),
    (surfaces.skin, 1.5),
    (surfaces.tissue, 1.5),
    (surfaces.glow, 1.0),
)


def draw(rng: np.random.Generator, side: int = 64) -> Drawing:
    """A picture of a random look."""
    weights = np.array([weight for _, weight in LOOKS])
    look, _ = LOOKS[int(rng.choice(len(LOOKS), p=weights / weights.sum()))]
    return look(rng, side)
