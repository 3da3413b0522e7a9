"""A picture being painted from signed distances: soft edges, smooth noise and any size come for free.

Places and lengths are fractions of the picture's side, y points down. A distance is negative inside a form.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.starter.colours import Colour

Plane = NDArray[np.floating[Any]]


class Canvas:
    """The pixels so far, and the coordinates of their centres."""

    def __init__(self, rng: np.random.Generator, side: int, background: Colour) -> None:
        axis = (np.arange(side, dtype=np.float32) + 0.5) / side
        self.rng = rng
        self.side = side
        self.x: Plane = np.broadcast_to(axis[None, :], (side, side))
        self.y: Plane = np.broadcast_to(axis[:, None], (side, side))
        self.pixels = np.empty((side, side, 3), np.float32)
        self.pixels[:] = background

    def turned(self, x: float, y: float, angle: float) -> tuple[Plane, Plane]:
        """Coordinates seen from a point, turned by an angle in radians."""
        dx, dy, cos, sin = self.x - x, self.y - y, math.cos(angle), math.sin(angle)
        return dx * cos + dy * sin, dy * cos - dx * sin

    def ellipse(self, x: float, y: float, wide: float, high: float, angle: float = 0.0) -> Plane:
        u, v = self.turned(x, y, angle)
        reach: Plane = (np.hypot(u / wide, v / high) - 1.0) * min(wide, high)
        return reach

    def blob(self, x: float, y: float, wide: float, high: float, angle: float, wobble: float) -> Plane:
        """An ellipse with an uneven outline; wobble is the unevenness as a share of the radius."""
        u, v = self.turned(x, y, angle)
        turn = np.arctan2(v, u)
        wave = np.zeros_like(u)
        for times in (2, 3, 5):
            wave += self.rng.uniform(-1, 1) / times * np.cos(times * turn + self.rng.uniform(0, 6.28))
        reach: Plane = (np.hypot(u / wide, v / high) - 1.0 - wobble * wave) * min(wide, high)
        return reach

    def polygon(self, x: float, y: float, radius: float, corners: int, angle: float) -> Plane:
        u, v = self.turned(x, y, angle)
        inner = radius * math.cos(math.pi / corners)
        turns = [2 * math.pi * corner / corners for corner in range(corners)]
        sides = [u * math.cos(turn) + v * math.sin(turn) - inner for turn in turns]
        reach: Plane = np.maximum.reduce(sides)
        return reach

    def box(self, x: float, y: float, wide: float, high: float, angle: float = 0.0) -> Plane:
        """Wide and high are half the lengths of its sides."""
        u, v = self.turned(x, y, angle)
        reach: Plane = np.maximum(np.abs(u) - wide, np.abs(v) - high)
        return reach

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float) -> Plane:
        run, rise = end[0] - start[0], end[1] - start[1]
        length = max(run * run + rise * rise, 1e-9)
        along = np.clip(((self.x - start[0]) * run + (self.y - start[1]) * rise) / length, 0.0, 1.0)
        reach: Plane = np.hypot(self.x - start[0] - along * run, self.y - start[1] - along * rise) - width / 2
        return reach

    def noise(self, cells: int) -> Plane:
        """Smooth random values of spread 1 with about so many bumps along a side."""
        seeds = self.rng.standard_normal((cells + 2, cells + 2)).astype(np.float32)
        grown = Image.fromarray(seeds).resize((self.side, self.side), Image.Resampling.BICUBIC)
        return np.asarray(grown, np.float32)

    def waves(self, cycles: float, angle: float) -> Plane:
        """A grating from -1 to 1 with so many cycles along a side; angle 0 makes upright stripes."""
        u, _ = self.turned(0.5, 0.5, angle)
        grating: Plane = np.sin(2 * math.pi * cycles * u + self.rng.uniform(0, 6.28)).astype(np.float32)
        return grating

    def cover(self, reach: Plane, soft: float = 0.0) -> Plane:
        """1 inside, 0 outside, with an edge at least a pixel wide."""
        share: Plane = np.clip(0.5 - reach / max(soft, 1.0 / self.side), 0.0, 1.0)
        return share

    def paint(self, reach: Plane, colour: Colour, soft: float = 0.0, strength: float | Plane = 1.0) -> None:
        amount = (self.cover(reach, soft) * strength)[..., None]
        self.pixels += amount * (np.asarray(colour, np.float32) - self.pixels)

    def dot(
        self,
        at: tuple[float, float],
        size: tuple[float, float],
        colour: Colour,
        angle: float = 0.0,
        strength: float | Plane = 1.0,
    ) -> None:
        """A small ellipse. Only the window around it is worked on: pictures may have a hundred."""
        reach = max(size) + 2.0 / self.side
        low = [max(0, int((place - reach) * self.side)) for place in at]
        high = [max(0, math.ceil((place + reach) * self.side)) for place in at]
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        dx, dy, cos, sin = self.x[window] - at[0], self.y[window] - at[1], math.cos(angle), math.sin(angle)
        share = np.hypot((dx * cos + dy * sin) / size[0], (dy * cos - dx * sin) / size[1])
        amount = self.cover((share - 1.0) * min(size)) * (strength if isinstance(strength, float) else strength[window])
        self.pixels[window] += amount[..., None] * (np.asarray(colour, np.float32) - self.pixels[window])

    def shade(self, amount: Plane | float) -> None:
        """Adds light to, or takes it from, all three channels."""
        self.pixels += np.asarray(amount, np.float32)[..., None]

    def grain(self, strength: float) -> None:
        """Pixel noise, equal in the three channels."""
        self.shade(strength * self.rng.standard_normal((self.side, self.side), np.float32))

    def done(self) -> NDArray[np.uint8]:
        return (np.clip(self.pixels, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
