"""Scenes of plain forms: what, how many, where, how large, which colour and texture, on what ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.starter.canvas import Canvas, Plane
from core.starter.colours import Colour, any_colour, distance, name
from core.starter.drawing import NUMBERS, Drawing, amount, article, pick, place, tints

KINDS = ("circle", "square", "triangle", "ring", "cross", "star", "ellipse", "bar", "hexagon", "crescent")
TEXTURES = ("plain", "plain", "striped", "dotted", "rough", "blurred")
GROUNDS = ("plain", "speckled", "shaded", "striped", "cloudy")
SIZES = ("tiny", "small", "medium", "large")
DIRECTIONS = ("upright", "rising", "level", "falling")


@dataclass(frozen=True)
class Form:
    kind: str
    colour: Colour
    texture: str
    x: float
    y: float
    radius: float
    angle: float

    @property
    def size(self) -> str:
        return amount(self.radius, (0.075, 0.125, 0.19), SIZES)

    def words(self) -> str:
        texture = "" if self.texture == "plain" else self.texture + " "
        return f"{self.size} {name(self.colour)} {texture}{self.kind}"


def outline(canvas: Canvas, form: Form) -> Plane:
    """The signed distance of a form."""
    x, y, r, angle = form.x, form.y, form.radius, form.angle
    disc = canvas.ellipse(x, y, r, r)
    match form.kind:
        case "triangle" | "square" | "hexagon":
            reach = canvas.polygon(x, y, r * 1.15, {"triangle": 3, "square": 4, "hexagon": 6}[form.kind], angle)
        case "ellipse":
            reach = canvas.ellipse(x, y, r, r * 0.5, angle)
        case "bar":
            reach = canvas.box(x, y, r, r * 0.25, angle)
        case "cross":
            reach = np.minimum(canvas.box(x, y, r, r * 0.3, angle), canvas.box(x, y, r * 0.3, r, angle))
        case "ring":
            reach = np.abs(disc + r * 0.2) - r * 0.2
        case "crescent":
            dx, dy = r * 0.5 * math.cos(angle), r * 0.5 * math.sin(angle)
            reach = np.maximum(disc, -canvas.ellipse(x + dx, y + dy, r * 0.85, r * 0.85))
        case "star":
            u, v = canvas.turned(x, y, angle)
            reach = np.hypot(u, v) - r * (0.72 + 0.38 * np.cos(5 * np.arctan2(v, u)))
        case _:
            reach = disc
    return reach


def paint(canvas: Canvas, form: Form) -> None:
    reach = outline(canvas, form)
    strength: Plane | float = 1.0
    if form.texture == "striped":
        strength = 0.6 + 0.4 * np.sign(canvas.waves(1.6 / form.radius, form.angle))
    elif form.texture == "dotted":
        dots = canvas.waves(1.4 / form.radius, form.angle) * canvas.waves(1.4 / form.radius, form.angle + math.pi / 2)
        strength = np.where(dots > 0.25, 0.25, 1.0).astype(np.float32)
    elif form.texture == "rough":
        strength = np.clip(0.7 + 0.35 * canvas.noise(24), 0, 1)
    canvas.paint(reach, form.colour, form.radius * 0.8 if form.texture == "blurred" else 0.0, strength)


def ground(canvas: Canvas, texture: str) -> None:
    """Gives the empty canvas its texture."""
    if texture == "speckled":
        canvas.grain(canvas.rng.uniform(0.05, 0.12))
    elif texture == "shaded":
        u, _ = canvas.turned(0.5, 0.5, canvas.rng.uniform(0, 6.28))
        canvas.shade(u * canvas.rng.uniform(0.25, 0.5))
    elif texture == "striped":
        canvas.shade(
            canvas.rng.uniform(0.05, 0.12) * canvas.waves(canvas.rng.uniform(4, 10), canvas.rng.uniform(0, 3.14))
        )
    elif texture == "cloudy":
        canvas.shade(canvas.rng.uniform(0.05, 0.12) * canvas.noise(int(canvas.rng.integers(3, 8))))


def forms(rng: np.random.Generator, background: Colour) -> list[Form]:
    """Up to six forms that do not overlap and that stand out from the ground."""
    wanted = int(rng.integers(1, 7))
    alike = pick(rng, KINDS) if rng.random() < 0.4 else None
    tint = any_colour(rng) if rng.random() < 0.3 else None
    placed: list[Form] = []
    for _ in range(60):
        radius = float(rng.uniform(0.05, 0.26 if wanted < 4 else 0.17))
        x, y = rng.uniform(radius, 1 - radius, 2)
        colour = tint or any_colour(rng)
        if distance(colour, background) < 0.35:
            tint = None
            continue
        if all(math.hypot(x - form.x, y - form.y) > radius + form.radius for form in placed):
            kind = alike or pick(rng, KINDS)
            placed.append(
                Form(kind, colour, pick(rng, TEXTURES), float(x), float(y), radius, float(rng.uniform(0, 6.28)))
            )
        if len(placed) == wanted:
            break
    return placed


def scene(rng: np.random.Generator, side: int) -> Drawing:
    background = any_colour(rng)
    texture = pick(rng, GROUNDS)
    canvas = Canvas(rng, side, background)
    ground(canvas, texture)
    drawn = forms(rng, background)
    for form in drawn:
        paint(canvas, form)
    facts = {
        "kind of image": "shapes",
        "background colour": name(background),
        "background texture": texture,
        "number of shapes": NUMBERS[len(drawn)],
    } | _told_apart(drawn)
    facts |= {f"number of {kind}s": NUMBERS[0] for kind in KINDS if rng.random() < 0.1 and kind not in str(facts)}
    listed = ", ".join(f"{article(form.words())} at the {place(form.x, form.y)}" for form in drawn[:3])
    more = " and others" if len(drawn) > 3 else ""
    caption = f"{NUMBERS[len(drawn)]} shapes on {article(texture)} {name(background)} background: {listed}{more}"
    return Drawing(canvas.done(), caption, facts, _measures(background, drawn))


def _told_apart(drawn: list[Form]) -> dict[str, str]:
    """Facts on each form whose kind is the only one of its kind, and on the largest."""
    facts: dict[str, str] = {}
    for form in drawn:
        if sum(other.kind == form.kind for other in drawn) == 1:
            facts[f"colour of the {form.kind}"] = name(form.colour)
            facts[f"place of the {form.kind}"] = place(form.x, form.y)
            facts[f"size of the {form.kind}"] = form.size
            facts[f"texture of the {form.kind}"] = form.texture
    largest = max(drawn, key=lambda form: form.radius)
    facts["largest shape"] = largest.kind
    facts["place of the largest shape"] = place(largest.x, largest.y)
    facts["colour of the largest shape"] = name(largest.colour)
    for kind in {form.kind: None for form in drawn}:
        facts[f"number of {kind}s"] = NUMBERS[sum(form.kind == kind for form in drawn)]
    return facts


def _measures(background: Colour, drawn: list[Form]) -> dict[str, float]:
    largest = max(drawn, key=lambda form: form.radius)
    where = {"largest x": largest.x, "largest y": largest.y, "largest radius": largest.radius * 3}
    cover = {"covered": sum(form.radius**2 for form in drawn) * 4, "count": len(drawn) / 6}
    return tints("background", background) | tints("largest", largest.colour) | where | cover


def pattern(rng: np.random.Generator, side: int) -> Drawing:
    """A grating or a grain over the whole picture, between two colours."""
    low, high = any_colour(rng), any_colour(rng)
    canvas = Canvas(rng, side, low)
    style = pick(rng, ("stripes", "stripes", "waves", "checks", "grain", "clouds"))
    fineness, turn = float(rng.uniform(0, 1)), int(rng.integers(4))
    cycles, angle = 2.5 * 6.0**fineness, turn * math.pi / 4 + float(rng.uniform(-0.15, 0.15))
    canvas.paint(np.full_like(canvas.x, -1.0), high, strength=_mix(canvas, style, cycles, angle))
    grade = amount(fineness, (0.25, 0.5, 0.75), ("very coarse", "coarse", "fine", "very fine"))
    facts = {"kind of image": "pattern", "pattern": style, "fineness": grade}
    facts |= {"first colour": name(low), "second colour": name(high)}
    way = DIRECTIONS[turn] + " " if style in ("stripes", "waves") else ""
    facts |= {"direction of the pattern": way.strip()} if way else {}
    caption = f"a pattern of {grade} {way}{style} between {name(low)} and {name(high)}"
    turned = {"cos": 0.5 + 0.5 * math.cos(2 * angle), "sin": 0.5 + 0.5 * math.sin(2 * angle)} if way else {}
    return Drawing(
        canvas.done(), caption, facts, tints("low", low) | tints("high", high) | {"fineness": fineness} | turned
    )


def _mix(canvas: Canvas, style: str, cycles: float, angle: float) -> Plane:
    """How much of the second colour each pixel has, 0 to 1."""
    contrast = {"grain": 0.9, "clouds": 0.5, "waves": 0.5}.get(style, 3.0)
    if style in ("grain", "clouds"):
        wave = canvas.noise(max(3, int(cycles * (2.5 if style == "grain" else 1.0))))
    else:
        wave = canvas.waves(cycles, angle)
    if style == "checks":
        wave = wave * canvas.waves(cycles, angle + math.pi / 2)
    mix: Plane = np.clip(0.5 + contrast * wave, 0, 1)
    return mix
