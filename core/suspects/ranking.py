"""From what was seen of one set to its ranking: every source is asked, what they say is pooled, and put into words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalog import SOURCES, find
from core.suspects.doubted import doubted
from core.suspects.evidence import Evidence, ReviewedSet, Source, doubt
from core.suspects.folder import Suspect
from core.suspects.pool import pooled, weighed
from core.suspects.reasons import Reasons, likeliest_labels


@dataclass(frozen=True)
class Ranking:
    """The cases of one set, the most suspect first; where each stood is its place among `suspects`."""

    suspects: tuple[Suspect, ...]
    index: float
    """How many labels are in doubt, see `doubted`."""


def rank(reviewed: ReviewedSet, name: str, numbers: NDArray[np.int64]) -> Ranking:
    """numbers: where each case stands in the whole set, by which suspects name it and its neighbours."""
    of_sources = ask_sources(reviewed)
    against = {source: evidence.against for source, evidence in of_sources.items()}
    likely = {source: evidence.likely for source, evidence in of_sources.items() if evidence.likely is not None}
    before = pooled(list(likely.values()), reviewed.task.kind)
    together = weighed(before, reviewed.given, reviewed.task.kind)
    score = doubt(together, reviewed.given, reviewed.task.kind).clip(0, 1)
    reasons = Reasons(reviewed, against, likely)
    groups = reviewed.copies.numbers(len(reviewed.cases))
    suspects = []
    for place in np.lexsort((numbers, -score)).tolist():
        suggested = likeliest_labels(together[place], reviewed.task)
        near = reviewed.near[0].places[place, : reviewed.settings.neighbours]
        near = near[near >= 0]
        suspects.append(
            Suspect(
                number=int(numbers[place]),
                case=reviewed.cases[place].id,
                set=name,
                given=reviewed.task.in_order(reviewed.cases[place].labels),
                suggested=suggested,
                score=float(score[place]),
                why=reasons.of(place, suggested),
                group=int(groups[place]) if groups[place] >= 0 else None,
                neighbours=tuple(numbers[near].tolist()),
                similarities=tuple(reviewed.near[0].cosines[place, : len(near)].clip(0, 1).tolist()),
                probabilities=tuple(reviewed.rounds[-1][place].tolist()),
                evidence={source: _plain(values[place]) for source, values in against.items()},
            )
        )
    return Ranking(tuple(suspects), doubted(before, reviewed.given, reviewed.task.kind))


def ask_sources(reviewed: ReviewedSet) -> dict[str, Evidence]:
    """What every source says; one that knows nothing of this set has no say in any case."""
    silent = Evidence(np.full(len(reviewed.cases), np.nan))
    return {name: source.gather_evidence(reviewed) or silent for name, source in _sources().items()}


def described() -> list[dict[str, str]]:
    """The sources with their titles, in the catalog's order."""
    return [{"name": name, "title": source.TITLE, "about": source.ABOUT} for name, source in _sources().items()]


def _sources() -> dict[str, Source]:
    return {name: find(SOURCES, name, "source") for name in SOURCES}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(np.clip(value, 0, 1))
