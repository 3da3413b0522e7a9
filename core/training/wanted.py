"""What a stage of a method asks for: losses by name with their weights. It loads without torch, as methods do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.training.terms import Term


@dataclass(frozen=True)
class Wanted:
    """Which losses a stage is made of, by name, with their weights; `terms` makes the code that computes them."""

    weights: Mapping[str, float]
    terms: Callable[[], Mapping[str, Term]] = field(compare=False)
    is_shared: bool = True

    def named_terms(self) -> dict[str, Term]:
        terms = self.terms()
        return {name: terms[name] for name in self.weights}
