"""Cases in an order of which every beginning is a smaller set like the whole, and holds all that are smaller still."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain

from core.case import Case, Split
from core.sets.split import by_rarest


def nested_order(cases: Sequence[Case], split: Split, seed: int) -> list[int]:
    """The places of a split's cases: one of each class first, from the most frequent on, then so that in every
    beginning each class has nearly its share of the whole."""
    places = [place for place, case in enumerate(cases) if case.split == split]
    by_class = by_rarest(cases, places)
    drawn = random.Random(f"{seed} nested {split}")
    ranked = [drawn.sample(by_class[name], len(by_class[name])) for name in sorted(by_class)]
    firsts = [members[0] for members in sorted(ranked, key=len, reverse=True)]
    others = sorted(
        chain.from_iterable(
            [((rank + 0.5) / len(members), place) for rank, place in enumerate(members)][1:] for members in ranked
        )
    )
    return [*firsts, *(place for _, place in others)]
