"""A picture like a slice of a CT, of 12 bits and drawn by formulas: nobody's."""

from __future__ import annotations

import numpy as np

from core.pictures.deep import Deep, Window

AIR, LUNG, FAT, MUSCLE, BONE = -1000, -700, -90, 50, 900


def ct(side: int = 64, name: str = "soft tissue") -> Deep:
    """A body of muscle within fat and air, with two lungs, a bone, and a corner in which every 12-bit level is."""
    down, across = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    measured = np.full((side, side), AIR)
    for value, x, y, wide, high in (
        (FAT, 0, 0, 0.95, 0.75),
        (MUSCLE, 0, 0, 0.88, 0.68),
        (LUNG, -0.4, -0.05, 0.3, 0.45),
        (LUNG, 0.4, -0.05, 0.3, 0.45),
        (BONE, 0, 0.45, 0.14, 0.14),
    ):
        measured[((across - x) / wide) ** 2 + ((down - y) / high) ** 2 <= 1] = value
    noise = np.random.default_rng(0).normal(0, 12, measured.shape)
    levels = np.clip(np.rint(measured + noise) + 1024, 0, 4095).astype(np.uint16)
    levels.flat[-4096:] = np.arange(4096)[-levels.size :]
    return Deep(levels, (Window(name, 40, 400), Window("lung of the file", -600, 1500)), 1.0, -1024.0, "HU")
