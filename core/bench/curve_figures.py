"""What the runs of a curve say together: every reader's figures over training cases or steps, the mean over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from core.bench.departures import below_table
from core.layouts.safe_csv import as_csv
from core.readings.benefit import gaps, is_tsm
from core.readings.reader import Reader, readers_from_plain, unknown_reader
from core.readings.results import as_markdown
from core.statistics.metrics import TITLES
from core.statistics.over_seeds import ends_over_seeds, standard_error
from core.statistics.rounding import rounded

FIGURES: Mapping[str, str] = {
    "macro_f1": TITLES["macro_f1"],
    "log_loss": f"{TITLES['log_loss']}, raw",
    "auroc": TITLES["auroc"],
}
"""Of a panel each. The log loss is that of probabilities as readers give them, which nothing was calibrated by."""
MOST = {"macro_f1": 1.0, "auroc": 1.0, "log_loss": math.inf}
ABOUT = (
    "Each figure is the mean over seeds with its 95 % interval, which holds the variance between seeds and that of the "
    "test cases, which all points share (of one seed: that of the cases). Validation cases are cut in the proportion "
    "of the training cases; fewer training cases are among more of the same seed. Log loss is of raw probabilities, "
    "not calibrated."
)
Axis = Literal["cases", "steps"]
AXES: Mapping[Axis, str] = {"cases": "training cases", "steps": "steps a stage"}


@dataclass(frozen=True)
class Point:
    """Where a run of a curve stands; without steps its stages were as long as its settings say of so many cases."""

    set: str
    cases: int
    validated: int
    tested: int
    steps: int | None
    seed: int

    def at(self, axis: Axis) -> int:
        return self.cases if axis == "cases" else self.steps or 0

    def words(self) -> str:
        length = "" if self.steps is None else f", {self.steps:,} steps a stage"
        return f"{self.set}, {self.cases:,} training cases{length}, seed {self.seed}"


@dataclass(frozen=True)
class Finished:
    """A point with what its run measured: what its folder's metrics.json holds."""

    point: Point
    results: Mapping[str, Any]

    @property
    def readers(self) -> tuple[Reader, ...]:
        """All whose answers were measured, as the run describes them."""
        described = {reader.name: reader for reader in readers_from_plain(self.results.get("reader_list", []))}
        return tuple(described.get(name) or unknown_reader(name) for name in self.results["readers"])

    def figure(self, reader: str, name: str) -> Mapping[str, Any] | None:
        """Its own figure with its own interval; None where it could not be measured."""
        figure = self.results["readers"].get(reader, {}).get(name)
        return figure if figure and figure["value"] is not None else None

    def gap(self, reader: str, rival: str, name: str) -> Mapping[str, Any] | None:
        """What a reader has over a rival on the same cases, with its own interval."""
        pair = next(gaps(self.results, reader, rival, {name: FIGURES[name]}, is_asked_for=True), None)
        if pair is None or pair.difference is None:
            return None
        return {"value": pair.difference, "low": pair.low, "high": pair.high}


@dataclass(frozen=True)
class Mean:
    """Over seeds, with its 95 % interval, and the lowest and the highest seed: the band of the picture."""

    seeds: int
    value: float
    low: float | None
    high: float | None
    lowest: float
    highest: float

    def words(self, sign: str = "", seeds: int = 0) -> str:
        """With how many seeds it is of, where others are of more."""
        ends = [rounded(end) if not sign else f"{end:{sign}z.3f}" for end in (self.low, self.high) if end is not None]
        middle = f"{self.value:{sign}z.3f}" if sign else rounded(self.value)
        fewer = f" ({self.seeds} of {seeds} seeds)" if self.seeds < seeds else ""
        return (f"{middle} [{', '.join(ends)}]" if ends else middle) + fewer


@dataclass(frozen=True)
class Curve:
    """The points of a set along one axis, and what all of them have in common."""

    set: str
    axis: Axis
    finished: tuple[Finished, ...]

    @property
    def places(self) -> list[int]:
        return sorted({each.point.at(self.axis) for each in self.finished})

    @property
    def seeds(self) -> list[int]:
        return sorted({each.point.seed for each in self.finished})

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Each once, in the order of the run that has most of them: some want more cases than every point has."""
        fullest_first = sorted(self.finished, key=lambda each: -len(each.readers))
        return tuple({reader.name: reader for each in fullest_first for reader in each.readers}.values())

    @property
    def first(self) -> Point:
        return self.finished[0].point

    def at(self, place: int) -> list[Finished]:
        return [each for each in self.finished if each.point.at(self.axis) == place]

    def mean(self, reader: str, name: str, place: int) -> Mean | None:
        figures = [figure for each in self.at(place) if (figure := each.figure(reader, name))]
        return mean_of(figures, 0, MOST[name])

    def mean_gap(self, reader: str, rival: str, name: str, place: int) -> Mean | None:
        gaps = [gap for each in self.at(place) if (gap := each.gap(reader, rival, name))]
        return mean_of(gaps, -MOST[name], MOST[name])

    def title(self) -> str:
        """The set, what the curve goes over, what stays the same, and of how much it is."""
        first, seeds = self.first, ", ".join(map(str, self.seeds))
        if self.axis == "steps":
            same = f"{first.cases:,} training cases"
        else:
            same = "stages as long as set" if first.steps is None else f"{first.steps:,} steps a stage"
        named = f"{'seed' if len(self.seeds) == 1 else 'seeds'} {seeds}"
        return f"{self.set} over {AXES[self.axis]} (n = {first.tested:,} test cases; {named}; {same})"


def mean_of(figures: Sequence[Mapping[str, Any]], least: float, most: float) -> Mean | None:
    """Of the figures of a reader, one a seed; of a single seed it is that figure, with its own interval."""
    if not figures:
        return None
    values = [float(figure["value"]) for figure in figures]
    low, high = figures[0]["low"], figures[0]["high"]
    if len(figures) > 1:
        low, high = ends_over_seeds(values, list(map(standard_error, figures)), least, most)
    return Mean(len(values), mean(values), low, high, min(values), max(values))


def curves_of(done: Sequence[Finished]) -> list[Curve]:
    """A curve for each set and axis along which it has several points; one over cases in any case."""
    curves = []
    for name in dict.fromkeys(each.point.set for each in done):
        of_set = [each for each in done if each.point.set == name]
        longest = max(each.point.steps or 0 for each in of_set)
        largest = max(each.point.cases for each in of_set)
        over_cases = [each for each in of_set if (each.point.steps or 0) == longest]
        over_steps = [each for each in of_set if each.point.cases == largest]
        has_steps = len({each.point.steps for each in over_steps}) > 1
        if len({each.point.cases for each in over_cases}) > 1 or not has_steps:
            curves.append(Curve(name, "cases", tuple(over_cases)))
        if has_steps:
            curves.append(Curve(name, "steps", tuple(over_steps)))
    return curves


def markdown(curves: Sequence[Curve]) -> str:
    """A table of all readers for each curve, and below it what the reader that the runs are made for has over those
    that it has to be better than."""
    parts = []
    for curve in curves:
        head = [AXES[curve.axis], "validation cases", "reader", *FIGURES.values()]
        parts += [f"**{curve.title()}**", as_markdown(head, list(_rows(curve)))]
        if rows := list(_gap_rows(curve)):
            aim = curve.finished[0].results["made_for"]["reader"]
            head = [AXES[curve.axis], f"{aim}, less", *FIGURES.values()]
            parts += [
                f"What {aim} has over others, on the same cases; of log loss less is better.",
                as_markdown(head, rows),
            ]
    finished = [each for curve in curves for each in curve.finished]
    departures = below_table({each.point.words(): each.results.get("departures", []) for each in finished})
    return "\n\n".join([*parts, ABOUT, *([departures.rstrip()] if departures else [])]) + "\n"


def _rows(curve: Curve) -> Iterator[list[str]]:
    for place in curve.places:
        for reader in curve.readers:
            means = [curve.mean(reader.name, name, place) for name in FIGURES]
            if any(means):
                validated = curve.at(place)[0].point.validated
                yield [f"{place:,}", f"{validated:,}", reader.name, *(_cell(curve, each) for each in means)]


def _cell(curve: Curve, each: Mean | None, sign: str = "") -> str:
    return each.words(sign, len(curve.seeds)) if each else "–"


def _gap_rows(curve: Curve) -> Iterator[list[str]]:
    made_for = curve.finished[0].results.get("made_for") or {}
    aim = made_for.get("reader", "")
    rivals = dict.fromkeys([made_for.get("baseline", ""), *(each.name for each in curve.readers if is_tsm(each.name))])
    for place in curve.places:
        for rival in rivals:
            means = [curve.mean_gap(aim, rival, name, place) for name in FIGURES]
            if any(means):
                yield [f"{place:,}", rival, *(_cell(curve, each, "+") for each in means)]


def csv_of_means(curves: Sequence[Curve]) -> str:
    """The tables in numbers: a row for each point, reader and figure."""
    head = ["set", "over", "training cases", "validation cases", "test cases", "steps a stage", "reader", "figure"]
    head += ["seeds", "mean", "low", "high", "lowest seed", "highest seed"]
    rows: list[list[object]] = []
    for curve in curves:
        for place in curve.places:
            point = curve.at(place)[0].point
            of_point = [curve.set, AXES[curve.axis], point.cases, point.validated, point.tested, point.steps]
            for reader in curve.readers:
                for name, title in FIGURES.items():
                    if each := curve.mean(reader.name, name, place):
                        numbers = [each.seeds, each.value, each.low, each.high, each.lowest, each.highest]
                        rows.append([*of_point, reader.name, title, *numbers])
    return as_csv(head, rows)


def runs_in_rows(done: Sequence[Finished]) -> list[dict[str, object]]:
    """Every run's own figures, with their own intervals over its test cases."""
    return [
        {
            "set": each.point.set,
            "training cases": each.point.cases,
            "validation cases": each.point.validated,
            "test cases": each.point.tested,
            "steps a stage": each.point.steps,
            "seed": each.point.seed,
            "reader": reader.name,
            "figure": title,
            **{end: figure[end] for end in ("value", "low", "high")},
        }
        for each in done
        for reader in each.readers
        for name, title in FIGURES.items()
        if (figure := each.figure(reader.name, name))
    ]


def csv_of_runs(done: Sequence[Finished]) -> str:
    rows = runs_in_rows(done)
    return as_csv(list(rows[0]), [list(row.values()) for row in rows])
