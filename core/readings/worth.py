"""Is the VLM worth it? The best tuned reader against the best simple one, for which no VLM is tuned.

Whoever is the best of several was chosen, and looks better than it is where it was chosen: so both are chosen on
validation cases and compared on test cases, by the figure that decides everything else too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.case import Task
from core.readings.benefit import BESIDE, DECIDING, HELD, Duel, best_pair, gaps, inside, quoted
from core.readings.reader import Reader
from core.readings.reading import Reading, targets
from core.statistics import metrics
from core.statistics.effect import Effect
from core.statistics.rounding import rounded

QUESTION = "Is the VLM worth it?"
ANSWERS: Mapping[Effect, str] = {
    "helped": "Yes, by these cases",
    "harmed": "Not for the label",
    "open": "The cases can't tell",
}
Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Worth:
    """The best tuned reader of a set against the best simple one, on test cases."""

    set: str
    duel: Duel


def best_of_groups(validated: Sequence[Reading], tasks: Mapping[str, Task], readers: Iterable[Reader]) -> Plain:
    """For each set the best simple and the best tuned reader on validation cases, by the figure that decides; of
    equally good ones that with the least log loss. Sets that lack either group are left out, and controls that answer
    for the run's own cases alone: nobody can use them."""
    group_of = {reader.name: reader.group for reader in readers if reader.answers_anew}
    best: dict[str, dict[str, str]] = {}
    for name, task in tasks.items():
        rows: dict[str, list[Reading]] = {}
        for reading in validated:
            if reading.set == name:
                rows.setdefault(reading.reader, []).append(reading)
        rank = {reader: _rank(of_reader, task) for reader, of_reader in rows.items()}
        candidates = {group: [reader for reader in rank if group_of.get(reader) == group] for group in HELD}
        if all(candidates.values()):
            best[name] = {group: max(those, key=lambda reader: rank[reader]) for group, those in candidates.items()}
    return best


def _rank(rows: Sequence[Reading], task: Task) -> tuple[float, float]:
    likely = np.array([reading.answer.probabilities for reading in rows])
    figures = metrics.figures(likely, targets(rows, task), task.kind, task.answers, draws=0)
    value, lost = figures[DECIDING].value, figures["log_loss"].value
    return (-np.inf if np.isnan(value) else value, -lost)


def worths(results: Plain) -> tuple[Worth, ...]:
    """From what metrics.json holds, set by set; nothing of runs of before, which tell of no best readers."""
    return tuple(_worths(results))


def _worths(results: Plain) -> Iterator[Worth]:
    titles = {figure: metrics.TITLES[figure] for figure in (DECIDING, *BESIDE)}
    for name, part in (results.get("sets") or {"": results}).items():
        pair = best_pair(results, name)
        if pair is None:
            continue
        tuned, simple = pair
        of_pair = tuple(gaps(part, tuned, simple, titles, is_asked_for=True))
        if of_pair:
            yield Worth(name, Duel(tuned, simple, part.get("cases", 0), of_pair))


def worth_words(worth: Worth, titles: Mapping[str, str]) -> str:
    """The question and its answer."""
    gap, of_set = worth.duel.deciding, f" of {worth.set}" if worth.set else ""
    tuned, simple = (quoted(name, titles) for name in (worth.duel.reader, worth.duel.rival))
    title = inside(gap.title)
    opening = "It was not measured" if gap.effect is None else ANSWERS[gap.effect]
    value = f"no {title}" if gap.value is None else f"a {title} of {rounded(gap.value)}"
    against = gap.words() if gap.difference is not None else "with no difference that could be told"
    return (
        f"{QUESTION} {opening}: on {worth.duel.cases:,} test cases{of_set}, the best tuned reader, {tuned}, has "
        f"{value}, {against} against the best simple one, {simple}. Which ones are the best was chosen by {title} on "
        "validation cases."
    )
