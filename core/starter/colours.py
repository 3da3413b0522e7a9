"""Colours and the words for them: a hue, how light it is and how full."""

from __future__ import annotations

import colorsys

import numpy as np

Colour = tuple[float, float, float]

HUES = (
    (0.035, "red"),
    (0.11, "orange"),
    (0.18, "yellow"),
    (0.26, "lime"),
    (0.40, "green"),
    (0.48, "teal"),
    (0.54, "cyan"),
    (0.61, "azure"),
    (0.69, "blue"),
    (0.77, "violet"),
    (0.84, "purple"),
    (0.91, "magenta"),
    (0.97, "pink"),
    (1.01, "red"),
)


def name(colour: Colour) -> str:
    """Up to three words, such as "dark dull violet"; greys by their lightness alone."""
    hue, light, _ = colorsys.rgb_to_hls(*colour)
    chroma = max(colour) - min(colour)
    if chroma < 0.06:
        return _grey(light)
    word = next(word for limit, word in HUES if hue < limit)
    shade = "dark " if light < 0.35 else "pale " if light > 0.72 else ""
    fullest = 1.0 - abs(2.0 * light - 1.0)
    fullness = "dull " if chroma < 0.45 * fullest else ""
    return shade + fullness + word


def _grey(light: float) -> str:
    limits = ((0.1, "black"), (0.35, "dark grey"), (0.65, "grey"), (0.9, "light grey"))
    return next((word for limit, word in limits if light < limit), "white")


def between(
    rng: np.random.Generator, hue: tuple[float, float], light: tuple[float, float], full: tuple[float, float]
) -> Colour:
    """A colour with hue, lightness and saturation drawn from the given ranges; hues wrap round at 1."""
    values = (rng.uniform(*hue) % 1.0, rng.uniform(*light), rng.uniform(*full))
    return colorsys.hls_to_rgb(*values)


def any_colour(rng: np.random.Generator) -> Colour:
    """One colour in eight is a grey, so that pictures without colour are seen too."""
    full = (0.0, 0.02) if rng.random() < 0.125 else (0.2, 1.0)
    return between(rng, (0.0, 1.0), (0.08, 0.92), full)


def grey(level: float) -> Colour:
    return (level, level, level)


def distance(colour: Colour, other: Colour) -> float:
    """0 for the same colour, about 1.7 between black and white."""
    return float(np.linalg.norm(np.subtract(colour, other)))
