"""Drawn grey pictures in the look of X-ray, computed tomography, ultrasound and retinal layers."""

from __future__ import annotations

import math

import numpy as np

from core.starter.canvas import Canvas, Plane
from core.starter.colours import grey
from core.starter.drawing import NUMBERS, Drawing, amount, article, pick, place

THIRDS = ("upper", "middle", "lower")


def _lungs(canvas: Canvas, wide: float, high: float) -> tuple[Plane, Plane]:
    """Signed distances of the lung at the picture's left and at its right."""
    lean, gap = canvas.rng.uniform(0.05, 0.3), canvas.rng.uniform(0.19, 0.24)
    left = canvas.blob(0.5 - gap, 0.5, wide, high, lean, 0.06)
    right = canvas.blob(0.5 + gap, 0.5, wide, high, -lean, 0.06)
    return left, right


def _thorax(canvas: Canvas, heart: float) -> Plane:
    """An empty chest: body, lungs, ribs, spine, heart. Returns how much of each pixel is lung."""
    rng = canvas.rng
    canvas.paint(canvas.box(0.5, 0.62, rng.uniform(0.4, 0.5), 0.56), grey(rng.uniform(0.5, 0.72)), soft=0.15)
    left, right = _lungs(canvas, rng.uniform(0.14, 0.18), rng.uniform(0.28, 0.37))
    lungs = canvas.cover(np.minimum(left, right), rng.uniform(0.03, 0.09))
    canvas.shade(-lungs * rng.uniform(0.25, 0.45))
    bent = canvas.y + rng.uniform(0.3, 0.9) * (np.abs(canvas.x - 0.5) - 0.2) ** 2 * 3
    canvas.shade(rng.uniform(0.01, 0.06) * np.cos(2 * math.pi * rng.uniform(7, 11) * bent))
    canvas.shade(rng.uniform(0.05, 0.2) * canvas.cover(np.abs(canvas.x - 0.5) - 0.04, 0.05))
    shadow = canvas.ellipse(0.5 + heart * 0.35, 0.66, heart, heart * 0.95, 0.5)
    canvas.shade(rng.uniform(0.15, 0.28) * canvas.cover(shadow, 0.06))
    canvas.shade(0.3 * canvas.cover(0.86 - canvas.y + 0.25 * (np.abs(canvas.x - 0.5) - 0.22) ** 2, 0.1))
    return lungs


def chest(rng: np.random.Generator, side: int) -> Drawing:
    """A chest X-ray look, clear or with opacities."""
    canvas = Canvas(rng, side, grey(rng.uniform(0.02, 0.25)))
    heart = float(rng.uniform(0.11, 0.2))
    lungs = _thorax(canvas, heart)
    style = pick(rng, ("no", "patchy", "diffuse", "round", "streaky"))
    where, third, strength = pick(rng, ("left", "right", "both")), int(rng.integers(3)), float(rng.uniform(0.1, 0.4))
    for side_x, wanted in ((0.28, "left"), (0.72, "right")):
        if style != "no" and where in (wanted, "both"):
            canvas.shade(strength * _opacity(canvas, style, side_x, 0.3 + 0.2 * third) * np.clip(lungs + 0.15, 0, 1))
    canvas.shade(rng.uniform(-0.08, 0.08))
    canvas.grain(rng.uniform(0, 0.03))
    grade = amount(strength, (0.2, 0.3), ("faint", "moderate", "dense"))
    size = amount(heart, (0.14, 0.17), ("small", "medium", "large"))
    facts = {"kind of image": "chest X-ray", "opacity": style, "heart size": size}
    caption = f"a chest X-ray with {article(size)} heart and clear lungs"
    if style != "no":
        facts |= {
            "side of the opacity": where,
            "height of the opacity": THIRDS[third],
            "strength of the opacity": grade,
        }
        caption = f"a chest X-ray with {article(size)} heart and {article(grade)} {style} opacity "
        caption += f"in the {THIRDS[third]} {where} {'lungs' if where == 'both' else 'lung'}"
    measures = {
        "opacity": strength * 2.5 if style != "no" else 0.0,
        "heart": heart * 4,
        "light": float(canvas.pixels.mean()),
    }
    for name in ("left", "right"):
        measures[f"{name} opacity"] = strength * 2.5 if style != "no" and where in (name, "both") else 0.0
    return Drawing(canvas.done(), caption, facts, measures)


def _opacity(canvas: Canvas, style: str, x: float, y: float) -> Plane:
    """Where an opacity lies and how dense it is, 0 to 1."""
    rng = canvas.rng
    x, y = x + rng.uniform(-0.04, 0.04), y + rng.uniform(-0.04, 0.04)
    if style == "round":
        return canvas.cover(canvas.ellipse(x, y, 0.07, 0.07), 0.03)
    zone = canvas.cover(canvas.blob(x, y, 0.17, 0.15, 0.0, 0.2), 0.14)
    if style in ("patchy", "streaky"):
        wave = canvas.noise(9) if style == "patchy" else canvas.waves(rng.uniform(9, 14), rng.uniform(0.4, 1.2))
        uneven: Plane = zone * np.clip((0.6 if style == "patchy" else 0.5) + 0.6 * wave, 0, 1.4)
        return uneven
    return canvas.cover(canvas.ellipse(x, y, 0.22, 0.24), 0.25) * 0.9


def body_slice(rng: np.random.Generator, side: int) -> Drawing:
    """A slice of a body: an oval with a bright spine, organs of several greys, perhaps a lesion."""
    canvas = Canvas(rng, side, grey(rng.uniform(0.0, 0.08)))
    wide, high, fat = rng.uniform(0.38, 0.46), rng.uniform(0.28, 0.38), rng.uniform(0.02, 0.06)
    body = canvas.ellipse(0.5, 0.5, wide, high)
    canvas.paint(body, grey(rng.uniform(0.25, 0.35)))
    canvas.paint(body + fat, grey(rng.uniform(0.4, 0.55)), soft=0.02)
    count = int(rng.integers(1, 6))
    for part in range(count):
        turn = 2 * math.pi * part / count + rng.uniform(-0.3, 0.3)
        x, y = 0.5 + 0.55 * wide * math.cos(turn), 0.48 + 0.5 * high * math.sin(turn)
        organ = canvas.blob(x, y, rng.uniform(0.07, 0.13), rng.uniform(0.06, 0.1), rng.uniform(0, 6.28), 0.12)
        canvas.paint(np.maximum(organ, body + fat), grey(pick(rng, (0.05, 0.3, 0.65, 0.78))), soft=0.02)
    canvas.paint(canvas.ellipse(0.5, 0.5 + 0.72 * high, 0.05, 0.045), grey(0.97))
    lesion = pick(rng, ("no", "dark", "bright"))
    x, y = rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.6)
    if lesion != "no":
        canvas.paint(canvas.ellipse(x, y, 0.045, 0.04), grey(0.1 if lesion == "dark" else 0.92), soft=0.02)
    canvas.grain(rng.uniform(0, 0.05))
    facts = {"kind of image": "CT slice", "number of organs": NUMBERS[count], "lesion": lesion}
    facts |= {"place of the lesion": place(x, y)} if lesion != "no" else {}
    finding = "no lesion" if lesion == "no" else f"a {lesion} lesion at the {place(x, y)}"
    caption = f"a CT slice of a body with {NUMBERS[count]} organs and {finding}"
    return Drawing(
        canvas.done(), caption, facts, {"organs": count / 5, "body width": wide * 2, "body height": high * 2}
    )


def ultrasound(rng: np.random.Generator, side: int) -> Drawing:
    """Bright speckle in layers, with a dark or bright mass of some outline."""
    canvas = Canvas(rng, side, grey(rng.uniform(0.2, 0.45)))
    canvas.shade(rng.uniform(0.05, 0.15) * np.sin(2 * math.pi * rng.uniform(1.5, 4) * canvas.y + 0.4 * canvas.noise(3)))
    mass, edge = pick(rng, ("no", "dark", "very dark", "bright")), pick(rng, ("smooth", "uneven", "blurred"))
    x, y, r = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.65), float(rng.uniform(0.09, 0.24))
    if mass != "no":
        reach = canvas.blob(x, y, r * 1.2, r * 0.85, rng.uniform(-0.4, 0.4), 0.3 if edge == "uneven" else 0.04)
        level = {"dark": 0.17, "very dark": 0.03, "bright": 0.75}[mass]
        canvas.paint(reach, grey(level), soft=0.12 if edge == "blurred" else 0.02)
        if mass == "very dark":
            canvas.shade(0.2 * canvas.cover(np.abs(canvas.x - x) - r, 0.1) * (canvas.y > y + r * 0.8))
    canvas.pixels *= (1 + rng.uniform(0.15, 0.4) * canvas.noise(int(rng.integers(20, 40))))[..., None]
    size = amount(r, (0.13, 0.19), ("small", "medium", "large"))
    facts = {"kind of image": "ultrasound", "mass": mass}
    caption = "an ultrasound image with no mass"
    if mass != "no":
        facts |= {"place of the mass": place(x, y), "size of the mass": size, "outline of the mass": edge}
        caption = f"an ultrasound image with {article(size)} {mass} mass of {edge} outline at the {place(x, y)}"
    return Drawing(
        canvas.done(), caption, facts, {"mass radius": r * 3, "mass x": x, "mass y": y} if mass != "no" else {}
    )


def layers(rng: np.random.Generator, side: int) -> Drawing:
    """Bright wavy layers across a dark ground, as in a cross-section of the retina."""
    canvas = Canvas(rng, side, grey(rng.uniform(0.02, 0.12)))
    dip, tilt, top = rng.uniform(0.0, 0.12), rng.uniform(-0.15, 0.15), float(rng.uniform(0.28, 0.45))
    change = pick(rng, ("no", "bumps", "holes", "dome"))
    depth = canvas.y - top - tilt * (canvas.x - 0.5)
    pit = dip * np.exp(-(((canvas.x - 0.5) / 0.12) ** 2))
    bumps = 0.03 * np.maximum(canvas.waves(rng.uniform(4, 7), 0.0), 0) if change == "bumps" else 0.0
    dome = 0.1 * np.exp(-(((canvas.x - rng.uniform(0.35, 0.65)) / 0.14) ** 2)) if change == "dome" else 0.0
    for begin, width, level in ((0.0, 0.06, 0.6), (0.06, 0.08, 0.35), (0.15, 0.05, 0.5), (0.26, 0.05, 0.9)):
        lifted = depth - pit * (begin < 0.2) + dome + (bumps if begin > 0.2 else 0.0)
        canvas.paint(np.abs(lifted - begin - width / 2) - width / 2, grey(level * rng.uniform(0.85, 1.1)), soft=0.02)
    if change == "holes":
        for _ in range(int(rng.integers(2, 6))):
            canvas.paint(
                canvas.ellipse(rng.uniform(0.25, 0.75), top + 0.13, rng.uniform(0.02, 0.05), 0.035), grey(0.04)
            )
    canvas.shade(0.2 * canvas.cover(0.33 - depth, 0.1) * np.exp(-np.maximum(depth - 0.33, 0) / 0.15))
    canvas.grain(rng.uniform(0.02, 0.09))
    pitted = amount(dip, (0.03, 0.08), ("no", "shallow", "deep"))
    facts = {"kind of image": "OCT", "change of the layers": change, "pit": pitted}
    facts |= {"height of the layers": amount(top, (0.34, 0.39), THIRDS)}
    caption = f"an OCT image of retinal layers with {pitted} pit and {change} change"
    return Drawing(canvas.done(), caption, facts, {"pit": dip * 8, "tilt": 0.5 + tilt * 3, "top": top})
