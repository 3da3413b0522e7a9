"""The picture of a curve: a row for each set and axis, a panel for each figure, a line with a band for each reader."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.bench.curve_figures import AXES, FIGURES, Curve, Mean
from core.bench.drawing import MARKS, Area, Line, Point, Shape, Words, as_png, as_svg, length, mark
from core.readings.reader import Reader
from core.statistics.rounding import rounded

WIDTH, MARGIN = 1080, 16
LEFT, RIGHT = 50, 14
"""Of a panel: room for the numbers of its axis, and for half of the last number below it."""
HEIGHT_OF_PLOT, ABOVE, BELOW = 230, 58, 78
LETTERS, TITLE, SMALL = 12.0, 15.0, 11.0
LINE = 18
SAMPLE = 34
"""Of a line in the legend."""
INK, FAINT, AXIS = "#1a1a1a", "#4d4d4d", "#e2e2e2"
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 3), (2, 3), (8, 3, 2, 3))
WIDE = 4
"""Numbers on the axis below that are further apart than so many times stand on a logarithmic scale."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
MOST_TICKS = 6
LEAST_SPAN = 0.2
"""Of a score's axis: what a few hundred test cases can't tell apart should not look far apart."""
MOST_FAR_BELOW = 2
"""Readers; where there are more, they are what the panel is about."""
LEAST_LOSS = 1e-3
"""Of a logarithmic axis; what is less stands there."""
NOTE = (
    "Lines: means over seeds; bands: from the lowest to the highest seed (of one seed there is none). All points of a "
    "row are measured on the same test cases; intervals that hold those too are in the table. Log loss: of raw "
    "probabilities, not calibrated; logarithmic scale, less is better. Research use only."
)


@dataclass(frozen=True)
class Picture:
    shapes: Sequence[Shape]
    height: int
    title: str

    def as_svg(self) -> str:
        return as_svg(self.shapes, WIDTH, self.height, self.title)

    def as_png(self) -> bytes:
        return as_png(self.shapes, WIDTH, self.height)


@dataclass(frozen=True)
class Look:
    """By colour, mark and dashes: nobody has to tell colours apart."""

    colour: str
    mark: str
    dash: tuple[float, ...]


@dataclass(frozen=True)
class Scale:
    """From numbers to pixels, with the numbers that are written beside the axis."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    is_logarithmic: bool = False

    def at(self, value: float) -> float:
        low, high, place = (self._flat(max(number, self.low)) for number in (self.low, self.high, value))
        if high == low:
            return (self.start + self.end) / 2
        return self.start + (place - low) / (high - low) * (self.end - self.start)

    def _flat(self, number: float) -> float:
        return math.log(number) if self.is_logarithmic else number


Lines = Mapping[str, Sequence[tuple[int, Mean]]]
"""By reader the places at which it was measured, and what."""


@dataclass(frozen=True)
class Panel:
    curve: Curve
    figure: str
    x: Scale
    y: Scale
    lines: Lines
    far_below: Lines
    """Those that would press all others together: they are named with their figures."""

    def shapes(self, looks: Mapping[str, Look]) -> Iterator[Shape]:
        yield from self._axes()
        # Bands below all lines; where a reader lacks some seeds one would tell of a certainty that nobody has.
        for name, means in self.lines.items():
            whole = [(place, each) for place, each in means if each.seeds == len(self.curve.seeds)]
            yield from self._band(whole, looks[name].colour)
        for name, means in self.lines.items():
            points = [(self.x.at(place), self.y.at(each.value)) for place, each in means]
            yield from _line(points, looks[name])
        if self.far_below:
            named = "; ".join(f"{name}, {_range(means)}" for name, means in self.far_below.items())
            middle = (self.x.start + self.x.end) / 2
            yield Words(middle, self.y.start + 51, f"far below: {named}", SMALL, FAINT, "middle")

    def _is_whole(self, place: int) -> bool:
        """Whether all seeds are there."""
        return len(self.curve.at(place)) == len(self.curve.seeds)

    def _band(self, means: Sequence[tuple[int, Mean]], colour: str) -> Iterator[Area]:
        if any(each.lowest < each.highest for _, each in means):
            wide = 3 if len(means) == 1 else 0
            above = [
                (self.x.at(place) + side, self.y.at(each.highest)) for place, each in means for side in (-wide, wide)
            ]
            below = [
                (self.x.at(place) + side, self.y.at(each.lowest)) for place, each in means for side in (-wide, wide)
            ]
            yield Area([*above, *reversed(below)], colour, 0.16)

    def _below(self, place: int) -> str:
        seeds = len(self.curve.at(place))
        return f"{place:,}" if self._is_whole(place) else f"{place:,} ({seeds} seed{'s'[: seeds != 1]})"

    def _axes(self) -> Iterator[Shape]:
        top, bottom = self.y.end, self.y.start
        yield Words(self.x.start - LEFT + 14, top - 12, FIGURES[self.figure], LETTERS, INK, is_bold=True)
        for tick in self.y.ticks:
            height = self.y.at(tick)
            yield Line([(self.x.start - 6, height), (self.x.end + 6, height)], AXIS)
            yield Words(self.x.start - 11, height + 4, f"{tick:g}", SMALL, FAINT, "end")
        last = -math.inf
        for place in self._written():
            middle, text = self.x.at(place), self._below(place)
            yield Line([(middle, bottom), (middle, bottom + 4)], FAINT)
            if middle - length(text, SMALL) / 2 > last + 6:
                yield Words(middle, bottom + 17, text, SMALL, FAINT, "middle")
                last = middle + length(text, SMALL) / 2
        yield Words((self.x.start + self.x.end) / 2, bottom + 35, AXES[self.curve.axis], SMALL, INK, "middle")

    def _written(self) -> list[int]:
        """All places but what would stand in the way of the last one."""
        *others, last = self.curve.places
        free = self.x.at(last) - length(self._below(last), SMALL) / 2 - 6
        return [*(each for each in others if self.x.at(each) + length(self._below(each), SMALL) / 2 < free), last]


def picture(curves: Sequence[Curve]) -> Picture:
    readers = tuple({reader.name: reader for curve in curves for reader in curve.readers}.values())
    looks = _looks(readers)
    shapes: list[Shape] = []
    top = float(MARGIN)
    for curve in curves:
        shapes += _row(curve, looks, top)
        top += ABOVE + HEIGHT_OF_PLOT + BELOW
    legend, top = _legend(readers, looks, top)
    note, top = _note(top + 6)
    title = "; ".join(curve.title() for curve in curves)
    return Picture([*shapes, *legend, *note], round(top + MARGIN), title)


def _row(curve: Curve, looks: Mapping[str, Look], top: float) -> Iterator[Shape]:
    yield Words(MARGIN, top + TITLE, curve.title(), TITLE, INK, is_bold=True)
    each = (WIDTH - 2 * MARGIN) / len(FIGURES)
    for number, figure in enumerate(FIGURES):
        start = MARGIN + number * each
        x = _over(curve.places, start + LEFT, start + each - RIGHT - 8)
        lines = {name: means for name in looks if (means := _means(curve, name, figure))}
        below = _far_below(lines) if figure != "log_loss" else {}
        drawn = {name: means for name, means in lines.items() if name not in below}
        bottom = top + ABOVE + HEIGHT_OF_PLOT
        y = _upright(figure, [each for means in drawn.values() for _, each in means], bottom, top + ABOVE)
        yield from Panel(curve, figure, x, y, drawn, below).shapes(looks)


def _means(curve: Curve, reader: str, figure: str) -> list[tuple[int, Mean]]:
    means = [(place, curve.mean(reader, figure, place)) for place in curve.places]
    return [(place, each) for place, each in means if each is not None]


def _range(means: Sequence[tuple[int, Mean]]) -> str:
    values = [each.value for _, each in means]
    return " to ".join(dict.fromkeys([rounded(min(values)), rounded(max(values))]))


def _far_below(lines: Lines) -> Lines:
    """The fewest readers, an untuned model as a rule, without whom all others have twice the room."""
    spans = {name: (min(m.lowest for _, m in means), max(m.highest for _, m in means)) for name, means in lines.items()}
    order = sorted(spans, key=lambda name: spans[name][1])
    bottom, top = (
        min((low for low, _ in spans.values()), default=0),
        max((high for _, high in spans.values()), default=0),
    )
    for count in range(1, min(MOST_FAR_BELOW, len(order) - 2) + 1):
        floor = min(spans[name][0] for name in order[count:])
        if spans[order[count - 1]][1] < floor and 2 * (top - floor) < top - bottom:
            return {name: lines[name] for name in order[:count]}
    return {}


def _line(points: Sequence[Point], look: Look) -> Iterator[Shape]:
    if len(points) > 1:
        yield Line(points, look.colour, 2, look.dash)
    for point in points:
        yield mark(look.mark, point, 4.6, "#ffffff")
        yield mark(look.mark, point, 3.6, look.colour)


def _looks(readers: Sequence[Reader]) -> dict[str, Look]:
    marks = list(MARKS)
    colours = [reader.colour for reader in readers]
    return {
        reader.name: Look(
            reader.colour,
            marks[number % len(marks)],
            DASHES[(number // len(marks) + colours[:number].count(reader.colour)) % len(DASHES)],
        )
        for number, reader in enumerate(readers)
    }


def _over(places: Sequence[int], start: float, end: float) -> Scale:
    low, high = places[0], places[-1]
    return Scale(low, high, start, end, tuple(places), low > 0 and high > WIDE * low)


def _upright(figure: str, means: Sequence[Mean], bottom: float, top: float) -> Scale:
    low, high = min((each.lowest for each in means), default=0.0), max((each.highest for each in means), default=1.0)
    if figure == "log_loss":
        ticks = _ticks_of_logarithm(max(low, LEAST_LOSS), max(high, LEAST_LOSS))
        return Scale(min(ticks[0], max(low, LEAST_LOSS)), max(ticks[-1], high), bottom, top, ticks, is_logarithmic=True)
    lacking = max(0.0, LEAST_SPAN - (high - low))
    high = min(1.0, high + lacking / 2)
    low = max(0.0, min(low, high - LEAST_SPAN))
    step = next((step for step in STEPS if high - low <= step * (MOST_TICKS - 2)), STEPS[-1])
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple(round(number * step, 2) for number in range(first, max(last, first + 1) + 1))
    return Scale(ticks[0], ticks[-1], bottom, top, ticks)


def _ticks_of_logarithm(low: float, high: float) -> tuple[float, ...]:
    """1, 2, 5, 10 and so on, from the last below all numbers to the first above them."""
    every = [round(factor * 10.0**power, 6) for power in range(-4, 3) for factor in (1, 2, 5)]
    first = max(place for place, tick in enumerate(every) if tick <= low)
    last = min((place for place, tick in enumerate(every) if tick >= high), default=len(every) - 1)
    ticks = every[first : max(last, first + 1) + 1]
    return tuple(ticks if len(ticks) <= MOST_TICKS else [ticks[0], *_powers(ticks[1:-1]), ticks[-1]])


def _powers(ticks: Sequence[float]) -> list[float]:
    """Of ten alone."""
    return [tick for tick in ticks if math.log10(tick).is_integer()]


def _legend(readers: Sequence[Reader], looks: Mapping[str, Look], top: float) -> tuple[list[Shape], float]:
    """Beside each other as far as they go."""
    shapes: list[Shape] = []
    left, row = float(MARGIN), top
    for reader in readers:
        text = f"{reader.title} ({reader.name})"
        wide = SAMPLE + 8 + length(text, LETTERS) + 22
        if left + wide > WIDTH and left > MARGIN:
            left, row = float(MARGIN), row + LINE + 2
        look = looks[reader.name]
        shapes.append(Line([(left, row), (left + SAMPLE, row)], look.colour, 2, look.dash))
        shapes.append(mark(look.mark, (left + SAMPLE / 2, row), 3.6, look.colour))
        shapes.append(Words(left + SAMPLE + 8, row + 4, text, LETTERS, INK))
        left += wide
    return shapes, row + LINE


def _note(top: float) -> tuple[list[Shape], float]:
    lines = [""]
    for word in NOTE.split():
        longer = f"{lines[-1]} {word}".strip()
        if length(longer, SMALL) > WIDTH - 2 * MARGIN:
            lines.append(word)
        else:
            lines[-1] = longer
    return [
        Words(MARGIN, top + LINE * (number + 0.5), line, SMALL, FAINT) for number, line in enumerate(lines)
    ], top + LINE * len(lines)
