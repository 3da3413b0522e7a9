"""From what is known of one set to its ranking: every source is asked, what they say is pooled, and put into words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalog import SOURCES, find
from core.suspects.error_count import Estimated, estimated
from core.suspects.evidence import Known, Said, doubt
from core.suspects.folder import Suspect
from core.suspects.pool import pooled, weighed
from core.suspects.reasons import Reasons, answered


@dataclass(frozen=True)
class Ranking:
    """The cases of one set, the most suspect first; where each stood is its place among `suspects`."""

    suspects: tuple[Suspect, ...]
    estimate: Estimated


def rank(known: Known, name: str, numbers: NDArray[np.int64]) -> Ranking:
    """numbers: where each case stands in the whole set, by which suspects name it and its neighbours."""
    said = ask(known)
    evidence = {source: one.evidence for source, one in said.items()}
    likely = {source: one.likely for source, one in said.items() if one.likely is not None}
    before = pooled(list(likely.values()), known.task.kind)
    together = weighed(before, known.given, known.task.kind)
    score = doubt(together, known.given, known.task.kind).clip(0, 1)
    reasons = Reasons(known, evidence, likely)
    groups = known.copies.numbers(len(known.cases))
    suspects = []
    for place in np.lexsort((numbers, -score)).tolist():
        suggested = answered(together[place], known.task)
        near = known.near[0].places[place, : known.settings.neighbours]
        near = near[near >= 0]
        suspects.append(
            Suspect(
                number=int(numbers[place]),
                case=known.cases[place].id,
                set=name,
                given=known.task.in_order(known.cases[place].labels),
                suggested=suggested,
                score=float(score[place]),
                why=reasons.of(place, suggested),
                group=int(groups[place]) if groups[place] >= 0 else None,
                neighbours=tuple(numbers[near].tolist()),
                similarities=tuple(known.near[0].cosines[place, : len(near)].clip(0, 1).tolist()),
                probabilities=tuple(known.rounds[-1][place].tolist()),
                evidence={source: _plain(values[place]) for source, values in evidence.items()},
            )
        )
    patients = [case.patient for case in known.cases]
    return Ranking(tuple(suspects), estimated(before, known.given, known.task.kind, patients, known.seed))


def ask(known: Known) -> dict[str, Said]:
    """What every source says; one that knows nothing of this set has no say in any case."""
    silent = Said(np.full(len(known.cases), np.nan))
    return {name: find(SOURCES, name, "source").look(known) or silent for name in SOURCES}


def described() -> list[dict[str, str]]:
    """The sources with their titles, in the catalog's order."""
    modules = {name: find(SOURCES, name, "source") for name in SOURCES}
    return [{"name": name, "title": module.TITLE, "about": module.ABOUT} for name, module in modules.items()]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(np.clip(value, 0, 1))
