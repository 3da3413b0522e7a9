"""Figures without a screen: lines, areas, marks and words, as SVG and, of the same shapes, as PNG.

The science draws with nothing that the screen needs; letters are measured in the one font that comes with Pillow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from io import BytesIO
from itertools import pairwise
from typing import Literal

from PIL import Image, ImageColor, ImageDraw, ImageFont

FONT = "Arial, Helvetica, sans-serif"
SCALE = 3
"""Pixels of a PNG for each of an SVG: 288 an inch."""
Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
PIL_ANCHORS: Mapping[Anchor, str] = {"start": "ls", "middle": "ms", "end": "rs"}
MARKS: Mapping[str, tuple[Point, ...]] = {
    "circle": tuple((math.cos(math.tau * turn / 16), math.sin(math.tau * turn / 16)) for turn in range(16)),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "pointed down": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    "star": tuple(
        ((1.4, 0.6)[turn % 2] * math.sin(math.pi * turn / 4), -(1.4, 0.6)[turn % 2] * math.cos(math.pi * turn / 4))
        for turn in range(8)
    ),
}
"""Outlines around 0, about 1 in size."""


@dataclass(frozen=True)
class Line:
    points: Sequence[Point]
    colour: str
    width: float = 1.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True)
class Area:
    """Filled, without an outline."""

    points: Sequence[Point]
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Words:
    x: float
    y: float
    """Of the line on which they stand."""
    text: str
    size: float
    colour: str
    anchor: Anchor = "start"
    is_bold: bool = False


Shape = Line | Area | Words


def mark(name: str, at: Point, size: float, colour: str) -> Area:
    return Area([(at[0] + x * size, at[1] + y * size) for x, y in MARKS[name]], colour)


def length(text: str, size: float) -> float:
    """About how long a text is in pixels."""
    return float(_font(100).getlength(text)) * size / 100


def as_svg(shapes: Sequence[Shape], width: int, height: int, title: str) -> str:
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    frame = f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}">'
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([opening + frame, f"<title>{escape(title)}</title>", ground, *map(_svg_of, shapes), "</svg>", ""])


def as_png(shapes: Sequence[Shape], width: int, height: int) -> bytes:
    picture = Image.new("RGB", (width * SCALE, height * SCALE), "white")
    for shape in shapes:
        _paint(picture, shape)
    file = BytesIO()
    picture.save(file, "PNG", dpi=(96 * SCALE, 96 * SCALE))
    return file.getvalue()


def _svg_of(shape: Shape) -> str:
    if isinstance(shape, Words):
        bold = ' font-weight="bold"' if shape.is_bold else ""
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" text-anchor="{shape.anchor}"'
        return f'<text {place} fill="{shape.colour}"{bold}>{escape(shape.text)}</text>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    if isinstance(shape, Area):
        return f'<polygon points="{points}" fill="{shape.colour}" fill-opacity="{shape.opacity:g}"/>'
    dash = f' stroke-dasharray="{" ".join(f"{part:g}" for part in shape.dash)}"' if shape.dash else ""
    look = f'fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}" stroke-linejoin="round"{dash}'
    return f'<polyline points="{points}" {look}/>'


def _paint(picture: Image.Image, shape: Shape) -> None:
    draw = ImageDraw.Draw(picture, "RGBA")
    if isinstance(shape, Words):
        bold = SCALE / 3 if shape.is_bold else 0
        place = (shape.x * SCALE, shape.y * SCALE)
        font, anchor = _font(shape.size * SCALE), PIL_ANCHORS[shape.anchor]
        draw.text(place, shape.text, shape.colour, font, anchor, stroke_width=bold)
        return
    points = [(x * SCALE, y * SCALE) for x, y in shape.points]
    if isinstance(shape, Area):
        red, green, blue = ImageColor.getrgb(shape.colour)[:3]
        draw.polygon(points, (red, green, blue, round(255 * shape.opacity)))
        return
    width = max(1, round(shape.width * SCALE))
    pieces = [points] if not shape.dash else _dashes(points, [part * SCALE for part in shape.dash])
    for piece in pieces:
        draw.line(piece, shape.colour, width, joint="curve")


def _dashes(points: Sequence[Point], pattern: Sequence[float]) -> Iterator[list[Point]]:
    """The drawn pieces of a line: the pattern has what is drawn and what is left out in turn."""
    turn, left = 0, pattern[0]
    piece = [points[0]]
    for start, end in pairwise(points):
        whole = math.dist(start, end)
        done = 0.0
        while whole - done > left:
            done += left
            at = (start[0] + (end[0] - start[0]) * done / whole, start[1] + (end[1] - start[1]) * done / whole)
            if turn % 2 == 0:
                yield [*piece, at]
            piece, turn = [at], turn + 1
            left = pattern[turn % len(pattern)]
        left -= whole - done
        piece.append(end)
    if turn % 2 == 0 and len(piece) > 1:
        yield piece


@lru_cache(maxsize=32)
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels bring FreeType
    return font
