"""Drawn stained cells: a nucleus of some form in a cytoplasm, granules, and pale discs around."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.starter.canvas import Canvas, Plane
from core.starter.colours import Colour, between, name
from core.starter.drawing import NUMBERS, Drawing, amount, article, pick, tints

FORMS = ("no", "round", "oval", "bean", "band", "two-lobed", "three-lobed", "four-lobed")
CHROMATIN = ("smooth", "clumped", "speckled")
GRANULES = ("no", "few", "many", "coarse")
SIZES = ("very small", "small", "medium", "large")


@dataclass(frozen=True)
class Cell:
    """Radius is that of the whole cell, ratio the nucleus' radius as a share of it."""

    x: float
    y: float
    radius: float
    cytoplasm: Colour
    form: str
    ratio: float
    nucleus: Colour
    chromatin: str
    granules: str
    granule: Colour
    angle: float
    wobble: float = 0.06

    @property
    def size(self) -> str:
        return amount(self.radius, (0.17, 0.25, 0.33), SIZES)


def lobes(cell: Cell) -> list[tuple[float, float, float]]:
    """Centres and radii of the round parts of a lobed nucleus, on an arc round the cell's centre."""
    count = {"two-lobed": 2, "three-lobed": 3, "four-lobed": 4}[cell.form]
    reach, size = cell.radius * cell.ratio, cell.radius * cell.ratio * (0.62 if count == 2 else 0.52)
    turns = [cell.angle + 1.75 * (part - (count - 1) / 2) * (1.6 if count == 2 else 1.0) for part in range(count)]
    return [(cell.x + 0.62 * reach * math.cos(turn), cell.y + 0.62 * reach * math.sin(turn), size) for turn in turns]


def nucleus(canvas: Canvas, cell: Cell) -> Plane:
    """The signed distance of the nucleus; all positive where the cell has none."""
    r, x, y, angle = cell.radius * cell.ratio, cell.x, cell.y, cell.angle
    if cell.form == "no":
        return np.full_like(canvas.x, 1.0)
    if cell.form in ("round", "oval"):
        return canvas.blob(x, y, r, r * (1.0 if cell.form == "round" else 0.68), angle, cell.wobble / 2)
    if cell.form == "bean":
        bite = canvas.ellipse(x + 0.85 * r * math.sin(angle), y - 0.85 * r * math.cos(angle), r * 0.55, r * 0.5)
        bean: Plane = np.maximum(canvas.blob(x, y, r * 1.1, r * 0.85, angle, cell.wobble), -bite)
        return bean
    if cell.form == "band":
        arc = np.abs(canvas.ellipse(x, y, r * 0.75, r * 0.75)) - r * 0.27
        opening = canvas.ellipse(x + r * math.cos(angle), y + r * math.sin(angle), r * 0.75, r * 0.75)
        band: Plane = np.maximum(arc, -opening)
        return band
    parts = lobes(cell)
    discs = [canvas.blob(*part[:2], part[2], part[2] * 0.85, angle, cell.wobble) for part in parts]
    bridges = [canvas.line(left[:2], right[:2], r * 0.22) for left, right in pairwise(parts)]
    whole: Plane = np.minimum.reduce(discs + bridges)
    return whole


def granulate(canvas: Canvas, cell: Cell, body: Plane) -> None:
    """Scatters granules over the cell's body."""
    count, size = {"no": (0, 0.0), "few": (12, 0.011), "many": (55, 0.012), "coarse": (30, 0.022)}[cell.granules]
    inside = canvas.cover(body) * np.float32(0.85)
    for _ in range(count):
        turn, out = canvas.rng.uniform(0, 6.28), cell.radius * math.sqrt(canvas.rng.uniform(0, 0.85))
        x, y = cell.x + out * math.cos(turn), cell.y + out * math.sin(turn)
        canvas.dot((x, y), (size, size), cell.granule, strength=inside)


def paint(canvas: Canvas, cell: Cell) -> Plane:
    """Paints the cell and returns its nucleus' signed distance."""
    body = canvas.blob(cell.x, cell.y, cell.radius, cell.radius * 0.93, cell.angle, cell.wobble)
    canvas.paint(body, cell.cytoplasm, soft=0.03, strength=np.clip(0.85 + 0.12 * canvas.noise(9), 0, 1))
    rim = tuple(level * 0.85 for level in cell.cytoplasm)
    canvas.paint(np.abs(body) - 0.008, (rim[0], rim[1], rim[2]), strength=0.5)
    over = canvas.rng.random() < 0.4
    if not over:
        granulate(canvas, cell, body)
    kernel = nucleus(canvas, cell)
    canvas.paint(kernel, cell.nucleus, soft=0.025)
    spread = {"smooth": (0.02, 6), "clumped": (0.09, 11), "speckled": (0.08, 26)}[cell.chromatin]
    canvas.shade(canvas.cover(kernel) * spread[0] * canvas.noise(spread[1]))
    if over:
        granulate(canvas, cell, body)
    return kernel


def neighbours(canvas: Canvas, colour: Colour, wanted: int, cell: Cell, radius: float) -> int:
    """Pale discs with a lighter middle that keep off the cell; how many there are."""
    drawn = 0
    for _ in range(wanted * 3):
        x, y = canvas.rng.uniform(-0.05, 1.05, 2)
        if math.hypot(x - cell.x, y - cell.y) < cell.radius + radius * 0.8 or drawn == wanted:
            continue
        disc = canvas.blob(x, y, radius, radius * canvas.rng.uniform(0.8, 1.0), canvas.rng.uniform(0, 6.28), 0.05)
        canvas.paint(disc, colour, soft=0.02, strength=0.9)
        canvas.shade(0.1 * canvas.cover(disc + radius * 0.55, radius * 0.6))
        drawn += 1
    return drawn


def random_cell(rng: np.random.Generator) -> Cell:
    radius = float(rng.uniform(0.11, 0.42))
    off = max(0.0, 0.46 - radius) * 0.5
    x, y = rng.uniform(0.5 - off, 0.5 + off, 2)
    stain = float(rng.uniform(0.66, 0.88))
    dark = between(rng, (stain - 0.04, stain + 0.04), (0.2, 0.5), (0.25, 0.9))
    pale = between(rng, (0.55, 1.0), (0.55, 0.9), (0.08, 0.8))
    grain = between(rng, pick(rng, ((0.68, 0.85), (0.85, 1.0), (0.0, 0.08))), (0.2, 0.65), (0.3, 0.95))
    form = pick(rng, FORMS)
    if rng.random() < 0.08:
        dark, pale, grain = ((level, level, level) for level in (rng.uniform(0.15, 0.4), 0.68, 0.45))
    ratio, angle = float(rng.uniform(0.4, 0.95)), float(rng.uniform(0, 6.28))
    wobble = float(rng.uniform(0.02, 0.15))
    return Cell(
        float(x),
        float(y),
        radius,
        pale,
        form,
        ratio,
        dark,
        pick(rng, CHROMATIN),
        pick(rng, GRANULES),
        grain,
        angle,
        wobble,
    )


def smear(rng: np.random.Generator, side: int) -> Drawing:
    """One stained cell among pale discs."""
    background = between(rng, (0.0, 1.0), (0.8, 0.97), (0.0, 0.6))
    red = between(rng, (-0.06, 0.09), (0.6, 0.85), (0.1, 0.7))
    cell, canvas = random_cell(rng), Canvas(rng, side, background)
    canvas.shade(0.02 * canvas.noise(3))
    radius = float(rng.uniform(0.12, 0.26))
    around = neighbours(canvas, red, int(rng.integers(0, 8)), cell, radius)
    paint(canvas, cell)
    canvas.grain(rng.uniform(0, 0.03))
    return Drawing(
        canvas.done(),
        _caption(cell, around, background),
        _facts(cell, around, background, red),
        _measures(cell, around, background, red),
    )


def _share(cell: Cell) -> str:
    return amount(cell.ratio, (0.55, 0.75), ("small", "half", "most")) if cell.form != "no" else "none"


def _facts(cell: Cell, around: int, background: Colour, red: Colour) -> dict[str, str]:
    facts = {
        "kind of image": "stained cell",
        "nucleus shape": cell.form if cell.form != "no" else "none",
        "nucleus share of the cell": _share(cell),
        "cell size": cell.size,
        "cytoplasm colour": name(cell.cytoplasm),
        "granules": cell.granules,
        "background colour": name(background),
        "number of pale discs": NUMBERS[around],
        "cell outline": amount(cell.wobble, (0.06, 0.11), ("even", "slightly uneven", "uneven")),
    }
    if cell.form != "no":
        facts |= {"nucleus colour": name(cell.nucleus), "chromatin": cell.chromatin}
    if cell.granules != "no":
        facts["granule colour"] = name(cell.granule)
    if around:
        facts["disc colour"] = name(red)
    return facts


def _caption(cell: Cell, around: int, background: Colour) -> str:
    kernel = "no nucleus"
    if cell.form != "no":
        kernel = f"{article(cell.form)} {name(cell.nucleus)} nucleus of {cell.chromatin} chromatin"
    grains = f"{cell.granules} {name(cell.granule)} granules" if cell.granules != "no" else "no granules"
    return (
        f"a stained cell: {article(cell.size)} cell with {kernel}, {name(cell.cytoplasm)} cytoplasm and {grains}, "
        f"{NUMBERS[around]} pale discs around, {name(background)} background"
    )


def _measures(cell: Cell, around: int, background: Colour, red: Colour) -> dict[str, float]:
    whole = tints("cytoplasm", cell.cytoplasm) | tints("background", background)
    whole |= {"cell radius": cell.radius * 2, "discs": around / 8, "cell x": cell.x, "cell y": cell.y}
    if cell.form != "no":
        whole |= tints("nucleus", cell.nucleus) | {"nucleus radius": cell.radius * cell.ratio * 2}
    if cell.granules != "no":
        whole |= tints("granule", cell.granule)
    return whole | (tints("disc", red) if around else {})
