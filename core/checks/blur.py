"""Pictures that are blurred beside others of their class: a hand that shook, a lens out of focus, a small picture that
was enlarged. A set, or a class, that is soft throughout is as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from core.case import Finding
from core.checks.light import FAR_OFF, FEW
from core.checks.looked import LookedAt
from core.layouts.findings import about, pictures_are

LEAST_SPREAD = 0.075
"""Of logarithms: in a set whose pictures are equally sharp, what few would see is not told of."""


def blur(opened: Sequence[LookedAt]) -> Iterator[Finding]:
    """Pictures of one shade are told of elsewhere; of classes with few pictures nothing is usual yet."""
    of_class: defaultdict[frozenset[str], list[LookedAt]] = defaultdict(list)
    for each in opened:
        if not each.look.is_blank:
            of_class[frozenset(each.case.labels)].append(each)
    soft = {each.case.id for alike in of_class.values() if len(alike) >= FEW for each in _softer(alike)}
    if soft:
        names = [each.case.id for each in opened if each.case.id in soft]
        message = f'{pictures_are(names)} blurred beside the others of their class, like "{names[0]}". What tells the '
        message += "classes apart may not be seen on them. Look at them; replace them by sharp ones, or leave them out."
        yield about("blurred", "warning", names, message)


def _softer(alike: Sequence[LookedAt]) -> list[LookedAt]:
    sharpness = np.array([each.look.sharpness for each in alike])
    low, middle, high = np.percentile(sharpness, (25, 50, 75))
    limit = middle - FAR_OFF * max((high - low) / 1.35, LEAST_SPREAD)
    return [alike[place] for place in np.flatnonzero(sharpness < limit).tolist()]
