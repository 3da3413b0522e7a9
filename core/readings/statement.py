"""What a reader says of a picture beside its distribution: a point, boxes, a mask.

A kind of statement is a class whose fields are its values. The class says how they are put into words, what the
reference says in their stead, and what they are worth; `app/drawings` has a file for each that is drawn on the picture.
Methods list the kinds that their readers may say.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from core.case import Case
from core.catalog import METHODS, every
from core.errors import RunError
from core.statistics.ends import Drawn, Floats, Share
from core.statistics.intervals import Weighted


class Statement(BaseModel):
    """Base of every kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    KIND: ClassVar[str]
    """Under which it is kept and sent; `app/drawings` may have a file of this name."""
    TITLE: ClassVar[str]
    FIGURES: ClassVar[Mapping[str, str]]
    """What `measured` measures, with a title each."""

    @abstractmethod
    def words(self) -> str:
        """For where it can't be drawn."""
        ...

    @classmethod
    @abstractmethod
    def reference(cls, case: Case) -> Self | None:
        """What the set itself says of the case; None where it says nothing, and the case is not measured."""
        ...

    @classmethod
    @abstractmethod
    def measured(cls, statements: Sequence[Self], references: Sequence[Self]) -> Weighted:
        """The figures of what one reader said of some cases."""
        ...


OfKind = TypeVar("OfKind", bound=Statement)


def statement_in(statements: Iterable[Statement], kind: type[OfKind]) -> OfKind | None:
    """The one of this kind."""
    return next((statement for statement in statements if isinstance(statement, kind)), None)


def mean_of(values: Mapping[str, Sequence[float]]) -> Weighted:
    """For figures that are a mean over cases; a case whose number is NaN is left out of that figure."""
    columns = {name: np.array(column, dtype=np.float64) for name, column in values.items()}
    counted = {name: ~np.isnan(column) for name, column in columns.items()}
    return ratio_of(
        {
            name: (np.where(counted[name], column, 0), counted[name].astype(np.float64))
            for name, column in columns.items()
        }
    )


def ratio_of(parts: Mapping[str, tuple[Floats, Floats]]) -> Weighted:
    """For figures that are one sum over cases by another, each given case by case; NaN where the second sum is 0."""

    def ratio(weights: Floats) -> dict[str, Floats]:
        ratios = {}
        for name, (part, whole) in parts.items():
            sums = whole @ weights
            ratios[name] = np.divide(part @ weights, sums, np.full(len(sums), np.nan), where=sums > 0)
        return ratios

    return Weighted(ratio, {name: _kind(part, whole) for name, (part, whole) in parts.items()})


def _kind(part: Floats, whole: Floats) -> Share | Drawn:
    """A share where whole and half cases are counted, of which a half is a tie."""
    if (part < 0).any() or (part > whole).any():
        return Drawn("free", (whole,))
    are_counts = (2 * part % 1 == 0).all() and (whole % 1 == 0).all()
    return Share(part, whole) if are_counts else Drawn("bounded", (whole,))


def kinds() -> dict[str, type[Statement]]:
    """Every kind that a method of the catalog may say, by the name under which it is kept."""
    return {kind.KIND: kind for method in every(METHODS) for kind in method.SAYS}


def statements_to_plain(statements: Iterable[Statement]) -> dict[str, Any]:
    return {statement.KIND: statement.model_dump(mode="json") for statement in statements}


def statements_from_plain(values: Mapping[str, Any]) -> tuple[Statement, ...]:
    by_name = kinds() if values else {}
    strange = [kind for kind in values if kind not in by_name]
    if strange:
        raise RunError(
            f'The readings hold a "{strange[0]}", which no method here says. Known: {", ".join(by_name) or "nothing"}. '
            "Add the method that the run was tuned by."
        )
    try:
        return tuple(by_name[kind].model_validate(fields) for kind, fields in values.items())
    except ValidationError as error:
        raise RunError(
            f"What the readings say beside their answers can't be read ({error.errors()[0]['msg']})."
        ) from None
