"""The words of the page for what the records call otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from core.case import NO_FINDING, SPLITS
from core.records.sets.sets import UNDIVIDED

ANY = "any"
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test", UNDIVIDED: "no split"}


def named(labels: Iterable[str]) -> str:
    """Labels as people read them."""
    return ", ".join(labels) or NO_FINDING


def counted(cases: int) -> str:
    return "1 case" if cases == 1 else f"{cases:,} cases"


def kinds() -> list[tuple[str, str]]:
    return [
        ("exactly one", "single"),
        ("any number, also none", "multi"),
        ("exactly one, in a meaningful order", "ordinal"),
    ]


def titled(wanted: Iterable[str]) -> list[tuple[str, str]]:
    """Splits to choose from."""
    return [(SPLIT_NAMES[split].capitalize(), split) for split in wanted]


def splits() -> list[tuple[str, str]]:
    return [(ANY, ""), *((SPLIT_NAMES[split], split) for split in SPLITS), (SPLIT_NAMES[UNDIVIDED], UNDIVIDED)]
