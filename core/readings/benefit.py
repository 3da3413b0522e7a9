"""Did it help? The readers that a run was made for, each against what it has to be better than, on the same cases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.readings.reader import Group
from core.statistics.effect import CANT_TELL, Effect, effect_of, signed
from core.statistics.metrics import TITLES
from core.statistics.rounding import rounded

DECIDING = "macro_f1"
"""The figure that decides, for every run alike: chosen before any was seen."""
BESIDE = ("accuracy", "auroc")
TSM_NAME = re.compile(r"tsm(-\d+)?")
OPENINGS: Mapping[Effect, str] = {
    "helped": "It helped",
    "harmed": "It did not help",
    "open": CANT_TELL[:1].upper() + CANT_TELL[1:],
}
SHORT: Mapping[Effect, str] = {"helped": "better", "harmed": "worse", "open": "the cases can't tell"}
FIRST_ALONE = (
    "What was asked for before any figure was seen (whether it helped, whether the VLM is worth it) is told with its "
    "own interval, not corrected for the others. "
)
TOGETHER = (
    "All others have wider intervals (max-t over every pair of the run's readers): in 95 % of all cases every one of "
    "them holds the truth, so that none is called better or worse because many were compared."
)
BRIEFLY_BESIDE = "corrected for all pairs of readers, which the first comparison is not"
BRIEFLY = "of what was asked for beforehand alone, of the others for all pairs of readers at once (max-t)"
HELD: tuple[Group, Group] = ("tuned", "simple")
Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Gap:
    """What a reader's figure has over a rival's, with the interval of the paired difference."""

    figure: str
    title: str
    value: float | None
    of_rival: float | None
    difference: float | None
    low: float | None
    high: float | None
    why: str | None = None
    """Why it has no interval."""
    is_band: bool = False
    """Whether its interval is one of those that hold the truth all at once, with those of all pairs of readers."""

    @property
    def effect(self) -> Effect | None:
        return effect_of(self.low, self.high)

    def words(self) -> str:
        return signed(self.difference, self.low, self.high, self.why)


@dataclass(frozen=True)
class Duel:
    """A reader against a rival: the gap that decides, then the others."""

    reader: str
    rival: str
    cases: int
    gaps: tuple[Gap, ...]

    @property
    def deciding(self) -> Gap:
        return self.gaps[0]

    @property
    def effect(self) -> Effect | None:
        return self.deciding.effect


@dataclass(frozen=True)
class Benefit:
    """All duels on the test cases of a set: over the answers, of which the first decides; and over what readers of the
    tuned model said beside them (boxes, masks), by kind."""

    set: str
    cases: int
    duels: tuple[Duel, ...]
    beside: tuple[Duel, ...] = ()

    def duel(self, reader: str, rival: str) -> Duel | None:
        return next((duel for duel in self.duels if (duel.reader, duel.rival) == (reader, rival)), None)


def benefits(results: Plain, reader: str, baseline: str, own: Sequence[str]) -> tuple[Benefit, ...]:
    """One a set. `own` are the readers of the tuned model, `reader` the one among them that the run was made for."""
    parts = results.get("sets") or {"": results}
    ordered = [reader, *(other for other in own if other != reader)]
    made = (_of_set(name, part, ordered, baseline, best_pair(results, name)) for name, part in parts.items())
    return tuple(benefit for benefit in made if benefit.duels)


def best_pair(results: Plain, set_name: str) -> tuple[str, str] | None:
    """The best tuned reader of a set and the best simple one, which validation cases chose; None where there are not
    both, and of runs of before."""
    best = results.get("best") or {}
    chosen = best.get(set_name) if set_name else next(iter(best.values()), None)
    return None if chosen is None else (chosen[HELD[0]], chosen[HELD[1]])


def sentence(benefit: Benefit, titles: Mapping[str, str]) -> str:
    """Whether it helped, in one sentence, whatever stands in the figures."""
    first, *others = (duel for duel in benefit.duels if duel.reader == benefit.duels[0].reader)
    gap, of_set = first.deciding, f" of {benefit.set}" if benefit.set else ""
    opening = "It was not measured whether it helped" if first.effect is None else OPENINGS[first.effect]
    title, rival = inside(gap.title), quoted(first.rival, titles)
    value = f"no {title}" if gap.value is None else f"a {title} of {rounded(gap.value)}"
    because = f" ({gap.why})" if gap.why else ""
    beside = f"and no interval of its difference to {rival}{because}"
    if first.effect is not None:
        beside = f"{gap.words()} against {rival}"
    parts = [
        f"{opening}: on {benefit.cases:,} test cases{of_set}, {quoted(first.reader, titles)} has {value}, {beside}"
    ]
    parts += [f"against {quoted(duel.rival, titles)}, {_aside(duel)}" for duel in others]
    banded = [place for place, duel in enumerate(others, 1) if duel.deciding.is_band]
    if banded:
        parts[banded[-1]] += f" ({BRIEFLY_BESIDE})"
    return "; ".join(parts) + "."


def about_bands(benefits: Iterable[Benefit]) -> str:
    """What has to be said where several comparisons stand together; nothing of a lone one, and of runs of before."""
    duels = [duel for benefit in benefits for duel in (*benefit.duels, *benefit.beside)]
    if not any(gap.is_band for duel in duels for gap in duel.gaps):
        return ""
    gap_words = "" if all(duel.deciding.is_band for duel in duels) else FIRST_ALONE
    return f" {gap_words}{TOGETHER}"


def duel_words(duel: Duel) -> str:
    """The last column of a table of duels."""
    return "not measured" if duel.effect is None else SHORT[duel.effect]


def quoted(reader: str, titles: Mapping[str, str]) -> str:
    """A reader in a sentence."""
    return f"“{titles.get(reader, reader)}”"


def is_tsm(reader: str) -> bool:
    return TSM_NAME.fullmatch(reader) is not None


def _of_set(name: str, part: Plain, own: Sequence[str], baseline: str, best: tuple[str, str] | None) -> Benefit:
    """The pair of the best is one that was asked for too: it has the same interval wherever it stands."""
    cases, rivals = part.get("cases", 0), dict.fromkeys([baseline, *filter(is_tsm, part.get("readers", ()))])
    titles = {figure: TITLES[figure] for figure in (DECIDING, *BESIDE)}
    pairs = [(reader, rival) for reader in own for rival in rivals if reader != rival]
    asked_for = {(own[0], baseline), best}
    duels = [
        Duel(reader, rival, cases, tuple(gaps(part, reader, rival, titles, (reader, rival) in asked_for)))
        for reader, rival in pairs
    ]
    beside = [duel for kind in (part.get("statements") or {}).values() for duel in _of_kind(kind, own)]
    return Benefit(name, cases, tuple(duel for duel in duels if duel.gaps), tuple(beside))


def _of_kind(kind: Plain, own: Sequence[str]) -> Iterator[Duel]:
    """By the kind's first figure, against everybody else who said such a thing."""
    figure, title = next(iter(kind["titles"].items()))
    for reader in own:
        for rival in kind["readers"]:
            of_pair = tuple(gaps(kind, reader, rival, {figure: f"{kind['title']}: {title}"}))
            if rival not in own and of_pair:
                yield Duel(reader, rival, kind["cases"], of_pair)


def gaps(part: Plain, reader: str, rival: str, titles: Mapping[str, str], is_asked_for: bool = False) -> Iterator[Gap]:
    """Differences are kept once for two readers, whichever of them comes later in the run's list minus the other. The
    comparisons that were asked for before any figure was seen have their own intervals, all others their bands."""
    differences = part.get("differences") or {}
    straight, turned = differences.get(f"{reader} - {rival}") or {}, differences.get(f"{rival} - {reader}") or {}
    for figure, title in titles.items():
        kept = straight.get(figure) or turned.get(figure)
        if kept is None:
            continue
        is_band = not is_asked_for and kept.get("band_low") is not None
        ends = ("band_low", "band_high") if is_band else ("low", "high")
        difference, low, high = (kept[end] for end in ("value", *ends))
        if figure not in straight:
            difference, low, high = _minus(difference), _minus(high), _minus(low)
        value, of_rival = (
            (part.get("readers", {}).get(name, {}).get(figure) or {}).get("value") for name in (reader, rival)
        )
        yield Gap(figure, title, value, of_rival, difference, low, high, kept.get("why"), is_band)


def _minus(value: float | None) -> float | None:
    return None if value is None else 0.0 - value


def _aside(duel: Duel) -> str:
    return f"{duel_words(duel)}: {duel.deciding.words()}"


def inside(title: str) -> str:
    """A figure's title inside a sentence: macro F1, AUROC."""
    return title if title.isupper() else title[:1].lower() + title[1:]
