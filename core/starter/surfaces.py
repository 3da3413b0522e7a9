"""Drawn coloured pictures in the look of an eye's ground, a skin mark, a stained tissue and glowing nuclei."""

from __future__ import annotations

import math

import numpy as np

from core.starter.canvas import Canvas
from core.starter.colours import Colour, between, name
from core.starter.drawing import NUMBERS, Drawing, amount, article, pick, place, tints

CROWDS = ("few", "some", "many", "very many")


def fundus(rng: np.random.Generator, side: int) -> Drawing:
    """An orange disc on black with a bright optic disc, vessels, and perhaps bright or red spots."""
    glow = between(rng, (0.01, 0.09), (0.25, 0.55), (0.5, 0.95))
    canvas = Canvas(rng, side, (0.0, 0.0, 0.0))
    eye = canvas.ellipse(0.5, 0.5, 0.48, 0.48)
    canvas.paint(eye, glow)
    canvas.shade(canvas.cover(eye) * 0.05 * canvas.noise(4))
    at, level = pick(rng, ("left", "right")), float(rng.uniform(0.42, 0.58))
    x = 0.27 if at == "left" else 0.73
    vessel = (glow[0] * 0.6, glow[1] * 0.4, glow[2] * 0.5)
    for turn in rng.uniform(-1.3, 1.3, int(rng.integers(3, 7))):
        _vessel(canvas, x, level, float(turn) + (0.0 if at == "left" else math.pi), vessel)
    cup = float(rng.uniform(0.055, 0.1))
    canvas.paint(canvas.ellipse(x, level, cup, cup * 1.1), (1.0, 0.88, 0.6), soft=0.03)
    bright, red = int(rng.integers(0, 7)), int(rng.integers(0, 7))
    _spots(canvas, bright, (1.0, 0.92, 0.55))
    _spots(canvas, red, (glow[0] * 0.5, 0.03, 0.03))
    canvas.pixels *= canvas.cover(eye)[..., None]
    facts = {"kind of image": "fundus", "side of the optic disc": at, "number of bright spots": NUMBERS[bright]}
    facts |= {"number of red spots": NUMBERS[red], "fundus colour": name(glow)}
    facts["optic disc size"] = amount(cup, (0.07, 0.085), ("small", "medium", "large"))
    caption = f"{article(name(glow))} fundus with the optic disc at the {at}, "
    caption += f"{NUMBERS[bright]} bright spots and {NUMBERS[red]} red spots"
    return Drawing(canvas.done(), caption, facts, tints("fundus", glow) | {"bright": bright / 6, "red spots": red / 6})


def _vessel(canvas: Canvas, x: float, y: float, turn: float, colour: Colour) -> None:
    """A bent line that thins as it leaves the optic disc."""
    bend, width = canvas.rng.uniform(-0.35, 0.35), canvas.rng.uniform(0.012, 0.028)
    for _ in range(5):
        end = (x + 0.16 * math.cos(turn), y + 0.16 * math.sin(turn))
        canvas.paint(canvas.line((x, y), end, width), colour, strength=0.85)
        x, y, turn, width = *end, turn + bend, width * 0.8


def _spots(canvas: Canvas, count: int, colour: Colour) -> None:
    for _ in range(count):
        turn, out = canvas.rng.uniform(0, 6.28), 0.4 * math.sqrt(canvas.rng.uniform(0, 1))
        size = canvas.rng.uniform(0.012, 0.03)
        canvas.dot((0.5 + out * math.cos(turn), 0.5 + out * math.sin(turn)), (size, size), colour)


def skin(rng: np.random.Generator, side: int) -> Drawing:
    """A mark on skin: its outline, its one or two colours, hairs over it."""
    ground = between(rng, (0.0, 0.09), (0.45, 0.88), (0.2, 0.75))
    mark = between(rng, (-0.05, 0.09), (0.1, 0.5), (0.2, 0.8))
    canvas = Canvas(rng, side, ground)
    canvas.shade(0.03 * canvas.noise(8))
    uneven = float(rng.uniform(0.0, 0.4))
    x, y, r = *rng.uniform(0.4, 0.6, 2), float(rng.uniform(0.13, 0.36))
    edge = pick(rng, ("sharp", "blurred"))
    reach = canvas.blob(x, y, r, r * rng.uniform(0.65, 1.0), rng.uniform(0, 6.28), uneven)
    canvas.paint(reach, mark, soft=0.18 if edge == "blurred" else 0.02)
    second = pick(rng, ("even", "darker middle", "paler middle", "mottled"))
    inner = canvas.cover(reach + r * 0.45, r * 0.4)
    middle = {"even": 0.0, "darker middle": -0.18, "paler middle": 0.25, "mottled": 0.0}[second]
    canvas.shade(middle * inner + (0.12 * canvas.noise(12) * canvas.cover(reach) if second == "mottled" else 0.0))
    hairs = int(pick(rng, (0, 0, 0, 2, 4, 7)))
    for _ in range(hairs):
        start, end = rng.uniform(0, 1, 2), rng.uniform(0, 1, 2)
        canvas.paint(canvas.line((start[0], start[1]), (end[0], end[1]), 0.012), (0.1, 0.07, 0.05), strength=0.7)
    outline = amount(uneven, (0.1, 0.22), ("even", "slightly uneven", "uneven"))
    size = amount(r, (0.19, 0.28), ("small", "medium", "large"))
    facts = {"kind of image": "skin mark", "mark colour": name(mark), "skin colour": name(ground), "mark size": size}
    facts |= {"mark outline": outline, "mark edge": edge, "mark pattern": second, "number of hairs": NUMBERS[hairs]}
    caption = (
        f"{article(size)} {name(mark)} mark on {name(ground)} skin with {article(outline)} {edge} outline, {second}"
    )
    return Drawing(
        canvas.done(),
        caption,
        facts,
        tints("mark", mark) | tints("skin", ground) | {"mark radius": r * 2.5, "uneven": uneven * 2},
    )


def tissue(rng: np.random.Generator, side: int) -> Drawing:
    """Stained tissue: a pink ground, dark nuclei of some crowd and size, pale openings, strands."""
    ground = between(rng, (0.78, 0.98), (0.6, 0.88), (0.25, 0.8))
    dark = between(rng, (0.64, 0.82), (0.2, 0.5), (0.25, 0.8))
    canvas = Canvas(rng, side, ground)
    strands = bool(rng.random() < 0.4)
    angle = rng.uniform(0, 3.14)
    texture = canvas.waves(rng.uniform(5, 12), angle) + 0.8 * canvas.noise(7) if strands else canvas.noise(9)
    canvas.shade(0.05 * texture)
    holes = int(rng.integers(0, 4))
    for _ in range(holes):
        wide = rng.uniform(0.07, 0.18)
        x, y = rng.uniform(0.15, 0.85, 2)
        hole = canvas.blob(x, y, wide, wide * rng.uniform(0.6, 1), rng.uniform(0, 6.28), 0.15)
        canvas.paint(np.abs(hole) - 0.03, dark, strength=0.6)
        canvas.paint(hole, (0.96, 0.94, 0.96), soft=0.02)
    crowd, size = int(rng.integers(4)), float(rng.uniform(0.014, 0.045))
    for x, y in rng.uniform(0, 1, ((4, 14, 32, 64)[crowd], 2)):
        turn = angle + rng.normal() * 0.2 if strands else rng.uniform(0, 6.28)
        canvas.dot((x, y), (size * (1.6 if strands else 1.1), size * (0.6 if strands else 1)), dark, turn, 0.9)
    canvas.grain(rng.uniform(0, 0.03))
    grade = amount(size, (0.022, 0.033), ("small", "medium", "large"))
    fibres = "strands" if strands else "no strands"
    facts = {"kind of image": "stained tissue", "crowd of nuclei": CROWDS[crowd], "nuclei size": grade}
    facts |= {"number of openings": NUMBERS[holes], "strands": "yes" if strands else "no"}
    facts |= {"tissue colour": name(ground), "nuclei colour": name(dark)}
    caption = f"a stained tissue: {name(ground)} ground with {CROWDS[crowd]} {grade} {name(dark)} nuclei, "
    caption += f"{NUMBERS[holes]} openings, {fibres}"
    return Drawing(
        canvas.done(),
        caption,
        facts,
        tints("tissue", ground) | tints("nuclei", dark) | {"crowd": crowd / 3, "nuclei size": size * 20},
    )


def glow(rng: np.random.Generator, side: int) -> Drawing:
    """Glowing forms on black, as under a fluorescence microscope."""
    colour = between(rng, (0.0, 1.0), (0.4, 0.7), (0.5, 1.0)) if rng.random() < 0.6 else (0.75, 0.75, 0.75)
    canvas = Canvas(rng, side, (0.02, 0.02, 0.02))
    count, r = int(rng.integers(1, 9)), float(rng.uniform(0.05, 0.13))
    style = pick(rng, ("full", "rings", "spotted"))
    spots: list[tuple[float, float]] = []
    for _ in range(80):
        x, y = rng.uniform(0.1, 0.9, 2)
        if len(spots) < count and all(math.hypot(x - a, y - b) > 2 * r for a, b in spots):
            spots.append((float(x), float(y)))
    for x, y in spots:
        reach = canvas.blob(x, y, r, r * rng.uniform(0.7, 1), rng.uniform(0, 6.28), 0.08)
        inside = np.abs(reach + r * 0.2) - r * 0.2 if style == "rings" else reach
        bright = np.clip(0.6 + 0.5 * canvas.noise(30), 0, 1) if style == "spotted" else rng.uniform(0.6, 1)
        canvas.paint(inside, colour, soft=0.04, strength=bright)
    canvas.grain(rng.uniform(0, 0.04))
    size = amount(r, (0.075, 0.1), ("small", "medium", "large"))
    facts = {"kind of image": "glowing cells", "number of cells": NUMBERS[len(spots)], "cells colour": name(colour)}
    facts |= (
        {"cells style": style, "cells size": size, "place of the first cell": place(*spots[0])}
        if len(spots) == 1
        else {"cells style": style, "cells size": size}
    )
    caption = f"{NUMBERS[len(spots)]} {size} {style} glowing {name(colour)} cells on a black ground"
    return Drawing(
        canvas.done(), caption, facts, tints("cells", colour) | {"cells": len(spots) / 8, "cells radius": r * 7}
    )
