"""Where what it is can be seen: named boxes with scores, as a reader tells them or as a set has them drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.case import Case
from core.readings.statement import Statement, ratio_of
from core.statistics.detection import THRESHOLDS, Pair, average_precision, overlaps, ranked
from core.statistics.ends import Drawn, Floats
from core.statistics.intervals import Weighted

SEEN = 0.5
"""Of a region's score, from where on it counts as said."""
IN_WORDS = 5
Fraction = Annotated[float, Field(ge=0, le=1)]


class Region(BaseModel):
    """A box of a label: its corners as fractions of the picture's width and height, and how sure it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    label: str
    left: Fraction
    top: Fraction
    right: Fraction
    bottom: Fraction
    score: Fraction = 1.0

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.right < self.left or self.bottom < self.top:
            raise ValueError(f"a region of {self.label} ends before it begins")
        return self

    def words(self) -> str:
        across, down = f"{self.left:.0%} to {self.right:.0%}", f"{self.top:.0%} to {self.bottom:.0%}"
        return f"{self.label} {self.score:.0%} ({across} across, {down} down)"


class Regions(Statement):
    """Of a reader, `labels` are those that it was asked about. Of a reference, they are those that are on the picture;
    one that has no region there was not drawn around, and is not measured."""

    KIND = "regions"
    TITLE = "Where it is"
    FIGURES: ClassVar[Mapping[str, str]] = {
        "acc_50": "Acc@IoU .5",
        "map_50": "mAP .5",
        "map": "mAP .5:.95",
        "nothing": "Nothing there, rightly",
        "unparsed": "Unreadable answers",
    }

    regions: tuple[Region, ...]
    labels: tuple[str, ...]
    unread: tuple[str, ...] = ()
    """The labels of which something was written that could not be understood."""

    @model_validator(mode="after")
    def _is_about_its_labels(self) -> Self:
        strange = [region.label for region in self.regions if region.label not in self.labels]
        if strange:
            raise ValueError(f"a region is of {strange[0]}, which was not asked about")
        if len(set(self.labels)) < len(self.labels) or not set(self.unread) <= set(self.labels):
            raise ValueError("a label is asked about twice, or an answer is unreadable that nobody asked for")
        return self

    def seen(self) -> tuple[Region, ...]:
        """Those that are surer than not, the surest first."""
        return tuple(region for region in _surest_first(self.regions) if region.score >= SEEN)

    def words(self) -> str:
        seen = [region.words() for region in self.seen()]
        more = [f"{len(seen) - IN_WORDS} more"] if len(seen) > IN_WORDS else []
        unread = [f"{len(self.unread)} of {len(self.labels)} answers unreadable"] if self.unread else []
        return "; ".join([*(seen[:IN_WORDS] or ["nothing"]), *more, *unread])

    @classmethod
    def reference(cls, case: Case) -> Self | None:
        if case.boxes is None:
            return None
        regions = tuple(Region.model_validate(vars(box)) for box in case.boxes)
        return cls(regions=regions, labels=tuple(dict.fromkeys([*(box.label for box in case.boxes), *case.labels])))

    @classmethod
    def measured(cls, statements: Sequence[Self], references: Sequence[Self]) -> Weighted:
        """Of the labels that were asked about in each case. What can't be understood does not say that nothing is
        there."""
        cases = len(statements)
        by_label: dict[str, list[Pair]] = {}
        for label, pair in _pairs(statements, references):
            by_label.setdefault(label, []).append(pair)
        pairs = [pair for of_label in by_label.values() for pair in of_label]
        answers = np.array([len(statement.labels) for statement in statements], dtype=np.float64)
        unread = np.array([len(statement.unread) for statement in statements], dtype=np.float64)
        ratios = ratio_of(
            {
                "acc_50": _counted([(pair.case, _hits(pair)) for pair in pairs if pair.overlaps.shape[1]], cases),
                "nothing": _counted(
                    [
                        (pair.case, _is_silent(pair) and label not in statements[pair.case].unread)
                        for label, of_label in by_label.items()
                        for pair in of_label
                        if not pair.overlaps.shape[1]
                    ],
                    cases,
                ),
                "unparsed": (unread, answers),
            }
        )
        of_labels = [ranked(of_label, cases) for of_label in by_label.values()]

        def figures(weights: Floats) -> dict[str, Floats]:
            averages = np.stack(
                [average_precision(of_label, weights) for of_label in of_labels] or [_no_label(weights)]
            )
            by_figure = {"map_50": averages[:, 0], "map": averages.mean(1)}
            all_figures = ratios(weights) | {name: _mean_of_defined(values) for name, values in by_figure.items()}
            return {name: all_figures[name] for name in cls.FIGURES}

        precision = Drawn("ranked", tuple((of_label.truths > 0).astype(np.float64) for of_label in of_labels))
        return Weighted(figures, {**ratios.kinds, "map_50": precision, "map": precision})


def _surest_first(regions: Sequence[Region]) -> list[Region]:
    return sorted(regions, key=lambda region: -region.score)


def _pairs(statements: Sequence[Regions], references: Sequence[Regions]) -> Iterator[tuple[str, Pair]]:
    """Every label with every case in which it was asked about and it is known where it is."""
    for case, (statement, reference) in enumerate(zip(statements, references, strict=True)):
        for label in statement.labels:
            surest = _surest_first([region for region in statement.regions if region.label == label])
            true = [region for region in reference.regions if region.label == label]
            if true or label not in reference.labels:
                scores = np.array([region.score for region in surest], dtype=np.float64)
                yield label, Pair(case, scores, overlaps(_corners(surest), _corners(true)))


def _corners(regions: Sequence[Region]) -> Floats:
    corners = [(region.left, region.top, region.right, region.bottom) for region in regions]
    return np.array(corners, dtype=np.float64).reshape(-1, 4)


def _hits(pair: Pair) -> bool:
    """Whether the surest box lies on a true one."""
    return bool((pair.overlaps[:1] >= THRESHOLDS[0]).any())


def _is_silent(pair: Pair) -> bool:
    return not (pair.scores >= SEEN).any()


def _counted(outcomes: Sequence[tuple[int, bool]], cases: int) -> tuple[Floats, Floats]:
    """Of every case how many of its pairs came out right, and how many there are."""
    numbers = np.array([case for case, _ in outcomes], dtype=np.intp)
    right = np.array([is_right for _, is_right in outcomes], dtype=np.float64)
    rights, totals = (np.bincount(numbers, part, cases) for part in (right, np.ones_like(right)))
    return rights.astype(np.float64), totals.astype(np.float64)


def _no_label(weights: Floats) -> Floats:
    return np.full((len(THRESHOLDS), weights.shape[1]), np.nan)


def _mean_of_defined(values: Floats) -> Floats:
    """Over labels [L, W], those left out that are NaN."""
    is_defined = ~np.isnan(values)
    count = is_defined.sum(0)
    sums = np.where(is_defined, values, 0).sum(0)
    means: Floats = np.divide(sums, count, out=np.full(values.shape[1], np.nan), where=count > 0)
    return means
